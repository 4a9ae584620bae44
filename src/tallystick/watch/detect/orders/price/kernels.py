"""How far a price is from the market, by the measure of its pair, its volatility and its account."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import (
    ACCOUNT,
    CANCELLED,
    DECIDED,
    EXPIRED,
    FILLED,
    SKIP,
    Columns,
)
from tallystick.watch.detect.orders.kernels import (
    WARM_UP,
    Tail,
    Windows,
    add,
    elapsed,
    faded,
    habit,
    median,
    newest,
    shrunk,
    spread,
    tail_learn,
    tail_p,
)
from tallystick.watch.detect.orders.look import Out

WINDOW = 128
"""Recent prices of a pair and sort that make its habit."""
OWN_WINDOW = 32
"""Recent waiting limits of a book that make its own habit."""
AGGRESSIVE, PASSIVE, FILL = range(3)
"""Sorts of prices: a limit that pays more than the market asks, one that waits, a fill.

What waits far away is a level that somebody has in mind: it is measured, and never an alarm."""
SPREAD_MIN = 0.5
"""In logarithms of distances: a pair always limited at the touch may vary by some points."""
SPREAD_PRIOR = 0.6
"""What the spread of waiting limits is drawn towards ..."""
SPREAD_PRIOR_WEIGHT = 10.0
"""... as if that had been seen in so many."""
UNITS_MIN = 1.0
"""Smallest spread of other prices, in units of what the market moves or costs."""
BPS_MIN = 25.0
"""A price nearer to the market than this is never odd, however tight the pair usually is."""
GROSS_BPS = 1_000.0
GROSS_P = 1e-7
"""A price 10 % from the market is odd in a pair without a habit, too; it is called so rare."""
VOLATILITY_SECONDS = 60.0
SCALE_BPS_MIN = 0.2
"""Distances are measured in no finer unit than this."""
BPS = 10_000.0


class Market(NamedTuple):
    """What is known of each pair: last mid and when, the faded sum of its squared returns, and
    the largest gap between two mids of late (faded; basis points)."""

    mid: NDArray[np.float64]
    at: NDArray[np.float64]
    squares: NDArray[np.float64]
    gap: NDArray[np.float64]


class Sorts(NamedTuple):
    """A window for each pair and sort of price, and where its values stand on the ledger."""

    windows: Windows
    at: NDArray[np.float64]
    position: NDArray[np.int64]
    bps: NDArray[np.float32]


@compiled
def move(market: Market, pair: int, at: float, mid: float) -> float:
    """Take a new mid in; the volatility of the last minute in basis points."""
    seconds = elapsed(market.at[pair], at)
    market.squares[pair] = faded(market.squares[pair], seconds, VOLATILITY_SECONDS)
    market.gap[pair] = faded(market.gap[pair], seconds, VOLATILITY_SECONDS)
    known = market.mid[pair]
    if known > 0:
        change = min(max(math.log(mid / known), -1.0), 1.0)
        market.gap[pair] = max(market.gap[pair], abs(change) * BPS)
        # A move over a longer time counts as what it comes to a minute.
        part = VOLATILITY_SECONDS / max(seconds, VOLATILITY_SECONDS)
        market.squares[pair] += change * change * part
    market.mid[pair] = mid
    market.at[pair] = newest(market.at[pair], at)
    return math.sqrt(market.squares[pair]) * BPS


@compiled
def nearest(ring: NDArray[np.float32], number: int, value: float) -> int:
    """Which of the first `number` values is nearest to `value`."""
    best = 0
    for each in range(1, number):
        if abs(ring[each] - value) < abs(ring[best] - value):
            best = each
    return best


@compiled
def measured(sort: int, units: float) -> float:
    """A distance on the scale of its sort: waiting limits spread over orders of magnitude."""
    return math.log1p(units) if sort == PASSIVE else min(units, 1e6)


@compiled
def in_units(sort: int, value: float) -> float:
    """The inverse of `measured`."""
    return math.expm1(value) if sort == PASSIVE else value


@compiled
def deviation(sort: int, ordered: NDArray[np.float32], number: int, value: float) -> float:
    """Spreads above the usual distance."""
    middle, own = median(ordered, number), spread(ordered, number)
    if sort == PASSIVE:
        own = max(shrunk(own, number, SPREAD_PRIOR, SPREAD_PRIOR_WEIGHT), SPREAD_MIN)
    else:
        own = max(own, middle / 2, UNITS_MIN)
    return (value - middle) / own


@compiled
def judge(  # noqa: PLR0913  a kernel takes its state by parts
    columns: Columns,
    market: Market,
    sorts: Sorts,
    own: Windows,
    tails: tuple[Tail, Tail, Tail],
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of each own limit, and of each fill's price."""
    for row in range(columns.kind.shape[0]):
        out.p[row] = math.nan
        kind, pair = columns.kind[row], columns.pair[row]
        bid, ask = columns.bid[row], columns.ask[row]
        if kind == SKIP or kind == ACCOUNT or not (bid <= ask):
            continue
        mid = (bid + ask) / 2
        volatility = move(market, pair, columns.at[row], mid)
        if kind == CANCELLED or kind == EXPIRED or (kind != DECIDED and kind != FILLED):
            continue
        limited = kind == DECIDED and columns.limit[row] > 0
        price = columns.limit[row] if limited else columns.fill[row]
        if not price > 0 or (kind == DECIDED and columns.own[row] == 0):
            continue
        signed = (price / mid - 1) * BPS
        bps = abs(signed)
        if kind == FILLED:  # a waiting order is filled at its price, wherever the market jumped to
            bps = max(bps - market.gap[pair], 0.0)
        half = (ask - bid) / 2 / mid * BPS
        scale = max(half, volatility, SCALE_BPS_MIN)
        sort = FILL
        if limited:
            sort = AGGRESSIVE if signed * columns.side[row] > half else PASSIVE
        value = measured(sort, bps / scale)
        ring, ordered = sorts.windows.ring[pair, sort], sorts.windows.ordered[pair, sort]
        taken = sorts.windows.count[pair, sort]
        number = min(taken, WINDOW)
        book = columns.book[row]
        mine = min(own.count[book], OWN_WINDOW)
        odd_from = max(BPS_MIN, 2 * half)
        if number >= WARM_UP:
            away = deviation(sort, ordered, number, value)
            if sort == PASSIVE and mine >= WARM_UP:
                away = min(away, deviation(sort, own.ordered[book], mine, value))
            tail = tails[sort]
            p_value = tail_p(tail, away)
            tail_learn(tail, away)
            if p_value <= 1e-3:
                if sort == PASSIVE or bps < odd_from:
                    p_value = max(p_value, 1e-3)
                p_value = max(p_value, habit(ordered, number, value))
            out.p[row] = p_value
        elif bps >= GROSS_BPS:
            out.p[row] = GROSS_P
        if out.p[row] <= alarm_p:
            twentieth = number // 20
            out.came[row] = signed
            out.low[row] = out.high[row] = 0.0
            if number:
                out.low[row] = in_units(sort, ordered[twentieth]) * scale
                out.high[row] = in_units(sort, ordered[number - 1 - twentieth]) * scale
            out.extra[row, 0] = price
            out.extra[row, 1] = bps / max(2 * half, 1e-9)
            out.extra[row, 2] = volatility
            out.extra[row, 3] = sort
            out.extra[row, 4] = number
            out.example_position[row] = -1
            if number:
                at = nearest(ring, number, value)
                out.example_at[row] = sorts.at[pair, sort, at]
                out.example_position[row] = sorts.position[pair, sort, at]
                out.example_value[row] = sorts.bps[pair, sort, at]
        place = taken % WINDOW
        add(ring, ordered, taken, value)
        sorts.at[pair, sort, place] = columns.at[row]
        sorts.position[pair, sort, place] = columns.position[row]
        sorts.bps[pair, sort, place] = signed
        sorts.windows.count[pair, sort] = taken + 1
        if sort == PASSIVE:
            add(own.ring[book], own.ordered[book], own.count[book], value)
            own.count[book] += 1
