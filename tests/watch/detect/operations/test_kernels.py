"""Sketches, tails and streaks: what the kernels of all operations detectors are made of."""

import math
import random

import numpy as np
import pytest

from tallystick.watch.detect.operations.kernels import (
    BAD,
    BIN_LOW,
    BIN_WIDTH,
    BINS,
    EVIDENCE,
    RECENT,
    SHARE,
    SKETCH_WIDTH,
    STREAK_WIDTH,
    sketch_add,
    sketch_bin,
    sketch_clip,
    sketch_p,
    sketch_quantile,
    streak_start,
    streak_step,
)


def _sketch(values: list[float], points_max: float = 1e6) -> np.ndarray:
    sketch = np.zeros(SKETCH_WIDTH, np.float32)
    for value in values:
        sketch_add(sketch, value, points_max)
    return sketch


def _exponential(number: int, seed: int = 1) -> list[float]:
    chance = random.Random(seed)  # noqa: S311  a seeded law, no secret
    return [math.log(chance.expovariate(1.0)) for _ in range(number)]


def test_bins_cover_all_numbers() -> None:
    """Every logarithm has a bin, also those that are far out or infinite."""
    assert sketch_bin(-1e300) == 0
    assert sketch_bin(BIN_LOW + 2.5 * BIN_WIDTH) == 2
    assert sketch_bin(1e300) == sketch_bin(math.inf) == BINS - 1


def test_a_sketch_forgets_by_halves() -> None:
    """When the total reaches the limit every count is halved, and so is the total."""
    sketch = _sketch([0.0] * 100, points_max=100)
    assert sketch[BINS] == 50
    assert sketch[sketch_bin(0.0)] == 50


def test_quantiles_are_those_of_the_points() -> None:
    """Half of exponential points are below ln 2, 99 % below ln 100, to a bin's width."""
    sketch = _sketch(_exponential(20_000))
    assert math.exp(sketch_quantile(sketch, 0.5)) == pytest.approx(math.log(2), rel=0.1)
    assert math.exp(sketch_quantile(sketch, 0.99)) == pytest.approx(math.log(100), rel=0.1)


@pytest.mark.parametrize("gap", [0.1, 1.0, 4.0])
def test_p_values_are_shares_of_ordinary_points(gap: float) -> None:
    """Within what was seen a p-value is the share of points at least as large."""
    sketch = _sketch(_exponential(20_000))
    assert sketch_p(sketch, math.log(gap), 1.0) == pytest.approx(math.exp(-gap), rel=0.15)


def test_beyond_what_was_seen_the_tail_goes_on() -> None:
    """An exponential law is met far beyond its points; a lower power believes in a heavier tail."""
    sketch = _sketch(_exponential(50_000))
    p_values = [sketch_p(sketch, math.log(20.0), power) for power in (1.0, 0.5, 0.25)]
    assert p_values == sorted(p_values)
    assert math.exp(-20) / 30 < p_values[0] < math.exp(-20) * 30


def test_few_points_know_little() -> None:
    """What is a once-in-a-million gap to 20,000 points is nothing much to 60."""
    far = math.log(40.0)
    assert sketch_p(_sketch(_exponential(60)), far, 0.5) > 1e-5
    assert sketch_p(_sketch(_exponential(20_000)), far, 0.5) < 1e-6
    assert sketch_p(_sketch([]), far, 0.5) == 1.0


def test_what_never_varies_is_no_law() -> None:
    """A constant has a tail of a tenth of itself: twice is odd, a tenth more is not."""
    sketch = _sketch([0.0] * 5_000)
    assert sketch_p(sketch, math.log(1.1), 0.5) > 1e-3
    assert sketch_p(sketch, math.log(4.0), 0.5) < 1e-6


def test_an_outlier_is_learnt_clipped() -> None:
    """What is learnt of an outlier lies just beyond the tail's beginning."""
    sketch = _sketch(_exponential(5_000))
    assert sketch_clip(sketch, 9.0, 1.0) < math.log(10.0)
    assert sketch_clip(sketch, 0.1, 1.0) == 0.1


def _streak(prior: float = 0.05) -> np.ndarray:
    streak = np.zeros(STREAK_WIDTH)
    streak_start(streak, prior)
    return streak


def _run(streak: np.ndarray, outcomes: list[bool], apart: float = 1.0) -> list[float]:
    start = float(streak[-1])
    return [
        streak_step(streak, bad, start + apart * (n + 1), 20.0, 10.0, 0.001)
        for n, bad in enumerate(outcomes)
    ]


def test_a_streak_warms_up_and_then_counts() -> None:
    """Nothing is said of the first twenty; then bad ones in a row are ever less likely."""
    streak = _streak()
    assert all(math.isnan(p_value) for p_value in _run(streak, [False] * 20))
    assert _run(streak, [False] * 500)[-1] == 1.0
    p_values = _run(streak, [True] * 5)
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[3] < 1e-6
    assert (streak[BAD], streak[RECENT]) == (5, 5)


def test_a_share_that_is_usual_is_no_streak() -> None:
    """Somebody who fails in a third of the cases is not odd when he does."""
    chance = random.Random(2)  # noqa: S311
    outcomes = [chance.random() < 0.33 for _ in range(20_000)]
    streak = _streak()
    assert min(_run(streak, outcomes)[1_000:]) > 1e-6
    assert streak[SHARE] == pytest.approx(0.33, abs=0.05)


def test_outcomes_of_one_moment_have_one_cause() -> None:
    """Fifty failures within a millisecond are hardly more than one."""
    streak = _streak()
    _run(streak, [False] * 500)
    assert min(_run(streak, [True] * 50, apart=2e-5)) > 1e-6


def test_a_storm_is_no_habit_yet() -> None:
    """Two hundred failures teach the share of twenty; the evidence is bounded and fades."""
    streak = _streak()
    _run(streak, [False] * 1_000)
    _run(streak, [True] * 200)
    assert streak[SHARE] < 0.05
    assert streak[EVIDENCE] == 16.0
    _run(streak, [False] * 120)
    assert streak[EVIDENCE] == 0.0
