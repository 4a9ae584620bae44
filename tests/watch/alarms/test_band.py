"""Bands: what a series is expected to be, learnt from its own past and nothing else."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.band import DAYS, READINGS_MIN, SLOTS, Bands, Course
from tallystick.watch.alarms.evaluate import Reading

MINUTE_NS = 60 * NS_PER_SECOND
DAY_MINUTES = 1_440
START_NS = 20_000 * 86_400 * NS_PER_SECOND


def _minutes(values: list[float | None], start_ns: int = START_NS) -> list[Reading]:
    return [Reading(start_ns + i * MINUTE_NS, value) for i, value in enumerate(values)]


def test_nothing_is_usual_at_first() -> None:
    """The first readings have no band; then it is there, around what came."""
    dice = random.Random(1)  # noqa: S311  a seed
    readings = _minutes([10 + dice.gauss(0, 1) for _ in range(300)])
    found = Bands().expect_all("a", readings, 3.0)
    assert all(each.low is None is each.high for each in found[:READINGS_MIN])
    low, high = found[-1].low, found[-1].high
    assert low is not None
    assert high is not None
    assert 5.5 < low < 8.5
    assert 11.5 < high < 14.5


def test_ordinary_noise_stays_within_three_spreads() -> None:
    """A band of three spreads is left about three times in a thousand, not more often than 1 %."""
    dice = random.Random(2)  # noqa: S311  a seed
    readings = _minutes([50 + dice.gauss(0, 5) for _ in range(4_000)])
    judged = [each for each in Bands().expect_all("a", readings, 3.0) if each.low is not None]
    left = sum(not (each.low or 0) <= (each.value or 0) <= (each.high or 0) for each in judged)
    assert left / len(judged) < 0.01


def test_a_rhythm_of_the_day_is_learnt() -> None:
    """After some days a busy noon is usual at noon, and is not at midnight."""
    dice = random.Random(3)  # noqa: S311  a seed

    def usual(minute: int) -> float:
        return 100 - 90 * math.cos(2 * math.pi * minute / DAY_MINUTES) + dice.gauss(0, 3)

    bands = Bands()
    bands.expect_all("a", _minutes([usual(i) for i in range(5 * DAY_MINUTES)]), 4.0)
    midnight = START_NS + 5 * DAY_MINUTES * MINUTE_NS
    noon = midnight + 720 * MINUTE_NS
    at_night = bands.preview("a", Reading(midnight, 190.0), 4.0)
    at_noon = bands.preview("a", Reading(noon, 190.0), 4.0)
    assert at_night.high is not None
    assert at_night.high < 100
    assert at_noon.low is not None
    assert at_noon.high is not None
    assert at_noon.low < 190 < at_noon.high


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True)), min_size=1, max_size=150),
    st.integers(0, 149),
    st.floats(-1e6, 1e6),
)
def test_a_band_knows_the_past_only(values: list[float | None], place: int, other: float) -> None:
    """What comes now or later changes no band of before or of now: strictly causal."""
    place %= len(values)
    changed = [*values[:place], other, *values[place + 1 :]]
    bands = [Bands().expect_all("a", _minutes(each), 3.0) for each in (values, changed)]
    for one, two in list(zip(*bands, strict=True))[: place + 1]:
        assert repr(one[2:]) == repr(two[2:])


def test_gaps_teach_nothing() -> None:
    """No data, and what is no number, leave everything as it was."""
    bands = Bands()
    bands.expect_all("a", _minutes([1.0, 2.0, 3.0]), 3.0)
    before = bands.snapshot()
    bands.expect_all("a", _minutes([None, math.nan, math.inf]), 3.0)
    assert bands.snapshot() == before


def test_a_preview_teaches_nothing() -> None:
    """A period that still runs is judged and not learnt; of an unknown series nothing is known."""
    bands = Bands()
    bands.expect_all("a", _minutes([float(i % 7) for i in range(100)]), 3.0)
    before = bands.snapshot()
    assert bands.preview("a", Reading(START_NS, 3.0), 3.0).low is not None
    assert bands.preview("b", Reading(START_NS, 3.0), 3.0).low is None
    assert bands.snapshot() == before
    assert len(bands) == 1


def test_a_snapshot_goes_on() -> None:
    """Cut anywhere and gone on from a snapshot, the bands are the same."""
    dice = random.Random(4)  # noqa: S311  a seed
    readings = _minutes([dice.uniform(0, 9) for _ in range(400)])
    whole = Bands().expect_all("a", readings, 3.0)
    first, second = Bands(), Bands()
    found = first.expect_all("a", readings[:222], 3.0)
    second.restore(first.snapshot())
    assert found + second.expect_all("a", readings[222:], 3.0) == whole


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x82\xa4form\xa5other\xa7courses\x80"])
def test_other_bytes_are_no_snapshot(data: bytes) -> None:
    """What cannot be gone on from is refused, and nothing is lost by trying."""
    bands = Bands()
    bands.expect("a", Reading(START_NS, 1.0), 3.0)
    with pytest.raises(ValueError, match=r"snapshot"):
        bands.restore(data)
    assert len(bands) == 1


def test_memory_is_bounded() -> None:
    """The least recently used series goes first; a series keeps so many days and errors."""
    bands = Bands(2)
    for name in ("a", "b", "a", "c"):
        bands.expect(name, Reading(START_NS, 1.0), 3.0)
    kept = Bands()
    kept.restore(bands.snapshot())
    assert len(kept) == len(bands) == 2
    bands.forget("c")
    assert len(bands) == 1
    course = Course()
    for quarter in range(30 * SLOTS):
        course.learn(quarter * 900, float(quarter % 5))
    assert max(map(len, course.slots.values())) == DAYS
    assert len(course.slots) == SLOTS
    assert len(course.errors) <= 500


def test_clocks_that_jump_break_nothing() -> None:
    """Repeated times and times that go back are taken as they come."""
    bands = Bands()
    dice = random.Random(5)  # noqa: S311  a seed
    for _ in range(500):
        reading = Reading(START_NS + dice.randrange(-(10**6), 10**6) * MINUTE_NS, dice.random())
        found = bands.expect("a", reading, 3.0)
        if found.low is not None and found.high is not None:
            assert found.low <= found.high


def test_a_constant_has_a_narrow_band() -> None:
    """A number that never changed is not usual as another; the same one is."""
    bands = Bands()
    bands.expect_all("a", _minutes([7.0] * 200), 3.0)
    found = bands.preview("a", Reading(START_NS + 200 * MINUTE_NS, 7.0), 3.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 7.0 <= found.high
    assert found.high - found.low < 0.01


def test_whatever_number_came_it_stays_a_detector() -> None:
    """Huge numbers do not overflow, and two ordinary days outweigh them."""
    bands = Bands()
    bands.expect_all("a", _minutes([1e308, -1e308, 5e-324] * 50), 3.0)
    later = START_NS + 30 * DAY_MINUTES * MINUTE_NS
    found = bands.expect_all("a", _minutes([10.0 + i % 3 for i in range(4_500)], later), 3.0)[-1]
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.high < 100


def test_yesterday_begins_at_midnight() -> None:
    """A quarter of an hour before midnight is no other day to the one after; a day before is."""
    course = Course()
    for day in range(3):
        course.learn(day * 86_400 - 60, 1.0)
        course.learn(day * 86_400 + 60, 5.0)
    assert course.expected(3 * 86_400 + 60) == (3 * 1.0 + 3 * 5.0) / 6
    course.learn(3 * 86_400 - 60, 100.0)
    assert course.expected(3 * 86_400 + 60) == (3 * 1.0 + 3 * 5.0) / 6
