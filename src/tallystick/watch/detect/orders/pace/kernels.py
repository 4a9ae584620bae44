"""How many orders came just now, over four spans, against the account's own rhythm."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import DECIDED, Columns
from tallystick.watch.detect.orders.kernels import (
    WARM_UP,
    Tail,
    elapsed,
    faded,
    keep,
    newest,
    tail_learn,
    tail_p,
    tell,
)
from tallystick.watch.detect.orders.look import Out

SPANS = (1.0, 10.0, 60.0, 3_600.0)
"""Seconds over which the counts fade."""
BURST_ORDERS_MIN = (8.0, 10.0, 15.0, 50.0)
"""Faded counts below these are no burst, however quiet the account usually is."""
QUIET_MAX = 5.0
"""What such a count may come to at most: it teaches the tail, and never alarms."""
HABIT_ORDERS = 200.0
"""Orders over which the usual counts are averaged."""
LEARN_SECONDS = 60.0
"""Neighbouring counts are nearly the same number: of an account the tail takes one in this time."""
CLIP = 3.0
"""A count is learnt as no more than so many spreads above the usual one."""


class Rhythm(NamedTuple):
    """Of each account: faded counts a span, the usual one of each, and its dispersion (variance
    over mean; 1 for a Poisson law)."""

    last: NDArray[np.float64]
    learnt: NDArray[np.float64]
    orders: NDArray[np.int64]
    counts: NDArray[np.float64]
    mean: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    case: NDArray[np.int64]


@compiled
def surplus(count: float, usual: float, dispersion: float) -> float:
    """The Poisson log-likelihood ratio of a count above the usual one, over its dispersion.

    The chance of so large a count falls like exp(-surplus) (Chernoff), whatever the mean.
    """
    if count <= usual:
        return 0.0
    return (count * math.log(count / usual) - count + usual) / max(dispersion, 1.0)


@compiled
def judge(columns: Columns, rhythm: Rhythm, tail: Tail, out: Out, alarm_p: float) -> None:
    """The p-value of the pace at each own order."""
    for row in range(columns.kind.shape[0]):
        out.p[row] = math.nan
        if columns.kind[row] != DECIDED or columns.own[row] == 0:
            continue
        account, at = columns.account[row], columns.at[row]
        orders = rhythm.orders[account]
        seconds = elapsed(rhythm.last[account], at) if orders else 0.0
        rhythm.last[account] = newest(rhythm.last[account], at) if orders else at
        keep(rhythm.case[account], orders, columns.position[row])
        rhythm.orders[account] = orders + 1
        worst, fastest = 0.0, 0
        pace = 1 / min(orders + 1.0, HABIT_ORDERS)
        for span in range(len(SPANS)):
            count = faded(rhythm.counts[account, span], seconds, SPANS[span]) + 1
            rhythm.counts[account, span] = count
            usual = rhythm.mean[account, span] if orders else 1.0
            around = rhythm.dispersion[account, span] if orders else 1.0
            away = surplus(count, usual, around)
            if count < BURST_ORDERS_MIN[span]:
                away = min(away, QUIET_MAX)
            if away > worst:
                worst, fastest = away, span
                out.high[row] = usual + 2 * math.sqrt(max(around, 1.0) * usual)
            change = count - usual
            if orders >= WARM_UP:
                change = min(change, CLIP * math.sqrt(max(around, 1.0) * usual))
            rhythm.mean[account, span] = usual + pace * change
            rhythm.dispersion[account, span] = around + pace * (change * change / usual - around)
        if orders < WARM_UP:
            continue
        p_value = tail_p(tail, worst)
        if not 0 <= at - rhythm.learnt[account] < LEARN_SECONDS:
            tail_learn(tail, worst)
            rhythm.learnt[account] = at
        count = rhythm.counts[account, fastest]
        if worst <= QUIET_MAX:
            p_value = max(p_value, 1e-3)
        out.p[row] = p_value
        if p_value <= alarm_p:
            out.came[row] = count
            out.low[row] = 0.0
            out.extra[row, 0] = SPANS[fastest]
            out.extra[row, 1] = worst
            tell(rhythm.case[account], orders + 1, int(count), out.case[row])
