"""How far an order's size is from its account's usual one in the pair."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import DOLLAR, REJECTED, Columns, Row
from tallystick.watch.detect.orders.exposure.kernels import learn_rate
from tallystick.watch.detect.orders.kernels import (
    P_MIN,
    UNLIKELY_P,
    WARM_UP,
    Numbers,
    Tail,
    Windows,
    habit,
    is_order,
    median,
    shrunk,
    spread,
    tail_learn,
    tail_p,
    take,
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
STRANGER_LOG = math.log(1_000.0)
"""An order of an account without a habit is odd beyond so many times (a logarithm) anybody's
usual largest."""
STRANGER_SEEN_MIN = 100
"""Orders of others in the pair before anything can be said of a stranger."""
STRANGER_P = 1e-7
"""How rare such an order is called."""
GROSS_LOG = math.log(10.0)
"""An order is grossly large that is more than so many times (a logarithm) as large as any of the
account's last orders, in its pair and everywhere: whatever tail sizes have, it has no room for
this."""
GROSS_P = 1e-7
"""How rare such an order is called."""
LARGE_P = 0.05
"""An order is large that is as rare as this; then what becomes of it says more."""
ZERO_LOG_MIN = math.log(4.0)
"""An order of less than so many times (a logarithm) the usual median has no zero too many."""
PUT_RIGHT = (0.9, 0.99)
"""Shares of an order that are dealt back when it had one or two zeros too many."""
PUT_RIGHT_WITHIN = 0.003
"""So near (in logarithms) the share must be met."""
PUT_RIGHT_SECONDS = 1_800.0
RARE_P = 1e-4
"""What is rarer than this teaches only a tenth: one mistake makes no habit of all."""
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
    """Logarithms of an account's orders in US dollars, and how far from their books' medians."""

    dollars: Windows
    around: Windows


class Shared(NamedTuple):
    """What currencies are worth in US dollars; large orders seen, refused, put right."""

    rates: NDArray[np.float64]
    twice: NDArray[np.float64]


LARGE, REFUSED, RIGHTED = range(3)
"""What is counted of large orders; the last two also say how one ended."""
USUAL, STRANGER = 0, 3
"""Nothing became of it; it is a stranger's."""
L_AT, L_SIZE, L_SIDE, L_P = range(4)
"""What is known of a book's last large order: when, log quantity, side, p-value."""


@inlined
def nearest(ring: NDArray[np.float32], taken: int, value: float) -> int:
    """Which of the last EXAMPLES values, counted from the first ever taken, is nearest."""
    best = taken - 1
    for each in range(max(taken - EXAMPLES, 0), taken):
        if abs(ring[each % WINDOW] - value) < abs(ring[best % WINDOW] - value):
            best = each
    return best


@inlined
def deviation(ordered: Numbers, number: int, value: float, around: float) -> float:
    """Spreads above the median, the spread drawn towards `around`."""
    own = shrunk(spread(ordered, number), number, around, SPREAD_PRIOR_WEIGHT)
    return (value - median(ordered, number)) / max(own, SPREAD_MIN)


@inlined
def put_right(large: NDArray[np.float64], at: float, side: int, value: float) -> bool:
    """Whether this order deals back what a large one had too much."""
    found = False
    if side != 0 and large[L_SIDE] == -side and 0 <= at - large[L_AT] <= PUT_RIGHT_SECONDS:
        for part in PUT_RIGHT:
            found |= abs(value - large[L_SIZE] - math.log(part)) <= PUT_RIGHT_WITHIN
    return found


@inlined
def again(shared: Shared, what: int, p_value: float) -> float:
    """The p-value of a large order that is also refused for its size, or put right."""
    share = (shared.twice[what] + TWICE_PRIOR) / (shared.twice[LARGE] + LARGE_PRIOR)
    both = max(p_value * share, P_MIN)
    shared.twice[what] += 1.0 if both > RARE_P else 0.1
    return float(both)


@inlined
def in_dollars(seen: Row, rates: NDArray[np.float64]) -> float:
    """The logarithm of an order's quantity in US dollars; as it is where no rate is known."""
    rate = rates[seen.base] if seen.base != DOLLAR else 1.0
    return math.log(seen.quantity) + (math.log(rate) if rate > 0 else 0.0)


@inlined
def spread_of(accounts: Accounts, account: int) -> float:
    """How far an account's orders are from their books' medians."""
    number = min(accounts.around.taken[account], WINDOW)
    if number < WARM_UP:
        return SPREAD_PRIOR
    own = spread(accounts.around.ordered[account], number)
    return shrunk(own, number, SPREAD_PRIOR, SPREAD_PRIOR_WEIGHT)


@inlined
def weigh(
    seen: Row, books: Books, accounts: Accounts, dollars: float
) -> tuple[float, float, float]:
    """How far the order is from usual: in spreads, in logarithms, and the share that is as large.

    Held against its book, or against the account's orders everywhere where the book is new.
    """
    book, account = seen.book, seen.account
    number = min(books.windows.taken[book], WINDOW)
    if number >= BOOK_ORDERS_MIN:
        ordered, value = books.windows.ordered[book], math.log(seen.quantity)
        around = spread_of(accounts, account)
    else:
        number = min(accounts.dollars.taken[account], WINDOW)
        ordered, value, around = accounts.dollars.ordered[account], dollars, SPREAD_PRIOR
    away = deviation(ordered, number, value, around)
    return away, value - median(ordered, number), habit(ordered, number, value)


@inlined
def is_gross(seen: Row, books: Books, accounts: Accounts, dollars: float) -> bool:
    """Whether none of the account's last orders comes anywhere near."""
    book, account = seen.book, seen.account
    everywhere = min(accounts.dollars.taken[account], WINDOW)
    gross = dollars - accounts.dollars.ordered[account, everywhere - 1] > GROSS_LOG
    here = min(books.windows.taken[book], WINDOW)
    if here:
        gross &= math.log(seen.quantity) - books.windows.ordered[book, here - 1] > GROSS_LOG
    return bool(gross)


@inlined
def with_sequel(
    seen: Row, books: Books, shared: Shared, first: float, over: float
) -> tuple[float, float]:
    """The p-value with what became of it, and what that was (USUAL, REFUSED, RIGHTED)."""
    at, side, value = seen.at, seen.side, math.log(seen.quantity)
    large = books.large[seen.book]
    p_value, how = first, USUAL
    if first <= LARGE_P:
        shared.twice[LARGE] += 1
        if seen.oversize == 1:
            p_value, how = again(shared, REFUSED, first), REFUSED
    if put_right(large, at, side, value):
        righted = again(shared, RIGHTED, large[L_P])
        if righted < p_value:
            p_value, how = righted, RIGHTED
        large[L_SIDE] = 0
    elif first <= LARGE_P and seen.state != REJECTED and over >= ZERO_LOG_MIN:
        large[L_AT], large[L_SIZE], large[L_SIDE], large[L_P] = at, value, side, first
        books.large_position[seen.book] = seen.position
    return p_value, how


@inlined
def tell_usual(out: Out, row: int, ordered: Numbers, number: int, scale: float) -> None:
    """Leave what is usual: the 5 % and 95 % quantiles and the median, `scale` (log) apart."""
    twentieth = number // 20
    out.low[row] = math.exp(ordered[twentieth] + scale)
    out.high[row] = math.exp(ordered[number - 1 - twentieth] + scale)
    out.extra[row, 1] = math.exp(median(ordered, number) + scale)


@inlined
def tell_case(
    seen: Row, row: int, books: Books, accounts: Accounts, dollars: float, out: Out
) -> None:
    """Leave what a person must be told of a large order; `out.extra[row, 0]` says how it ended."""
    book, account = seen.book, seen.account
    taken = books.windows.taken[book]
    number, value = min(taken, WINDOW), math.log(seen.quantity)
    if number >= BOOK_ORDERS_MIN:
        tell_usual(out, row, books.windows.ordered[book], number, 0.0)
    else:
        everywhere = min(accounts.dollars.taken[account], WINDOW)
        tell_usual(out, row, accounts.dollars.ordered[account], everywhere, value - dollars)
    out.came[row] = seen.quantity
    out.extra[row, 3] = -1
    if out.extra[row, 0] == RIGHTED:
        value = books.large[book, L_SIZE]
        out.came[row] = math.exp(value)
        out.extra[row, 3] = books.large_position[book]
    out.example_position[row] = -1
    if number:
        near = nearest(books.windows.ring[book], taken, value)
        out.example_at[row] = books.at[book, near % EXAMPLES]
        out.example_position[row] = books.position[book, near % EXAMPLES]
        out.example_value[row] = math.exp(books.windows.ring[book, near % WINDOW])


@inlined
def judge_stranger(seen: Row, row: int, pairs: Windows, out: Out) -> None:
    """An account without a habit is odd when its order is far beyond anybody's."""
    pair = seen.pair
    known = min(pairs.taken[pair], PAIR_WINDOW)
    if known < STRANGER_SEEN_MIN:
        return
    everybody = pairs.ordered[pair]
    largest = everybody[known - 1 - known // 64]
    if math.log(seen.quantity) - largest >= STRANGER_LOG:
        out.p[row] = STRANGER_P
        tell_usual(out, row, everybody, known, 0.0)
        out.came[row] = seen.quantity
        out.extra[row, 0], out.extra[row, 2], out.extra[row, 3] = STRANGER, STRANGER_P, -1
        out.example_position[row] = -1


@inlined
def learn(seen: Row, books: Books, accounts: Accounts, pairs: Windows, dollars: float) -> None:
    """Let the order count in the habits of its book, its account and its pair."""
    book, account = seen.book, seen.account
    value, taken = math.log(seen.quantity), books.windows.taken[book]
    number = min(taken, WINDOW)
    if number >= BOOK_ORDERS_MIN:
        take(accounts.around, account, value - median(books.windows.ordered[book], number))
    books.at[book, taken % EXAMPLES] = seen.at
    books.position[book, taken % EXAMPLES] = seen.position
    take(books.windows, book, value)
    take(accounts.dollars, account, dollars)
    take(pairs, seen.pair, value)


@compiled
def judge(
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
    for row in range(columns.shape[0]):
        seen = columns[row]
        out.p[row] = math.nan
        learn_rate(shared.rates, seen)
        if not is_order(seen):
            continue
        dollars = in_dollars(seen, shared.rates)
        if accounts.dollars.taken[seen.account] >= WARM_UP:
            away, over, usual = weigh(seen, books, accounts, dollars)
            first = tail_p(tail, away)
            if seen.oversize == 0:  # what was refused for its size is nobody's ordinary order
                tail_learn(tail, away)
            if first <= UNLIKELY_P:
                first = max(first, usual)
                if is_gross(seen, books, accounts, dollars):
                    first = min(first, GROSS_P)
            p_value, how = with_sequel(seen, books, shared, first, over)
            out.p[row] = p_value
            if p_value <= alarm_p:
                out.extra[row, 0], out.extra[row, 2] = how, first
                tell_case(seen, row, books, accounts, dollars, out)
        else:
            judge_stranger(seen, row, pairs, out)
        learn(seen, books, accounts, pairs, dollars)
