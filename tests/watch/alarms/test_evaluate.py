"""A series' state: CloudWatch's documented tables, and what holds for whatever comes."""

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.alarm import Alarm, Band, Comparison, Missing, State
from tallystick.watch.alarms.evaluate import (
    Reading,
    evaluate,
    evaluation_range,
    judged,
)

MINUTE_NS = 60 * NS_PER_SECOND
OVER, FINE = 9.0, 1.0
STATES: tuple[State, ...] = get_args(State)
KEEP = "keep"
ORDER: tuple[Missing, ...] = ("missing", "ignore", "breaching", "notBreaching")

THREE_OF_THREE = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "0 - - - -": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", KEEP, "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", KEEP, "ALARM", "OK"),
}
"""The first table of "Configuring how CloudWatch alarms treat missing data": M = N = 3."""
TWO_OF_THREE = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", KEEP, "ALARM", "OK"),
}
"""The second table: M = 2, N = 3."""
ROWS = [
    pytest.param(datapoints, row, missing, wanted[i], id=f"{datapoints} of 3, {row}, {missing}")
    for datapoints, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for row, wanted in table.items()
    for i, missing in enumerate(ORDER)
]


def _alarm(
    datapoints: int = 3,
    periods: int = 3,
    missing: Missing = "missing",
    comparison: Comparison = ">",
    threshold: float | None = 5.0,
    band: Band | None = None,
) -> Alarm:
    return Alarm(
        name="slow",
        description="Slow",
        comparison=comparison,
        threshold=threshold,
        band=band,
        periods=periods,
        datapoints=datapoints,
        missing=missing,
    )


def _readings(row: str) -> list[Reading]:
    values = {"0": FINE, "X": OVER, "-": None}
    return [Reading(i * MINUTE_NS, values[sign]) for i, sign in enumerate(row.split())]


def _state(alarm: Alarm, row: str, before: State = "OK") -> State:
    return evaluate(alarm, _readings(row), before, 0).state


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize(("datapoints", "row", "missing", "wanted"), ROWS)
def test_the_documented_tables(
    datapoints: int, row: str, missing: Missing, wanted: str, before: State
) -> None:
    """Both of CloudWatch's tables, cell by cell, from every state before."""
    found = _state(_alarm(datapoints, missing=missing), row, before)
    assert found == (before if wanted == KEEP else wanted)


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
def test_a_lone_breach_does_not_alarm_at_once(row: str, before: State) -> None:
    """The documented pair of rows that must not alarm yet (M = 3): the state stays as it was."""
    assert _state(_alarm(), row, before) == before


def test_a_fine_reading_after_a_lone_breach_is_no_alarm() -> None:
    """`- - - X 0` and `- - X - 0`: what the waiting was for."""
    assert _state(_alarm(), "- - - X 0", "ALARM") == "OK"
    assert _state(_alarm(), "- - X - 0", "ALARM") == "OK"


def test_the_next_evaluation_of_the_second_row() -> None:
    """`0 - - - -` leaves the range with its one good reading: breaching alarms then."""
    assert _state(_alarm(missing="breaching"), "0 - - - - -") == "ALARM"


def test_a_silent_series_walks_from_alarm_to_unknown() -> None:
    """A lone breach, then silence: nothing, ALARM when it is M old, unknown when it has left."""
    state: State = "OK"
    seen = []
    row = ["-"] * 4 + ["X"] + ["-"] * 6
    for end in range(5, len(row) + 1):
        state = _state(_alarm(), " ".join(row[:end]), state)
        seen.append(state)
    assert seen == ["OK", "OK", "ALARM", "ALARM", "ALARM"] + ["INSUFFICIENT_DATA"] * 2


def test_one_of_one() -> None:
    """The plain alarm: the newest reading that there is within three periods decides."""
    alarm = _alarm(1, 1)
    assert _state(alarm, "0 0 X") == "ALARM"
    assert _state(alarm, "X X 0") == "OK"
    assert _state(alarm, "0 X - -") == "ALARM"
    assert _state(alarm, "X - - -") == "INSUFFICIENT_DATA"
    assert _state(_alarm(1, 1, "breaching"), "0 - - -") == "ALARM"
    assert _state(_alarm(1, 1, "breaching"), "0 - -") == "OK"


@pytest.mark.parametrize(
    ("comparison", "value", "breaching"),
    [
        (">", 5.0, False),
        (">", 5.1, True),
        (">=", 5.0, True),
        (">=", 4.9, False),
        ("<", 5.0, False),
        ("<", 4.9, True),
        ("<=", 5.0, True),
        ("<=", 5.1, False),
    ],
)
def test_thresholds(comparison: Comparison, value: float, breaching: bool) -> None:
    """Each comparison at its border."""
    assert judged(_alarm(comparison=comparison), Reading(0, value)).breaching is breaching


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("outside", [True, False, False, True]),
        ("above", [False, False, False, True]),
        ("below", [True, False, False, False]),
    ],
)
def test_bands(comparison: Comparison, breaching: list[bool]) -> None:
    """Below, at either border, above: a border itself is usual."""
    alarm = _alarm(comparison=comparison, threshold=None, band=Band())
    found = [judged(alarm, Reading(0, value, 1.0, 2.0)).breaching for value in (0.5, 1, 2, 2.5)]
    assert found == breaching


@pytest.mark.parametrize("missing", ORDER)
def test_an_unknown_band_is_never_an_alarm(missing: Missing) -> None:
    """While nothing is learnt yet the alarm knows too little, and says so, whatever is missing."""
    alarm = _alarm(1, 1, missing, "outside", None, Band())
    trace = evaluate(alarm, [Reading(0, None), Reading(1, 7.0)], "OK", 0)
    assert trace.state == "INSUFFICIENT_DATA"
    assert trace.datapoints[-1].value == 7.0
    assert "too little is known" in trace.sentence


def test_a_period_without_a_band_is_not_filled_in_as_breaching() -> None:
    """When the band is first known, the periods before it had data: nothing was missing there."""
    alarm = _alarm(2, 3, "breaching", "outside", None, Band())
    learnt = Reading(9, 7.0, 6.0, 8.0)
    unlearnt = [Reading(i, 7.0) for i in range(4)]
    assert evaluate(alarm, [*unlearnt, learnt], "OK", 0).state == "OK"
    gaps = [Reading(i, None) for i in range(4)]
    assert evaluate(alarm, [*gaps, learnt], "OK", 0).state == "ALARM"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_data(value: float) -> None:
    """0/0 of an error rate must not page anybody."""
    alarm = _alarm(1, 1)
    point = judged(alarm, Reading(0, value))
    assert (point.value, point.breaching) == (None, None)
    assert evaluate(alarm, [Reading(0, value)], "OK", 0).state == "INSUFFICIENT_DATA"


def test_the_trace_holds_what_was_looked_at() -> None:
    """The range, each period judged, with the moment and the state before."""
    readings = _readings("X X X 0 - X 0 X")
    trace = evaluate(_alarm(), readings, "OK", 77)
    assert (trace.at_ns, trace.before, trace.state) == (77, "OK", "OK")
    assert [point.at_ns for point in trace.datapoints] == [each.at_ns for each in readings[-5:]]
    assert [point.breaching for point in trace.datapoints] == [False, None, True, False, True]


def test_nothing_at_all_is_missing() -> None:
    """A series that has just come up has no past."""
    assert evaluate(_alarm(), [], "OK", 0).state == "INSUFFICIENT_DATA"
    assert evaluate(_alarm(missing="ignore"), [], "ALARM", 0).state == "ALARM"


SIGNS = st.lists(st.sampled_from("0X-"), max_size=16).map(" ".join)
SIZES = st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))
MISSING = st.sampled_from(ORDER)
BEFORE = st.sampled_from(STATES)


@given(row=SIGNS, size=SIZES, missing=MISSING, before=BEFORE)
def test_only_the_range_counts(
    row: str, size: tuple[int, int], missing: Missing, before: State
) -> None:
    """What is older than N + 2 periods changes nothing; no sentence is ever missing."""
    alarm = _alarm(*size, missing=missing)
    readings = _readings(row)
    whole = evaluate(alarm, readings, before, 0)
    assert whole == evaluate(alarm, readings[-evaluation_range(alarm) :], before, 0)
    assert evaluation_range(alarm) == size[1] + 2
    assert whole.sentence.startswith(f"{whole.state}: ")
    assert whole.sentence.endswith(".")


@given(row=SIGNS, size=SIZES, before=BEFORE)
def test_the_policies_are_ordered(row: str, size: tuple[int, int], before: State) -> None:
    """Filling in bad alarms whenever filling in good does; without gaps all four agree."""
    found = {missing: _state(_alarm(*size, missing=missing), row, before) for missing in ORDER}
    if found["notBreaching"] == "ALARM":
        assert set(found.values()) == {"ALARM"}
    if found["breaching"] == "OK":
        assert set(found.values()) == {"OK"}
    newest = row.split()[-evaluation_range(_alarm(*size)) :]
    if len(newest) - newest.count("-") >= size[1]:
        assert len(set(found.values())) == 1


@given(row=SIGNS, size=SIZES, missing=MISSING, before=BEFORE)
def test_more_breaches_never_calm(
    row: str, size: tuple[int, int], missing: Missing, before: State
) -> None:
    """Turning any good reading bad never ends an alarm."""
    alarm = _alarm(*size, missing=missing)
    if _state(alarm, row, before) != "ALARM":
        return
    signs = row.split()
    for i, sign in enumerate(signs):
        if sign == "0":
            worse = " ".join([*signs[:i], "X", *signs[i + 1 :]])
            assert _state(alarm, worse, before) == "ALARM"


@given(values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8), size=SIZES)
def test_m_of_n_is_a_count(values: list[float], size: tuple[int, int]) -> None:
    """With all data there, an alarm is exactly M breaches among the newest N."""
    m, n = size
    if len(values) < n:
        return
    readings = [Reading(i, value) for i, value in enumerate(values)]
    wanted = sum(value > 5.0 for value in values[-n:]) >= m
    assert (evaluate(_alarm(m, n), readings, "OK", 0).state == "ALARM") is wanted


def test_a_trace_survives_json() -> None:
    """Traces are stored and answered."""
    trace = evaluate(_alarm(), _readings("0 X X - X"), "OK", 7)
    assert msgspec.json.decode(msgspec.json.encode(trace), type=type(trace)) == trace
