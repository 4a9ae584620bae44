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
from tallystick.watch.detect.orders.size.kernels import nearest

WINDOW = 128
"""Recent prices of a pair and sort that make its habit."""
OWN_WINDOW = 32
"""Recent limits of a book that make its own habit."""
AGGRESSIVE, PASSIVE, FILL = range(3)
"""Sorts of prices: a limit that pays more than the market asks, one that waits, a fill."""
SPREAD_MIN = 0.5
"""In logarithms of distances: a pair always limited at the touch may vary by some points."""
SPREAD_PRIOR = 0.6
SPREAD_PRIOR_WEIGHT = 10.0
LIMIT_BPS_MIN = 25.0
FILL_BPS_MIN = 10.0
"""A price nearer to the market than this is never odd, however tight the pair usually is."""
GROSS_BPS = 1_000.0
GROSS_P = 1e-7
"""A price 10 % from the market is odd in a pair without a habit, too; it is called so rare."""
VOLATILITY_SECONDS = 60.0
SCALE_BPS_MIN = 0.2
"""Distances are measured in no finer unit than this."""
BPS = 10_000.0


class Market(NamedTuple):
    """What is known of each pair: last mid and when, and the faded sum of its squared returns."""

    mid: NDArray[np.float64]
    at: NDArray[np.float64]
    squares: NDArray[np.float64]


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
    known = market.mid[pair]
    if known > 0:
        change = min(max(math.log(mid / known), -1.0), 1.0)
        market.squares[pair] += change * change
    market.mid[pair] = mid
    market.at[pair] = newest(market.at[pair], at)
    return math.sqrt(market.squares[pair]) * BPS


@compiled
def deviation(
    ordered: NDArray[np.float32], number: int, value: float
) -> float:
    """Spreads above the usual distance."""
    own = shrunk(spread(ordered, number), number, SPREAD_PRIOR, SPREAD_PRIOR_WEIGHT)
    return (value - median(ordered, number)) / max(own, SPREAD_MIN)


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
        half = (ask - bid) / 2 / mid * BPS
        scale = max(half, volatility, SCALE_BPS_MIN)
        value = math.log1p(bps / scale)
        sort = FILL
        if limited:
            sort = AGGRESSIVE if signed * columns.side[row] > half else PASSIVE
        ring, ordered = sorts.windows.ring[pair, sort], sorts.windows.ordered[pair, sort]
        taken = sorts.windows.count[pair, sort]
        number = min(taken, WINDOW)
        book = columns.book[row]
        mine = min(own.count[book], OWN_WINDOW)
        odd_from = max(LIMIT_BPS_MIN if limited else FILL_BPS_MIN, 2 * half)
        if number >= WARM_UP:
            away = deviation(ordered, number, value)
            if limited and mine >= WARM_UP:
                away = min(away, deviation(own.ordered[book], mine, value))
            tail = tails[sort]
            p_value = tail_p(tail, away)
            tail_learn(tail, away)
            if p_value <= 1e-3:
                if bps < odd_from:
                    p_value = max(p_value, 1e-3)
                p_value = max(p_value, habit(ordered, number, value))
            out.p[row] = p_value
        elif bps >= GROSS_BPS:
            out.p[row] = GROSS_P
        if out.p[row] <= alarm_p:
            twentieth = number // 20
            out.came[row] = signed
            out.low[row] = math.expm1(ordered[twentieth]) * scale if number else 0.0
            out.high[row] = math.expm1(ordered[number - 1 - twentieth]) * scale if number else 0.0
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
        if limited:
            add(own.ring[book], own.ordered[book], own.count[book], value)
            own.count[book] += 1
