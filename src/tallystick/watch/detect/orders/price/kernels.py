"""How far a price is from the market, by the measure of its pair and of its account."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import DECIDED, FILLED, SKIP, Columns, Row
from tallystick.watch.detect.orders.kernels import (
    UNLIKELY_P,
    WARM_UP,
    Numbers,
    Tail,
    Windows,
    add,
    elapsed,
    faded,
    habit,
    is_order,
    median,
    newest,
    shrunk,
    spread,
    tail_learn,
    tail_p,
    take,
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
UNITS_MAX = 1e6
"""A distance is counted as no more units than this."""
UNITS_MIN = 1.0
"""Smallest spread of other prices, in units of what the market moves or costs."""
BPS_MIN = 25.0
"""A price nearer to the market than this is never odd, however tight the pair usually is."""
GROSS_BPS = 250.0
GROSS_P = 1e-7
"""A price 2.5 % through the market is odd in a pair without a habit, too; it is called so rare."""
VOLATILITY_SECONDS = 60.0
SCALE_BPS_MIN = 0.2
"""Distances are measured in no finer unit than this."""
BPS = 10_000.0


class Market(NamedTuple):
    """What is known of each pair.

    Its last mid and when, the faded sum of its squared returns, and the largest gap between two
    mids of late (faded; basis points).
    """

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


@inlined
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


@inlined
def nearest(ring: NDArray[np.float32], number: int, value: float) -> int:
    """Which of the first `number` values is nearest to `value`."""
    best = 0
    for each in range(1, number):
        if abs(ring[each] - value) < abs(ring[best] - value):
            best = each
    return best


@inlined
def measured(sort: int, units: float) -> float:
    """A distance on the scale of its sort: waiting limits spread over orders of magnitude."""
    return math.log1p(units) if sort == PASSIVE else min(units, UNITS_MAX)


@inlined
def in_units(sort: int, value: float) -> float:
    """The inverse of `measured`."""
    return math.expm1(value) if sort == PASSIVE else value


@inlined
def deviation(sort: int, ordered: Numbers, number: int, value: float) -> float:
    """Spreads above the usual distance."""
    middle, own = median(ordered, number), spread(ordered, number)
    if sort == PASSIVE:
        own = max(shrunk(own, number, SPREAD_PRIOR, SPREAD_PRIOR_WEIGHT), SPREAD_MIN)
    else:
        own = max(own, middle / 2, UNITS_MIN)
    return (value - middle) / own


@inlined
def sort_of(seen: Row, signed: float, half: float) -> int:
    """Which sort of price the row has; -1 where it has none of its client's."""
    kind = seen.kind
    if kind == DECIDED and seen.own == 1 and seen.limit > 0:
        return AGGRESSIVE if signed * seen.side > half else PASSIVE
    dealt = kind == FILLED or is_order(seen)
    return FILL if dealt and seen.fill > 0 else -1


@inlined
def price_of(seen: Row) -> float:
    """The limit of an order when it is decided, else the price of its fill; NaN for neither."""
    limited = seen.kind == DECIDED and seen.limit > 0
    return float(seen.limit if limited else seen.fill)


@inlined
def judge_price(
    seen: Row,
    sort: int,
    value: float,
    bps: float,
    odd_from: float,
    sorts: Sorts,
    own: Windows,
    tails: tuple[Tail, Tail, Tail],
) -> float:
    """The p-value of a price of this sort; the tail learns it. NaN for a pair without a habit."""
    pair, book = seen.pair, seen.book
    ordered = sorts.windows.ordered[pair, sort]
    number = min(sorts.windows.taken[pair, sort], WINDOW)
    if number < WARM_UP:
        return GROSS_P if bps >= GROSS_BPS and sort != PASSIVE else math.nan
    away = deviation(sort, ordered, number, value)
    mine = min(own.taken[book], OWN_WINDOW)
    if sort == PASSIVE and mine >= WARM_UP:
        away = min(away, deviation(sort, own.ordered[book], mine, value))
    p_value = tail_p(tails[sort], away)
    tail_learn(tails[sort], away)
    if p_value <= UNLIKELY_P:
        p_value = max(p_value, habit(ordered, number, value))
        if sort == PASSIVE or bps < odd_from:
            p_value = max(p_value, UNLIKELY_P)
    return p_value


@inlined
def tell_case(
    sorts: Sorts, pair: int, sort: int, value: float, scale: float, out: Out, row: int
) -> None:
    """Leave what is usual for prices of this sort, and the one nearest to this."""
    number = min(sorts.windows.taken[pair, sort], WINDOW)
    out.extra[row, 3], out.extra[row, 4] = sort, number
    out.low[row] = out.high[row] = 0.0
    out.example_position[row] = -1
    if number:
        ordered, twentieth = sorts.windows.ordered[pair, sort], number // 20
        out.low[row] = in_units(sort, ordered[twentieth]) * scale
        out.high[row] = in_units(sort, ordered[number - 1 - twentieth]) * scale
        at = nearest(sorts.windows.ring[pair, sort], number, value)
        out.example_at[row] = sorts.at[pair, sort, at]
        out.example_position[row] = sorts.position[pair, sort, at]
        out.example_value[row] = sorts.bps[pair, sort, at]


@inlined
def learn(seen: Row, sort: int, value: float, signed: float, sorts: Sorts, own: Windows) -> None:
    """Let the price count in the habits of its pair and sort, and a waiting one in its book's."""
    pair = seen.pair
    windows, taken = sorts.windows, sorts.windows.taken[pair, sort]
    place = taken % WINDOW
    add(windows.ring[pair, sort], windows.ordered[pair, sort], taken, value)
    windows.taken[pair, sort] = taken + 1
    sorts.at[pair, sort, place] = seen.at
    sorts.position[pair, sort, place] = seen.position
    sorts.bps[pair, sort, place] = signed
    if sort == PASSIVE:
        take(own, seen.book, value)


@compiled
def judge(
    columns: Columns,
    market: Market,
    sorts: Sorts,
    own: Windows,
    tails: tuple[Tail, Tail, Tail],
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of each own limit, and of each fill's price."""
    for row in range(columns.shape[0]):
        seen = columns[row]
        out.p[row] = math.nan
        pair, bid, ask = seen.pair, seen.bid, seen.ask
        if seen.kind == SKIP or not bid <= ask:
            continue
        mid = (bid + ask) / 2
        volatility = move(market, pair, seen.at, mid)
        price = price_of(seen)
        signed, half = (price / mid - 1) * BPS, (ask - bid) / 2 / mid * BPS
        sort = sort_of(seen, signed, half)
        if sort < 0 or not price > 0:
            continue
        bps = abs(signed)
        if seen.kind == FILLED:
            # A waiting order is filled at its price, wherever the market jumped to.
            bps = max(bps - market.gap[pair], 0.0)
        scale = max(half, volatility, SCALE_BPS_MIN)
        value = measured(sort, bps / scale)
        odd_from = max(BPS_MIN, 2 * half)
        p_value = judge_price(seen, sort, value, bps, odd_from, sorts, own, tails)
        out.p[row] = p_value
        if p_value <= alarm_p:
            out.came[row] = signed
            out.extra[row, 0] = price
            out.extra[row, 1] = bps / max(2 * half, 1e-9)
            out.extra[row, 2] = volatility
            tell_case(sorts, pair, sort, value, scale, out, row)
        learn(seen, sort, value, signed, sorts, own)
