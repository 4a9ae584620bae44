"""How far an order's size is from its account's usual one in the pair."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import (
    ACCOUNT,
    DECIDED,
    DOLLAR,
    REJECTED,
    SKIP,
    Columns,
)
from tallystick.watch.detect.orders.exposure.kernels import learn_rate
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
EXAMPLES = 16
"""The last orders of a book of which it is known where they stand."""
BOOK_ORDERS_MIN = 12
"""With fewer, an order is held against the account's orders in all pairs, in US dollars."""
PAIR_WINDOW = 256
"""Recent orders of everybody that make a pair's habit."""
SPREAD_MIN = 0.25
"""In logarithms: who always trades the same size may still vary by a factor e**0.25."""
SPREAD_PRIOR = 0.6
"""What an account's spread is drawn towards ..."""
SPREAD_PRIOR_WEIGHT = 10.0
"""... as if that had been seen in so many orders; and a book's spread towards its account's."""
STRANGER_TIMES = 1_000.0
"""An order of an account without a habit is odd beyond so many times anybody's usual largest."""
STRANGER_SEEN_MIN = 100
"""Orders of others in the pair before anything can be said of a stranger."""
STRANGER_P = 1e-7
"""How rare such an order is called."""
LARGE_P = 0.02
"""An order is large that is as rare as this; then what becomes of it says more."""
PUT_RIGHT = (0.9, 0.99)
"""Shares of an order that are dealt back when it had one or two zeros too many."""
PUT_RIGHT_WITHIN = 0.005
"""So near (in logarithms) the share must be met."""
PUT_RIGHT_SECONDS = 1_800.0
TWICE_PRIOR = 0.05
"""Large orders believed to have been put right, or refused for their size, before any was seen."""
LARGE_PRIOR = 20.0
"""Large orders among which those are believed to have been."""


class Books(NamedTuple):
    """Log quantities of a book's last orders and where they stand, and its last large order."""

    windows: Windows
    at: NDArray[np.float64]
    position: NDArray[np.int64]
    large: NDArray[np.float64]
    large_position: NDArray[np.int64]


class Accounts(NamedTuple):
    """Logarithms of an account's last orders in US dollars, and their distances from their books'
    medians."""

    dollars: Windows
    around: Windows


class Shared(NamedTuple):
    """What currencies are worth in US dollars; large orders seen, refused, put right."""

    rates: NDArray[np.float64]
    twice: NDArray[np.float64]


LARGE, REFUSED, RIGHTED = range(3)
L_AT, L_SIZE, L_SIDE, L_P = range(4)
"""What is known of a book's last large order: when, log quantity, side, p-value."""


@compiled
def nearest(ring: NDArray[np.float32], taken: int, value: float) -> int:
    """Which of the last EXAMPLES values, counted from the first ever taken, is nearest."""
    best = taken - 1
    for each in range(max(taken - EXAMPLES, 0), taken):
        if abs(ring[each % WINDOW] - value) < abs(ring[best % WINDOW] - value):
            best = each
    return best


@compiled
def deviation(ordered: NDArray[np.float32], number: int, value: float, around: float) -> float:
    """Spreads above the median, the spread drawn towards `around`."""
    own = shrunk(spread(ordered, number), number, around, SPREAD_PRIOR_WEIGHT)
    return (value - median(ordered, number)) / max(own, SPREAD_MIN)


@compiled
def put_right(book: NDArray[np.float64], at: float, side: int, value: float) -> bool:
    """Whether this order deals back what a large one had too much."""
    if book[L_SIDE] != -side or side == 0 or not 0 <= at - book[L_AT] <= PUT_RIGHT_SECONDS:
        return False
    for part in PUT_RIGHT:
        if abs(value - book[L_SIZE] - math.log(part)) <= PUT_RIGHT_WITHIN:
            return True
    return False


@compiled
def again(shared: Shared, what: int) -> float:
    """Of the large orders, how many are refused for their size, or put right."""
    return (shared.twice[what] + TWICE_PRIOR) / (shared.twice[LARGE] + LARGE_PRIOR)


@compiled
def judge(  # noqa: C901, PLR0912, PLR0913, PLR0915  one walk over the batch
    columns: Columns,
    books: Books,
    accounts: Accounts,
    pairs: Windows,
    shared: Shared,
    tail: Tail,
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of each own order's size."""
    for row in range(columns.kind.shape[0]):
        out.p[row] = math.nan
        if columns.kind[row] != SKIP and columns.kind[row] != ACCOUNT:
            learn_rate(shared.rates, columns, row)
        if columns.kind[row] != DECIDED or columns.own[row] == 0:
            continue
        book, pair, account = columns.book[row], columns.pair[row], columns.account[row]
        at, side = columns.at[row], columns.side[row]
        value = math.log(columns.quantity[row])
        rate = shared.rates[columns.base[row]] if columns.base[row] != DOLLAR else 1.0
        dollars = value + math.log(rate) if rate > 0 else value
        ring, ordered = books.windows.ring[book], books.windows.ordered[book]
        taken = books.windows.count[book]
        number = min(taken, WINDOW)
        everywhere = min(accounts.dollars.count[account], WINDOW)
        about = accounts.dollars.ordered[account]
        known = min(pairs.count[pair], PAIR_WINDOW)
        around = SPREAD_PRIOR
        apart = min(accounts.around.count[account], WINDOW)
        if apart >= WARM_UP:
            around = shrunk(
                spread(accounts.around.ordered[account], apart), apart, SPREAD_PRIOR,
                SPREAD_PRIOR_WEIGHT,
            )  # fmt: skip
        large = books.large[book]
        if everywhere >= WARM_UP:
            if number >= BOOK_ORDERS_MIN:
                away = deviation(ordered, number, value, around)
                usual = habit(ordered, number, value)
            else:
                away = deviation(about, everywhere, dollars, SPREAD_PRIOR)
                usual = habit(about, everywhere, dollars)
            p_value = tail_p(tail, away)
            tail_learn(tail, away)
            if p_value <= 1e-3:
                p_value = max(p_value, usual)
            how = 0.0
            first = p_value
            if p_value <= LARGE_P:
                shared.twice[LARGE] += 1
                if columns.oversize[row] == 1:
                    how = 1.0
                    p_value = max(first * again(shared, REFUSED), 1e-12)
                    shared.twice[REFUSED] += 1.0 if p_value > alarm_p else 0.1
            if put_right(large, at, side, value):
                righted = max(large[L_P] * again(shared, RIGHTED), 1e-12)
                shared.twice[RIGHTED] += 1.0 if righted > alarm_p else 0.1
                if righted < p_value:
                    how, p_value = 2.0, righted
                large[L_SIDE] = 0
            elif first <= LARGE_P and columns.state[row] != REJECTED:
                large[L_AT], large[L_SIZE], large[L_SIDE], large[L_P] = at, value, side, first
                books.large_position[book] = columns.position[row]
            out.p[row] = p_value
            if p_value <= alarm_p:
                own = number >= BOOK_ORDERS_MIN
                values, of = (ordered, number) if own else (about, everywhere)
                scale = 0.0 if own else value - dollars
                twentieth = of // 20
                out.low[row] = math.exp(values[twentieth] + scale)
                out.high[row] = math.exp(values[of - 1 - twentieth] + scale)
                out.came[row] = math.exp(large[L_SIZE]) if how == 2.0 else columns.quantity[row]
                out.extra[row, 0] = how
                out.extra[row, 1] = math.exp(median(values, of) + scale)
                out.extra[row, 2] = first
                out.extra[row, 3] = books.large_position[book] if how == 2.0 else -1
                out.example_position[row] = -1
                if number:
                    near = nearest(ring, taken, large[L_SIZE] if how == 2.0 else value)
                    out.example_at[row] = books.at[book, near % EXAMPLES]
                    out.example_position[row] = books.position[book, near % EXAMPLES]
                    out.example_value[row] = math.exp(ring[near % WINDOW])
        elif known >= STRANGER_SEEN_MIN:
            everybody = pairs.ordered[pair]
            if value - everybody[known - 1 - known // 64] >= math.log(STRANGER_TIMES):
                out.p[row] = STRANGER_P
                out.low[row] = math.exp(everybody[known // 20])
                out.high[row] = math.exp(everybody[known - 1 - known // 20])
                out.came[row] = columns.quantity[row]
                out.extra[row, 0] = 3.0
                out.extra[row, 1] = math.exp(median(everybody, known))
                out.extra[row, 2] = STRANGER_P
                out.extra[row, 3] = -1
                out.example_position[row] = -1
        if number >= BOOK_ORDERS_MIN:
            add(
                accounts.around.ring[account], accounts.around.ordered[account],
                accounts.around.count[account], value - median(ordered, number),
            )  # fmt: skip
            accounts.around.count[account] += 1
        add(ring, ordered, taken, value)
        books.at[book, taken % EXAMPLES] = at
        books.position[book, taken % EXAMPLES] = columns.position[row]
        books.windows.count[book] = taken + 1
        add(accounts.dollars.ring[account], about, accounts.dollars.count[account], dollars)
        accounts.dollars.count[account] += 1
        add(pairs.ring[pair], pairs.ordered[pair], pairs.count[pair], value)
        pairs.count[pair] += 1
