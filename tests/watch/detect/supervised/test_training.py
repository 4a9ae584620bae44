"""Fitting: refuses too little, repeats itself, is calibrated, and values what nobody saw."""

import msgspec
import numpy as np
import pytest

from tallystick.errors import Refused
from tallystick.watch.detect.supervised.metrics import auc, calibration_error, reliability
from tallystick.watch.detect.supervised.training import CONFIRMED_MIN, Fitting, fit

QUICK = Fitting(trees=30)
NAMES = ("a", "b", "days")


def world(count: int = 6_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, labels and groups: `a` shows a third of the bad cases, `days` hints at the others."""
    chance = np.random.default_rng(seed)
    rows = np.column_stack(
        [chance.normal(size=count), chance.normal(size=count), chance.integers(1, 30, count)]
    )
    shown = rows[:, 0] > 2
    hidden = chance.random(count) < 0.002 * rows[:, 2]
    labels = (shown & (chance.random(count) < 0.8)) | hidden
    return rows, labels.astype(np.uint8), chance.integers(0, 40, count)


def test_too_few_cases_are_refused_with_their_number() -> None:
    """The sentence says how many there are and how many are needed."""
    labels = np.zeros(500, np.uint8)
    labels[: CONFIRMED_MIN - 1] = 1
    with pytest.raises(Refused, match="19 confirmed and 481 dismissed cases are too few") as no:
        fit(np.zeros((500, 3)), labels, np.arange(500), NAMES, QUICK)
    assert no.value.code == "TOO_FEW_CASES"
    with pytest.raises(Refused):
        fit(np.zeros((30, 3)), np.ones(30, np.uint8), np.arange(30), NAMES, QUICK)


def test_the_same_cases_give_the_same_classifier() -> None:
    """Equal arguments, equal bytes; another seed, another classifier."""
    first, again = (fit(*world(2_000), NAMES, QUICK).encode() for _ in range(2))
    assert first == again
    assert fit(*world(2_000), NAMES, msgspec.structs.replace(QUICK, seed=9)).encode() != first


def test_it_learns_and_its_probabilities_are_honest() -> None:
    """On new cases it finds what is shown, and says probabilities that come true."""
    classifier = fit(*world(), NAMES, QUICK)
    rows, labels, _ = world(seed=2)
    scores = classifier.score(rows)
    assert auc(labels, scores) > 0.6
    assert scores[rows[:, 0] > 2.2].mean() > 0.5
    assert calibration_error(reliability(labels, scores)) < 0.02


def test_the_unseen_days_get_their_own_price() -> None:
    """The daily share is learnt from cases that show nothing."""
    unseen = fit(*world(20_000), NAMES, QUICK, unseen="days").content.unseen
    assert unseen is not None
    assert 0.0005 < unseen.daily < 0.004


def test_few_groups_and_few_cases_still_teach() -> None:
    """All bad cases in one group, some dozens in all: a classifier, not an error."""
    rows, labels, _ = world(400, seed=4)
    labels[:] = rows[:, 0] > 1
    classifier = fit(rows, labels, labels.astype(np.int64), NAMES, QUICK)
    assert auc(labels, classifier.score(rows)) > 0.95


def test_progress_is_told() -> None:
    """A listener hears a rising share that ends with 1."""
    heard: list[float] = []
    fit(*world(1_000), NAMES, msgspec.structs.replace(QUICK, trees=3), told=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1
