"""Measures for rare events: what a desk that can look at so many cases a day gets out of a score.

Shared by every benchmark of scores against labels. Labels are 0 or 1, scores any numbers: only
their order counts, ties count half (AUC) or as one threshold (average precision).
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8] | NDArray[np.int64] | NDArray[np.bool_]
Scores = NDArray[np.float64]

BOOTSTRAP_DRAWS = 2_000
INTERVAL = 0.95


class Interval(msgspec.Struct, frozen=True):
    """Where a figure lies in 95 of 100 draws of the same kind."""

    low: float
    high: float


class CostPoint(msgspec.Struct, frozen=True):
    """What acting above a threshold costs, a case.

    `flagged` is the share of cases looked at, `recall` the share of bad ones among them,
    `cost` the mean of what looking and missing cost, `normalised` that over the cheaper of looking
    at everything and at nothing.
    """

    threshold: float
    flagged: float
    precision: float
    recall: float
    cost: float
    normalised: float


class Bin(msgspec.Struct, frozen=True):
    """Of the cases whose probability was said to be about `said`, the share `came` that was bad."""

    cases: int
    said: float
    came: float


def auc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve: how often a bad case scores above a good one. NaN for one class."""
    bad = np.asarray(labels).astype(bool)
    positives, negatives = int(bad.sum()), int((~bad).sum())
    if not positives or not negatives:
        return float("nan")
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(ties) - (ties - 1) / 2.0
    above = float(rank[place][bad].sum()) - positives * (positives + 1) / 2.0
    return above / (positives * negatives)


def average_precision(labels: Labels, scores: Scores) -> float:
    """Area under the precision-recall curve, step-wise. NaN without bad cases."""
    bad = np.asarray(labels).astype(np.float64)
    if not bad.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(bad[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    precision = found[last] / (last + 1.0)
    return float(np.sum(np.diff(found[last], prepend=0.0) * precision) / bad.sum())


def precision_at(labels: Labels, scores: Scores, count: int) -> float:
    """The share of bad cases among the `count` highest scores; of as many as there are if fewer."""
    count = min(count, len(scores))
    if not count:
        return float("nan")
    top = np.argsort(-scores, kind="stable")[:count]
    return float(np.asarray(labels)[top].mean())


def daily_hits(
    day: NDArray[np.int64],
    entity: NDArray[np.int64],
    labels: Labels,
    scores: Scores,
    count: int,
) -> list[tuple[int, int]]:
    """A day: how many bad entities are among the `count` that look worst, and how many there were.

    An entity (a card, an account) looks as bad as its worst case of the day. One that was caught is
    stopped, and not looked at on later days (Fraud Detection Handbook, chapter 4.4). Of entities
    that look equally bad, those of the lower number come first.
    """
    bad = np.asarray(labels).astype(bool)
    caught = np.zeros(1 + int(entity.max(initial=0)), bool)
    hits = []
    for today in np.unique(day):
        rows = (day == today) & ~caught[entity]
        who, place = np.unique(entity[rows], return_inverse=True)
        worst, guilty = np.full(len(who), -np.inf), np.zeros(len(who), bool)
        np.maximum.at(worst, place, scores[rows])
        np.logical_or.at(guilty, place, bad[rows])
        top = np.argsort(-worst, kind="stable")[:count]
        hit = who[top[guilty[top]]]
        caught[hit] = True
        hits.append((len(hit), int(guilty.sum())))
    return hits


def card_precision(
    day: NDArray[np.int64],
    entity: NDArray[np.int64],
    labels: Labels,
    scores: Scores,
    count: int,
) -> float:
    """Card precision: the mean over days of `daily_hits` over `count`; NaN without days."""
    hits = daily_hits(day, entity, labels, scores, count)
    return float(np.mean([hit for hit, _ in hits]) / count) if hits else float("nan")


def cost_curve(
    labels: Labels, probabilities: Scores, look_cost: float, miss_cost: float, points: int = 21
) -> list[CostPoint]:
    """What each of `points` thresholds costs, from looking at nothing to looking at everything.

    Looking at a case costs `look_cost`, missing a bad one `miss_cost`; thresholds are quantiles of
    the probabilities that are densest where few cases are flagged.
    """
    bad = np.asarray(labels).astype(bool)
    cases = len(bad)
    if not cases:
        return []
    order = np.argsort(-probabilities, kind="stable")
    found = np.concatenate([[0], np.cumsum(bad[order])])
    shares = np.concatenate([[0.0], np.geomspace(1.0 / cases, 1.0, points - 1)])
    cheapest = min(look_cost, miss_cost * float(bad.mean())) or 1.0
    curve = []
    for flagged in dict.fromkeys(round(share * cases) for share in shares):
        hit, missed = int(found[flagged]), int(found[-1] - found[flagged])
        cost = (flagged * look_cost + missed * miss_cost) / cases
        curve.append(
            CostPoint(
                float(probabilities[order[flagged - 1]]) if flagged else 1.0,
                flagged / cases,
                hit / flagged if flagged else 1.0,
                hit / int(found[-1]) if found[-1] else 1.0,
                cost,
                cost / cheapest,
            )
        )
    return curve


def reliability(labels: Labels, probabilities: Scores, bins: int = 10) -> list[Bin]:
    """Said against came, in `bins` groups of about equally many bad cases expected."""
    order = np.argsort(probabilities, kind="stable")
    weight = np.cumsum(probabilities[order])
    if not len(order) or weight[-1] <= 0.0:
        return []
    place = np.minimum((weight / weight[-1] * bins).astype(int), bins - 1)
    told = []
    for group in range(bins):
        rows = order[place == group]
        if len(rows):
            said, came = probabilities[rows].mean(), np.asarray(labels)[rows].mean()
            told.append(Bin(len(rows), float(said), float(came)))
    return told


def calibration_error(told: Sequence[Bin]) -> float:
    """The expected calibration error: the mean gap of said and came, weighted with the cases."""
    cases = sum(group.cases for group in told)
    gaps = sum(group.cases * abs(group.said - group.came) for group in told)
    return gaps / cases if cases else float("nan")


def bootstrap(
    blocks: int,
    figure: Callable[[NDArray[np.int64]], float],
    chance: np.random.Generator,
    draws: int = BOOTSTRAP_DRAWS,
) -> Interval:
    """The percentile interval of a figure when its blocks (weeks, days) are drawn with return."""
    values = [figure(chance.integers(0, blocks, blocks)) for _ in range(draws)]
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return Interval(float("nan"), float("nan"))
    tail = (1.0 - INTERVAL) / 2.0
    low, high = np.quantile(finite, (tail, 1.0 - tail))
    return Interval(float(low), float(high))
