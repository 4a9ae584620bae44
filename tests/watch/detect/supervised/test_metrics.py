"""The measures for rare events, against scikit-learn and against examples worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tallystick.watch.detect.supervised.metrics import (
    auc,
    average_precision,
    bootstrap,
    calibration_error,
    card_precision,
    cost_curve,
    daily_hits,
    precision_at,
    reliability,
)

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60).filter(
    lambda rows: len({bad for bad, _ in rows}) == 2
)


@given(SCORED)
def test_areas_equal_those_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    """Also with many ties, both areas are what everybody else calculates."""
    labels = np.array([bad for bad, _ in rows], np.uint8)
    scores = np.array([score for _, score in rows], float)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(
        average_precision_score(labels, scores)
    )


def test_one_class_has_no_area() -> None:
    """Without bad cases, or with nothing else, a figure is not a number rather than a guess."""
    assert np.isnan(auc(np.zeros(3, np.uint8), np.arange(3.0)))
    assert np.isnan(average_precision(np.zeros(3, np.uint8), np.arange(3.0)))
    assert np.isnan(precision_at(np.zeros(0, np.uint8), np.zeros(0), 5))


def test_precision_of_the_top() -> None:
    """The share of bad cases among the highest scores; all of them where fewer are asked for."""
    labels, scores = np.array([1, 0, 1, 0], np.uint8), np.array([0.9, 0.8, 0.7, 0.1])
    assert precision_at(labels, scores, 1) == 1
    assert precision_at(labels, scores, 2) == 0.5
    assert precision_at(labels, scores, 99) == 0.5


def test_a_caught_card_is_not_looked_at_again() -> None:
    """The book's rule: card 1 is caught on day 0 and leaves day 1 to others."""
    day = np.array([0, 0, 0, 1, 1, 1])
    card = np.array([1, 1, 2, 1, 2, 3])
    labels = np.array([0, 1, 0, 1, 1, 0], np.uint8)
    scores = np.array([0.1, 0.9, 0.5, 0.99, 0.8, 0.7])
    assert daily_hits(day, card, labels, scores, 1) == [(1, 1), (1, 1)]
    assert card_precision(day, card, labels, scores, 1) == 1.0
    assert card_precision(day, card, labels, scores, 2) == 0.5


def test_a_card_is_as_bad_as_its_worst_payment() -> None:
    """The highest score counts, and any bad payment of the day makes the card a hit."""
    day, card = np.zeros(3, int), np.array([4, 4, 9])
    hits = daily_hits(day, card, np.array([1, 0, 0], np.uint8), np.array([0.0, 0.9, 0.5]), 1)
    assert hits == [(1, 1)]


def test_cost_curve_goes_from_nothing_to_everything() -> None:
    """Its ends cost what missing all and looking at all cost; the middle is cheaper."""
    chance = np.random.default_rng(1)
    labels = (chance.random(2_000) < 0.02).astype(np.uint8)
    probabilities = np.clip(labels * 0.6 + chance.random(2_000) * 0.4, 0, 1)
    curve = cost_curve(labels, probabilities, 1.0, 20.0)
    assert curve[0].flagged == 0
    assert curve[0].cost == pytest.approx(20 * labels.mean())
    assert curve[-1].flagged == 1
    assert curve[-1].cost == pytest.approx(1.0)
    assert curve[-1].recall == 1
    assert min(point.normalised for point in curve) < 0.2
    assert cost_curve(labels[:0], probabilities[:0], 1, 20) == []


def test_reliability_of_honest_probabilities() -> None:
    """What happens as often as it is said has nearly no calibration error; what does not, has."""
    chance = np.random.default_rng(2)
    said = chance.random(50_000) * 0.2
    came = (chance.random(50_000) < said).astype(np.uint8)
    assert calibration_error(reliability(came, said)) < 0.01
    assert calibration_error(reliability(came, np.clip(said * 3, 0, 1))) > 0.1
    assert np.isnan(calibration_error(reliability(came[:0], said[:0])))


def test_bootstrap_holds_the_mean_and_is_repeatable() -> None:
    """The interval is around the figure, and the same for the same seed."""
    values = np.random.default_rng(3).normal(5, 1, 40)
    first, again = (
        bootstrap(40, lambda rows: float(values[rows].mean()), np.random.default_rng(7))
        for _ in range(2)
    )
    assert first == again
    assert first.low < values.mean() < first.high
    assert 0.3 < first.high - first.low < 1.0
