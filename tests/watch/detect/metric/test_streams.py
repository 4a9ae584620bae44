"""The metric detector as its callers see it."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tallystick.watch.detect.metric import DEFAULT, MetricConfig, MetricStreams, version

DAY = 86_400.0
STEP = 300.0

Floats = NDArray[np.float64]


def daily(points: int, seed: int = 1) -> tuple[Floats, Floats]:
    """A noisy day and night of a metric, every five minutes."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, points)
    at = np.arange(points) * STEP
    return at, 50.0 + 20.0 * np.sin(at / DAY * 2.0 * np.pi) + noise


def alarms(scores: Floats, config: MetricConfig = DEFAULT) -> list[int]:
    """The rows that alarm."""
    return np.flatnonzero(scores >= config.threshold).tolist()


def test_a_sustained_shift_alarms_once_and_soon() -> None:
    """A step of eight scales is told within the hour, and a few times more while it is news."""
    at, values = daily(2_000)
    values[1_500:] += 60.0
    found = alarms(MetricStreams().observe_many("requests", at, values))
    late = [row for row in found if row >= 1_500]
    assert late
    assert late[0] < 1_512
    assert len(late) <= 5


def test_an_ordinary_stream_hardly_alarms() -> None:
    """Three weeks of a noisy daily rhythm: at most one false alarm in a thousand points."""
    at, values = daily(6_000)
    assert len(alarms(MetricStreams().observe_many("requests", at, values))) <= 6


@pytest.mark.parametrize(
    "values",
    [
        np.full(3_000, 7.0),
        np.zeros(3_000),
        np.where(np.arange(3_000) // 144 % 2 == 0, 0.0, 100.0),
    ],
    ids=["constant", "zero", "square-wave"],
)
def test_what_never_changes_its_ways_does_not_alarm(values: Floats) -> None:
    """A flat line and a perfect rhythm are not odd once the rhythm has been seen."""
    scores = MetricStreams().observe_many("flat", np.arange(3_000) * STEP, values)
    assert [row for row in alarms(scores) if row > 600] == []


def test_a_missing_rhythm_is_odd() -> None:
    """A day that stays at night's level is found, though every single value was seen before."""
    at = np.arange(288 * 12) * STEP
    values = np.where((at % DAY) > DAY / 2, 80.0, 20.0)
    values += np.random.default_rng(3).normal(0.0, 1.0, len(at))
    values[288 * 10 : 288 * 11] = 20.0 + np.random.default_rng(4).normal(0.0, 1.0, 288)
    found = alarms(MetricStreams().observe_many("jobs", at, values))
    assert any(288 * 10 <= row < 288 * 11 for row in found)


def test_nothing_alarms_while_warming_up() -> None:
    """The first points of a stream, whatever they are, are no alarm."""
    at, values = daily(99)
    values[50] = 1e6
    assert alarms(MetricStreams().observe_many("young", at, values)) == []


def test_scores_do_not_know_the_future() -> None:
    """The same prefix with another suffix has the same scores, bit for bit."""
    at, values = daily(1_500)
    other = values.copy()
    other[1_000:] = other[1_000:] * -1e6 + 3.0
    one = MetricStreams().observe_many("a", at, values)
    two = MetricStreams().observe_many("a", at, other)
    assert one[:1_000].tobytes() == two[:1_000].tobytes()
    assert not np.array_equal(one[1_000:], two[1_000:])


def test_every_way_of_asking_gives_the_same_scores() -> None:
    """Point by point, in pieces, in a batch with others: the same numbers."""
    at, values = daily(600)
    whole = MetricStreams().observe_many("a", at, values)
    single = MetricStreams()
    pieces = MetricStreams()
    batch = MetricStreams()
    assert [
        single.observe("a", t, v).score for t, v in zip(at.tolist(), values.tolist(), strict=True)
    ] == whole.tolist()
    cut = [pieces.observe_many("a", at[i : i + 7], values[i : i + 7]) for i in range(0, len(at), 7)]
    assert np.concatenate(cut).tolist() == whole.tolist()
    names = ["a", "b"] * len(at)
    both = batch.observe_batch(names, np.repeat(at, 2), np.repeat(values, 2))
    assert both[::2].tolist() == whole.tolist()
    assert both[1::2].tolist() == whole.tolist()


def test_scores_do_not_depend_on_the_unit() -> None:
    """Times a power of two, the same evidence: a metric may be in bytes or gigabytes."""
    at, values = daily(1_500)
    values[1_200:1_230] += 80.0
    one = MetricStreams().observe_many("a", at, values)
    two = MetricStreams().observe_many("a", at, values * 2.0**40)
    assert alarms(one) == alarms(two)
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_a_stream_may_change_its_scale_for_good() -> None:
    """After a move to a millionfold level the stream is learnt anew, and oddness found in it."""
    at, values = daily(4_000)
    values[1_000:] *= 1e6
    values[3_500:3_530] += 100e6
    found = alarms(MetricStreams().observe_many("a", at, values))
    assert any(3_500 <= row < 3_530 for row in found)


def test_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    """Scores and reasons after restore are those of the detector that went on."""
    at, values = daily(900)
    one = MetricStreams()
    one.observe_many("a", at[:600], values[:600])
    one.observe_many("b", at[:10], values[:10])
    two = MetricStreams()
    two.restore(one.snapshot())
    assert len(two) == 2
    assert two.explain("a") == one.explain("a")
    rest = slice(600, 900)
    assert (
        one.observe_many("a", at[rest], values[rest]).tolist()
        == two.observe_many("a", at[rest], values[rest]).tolist()
    )
    assert one.snapshot() == two.snapshot()


def test_a_snapshot_of_more_streams_than_are_kept_keeps_the_latest() -> None:
    """The least recently used are left out."""
    many = MetricStreams()
    for i in range(5):
        many.observe(f"s{i}", 0.0, 1.0)
    few = MetricStreams(streams_max=2)
    few.restore(many.snapshot())
    assert len(few) == 2
    few.explain("s4")
    with pytest.raises(KeyError):
        few.explain("s0")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"{}", msgspec.msgpack.encode({"form": 1})])
def test_a_foreign_snapshot_is_refused(data: bytes) -> None:
    """Bytes that are no snapshot raise ValueError and change nothing."""
    streams = MetricStreams()
    streams.observe("a", 0.0, 1.0)
    with pytest.raises(ValueError, match="snapshot"):
        streams.restore(data)
    assert len(streams) == 1


def test_a_snapshot_of_another_configuration_or_cut_short_is_refused() -> None:
    """What was learnt under other rules is not mixed in."""
    other = MetricStreams(msgspec.structs.replace(DEFAULT, smoothing=5.0))
    other.observe("a", 0.0, 1.0)
    with pytest.raises(ValueError, match="this detector"):
        MetricStreams().restore(other.snapshot())
    good = MetricStreams()
    good.observe("a", 0.0, 1.0)
    parts = msgspec.msgpack.decode(good.snapshot())
    parts["records"] = parts["records"][:-1]
    with pytest.raises(ValueError, match="cut short"):
        MetricStreams().restore(msgspec.msgpack.encode(parts))


def test_no_more_streams_than_allowed_are_known() -> None:
    """The least recently used goes; when it comes back it is a stranger."""
    streams = MetricStreams(streams_max=3)
    for name in ("a", "b", "c", "a", "d"):
        streams.observe(name, 0.0, 1.0)
    assert len(streams) == 3
    with pytest.raises(KeyError):
        streams.explain("b")
    streams.explain("a")


def test_many_streams_do_not_touch_each_other() -> None:
    """The array of records grows, and each stream keeps its own."""
    at, values = daily(300)
    alone = MetricStreams().observe_many("a", at, values)
    streams = MetricStreams()
    first = streams.observe_many("a", at[:100], values[:100])
    for i in range(20):
        streams.observe_many(f"other-{i}", at[:30], values[:30] * i)
    rest = streams.observe_many("a", at[100:], values[100:])
    assert np.concatenate([first, rest]).tolist() == alone.tolist()


def test_numbers_that_are_none_score_nothing_and_teach_nothing() -> None:
    """NaN and infinities, as value or time, leave the stream as it was."""
    at, values = daily(400)
    clean = MetricStreams().observe_many("a", at, values)
    bad = np.array([math.nan, math.inf, -math.inf, 1.0])
    bad_at = np.array([1.0, 2.0, 3.0, math.nan])
    streams = MetricStreams()
    first = streams.observe_many("a", at[:200], values[:200])
    assert streams.observe_many("a", bad_at, bad).tolist() == [0.0] * 4
    assert streams.observe("a", 0.0, math.nan).p_value == 1.0
    rest = streams.observe_many("a", at[200:], values[200:])
    assert np.concatenate([first, rest]).tolist() == clean.tolist()


def test_a_stream_of_nothing_but_nan_can_be_explained() -> None:
    """Nothing was learnt, and asking why raises nothing."""
    streams = MetricStreams()
    streams.observe("a", 0.0, math.nan)
    assert streams.explain("a").nearest is None


def test_points_need_a_time_each() -> None:
    """Arrays of unlike lengths are refused."""
    with pytest.raises(ValueError, match="one time"):
        MetricStreams().observe_many("a", np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="one stream"):
        MetricStreams().observe_batch(["a"], np.zeros(2), np.zeros(2))


numbers = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), max_size=120), st.integers(0, 3))
def test_no_numbers_break_a_stream(points: list[tuple[float, float]], kind: int) -> None:
    """Huge, tiny, repeated, backwards: scores stay within 0..1, and the stream still detects."""
    at = np.array([point[0] for point in points])
    values = np.array([point[1] for point in points])
    if kind == 1:
        values = np.full(len(at), values[0] if len(values) else 0.0)
    if kind == 2:
        at = np.zeros(len(at))
    streams = MetricStreams()
    scores = streams.observe_many("a", at, values)
    assert np.all((scores >= 0.0) & (scores <= 1.0))
    reason = streams.explain("a")
    assert math.isclose(sum(family.share for family in reason.families), 1.0, abs_tol=1e-6) or all(
        family.share == 0.0 for family in reason.families
    )
    more_at, more = daily(3_000)
    more[2_800:2_840] += 100.0
    after = streams.observe_many("a", more_at, more)
    assert np.all(np.isfinite(after))


def test_an_explanation_names_what_came_and_what_was_expected() -> None:
    """Expected and band are of this time of the day, the nearest example is an ordinary point."""
    at, values = daily(2_000)
    values[1_990:] += 60.0
    streams = MetricStreams()
    scores = streams.observe_many("requests", at, values)
    reason = streams.explain("requests")
    assert reason.came == values[-1]
    assert reason.at_seconds == at[-1]
    assert reason.score == scores[-1]
    assert abs(reason.expected - (values[-1] - 60.0)) < 6.0
    assert reason.low < reason.expected < reason.high < reason.came
    assert reason.nearest is not None
    assert reason.nearest.at_seconds < at[1_990]
    assert {family.name for family in reason.families} == {
        "novelty",
        "seasonal",
        "turbulence",
        "extremes",
    }
    shares = [family.share for family in reason.families]
    assert shares == sorted(shares, reverse=True)
    assert f"{reason.came:.6g} came" in reason.sentence


def test_a_sensitivity_is_its_alarm_score() -> None:
    """low_fn alarms most and low_fp least; what alarms reaches the sensitivity's own score."""
    at, values = daily(6_000)
    values[1_500::500] += np.linspace(20.0, 90.0, 9)
    found = {}
    for name, threshold in DEFAULT.alarm_scores.items():
        config = msgspec.structs.replace(DEFAULT, sensitivity=name)
        assert config.thresholds == dict.fromkeys(("standard", "low_fp", "low_fn"), threshold)
        found[name] = len(alarms(MetricStreams(config).observe_many("a", at, values), config))
    assert found["low_fn"] >= found["standard"] >= found["low_fp"]
    assert found["low_fn"] > 0


def test_the_version_names_the_configuration() -> None:
    """Twelve hex digits; another constant, another name."""
    assert len(version()) == 12
    assert int(version(), 16) >= 0
    assert version() == version(MetricConfig())
    assert version(msgspec.structs.replace(DEFAULT, smoothing=5.0)) != version()


@pytest.mark.parametrize(
    "change",
    [
        {"extremes_delay": 289},
        {"turbulence_delay": 0},
        {"alarm_scores": {"standard": 1.0}},
        {"state_spans": (0.0, 8.0, 100.0)},
        {"softening": (0.0, 1.0, 1.0, 1.0)},
        {"weights": (0.0, 0.0, 0.0, 0.0)},
        {"weights": (1.0, -1.0, 0.0, 0.0)},
    ],
    ids=["long", "none", "certain", "span", "softening", "no-weight", "negative"],
)
def test_a_configuration_that_cannot_work_is_refused(change: dict[str, object]) -> None:
    """At once, in words, rather than in a compiled loop."""
    config = msgspec.structs.replace(DEFAULT, **change)
    with pytest.raises(ValueError, match=r"delay|score|Spans|Weights"):
        MetricStreams(config)
