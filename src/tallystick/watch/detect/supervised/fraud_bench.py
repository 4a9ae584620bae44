"""The fraud benchmark: week by week, learn from labels that came late, test on what follows."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.supervised.classifier import Classifier
from tallystick.watch.detect.supervised.features import LABEL_DELAY_DAYS, NAMES, UNSEEN, describe
from tallystick.watch.detect.supervised.metrics import (
    Interval,
    auc,
    average_precision,
    bootstrap,
    calibration_error,
    daily_hits,
    reliability,
)
from tallystick.watch.detect.supervised.payments import Payments
from tallystick.watch.detect.supervised.protocol import split, weeks_to_test
from tallystick.watch.detect.supervised.training import Fitting, fit

CARDS = 100
"""Cards that are looked at a day."""
CONFIGURATIONS_TRIED = 60
"""Choices of features, models and settings that were compared on April to July 2018."""
FITTING = Fitting()

Progress = Callable[[float], None]


class Week(msgspec.Struct, frozen=True):
    """One test week; `cp100_best` is what a perfect order would reach."""

    first_day: int
    train: int
    payments: int
    frauds: int
    auc: float
    ap: float
    cp100: float
    cp100_best: float
    calibration_error: float
    model: str


class Report(msgspec.Struct, frozen=True):
    """Means over the weeks with their intervals, and the weeks."""

    auc: float
    ap: float
    cp100: float
    cp100_best: float
    intervals: dict[str, Interval]
    weeks: tuple[Week, ...]
    label_delay_days: int
    features: tuple[str, ...]
    fitting: Fitting
    configurations_tried: int


def fit_payments(
    payments: Payments,
    rows: NDArray[np.float32],
    train: NDArray[np.int64],
    fitting: Fitting = FITTING,
    told: Progress = lambda _: None,
) -> Classifier:
    """The classifier of payments, learnt from the rows `train`."""
    return fit(
        rows[train],
        payments.fraud[train],
        payments.terminal[train],
        NAMES,
        fitting,
        unseen=UNSEEN,
        told=told,
    )


def fit_latest(
    payments: Payments, fitting: Fitting = FITTING, told: Progress = lambda _: None
) -> Classifier:
    """The classifier for what comes after the file: learnt from all labels known at its end."""
    parts = split(payments, 1 + int(payments.day[-1]))
    return fit_payments(payments, describe(payments), parts.train, fitting, told)


def run(
    payments: Payments,
    *,
    weeks: int | None = None,
    fitting: Fitting = FITTING,
    chance: np.random.Generator,
    told: Progress = lambda _: None,
) -> Report:
    """Test week after week; `told` hears the share that is done.

    Raises:
        Misconfigured: the file is too short.
        Refused: TOO_FEW_CASES: there are too few known frauds before a week.
    """
    starts = weeks_to_test(payments, weeks)
    rows = describe(payments)
    tested = []
    for number, first_day in enumerate(starts):
        parts = split(payments, first_day)
        fitted = fit_payments(
            payments,
            rows,
            parts.train,
            fitting,
            lambda share, number=number: told((number + share) / len(starts)),  # type: ignore[misc]
        )
        scores = fitted.score(rows[parts.test])
        tested.append(
            judge(payments, parts.test, scores, first_day, len(parts.train), fitted.version)
        )
    return _report(tested, fitting, chance)


def judge(
    payments: Payments,
    test: NDArray[np.int64],
    scores: NDArray[np.float64],
    first_day: int,
    train: int,
    model: str,
) -> Week:
    """A week's figures from the scores of its rows."""
    labels, day, card = payments.fraud[test], payments.day[test], payments.card[test]
    found = daily_hits(day, card, labels, scores, CARDS)
    best = daily_hits(day, card, labels, labels.astype(np.float64), CARDS)
    return Week(
        first_day,
        train,
        len(test),
        int(labels.sum()),
        auc(labels, scores),
        average_precision(labels, scores),
        float(np.mean([hits for hits, _ in found])) / CARDS,
        float(np.mean([hits for hits, _ in best])) / CARDS,
        calibration_error(reliability(labels, scores)),
        model,
    )


def _report(weeks: Sequence[Week], fitting: Fitting, chance: np.random.Generator) -> Report:
    columns = {
        name: np.array([getattr(week, name) for week in weeks], np.float64)
        for name in ("auc", "ap", "cp100", "cp100_best")
    }

    def interval(name: str) -> Interval:
        values = columns[name]
        return bootstrap(len(weeks), lambda drawn: float(values[drawn].mean()), chance)

    means = {name: float(values.mean()) for name, values in columns.items()}
    intervals = {name: interval(name) for name in ("auc", "ap", "cp100")}
    return Report(
        **means,
        intervals=intervals,
        weeks=tuple(weeks),
        label_delay_days=LABEL_DELAY_DAYS,
        features=NAMES,
        fitting=fitting,
        configurations_tried=CONFIGURATIONS_TRIED,
    )
