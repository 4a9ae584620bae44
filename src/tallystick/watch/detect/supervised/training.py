"""Fits a classifier: several forests, each blind to some of the entities, and their calibration."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Refused
from tallystick.watch.detect.supervised.classifier import (
    Calibration,
    Classifier,
    Content,
    Unseen,
)
from tallystick.watch.detect.supervised.trees import Forest, forest_of

CONFIRMED_MIN = 20
"""Fewer bad cases than this teach nothing that would hold."""
GOOD_MIN = 20
GOOD_PLENTY = 20_000
"""So many good cases are used in any case, where there are as many."""
EVIDENCE_LIFT = 0.5
"""A case shows something where the forests say more than so many times the mean share of bad."""

THREADS = 1
"""More would add numbers up in another order, and give other trees on another machine."""

Progress = Callable[[float], None]


class Fitting(msgspec.Struct, frozen=True):
    """How a classifier is fitted; the defaults were chosen on April to July of the fraud data.

    Each of `folds` forests learns from all bad cases of the other folds and from its own draw of
    `good_share` of the good ones (balanced bagging); `calibration_share` of the good cases of its
    own fold calibrate it. `leaf_cases` is the least a leaf holds; with few cases it is less.
    """

    trees: int = 120
    leaves: int = 15
    learning_rate: float = 0.08
    leaf_cases: int = 100
    features_share: float = 0.5
    folds: int = 5
    good_share: float = 0.05
    calibration_share: float = 0.2
    seed: int = 1


def fit(
    rows: NDArray[np.floating],
    labels: NDArray[np.uint8],
    groups: NDArray[np.int64],
    names: tuple[str, ...],
    fitting: Fitting = Fitting(),  # noqa: B008  frozen
    *,
    unseen: str | None = None,
    told: Progress = lambda _: None,
) -> Classifier:
    """A classifier of rows: label 1 is a bad case.

    Cases of one group (an account, a terminal) are never in two folds. `unseen` names the feature
    with the days for which nothing was known. `told` hears the share that is done. The same
    arguments give the same classifier.

    Raises:
        Refused: TOO_FEW_CASES: with so few cases nothing can be learnt that would hold.
    """
    _check_enough(labels)
    chance = np.random.default_rng(fitting.seed)
    fold = _folds(groups, labels, fitting.folds, chance)
    good_share, calibration_share = _shares(labels, fitting)
    forests: list[Forest] = []
    kept, margins = [], []
    for number in range(fitting.folds):
        chosen = (labels > 0) | (chance.random(len(labels)) < good_share)
        learnt = np.flatnonzero(chosen & (fold != number))
        x = np.asarray(rows[learnt], np.float64)
        forests.append(_grow(x, labels[learnt], fitting, number))
        chosen = (labels > 0) | (chance.random(len(labels)) < calibration_share)
        kept.append(np.flatnonzero(chosen & (fold == number)))
        margins.append(forests[-1].margins(np.asarray(rows[kept[-1]], np.float64)))
        told((number + 1) / fitting.folds)
    held, margin = np.concatenate(kept), np.concatenate(margins)
    y = labels[held]
    weight = np.where(y > 0, 1.0, 1.0 / calibration_share)
    calibration = _calibrate(margin, y, weight)
    content = Content(names, tuple(each.table for each in forests), calibration)
    if unseen is not None:
        column = names.index(unseen)
        days = np.asarray(rows[held, column], np.float64)
        share = _unseen(content, margin, days, y, weight, column)
        content = msgspec.structs.replace(content, unseen=share)
    return Classifier(content)


def _check_enough(labels: NDArray[np.uint8]) -> None:
    bad = int((labels > 0).sum())
    good = len(labels) - bad
    if bad < CONFIRMED_MIN or good < GOOD_MIN:
        raise Refused(
            "TOO_FEW_CASES",
            f"{bad} confirmed and {good} dismissed cases are too few to learn from:"
            f" at least {CONFIRMED_MIN} and {GOOD_MIN} are needed.",
        )


def _folds(
    groups: NDArray[np.int64],
    labels: NDArray[np.uint8],
    folds: int,
    chance: np.random.Generator,
) -> NDArray[np.int64]:
    """Which fold each case is in: whole groups, the bad cases spread evenly.

    Where fewer groups than folds have a bad case, every case is a group of its own.
    """
    if len(np.unique(groups[labels > 0])) < folds:
        groups = np.arange(len(groups))
    names, place = np.unique(groups, return_inverse=True)
    bad = np.bincount(place, weights=labels > 0)
    order = np.lexsort((chance.random(len(names)), -bad))
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % folds
    spread: NDArray[np.int64] = fold[place]
    return spread


def _shares(labels: NDArray[np.uint8], fitting: Fitting) -> tuple[float, float]:
    """The shares of good cases that are used: all where they are few."""
    good = int((labels == 0).sum())
    plenty = GOOD_PLENTY / max(1, good)
    return max(fitting.good_share, min(1.0, plenty)), max(
        fitting.calibration_share, min(1.0, plenty)
    )


def _grow(x: NDArray[np.float64], y: NDArray[np.uint8], fitting: Fitting, number: int) -> Forest:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  slow to import
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    model = HistGradientBoostingClassifier(
        learning_rate=fitting.learning_rate,
        max_iter=fitting.trees,
        max_leaf_nodes=fitting.leaves,
        min_samples_leaf=max(2, min(fitting.leaf_cases, len(y) // 20)),
        max_features=fitting.features_share,
        early_stopping=False,
        random_state=fitting.seed + number,
    )
    with threadpool_limits(limits=THREADS):
        return forest_of(model.fit(x, y))


def _calibrate(
    margin: NDArray[np.float64], y: NDArray[np.uint8], weight: NDArray[np.float64]
) -> Calibration:
    """Isotonic regression of the label on margins of cases that the forest had not seen."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415  slow to import

    line = IsotonicRegression(y_min=0.0, y_max=1.0).fit(margin, y, sample_weight=weight)
    return Calibration(tuple(map(float, line.X_thresholds_)), tuple(map(float, line.y_thresholds_)))


def _unseen(
    content: Content,
    margin: NDArray[np.float64],
    days: NDArray[np.float64],
    y: NDArray[np.uint8],
    weight: NDArray[np.float64],
    column: int,
) -> Unseen | None:
    """How bad the cases are that show nothing, for each day nobody knew anything."""
    said = np.interp(margin, content.calibration.margin, content.calibration.probability)
    evidence = EVIDENCE_LIFT * float(np.average(y, weights=weight))
    plain = said <= evidence
    bad, unknown = float((weight * y)[plain].sum()), float((weight * days)[plain].sum())
    return Unseen(column, bad / unknown, evidence) if unknown > 0.0 else None
