"""Windows, tails and streaks, each against a slow and obvious reference."""

import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.watch.detect.orders import kernels

values = st.floats(-1e3, 1e3, width=32)


def window(size: int, given_values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """A window that took these values: in order of arrival, and of size."""
    windows = kernels.new_windows(1, size)
    for taken, value in enumerate(given_values):
        kernels.add(windows.ring[0], windows.ordered[0], taken, value)
    return windows.ring[0], windows.ordered[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(values, min_size=1, max_size=40), st.sampled_from([1, 2, 7, 16]))
def test_a_window_holds_the_last_values_in_order(given_values: list[float], size: int) -> None:
    """The ordered half is the sorted last `size` values, whatever came."""
    _, ordered = window(size, given_values)
    last = sorted(np.float32(value) for value in given_values[-size:])
    assert ordered[: len(last)].tolist() == last


def test_quantiles_by_hand() -> None:
    """Median and spread of 1 .. 20: the 11th value, and 2 to 18 in normal deviations."""
    _, ordered = window(32, [float(n) for n in range(1, 21)])
    assert kernels.median(ordered, 20) == 11
    assert kernels.spread(ordered, 20) == pytest.approx((18 - 3) / 2.5631)
    assert kernels.below(ordered, 20, 5.0) == 4
    assert kernels.habit(ordered, 20, 18.0) == pytest.approx(3 / 21)
    assert kernels.habit(ordered, 20, 19.0) == 0.0


def test_a_spread_is_drawn_towards_what_is_believed() -> None:
    """Ten of one and ten of the other: the root of the mean square."""
    assert kernels.shrunk(2.0, 10, 0.0, 10.0) == pytest.approx(math.sqrt(2))
    assert kernels.shrunk(2.0, 10**9, 0.0, 10.0) == pytest.approx(2.0)


def test_time_never_runs_backwards_for_long() -> None:
    """A stamp a little early is now; one much earlier means that the clock was set back."""
    assert kernels.elapsed(100.0, 130.0) == 30.0
    assert kernels.elapsed(100.0, 70.0) == 0.0
    assert kernels.newest(100.0, 130.0) == 130.0
    assert kernels.newest(100.0, 99.0) == 100.0
    assert kernels.newest(1e9, 100.0) == 100.0
    assert kernels.faded(8.0, 10.0, 10.0) == pytest.approx(8 / math.e)


class SlowTail:
    """The tail of `kernels.Tail`, with a sorted list."""

    def __init__(self) -> None:
        """Take over the prior."""
        tail = kernels.new_tail()
        self.ring = tail.ring[: kernels.PRIOR].tolist()
        self.place = 0

    def _tail(self) -> tuple[list[float], int, float, float]:
        ordered = sorted(self.ring)
        number = len(ordered) // kernels.TAIL_SHARE
        start = ordered[-number - 1]
        excess = sum(value - start for value in ordered[-number:])
        return ordered, number, start, max(excess, number * kernels.TAIL_MEAN_MIN)

    def p_value(self, deviation: float) -> float:
        """Rank below, predictive exponential law above the 98 % quantile."""
        ordered, number, start, excess = self._tail()
        count = len(ordered)
        if deviation <= start:
            return (count - bisect_left(ordered, deviation) + 1) / (count + 1)
        beyond = (1 + (deviation - start) / excess) ** -number
        return max(1e-12, (number + 1) / (count + 1) * beyond)

    def learn(self, deviation: float) -> None:
        """Displace the prior first, then grow, then displace the oldest."""
        _, number, start, excess = self._tail()
        deviation = min(deviation, start + kernels.TAIL_CLIP * excess / number)
        if self.place < len(self.ring):
            self.ring[self.place] = deviation
        else:
            self.ring.append(deviation)
        self.place = (self.place + 1) % kernels.TAIL


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tail_is_what_a_sorted_list_says(seed: int) -> None:
    """p-values of 3,000 deviations with outliers, past the growth of the ring."""
    chance = np.random.default_rng(seed)
    tail, slow = kernels.new_tail(), SlowTail()
    for n, deviation in enumerate(chance.standard_normal(3_000).tolist()):
        came = deviation + (9.0 if n % 400 == 17 else 0.0)
        if n % 50 == 0 or came > 2:
            assert kernels.tail_p(tail, came) == pytest.approx(slow.p_value(came), rel=1e-9)
        kernels.tail_learn(tail, came)
        slow.learn(came)
    assert tail.ordered[: tail.meta[0]].tolist() == sorted(slow.ring)


def test_p_values_of_ordinary_points_are_uniform() -> None:
    """One in a hundred is about one in a hundred, and nothing is called impossible."""
    chance = np.random.default_rng(5)
    tail, below = kernels.new_tail(), {0.1: 0, 0.01: 0, 0.001: 0}
    for n, deviation in enumerate(chance.standard_normal(40_000).tolist()):
        p_value = kernels.tail_p(tail, deviation)
        if n > 3_000:
            for level in below:
                below[level] += p_value <= level
        kernels.tail_learn(tail, deviation)
    for level, number in below.items():
        assert 0.6 * level < number / 37_000 < 1.6 * level
    assert kernels.tail_p(tail, 1e300) == 1e-12


def test_one_outlier_does_not_hide_the_next() -> None:
    """What a tail learns of an outlier is clipped: the tenth is an alarm, too."""
    chance = np.random.default_rng(6)
    tail = kernels.new_tail()
    for deviation in chance.standard_normal(5_000).tolist():
        kernels.tail_learn(tail, deviation)
    first = kernels.tail_p(tail, 9.0)
    for _ in range(9):
        kernels.tail_learn(tail, 9.0)
    assert first < kernels.tail_p(tail, 9.0) < 1e-6


def slow_streak(outcomes: list[tuple[bool, float]], share_min: float, memory: float) -> list[float]:
    """Evidence after each (bad, at): the definition of the CUSUM, written out."""
    share = pool = 0.05
    points = pool_points = evidence = 0.0
    last, told = 0.0, []
    for number, (bad, at) in enumerate(outcomes):
        share = pool if points == 0 else share
        usual = min(max(share, share_min), 0.98)
        feared = (1 + usual) / 2
        ratio = feared / usual if bad else (1 - feared) / (1 - usual)
        fade = math.exp(-max(0.0, at - last) / memory) if number else 1.0
        evidence = min(max(0.0, evidence * fade + math.log(ratio)), 18.0)
        last = max(last, at)
        pace = 1.0 if evidence <= 4 else 0.1
        points = min(points + pace, 500.0)
        share += pace * (bad - share) / (points + 10)
        pool_points += pace
        pool += pace * (bad - pool) / (pool_points + 10)
        told.append(evidence)
    return told


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1e4)), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.05]),
)
def test_a_streak_is_its_definition(outcomes: list[tuple[bool, float]], share_min: float) -> None:
    """Evidence and p-value of any outcomes at any (rising) times."""
    timed = sorted(outcomes, key=lambda each: each[1])
    row, pool = np.zeros(kernels.STREAK), np.array([0.05, 0.0])
    for (bad, at), evidence in zip(timed, slow_streak(timed, share_min, 3_600.0), strict=True):
        p_value = kernels.streak(row, pool, bad, share_min, True, at, 3_600.0)
        assert row[kernels.EVIDENCE] == pytest.approx(evidence, abs=1e-9)
        assert p_value == pytest.approx(max(math.exp(-evidence), 1e-12))


def test_a_streak_is_found_and_a_habit_is_not() -> None:
    """Eight bad ones in a row after a hundred good ones are; every second one all along is not."""
    row, pool = np.zeros(kernels.STREAK), np.array([0.05, 0.0])
    for n in range(100):
        kernels.streak(row, pool, False, 0.02, True, n * 60.0, 3_600.0)
    odd = [kernels.streak(row, pool, True, 0.02, True, 6_000 + n * 10.0, 3_600.0) for n in range(8)]
    assert odd[-1] < 1e-6 < odd[1]
    assert (row[kernels.BAD], row[kernels.RECENT]) == (8, 8)
    row, pool = np.zeros(kernels.STREAK), np.array([0.05, 0.0])
    habit = [
        kernels.streak(row, pool, n % 2 == 0, 0.02, n >= 20, n * 60.0, 3_600.0) for n in range(400)
    ]
    assert min(habit[20:]) > 1e-6
    assert math.isnan(habit[0])


def test_positions_come_oldest_first() -> None:
    """A ring of four that took six: the last three, and -1 behind them."""
    case, told = np.zeros(4, np.int64), np.zeros(5, np.int64)
    for taken in range(6):
        kernels.keep(case, taken, 100 + taken)
    kernels.tell(case, 6, 3, told)
    assert told.tolist() == [103, 104, 105, -1, -1]
    kernels.tell(case, 6, 9, told)
    assert told.tolist() == [102, 103, 104, 105, -1]
