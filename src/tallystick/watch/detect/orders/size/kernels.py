"""How far an order's size is from its account's usual one in the pair."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import DECIDED, Columns
from tallystick.watch.detect.orders.kernels import (
    WARM_UP,
    Tail,
    Windows,
    add,
    habit,
    median,
    shrunk,
    spread,
    tail_learn,
    tail_p,
)
from tallystick.watch.detect.orders.look import Out

WINDOW = 48
"""Recent orders that make a book's habit."""
PAIR_WINDOW = 256
"""Recent orders of everybody that make a pair's habit."""
SPREAD_MIN = 0.25
"""In logarithms: who always trades the same size may still vary by a factor e**0.25."""
SPREAD_PRIOR = 0.6
"""What a book's spread is drawn towards ..."""
SPREAD_PRIOR_WEIGHT = 10.0
"""... as if that had been seen in so many orders."""
STRANGER_TIMES = 1_000.0
"""An order of an account without a habit is odd beyond so many times anybody's usual largest."""
STRANGER_SEEN_MIN = 100
"""Orders of others in the pair before anything can be said of a stranger."""
STRANGER_P = 1e-7
"""How rare such an order is called."""


class Books(NamedTuple):
    """Log quantities of a book's last orders, and where they stand on the ledger."""

    windows: Windows
    at: NDArray[np.float64]
    position: NDArray[np.int64]


@compiled
def nearest(ring: NDArray[np.float32], number: int, value: float) -> int:
    """Which of the first `number` values is nearest to `value`."""
    best = 0
    for each in range(1, number):
        if abs(ring[each] - value) < abs(ring[best] - value):
            best = each
    return best


@compiled
def judge(  # noqa: PLR0913  a kernel takes its state by parts
    columns: Columns, books: Books, pairs: Windows, tail: Tail, out: Out, alarm_p: float
) -> None:
    """The p-value of each own order's size."""
    for row in range(columns.kind.shape[0]):
        out.p[row] = math.nan
        if columns.kind[row] != DECIDED or columns.own[row] == 0:
            continue
        book, pair = columns.book[row], columns.pair[row]
        value = math.log(columns.quantity[row])
        ring, ordered = books.windows.ring[book], books.windows.ordered[book]
        taken = books.windows.count[book]
        number = min(taken, WINDOW)
        if number >= WARM_UP:
            own = shrunk(spread(ordered, number), number, SPREAD_PRIOR, SPREAD_PRIOR_WEIGHT)
            deviation = (value - median(ordered, number)) / max(own, SPREAD_MIN)
            p_value = tail_p(tail, deviation)
            tail_learn(tail, deviation)
            if p_value <= 1e-3:
                p_value = max(p_value, habit(ordered, number, value))
            out.p[row] = p_value
            if p_value <= alarm_p:
                twentieth = number // 20
                out.low[row] = math.exp(ordered[twentieth])
                out.high[row] = math.exp(ordered[number - 1 - twentieth])
                out.extra[row, 0] = 0.0
                out.extra[row, 1] = deviation
                at = nearest(ring, number, value)
                out.example_at[row] = books.at[book, at]
                out.example_position[row] = books.position[book, at]
                out.example_value[row] = math.exp(ring[at])
        elif pairs.count[pair] >= STRANGER_SEEN_MIN:
            known = min(pairs.count[pair], PAIR_WINDOW)
            everybody = pairs.ordered[pair]
            largest = everybody[known - 1 - known // 64]
            if value - largest >= math.log(STRANGER_TIMES):
                out.p[row] = STRANGER_P
                out.low[row] = math.exp(everybody[known // 20])
                out.high[row] = math.exp(everybody[known - 1 - known // 20])
                out.extra[row, 0] = 1.0
                out.extra[row, 1] = value - largest
                out.example_position[row] = -1
        out.came[row] = columns.quantity[row]
        place = taken % WINDOW
        add(ring, ordered, taken, value)
        books.at[book, place] = columns.at[row]
        books.position[book, place] = columns.position[row]
        books.windows.count[book] = taken + 1
        add(pairs.ring[pair], pairs.ordered[pair], pairs.count[pair], value)
        pairs.count[pair] += 1
