"""Replay: what an alarm would have done over what came."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, Band, Missing, State, Trace
from tallystick.watch.alarms.band import Bands
from tallystick.watch.alarms.evaluate import Reading, evaluate
from tallystick.watch.alarms.replay import (
    READINGS_MAX,
    changes,
    replay,
    replay_rule,
    summary,
)

MINUTE_NS = 60 * NS_PER_SECOND
START_NS = 1_800_000_000 * NS_PER_SECOND


def _alarm(datapoints: int = 2, periods: int = 3, missing: Missing = "missing") -> Alarm:
    return Alarm(
        "slow",
        "Slow",
        comparison=">",
        threshold=5.0,
        periods=periods,
        datapoints=datapoints,
        missing=missing,
    )


def _readings(row: str) -> list[Reading]:
    values = {"0": 1.0, "X": 9.0}
    return [
        Reading(START_NS + i * MINUTE_NS, values[sign]) for i, sign in enumerate(row) if sign != "-"
    ]


def _states(traces: list[Trace]) -> str:
    return "".join(trace.state[0] for trace in traces)


def test_a_replay_is_one_trace_a_period() -> None:
    """Gaps are periods too; each state is the next one's before."""
    traces = replay(_alarm(), _readings("000XX00--000X0X"))
    assert _states(traces) == "OOOOAAOOOOOOOOA"
    assert [trace.at_ns for trace in traces] == [START_NS + i * MINUTE_NS for i in range(15)]
    assert traces[0].before == "INSUFFICIENT_DATA"
    assert [t.before for t in traces[1:]] == [t.state for t in traces[:-1]]
    assert [each.at_ns for each in changes(traces)] == [
        START_NS + i * MINUTE_NS for i in (0, 4, 6, 14)
    ]


@given(
    st.text("0X-", min_size=1, max_size=40),
    st.sampled_from(["missing", "ignore", "breaching", "notBreaching"]),
)
def test_a_replay_is_the_evaluation_itself(row: str, missing: Missing) -> None:
    """What is tried out is what is switched on: step by step the same traces."""
    row = row.strip("-")
    alarm = _alarm(missing=missing)
    state: State = "INSUFFICIENT_DATA"
    traces = replay(alarm, _readings(row))
    assert len(traces) == len(row)
    values = {"0": 1.0, "X": 9.0, "-": None}
    whole = [Reading(START_NS + i * MINUTE_NS, values[sign]) for i, sign in enumerate(row)]
    for i, trace in enumerate(traces):
        wanted = evaluate(alarm, whole[: i + 1], state, whole[i].at_ns)
        assert trace == wanted
        state = wanted.state


def test_readings_may_come_in_any_order() -> None:
    """A replay sorts them by time."""
    readings = _readings("00XX00")
    assert replay(_alarm(), readings[::-1]) == replay(_alarm(), readings)
    assert replay(_alarm(), []) == []


def test_a_summary_says_how_often_and_how_long() -> None:
    """Once for four minutes, then once until the end."""
    traces = replay(_alarm(), _readings("0XX0X0000XX"))
    found = summary(traces, 60)
    assert (found.fired, found.alarm_seconds, found.longest_seconds) == (2, 240, 180)
    assert (found.first_ns, found.last_ns) == (START_NS + 2 * MINUTE_NS, START_NS + 10 * MINUTE_NS)
    start, first, last = (f"{rfc3339(START_NS + i * MINUTE_NS)[:19]}Z" for i in (0, 2, 10))
    assert found.sentence == (
        f"It would have fired twice from {start} to {last}, first at {first},"
        " and been in ALARM for 4 min, 3 min at the longest."
    )


def test_summaries_of_nothing() -> None:
    """No reading; readings that were all fine; an alarm that was there from the beginning."""
    assert summary([], 60).sentence == ("There is nothing to replay: no reading lies in that time.")
    calm = summary(replay(_alarm(), _readings("0000")), 60)
    assert (calm.fired, calm.alarm_seconds, calm.first_ns) == (0, 0, None)
    assert calm.sentence.startswith("It would not have fired from ")
    going_on = summary(replay(_alarm(), _readings("XX00"), "ALARM"), 60)
    assert (going_on.fired, going_on.first_ns, going_on.alarm_seconds) == (0, None, 180)
    assert going_on.sentence.endswith("It was in ALARM for 3 min.")


@given(st.text("0X-", min_size=1, max_size=60))
def test_a_summary_adds_up(row: str) -> None:
    """Every period in ALARM is counted once, whatever its spell."""
    traces = replay(_alarm(1, 1), _readings(row))
    found = summary(traces, 60)
    assert found.alarm_seconds == 60 * _states(traces).count("A")
    assert found.fired == sum(trace.state == "ALARM" for trace in changes(traces))
    assert found.longest_seconds <= found.alarm_seconds


def test_a_band_is_learnt_on_the_way() -> None:
    """A shift after three hours of noise fires; the noise itself does not."""
    dice = random.Random(1)  # noqa: S311  a seed
    values = [10 + dice.gauss(0, 1) for _ in range(180)] + [40.0] * 5
    readings = [Reading(START_NS + i * MINUTE_NS, value) for i, value in enumerate(values)]
    alarm = Alarm(
        "odd", "Odd", comparison="above", band=Band(6.0), threshold=None, periods=3, datapoints=3
    )
    traces = replay(alarm, readings)
    assert summary(traces, 60).first_ns == readings[182].at_ns
    assert traces[0].state == traces[58].state == "INSUFFICIENT_DATA"
    assert traces[170].state == "OK"
    bands = Bands()
    assert replay(alarm, readings[:100], bands=bands) == traces[:100]
    assert len(bands) == 1


def test_a_rule_is_replayed_over_its_children() -> None:
    """At every moment of any child, over what is known of all of them."""

    def history(states: str, step: int) -> list[Trace]:
        names: dict[str, State] = {"O": "OK", "A": "ALARM"}
        return [
            Trace(START_NS + i * step * MINUTE_NS, names[sign], "OK", "")
            for i, sign in enumerate(states)
        ]

    alarm = Alarm("both", "Both", rule="ALARM(a) AND ALARM(b)")
    traces = replay_rule(alarm, {"a": history("OAAAAO", 1), "b": history("OAO", 2)})
    assert [(trace.at_ns - START_NS) // MINUTE_NS for trace in traces] == [0, 1, 2, 3, 4, 5]
    assert _states(traces) == "OOAAOO"
    assert [trace.before[0] for trace in traces] == list("IOOAAO")
    assert summary(traces, 60).alarm_seconds == 120


def test_a_replay_has_a_limit() -> None:
    """Two readings years apart are no reason to make millions of periods."""
    with pytest.raises(Refused, match=r"at most 100,000 periods") as refusal:
        replay(_alarm(), [Reading(0, 1.0), Reading(READINGS_MAX * MINUTE_NS, 1.0)])
    assert refusal.value.code == "REPLAY_TOO_LONG"
