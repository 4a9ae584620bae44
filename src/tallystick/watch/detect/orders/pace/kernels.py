"""How many orders came just now, over four spans, against the account's own rhythm."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.kernels import (
    UNLIKELY_P,
    WARM_UP,
    Tail,
    elapsed,
    faded,
    is_order,
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
HABIT_GAP_SECONDS = 0.5
"""Orders nearer to each other than this count less in that average: a burst of hundreds within a
second is no habit."""
YOUNG_SPANS = 3.0
"""While an account is known for less than this, a count only grows, and is followed as it does."""
STORM_PACE = 0.1
"""Beyond that an order teaches only a tenth: a storm is no habit yet."""
LEARN_SECONDS = 60.0
"""Neighbouring counts are nearly the same number: of an account the tail takes one in this time."""
CLIP = 3.0
"""A count is learnt as no more than so many spreads above the usual one."""


class Rhythm(NamedTuple):
    """Of each account: faded counts a span, and what is usual of each.

    `dispersion` is the variance over the mean; 1 for a Poisson law.
    """

    since: NDArray[np.float64]
    last: NDArray[np.float64]
    learnt: NDArray[np.float64]
    orders: NDArray[np.int64]
    counts: NDArray[np.float64]
    mean: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    case: NDArray[np.int64]


@inlined
def surplus(count: float, usual: float, dispersion: float) -> float:
    """The Poisson log-likelihood ratio of a count above the usual one, over its dispersion.

    The chance of so large a count falls like exp(-surplus) (Chernoff), whatever the mean; so no
    p-value is smaller, however few surpluses the tail has seen.
    """
    if count <= usual:
        return 0.0
    return (count * math.log(count / usual) - count + usual) / max(dispersion, 1.0)


@inlined
def weight_of(orders: int, span: float, seconds: float, age: float) -> float:
    """How much an order counts in what is usual, `seconds` after the last one."""
    share = 1 / min(orders + 1.0, HABIT_ORDERS)
    if age < YOUNG_SPANS * span:
        return share
    return share * min(1.0, seconds / HABIT_GAP_SECONDS)


@inlined
def learn(
    rhythm: Rhythm, account: int, span: int, count: float, away: float, weight: float
) -> None:
    """Let a count move what is usual; a storm only moves it a little."""
    usual, around = rhythm.mean[account, span], rhythm.dispersion[account, span]
    learnt = weight if away <= QUIET_MAX else STORM_PACE * weight
    change = min(count - usual, CLIP * math.sqrt(max(around, 1.0) * usual))
    rhythm.mean[account, span] = usual + learnt * change
    rhythm.dispersion[account, span] = around + learnt * (change * change / usual - around)


@inlined
def weigh(
    rhythm: Rhythm, account: int, at: float, seconds: float, out: Out, row: int
) -> tuple[float, int]:
    """The largest surplus of all spans, and of which; then they learn this order."""
    worst, fastest = 0.0, 0
    orders, age = rhythm.orders[account], elapsed(rhythm.since[account], at)
    for span in range(len(SPANS)):
        if not orders:
            rhythm.mean[account, span] = rhythm.dispersion[account, span] = 1.0
        count = faded(rhythm.counts[account, span], seconds, SPANS[span]) + 1
        rhythm.counts[account, span] = count
        usual, around = rhythm.mean[account, span], rhythm.dispersion[account, span]
        away = surplus(count, usual, around)
        if count < BURST_ORDERS_MIN[span]:
            away = min(away, QUIET_MAX)
        if away > worst:
            worst, fastest = away, span
            out.high[row] = usual + 2 * math.sqrt(max(around, 1.0) * usual)
        weight = weight_of(orders, SPANS[span], seconds, age)
        learn(rhythm, account, span, count, away, weight)
    return worst, fastest


@compiled
def judge(columns: Columns, rhythm: Rhythm, tail: Tail, out: Out, alarm_p: float) -> None:
    """The p-value of the pace at each own order."""
    for row in range(columns.shape[0]):
        seen = columns[row]
        out.p[row] = math.nan
        if not is_order(seen):
            continue
        account, at = seen.account, seen.at
        orders = rhythm.orders[account]
        if not orders:
            rhythm.since[account] = rhythm.last[account] = at
        seconds = elapsed(rhythm.last[account], at)
        rhythm.last[account] = newest(rhythm.last[account], at)
        keep(rhythm.case[account], orders, seen.position)
        worst, fastest = weigh(rhythm, account, at, seconds, out, row)
        rhythm.orders[account] = orders + 1
        if orders < WARM_UP:
            continue
        p_value = max(tail_p(tail, worst), math.exp(-worst))
        if not 0 <= at - rhythm.learnt[account] < LEARN_SECONDS:
            tail_learn(tail, worst)
            rhythm.learnt[account] = at
        if worst <= QUIET_MAX:
            p_value = max(p_value, UNLIKELY_P)
        out.p[row] = p_value
        if p_value <= alarm_p:
            count = rhythm.counts[account, fastest]
            out.came[row] = count
            out.low[row] = 0.0
            out.extra[row, 0], out.extra[row, 1] = SPANS[fastest], worst
            tell(rhythm.case[account], orders + 1, int(count), out.case[row])
