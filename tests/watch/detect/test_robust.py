"""The statistics under the detectors: windows, profiles, tails, streaks."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.detect.robust import (
    PROFILE_POINTS,
    TAIL_POINTS,
    WARM_UP_POINTS,
    Profile,
    Streak,
    Tail,
    Window,
)

singles = st.floats(-1e6, 1e6, width=32)


@given(st.lists(singles, max_size=60), st.integers(1, 20))
def test_a_window_is_the_last_values_in_both_orders(values: list[float], size: int) -> None:
    """Arrival order and size order hold the same last `size` values, also after a restart."""
    window = Window(size)
    for value in values:
        window.add(value)
    assert list(window.ordered) == sorted(values[-size:])
    again = Window.from_bytes(size, window.to_bytes())
    assert again.to_bytes() == window.to_bytes()
    for value in values:
        window.add(value)
        again.add(value)
    assert again.to_bytes() == window.to_bytes()
    assert list(again.ordered) == list(window.ordered)


@pytest.mark.parametrize("data", [b"123", b"\x00\x00\xc0\x7f"])
def test_a_window_refuses_bytes_that_are_no_numbers(data: bytes) -> None:
    """Half a float and NaN are refused."""
    with pytest.raises(ValueError, match=r"."):
        Window.from_bytes(4, data)


def test_a_profile_warms_up_before_it_judges() -> None:
    """Nothing is said below WARM_UP_POINTS points."""
    profile = Profile(0.25)
    for _ in range(WARM_UP_POINTS):
        assert profile.deviation(1e6) is None
        profile.window.add(1.0)
    assert profile.deviation(1.0) == 0
    assert profile.deviation(2.0) == 4  # the smallest spread holds


def test_outliers_do_not_move_a_profile() -> None:
    """With one value in twenty absurd, a deviation is what it was without them, to a quarter."""
    chance = random.Random(1)  # noqa: S311  a seeded flow, no secret
    clean, dirty = Profile(0.01), Profile(0.01)
    for n in range(PROFILE_POINTS):
        value = chance.gauss(10, 1)
        clean.window.add(value)
        dirty.window.add(1_000.0 if n % 20 == 0 else value)
    assert dirty.deviation(15.0) == pytest.approx(clean.deviation(15.0), rel=0.25)


def test_a_profile_calls_the_third_time_a_habit() -> None:
    """Two large values are no habit, three are, as large as they came."""
    profile = Profile(0.25)
    for _ in range(50):
        profile.window.add(1.0)
    for _ in range(2):
        profile.window.add(9.0)
        assert profile.habit(9.0) == 0
    profile.window.add(9.0)
    assert profile.habit(9.0) == pytest.approx(3 / 54)
    assert profile.habit(9.1) == 0


@pytest.mark.parametrize("share", [0.1, 0.02, 0.01, 0.001])
def test_a_tail_is_calibrated_on_normal_deviations(share: float) -> None:
    """Of 60,000 ordinary points, about the share p has a p-value of at most p (or fewer)."""
    chance = random.Random(7)  # noqa: S311  a seeded flow, no secret
    tail = Tail()
    below = 0
    count = 60_000
    for n in range(count + TAIL_POINTS):
        deviation = chance.gauss(0, 1)
        below += n >= TAIL_POINTS and tail.p_value(deviation) <= share
        tail.learn(deviation)
    assert 0.3 * share <= below / count <= 1.3 * share


@pytest.mark.parametrize("power", [2.5, 4.0])
def test_a_tail_takes_heavy_tails_for_what_they_are(power: float) -> None:
    """Exponential deviations (power-law sizes) raise at most twice the alarms they should."""
    chance = random.Random(8)  # noqa: S311  a seeded flow, no secret
    tail = Tail()
    rare = 0
    for n in range(60_000):
        deviation = chance.expovariate(power)
        rare += n >= TAIL_POINTS and tail.p_value(deviation) <= 1e-4
        tail.learn(deviation)
    assert rare <= 12


def test_one_burst_does_not_blind_a_tail() -> None:
    """After five absurd deviations a large one is still rare."""
    chance = random.Random(9)  # noqa: S311  a seeded flow, no secret
    tail = Tail()
    for _ in range(TAIL_POINTS):
        tail.learn(chance.gauss(0, 1))
    before = tail.p_value(9.0)
    for _ in range(5):
        tail.learn(1_000.0)
    assert before < 1e-7
    assert tail.p_value(9.0) < 1e-5


@given(st.lists(singles, max_size=300), singles)
def test_p_values_are_probabilities_and_fall(values: list[float], deviation: float) -> None:
    """Whatever was learnt: 0 < p <= 1, and a larger deviation is never less rare."""
    tail = Tail()
    for value in values:
        tail.learn(value)
    p_values = [tail.p_value(deviation + step) for step in (0, 0.5, 5, 1e6)]
    assert all(0 < p <= 1 for p in p_values)
    assert p_values == sorted(p_values, reverse=True)


def test_a_streak_of_bad_outcomes_is_rare_and_ends() -> None:
    """Six bad outcomes in a row after a good history are rare; calm returns after good ones."""
    streak = Streak()
    for n in range(200):
        p_value = streak.observe(bad=False)
        assert (p_value is None) == (n < WARM_UP_POINTS)
    for _ in range(6):
        p_value = streak.observe(bad=True)
    assert p_value is not None
    assert p_value < 1e-6
    assert (streak.bad, streak.recent) == (6, 6)
    for _ in range(40):
        p_value = streak.observe(bad=False)
    assert p_value == 1


def test_a_streak_seldom_cries_wolf() -> None:
    """With 5 % bad outcomes at random, 100,000 outcomes give fewer than 10 at p < 1e-4."""
    chance = random.Random(3)  # noqa: S311  a seeded flow, no secret
    streak = Streak()
    alarms = 0
    for _ in range(100_000):
        p_value = streak.observe(bad=chance.random() < 0.05)
        alarms += p_value is not None and p_value < 1e-4
    assert alarms < 10


@pytest.mark.parametrize("bad", [True, False])
def test_a_streak_of_one_kind_for_ever_stays_finite(*, bad: bool) -> None:
    """Always good or always bad: numbers stay numbers, and "always bad" becomes the usual."""
    streak = Streak()
    for _ in range(40_000):
        p_value = streak.observe(bad=bad)
    assert p_value is not None
    assert math.isfinite(streak.share)
    assert 0 < p_value <= 1
    assert Streak.from_state(streak.to_state()).to_state() == streak.to_state()
