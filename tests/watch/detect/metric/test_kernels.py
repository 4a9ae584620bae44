"""The loops of the metric detector, one by one."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tallystick.watch.detect.metric import DEFAULT, kernels
from tallystick.watch.detect.metric.rules import evidence_of, p_value_of, rules_of, scores_of
from tallystick.watch.detect.metric.state import BLANK, FAMILIES, STREAM

Floats = NDArray[np.float64]


def fed(values: Floats, step: float = 300.0) -> tuple[np.void, NDArray[np.float64]]:
    """A stream that saw the values, and each family's p-value of each point."""
    stream = np.zeros(1, STREAM)
    stream[0] = BLANK
    rules = rules_of(DEFAULT)
    told = np.zeros(1)
    p_values = np.empty((len(values), len(FAMILIES)))
    for i, value in enumerate(values):
        kernels.observe(stream[0], rules, np.array([i * step]), np.array([value]), told)
        p_values[i] = stream[0]["last_p"]
    return stream[0], p_values


def test_p_values_of_ordinary_points_are_calibrated_in_the_tail() -> None:
    """Of 6,000 points of noise, about 1 % have a p-value of 1 % or less, in every family.

    Smoothed surprise comes in runs, so that the share of one stream varies.
    """
    _, p_values = fed(np.random.default_rng(5).normal(100.0, 3.0, 6_000))
    for family in range(len(FAMILIES)):
        share = float(np.mean(p_values[1_000:, family] <= 0.01))
        assert share < 0.03, FAMILIES[family]
        assert float(np.median(p_values[1_000:, family])) > 0.25, FAMILIES[family]


def test_ranks_fall_with_the_surprise_and_go_on_beyond_the_largest() -> None:
    """A larger surprise is never more probable, within the histogram and beyond it."""
    histogram = np.zeros(256, np.float32)
    histogram[:40] = np.linspace(200.0, 1.0, 40, dtype=np.float32)
    counted = float(histogram.sum())
    ranks = [kernels.rank(histogram, counted, position) for position in np.arange(0.0, 255.0, 0.5)]
    assert all(a >= b for a, b in pairwise(ranks))
    assert 0.0 <= ranks[-1] < 1e-6
    assert ranks[0] > 0.9


@pytest.mark.parametrize(
    ("number", "bound", "answer"), [(3.0, 5.0, 3.0), (9.0, 5.0, 5.0), (-9.0, 5.0, -5.0)]
)
def test_within_a_bound(number: float, bound: float, answer: float) -> None:
    """The nearest number of the same sign within the bound."""
    assert kernels.within(number, bound) == answer


def test_the_nearest_state_is_found() -> None:
    """By the sum of squares over the coordinates."""
    past = np.array([[0.0, 5.0, 9.0], [0.0, 5.0, 0.0]], np.float32)
    far = np.empty(3, np.float32)
    assert kernels.nearest(past, 3, np.array([6.0, 6.0]), far) == 1
    assert far[1] == 2.0
    assert kernels.nearest(past, 1, np.array([6.0, 6.0]), far) == 0


def test_draws_are_spread_and_repeat() -> None:
    """A stream's own chance: the same for the same stream, and every place gets its turn."""
    one, two = np.zeros(1, STREAM), np.zeros(1, STREAM)
    first = [kernels.drawn(one[0], 10) for _ in range(2_000)]
    assert first == [kernels.drawn(two[0], 10) for _ in range(2_000)]
    assert min(np.bincount(first, minlength=10)) > 120


def test_memory_of_a_stream_is_bounded() -> None:
    """What is kept counts up, the arrays do not grow, and the record is what the docs say."""
    stream, _ = fed(np.random.default_rng(6).normal(0.0, 1.0, 4_000))
    assert stream["states_kept"] > stream["states"].shape[1]
    assert STREAM.itemsize < 90 * 1024


def test_another_level_and_scale_rebase_what_is_remembered() -> None:
    """The remembered numbers follow the stream, and mean the same values as before."""
    values = np.random.default_rng(7).normal(5.0, 1.0, 300)
    before, _ = fed(values)
    old = np.zeros(1, STREAM)
    old[0] = before
    place = before["states"][0, 3] * before["unit"] + before["anchor"]
    old[0]["middle"], old[0]["scale"] = 1e7, 3e5
    kernels.rebase(old[0])
    assert old[0]["unit"] == 3e5
    assert old[0]["states"][0, 3] * 3e5 + 1e7 == pytest.approx(place, abs=10.0)


def test_a_value_is_kept_for_later_days_once_in_five_minutes() -> None:
    """A stream of one point a second does not fill a part of the day with a single minute."""
    stream, _ = fed(np.arange(1_800.0), step=1.0)
    assert stream["day_kept"].tolist()[:3] == [4, 4, 0]


def test_scores_and_evidence_are_each_others_inverse() -> None:
    """And a score is 1 - p of the one family that would give as much."""
    for score in (0.1, 0.689, 0.999):
        evidence = evidence_of(score)
        assert scores_of(np.array([evidence]))[0] == pytest.approx(score)
        assert p_value_of(evidence) == pytest.approx(1.0 - score)
    assert scores_of(np.array([0.0]))[0] == 0.0
