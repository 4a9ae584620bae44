"""From scores to probabilities."""

import numpy as np
import pytest

from tallystick.watch.detect.forest.calibration import GRADE_P_MAX, Calibration, grades
from tallystick.watch.detect.score import P_VALUE_MIN


def test_the_probability_is_the_share_of_usual_scores_above() -> None:
    """Of new points of the same kind about one in ten has a probability below one tenth."""
    random = np.random.default_rng(1)
    calibration = Calibration(random.exponential(size=4_000))
    found = calibration.p_values(random.exponential(size=20_000))
    for level in (0.5, 0.1, 0.01, 0.001):
        assert (found <= level).mean() == pytest.approx(level, rel=0.35)


def test_it_falls_with_the_score() -> None:
    """A higher score is never more probable, and nothing is rarer than can be told."""
    calibration = Calibration(np.random.default_rng(2).gamma(5, size=1_000))
    found = calibration.p_values(np.linspace(0, 500, 5_000))
    assert (np.diff(found) <= 1e-12).all()
    assert found[0] == 1.0
    assert found[-1] == P_VALUE_MIN


def test_without_scores_everything_is_usual() -> None:
    """Who has nothing to compare with calls nothing odd."""
    calibration = Calibration(np.zeros(0))
    assert calibration.p_values(np.array([1.0, 1e9])).tolist() == [1.0, 1.0]
    assert calibration.cutoff == np.inf


def test_equal_scores_break_nothing() -> None:
    """A stream that never changes has no tail."""
    calibration = Calibration(np.ones(100))
    assert calibration.p_values(np.array([1.0])) == [1.0]
    assert calibration.p_values(np.array([2.0])) == [P_VALUE_MIN]


def test_the_cut_off_is_the_vendors_advice() -> None:
    """Mean and three standard deviations."""
    scores = np.array([1.0, 2.0, 3.0])
    assert Calibration(scores).cutoff == pytest.approx(2 + 3 * scores.std())


def test_grades_begin_where_it_gets_seldom() -> None:
    """0 up to one in a thousand, 1 where nothing rarer can be told."""
    found = grades(np.array([1.0, GRADE_P_MAX, 1e-6, P_VALUE_MIN]))
    assert found[:2].tolist() == [0.0, 0.0]
    assert 0 < found[2] < 1
    assert found[3] == pytest.approx(1.0)
