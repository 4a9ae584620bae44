"""How good a classifier of judged cases is: trained on the past, tested on what came after it."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Refused
from tallystick.watch.detect.supervised.judged import Cases
from tallystick.watch.detect.supervised.kernels import DAY_SECONDS
from tallystick.watch.detect.supervised.metrics import (
    Bin,
    CostPoint,
    Interval,
    auc,
    average_precision,
    bootstrap,
    calibration_error,
    card_precision,
    cost_curve,
    precision_at,
    reliability,
)
from tallystick.watch.detect.supervised.training import Fitting, fit

PARTS = 5
"""The time is cut into so many parts of equally many cases; from the third on each is tested."""
PARTS_LEARNT_FIRST = 2
PRECISION_AT = (10, 20, 50, 100)
ENTITIES_A_DAY = 10
"""Accounts that a desk looks into on a day."""
LOOK_COST, MISS_COST = 1.0, 20.0
"""Looking into a case costs one unit of work; missing a bad one is taken to cost twenty."""

Progress = Callable[[float], None]


class Figures(msgspec.Struct, frozen=True):
    """What a set of scores is worth; NaN where a figure cannot be told."""

    cases: int
    bad: int
    auc: float
    ap: float
    precision_at: dict[int, float]
    entity_precision: float
    calibration_error: float
    intervals: dict[str, Interval]
    reliability: tuple[Bin, ...]
    costs: tuple[CostPoint, ...]


@dataclass(frozen=True)
class Scored:
    """Cases that were scored by a classifier which had not seen them."""

    labels: NDArray[np.uint8]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    day: NDArray[np.int64]


def validate_forward(
    cases: Cases, fitting: Fitting, told: Progress = lambda _: None
) -> Scored | None:
    """Each later part of the time, scored by what was learnt from verdicts given before it began.

    None where no part has enough verdicts before it. A verdict that came later than the part's
    first case is not learnt from, however old its anomaly is: that is the label's delay.
    """
    bounds = [len(cases.labels) * part // PARTS for part in range(PARTS + 1)]
    rows, scores = [], []
    for part in range(PARTS_LEARNT_FIRST, PARTS):
        test = np.arange(bounds[part], bounds[part + 1])
        if not len(test):
            continue
        known = np.flatnonzero(cases.judged_at_seconds < cases.at_seconds[test[0]])
        known = known[known < test[0]]
        try:
            fitted = fit(
                cases.rows[known], cases.labels[known], cases.groups[known], cases.names, fitting
            )
        except Refused:
            continue  # too few verdicts by then; later parts have more
        rows.append(test)
        scores.append(fitted.score(cases.rows[test]))
        told((part + 1 - PARTS_LEARNT_FIRST) / (PARTS - PARTS_LEARNT_FIRST))
    if not rows:
        return None
    tested = np.concatenate(rows)
    day = (cases.at_seconds[tested] // DAY_SECONDS).astype(np.int64)
    return Scored(cases.labels[tested], np.concatenate(scores), cases.groups[tested], day)


def figures_of(
    tested: Scored, chance: np.random.Generator, entities_a_day: int = ENTITIES_A_DAY
) -> Figures:
    """The figures of tested cases, with bootstrap intervals over days."""
    labels, scores = tested.labels, tested.scores
    days = np.unique(tested.day)
    rows_of_day = [np.flatnonzero(tested.day == day) for day in days]

    def drawn(
        figure: Callable[[NDArray[np.uint8], NDArray[np.float64]], float],
    ) -> Interval:
        def of(picked: NDArray[np.int64]) -> float:
            rows = np.concatenate([rows_of_day[day] for day in picked])
            return figure(labels[rows], scores[rows])

        return bootstrap(len(days), of, chance, draws=500)

    told = reliability(labels, scores)
    return Figures(
        cases=len(labels),
        bad=int(labels.sum()),
        auc=auc(labels, scores),
        ap=average_precision(labels, scores),
        precision_at={
            count: precision_at(labels, scores, count)
            for count in PRECISION_AT
            if count <= len(labels)
        },
        entity_precision=card_precision(tested.day, tested.groups, labels, scores, entities_a_day),
        calibration_error=calibration_error(told),
        intervals={"auc": drawn(auc), "ap": drawn(average_precision)},
        reliability=tuple(told),
        costs=tuple(cost_curve(labels, scores, LOOK_COST, MISS_COST, points=12)),
    )
