"""Deals that cancel each other out: of one account, between two, and there and back again."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import DECIDED, FILLED, Columns
from tallystick.watch.detect.orders.kernels import (
    BAD,
    OUTCOMES,
    RECENT,
    SHARE,
    WARM_UP,
    keep,
    streak,
    tell,
)
from tallystick.watch.detect.orders.look import Out

RING = 8
"""Recent deals of a book that a new one is held against."""
PAIR_RING = 64
"""Recent deals of everybody in a pair that a new one is held against."""
SAME_SIZE = 0.01
"""Sizes that differ by no more (in logarithms) are the same."""
WASH_SECONDS = 120.0
"""An opposite deal of the same size within this time is one half of a wash."""
TOGETHER_SECONDS = 10.0
"""Deals of two accounts within this time are at the same time."""
TRIP_SECONDS = 900.0
"""A position that comes back within this time made a round trip ..."""
TRIP_BACK = 0.02
"""... if it is back within this share of how far it went."""
WASH_SHARE_MIN = 0.01
TRIP_SHARE_MIN = 0.01
WASH_MEMORY_SECONDS = 14_400.0
"""Time constant with which the evidence of a streak fades."""
WASHES_MIN = 3.0
COUPLE_DEALS_MIN = 4.0
"""Fewer are chance, whatever the numbers say."""
COUPLES = 16_384
"""Pairs of accounts that are remembered for having dealt against each other."""
COUPLE_WAYS = 4
"""Places in which one of them may be."""
COUPLE_SECONDS = 86_400.0
"""A couple that did nothing together for this long is forgotten."""
COUPLE_CASE = 16
ACCOUNT_CASE = 16
"""Entries of washes and trips that are remembered."""


class Books(NamedTuple):
    """Of each book: the last deals, and the way of its position since the last trip."""

    at: NDArray[np.float64]
    size: NDArray[np.float32]
    side: NDArray[np.int8]
    position: NDArray[np.int64]
    taken: NDArray[np.int64]
    units: NDArray[np.float64]
    way: NDArray[np.float64]
    way_at: NDArray[np.float64]
    way_position: NDArray[np.int64]
    way_taken: NDArray[np.int64]


class Accounts(NamedTuple):
    """Of each account: streaks of washes and of round trips, its deals, and their entries."""

    washes: NDArray[np.float64]
    trips: NDArray[np.float64]
    deals: NDArray[np.int64]
    wash_case: NDArray[np.int64]
    wash_taken: NDArray[np.int64]
    trip_case: NDArray[np.int64]
    trip_taken: NDArray[np.int64]


class Pairs(NamedTuple):
    """Of each pair: the last deals of everybody."""

    at: NDArray[np.float64]
    size: NDArray[np.float64]
    side: NDArray[np.int64]
    account: NDArray[np.int64]
    position: NDArray[np.int64]
    taken: NDArray[np.int64]


class Shared(NamedTuple):
    """Shares of all accounts together; deals and matches of everybody; couples and their deals."""

    washes: NDArray[np.float64]
    trips: NDArray[np.float64]
    deals: NDArray[np.float64]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    together: NDArray[np.float64]
    since: NDArray[np.float64]
    last: NDArray[np.float64]
    case: NDArray[np.int64]
    taken: NDArray[np.int64]


@compiled
def washed(books: Books, book: int, at: float, size: float, side: int) -> int:
    """The youngest deal of the book that this one cancels out, and marks it as used; -1: none."""
    taken = books.taken[book]
    for back in range(1, min(taken, RING) + 1):
        place = (taken - back) % RING
        if (
            books.side[book, place] == -side
            and abs(books.size[book, place] - size) <= SAME_SIZE
            and abs(at - books.at[book, place]) <= WASH_SECONDS
        ):
            books.side[book, place] = 0
            return place
    return -1


@compiled
def tripped(books: Books, book: int, at: float, units: float) -> int:
    """How many deals ago the position of the book was where it is now; 0: it made no trip."""
    taken = books.way_taken[book]
    furthest = 0.0
    for back in range(1, min(taken, RING) + 1):
        place = (taken - back) % RING
        if abs(at - books.way_at[book, place]) > TRIP_SECONDS:
            return 0
        there = books.way[book, place]
        furthest = max(furthest, abs(there - units))
        if back >= 2 and furthest > 0 and abs(there - units) <= TRIP_BACK * furthest:
            return back
    return 0


@compiled
def couple(shared: Shared, one: int, other: int, at: float) -> int:
    """Where this pair of accounts is remembered; the one of its places longest unused, if new."""
    low, high = min(one, other), max(one, other)
    mixed = (low * 1_000_003 + high) * 2_654_435_761 % (1 << 40)
    start = mixed % (COUPLES // COUPLE_WAYS) * COUPLE_WAYS
    oldest = start
    for place in range(start, start + COUPLE_WAYS):
        if shared.one[place] == low + 1 and shared.other[place] == high + 1:
            oldest = place
            if at - shared.last[place] > COUPLE_SECONDS:
                break
            return place
        if shared.last[place] < shared.last[oldest]:
            oldest = place
    shared.one[oldest], shared.other[oldest] = low + 1, high + 1
    shared.together[oldest] = 0.0
    shared.since[oldest] = shared.deals[0]
    shared.last[oldest] = at
    shared.taken[oldest] = 0
    return oldest


@compiled
def poisson_tail(number: float, mean: float) -> float:
    """The probability of at least `number` events where `mean` are expected."""
    term = math.exp(-mean)
    total = term
    for each in range(1, int(number)):
        term *= mean / each
        total += term
    if total < 0.999:
        return 1 - total
    tail = 0.0  # the first terms of the upper sum: 1 - total would lose all its digits
    term = math.exp(-mean + number * math.log(mean) - math.lgamma(number + 1.0))
    for each in range(20):
        tail += term
        term *= mean / (number + each + 1)
    return tail


@compiled
def judge_own(  # noqa: PLR0913, PLR0915  a kernel takes its state by parts
    columns: Columns,
    books: Books,
    accounts: Accounts,
    shared: Shared,
    wash_out: Out,
    trip_out: Out,
    alarm_p: float,
) -> None:
    """The p-values of an account's own washes and round trips at each deal."""
    for row in range(columns.kind.shape[0]):
        wash_out.p[row] = trip_out.p[row] = math.nan
        kind, side = columns.kind[row], columns.side[row]
        if (kind != DECIDED and kind != FILLED) or not columns.filled[row] > 0 or side == 0:
            continue
        book, account, at = columns.book[row], columns.account[row], columns.at[row]
        position, size = columns.position[row], math.log(columns.filled[row])
        before = books.units[book]
        books.units[book] = before + side * columns.filled[row]
        if books.way_taken[book] == 0:
            books.way[book, 0], books.way_at[book, 0] = before, at
            books.way_position[book, 0] = -1
            books.way_taken[book] = 1
        if kind == DECIDED and columns.own[row] == 0:
            books.way_taken[book] = 0  # the desk's own doing is no trip of the client's
            continue
        accounts.deals[account] += 1
        warm = accounts.deals[account] > WARM_UP

        match = washed(books, book, at, size, side)
        of = accounts.washes[account]
        usual = of[SHARE] if of[OUTCOMES] else shared.washes[0]
        if match >= 0:
            for which in (books.position[book, match], position):
                keep(accounts.wash_case[account], accounts.wash_taken[account], which)
                accounts.wash_taken[account] += 1
        p_value = streak(of, shared.washes, match >= 0, WASH_SHARE_MIN, warm, at, WASH_MEMORY_SECONDS)
        wash_out.p[row] = p_value if match >= 0 or not warm else 1.0
        if match >= 0 and of[BAD] < WASHES_MIN:
            wash_out.p[row] = max(p_value, 1e-3)
        if wash_out.p[row] <= alarm_p:
            wash_out.came[row] = of[BAD]
            wash_out.low[row], wash_out.high[row] = 0.0, usual
            wash_out.extra[row, 0] = of[RECENT]
            wash_out.extra[row, 1] = 0.0
            tell(
                accounts.wash_case[account], accounts.wash_taken[account],
                2 * int(of[BAD]), wash_out.case[row],
            )  # fmt: skip
        place = books.taken[book] % RING
        books.at[book, place], books.size[book, place] = at, size
        books.side[book, place] = side if match < 0 else 0
        books.position[book, place] = position
        books.taken[book] += 1

        back = tripped(books, book, at, books.units[book])
        of = accounts.trips[account]
        usual = of[SHARE] if of[OUTCOMES] else shared.trips[0]
        if back:
            taken = books.way_taken[book]
            for each in range(back - 1, 0, -1):
                which = books.way_position[book, (taken - each) % RING]
                keep(accounts.trip_case[account], accounts.trip_taken[account], which)
                accounts.trip_taken[account] += 1
            keep(accounts.trip_case[account], accounts.trip_taken[account], position)
            accounts.trip_taken[account] += 1
            books.way_taken[book] = 0
        p_value = streak(of, shared.trips, back > 0, TRIP_SHARE_MIN, warm, at, WASH_MEMORY_SECONDS)
        trip_out.p[row] = p_value if back or not warm else 1.0
        if back and of[BAD] < WASHES_MIN:
            trip_out.p[row] = max(p_value, 1e-3)
        if trip_out.p[row] <= alarm_p:
            trip_out.came[row] = of[BAD]
            trip_out.low[row], trip_out.high[row] = 0.0, usual
            trip_out.extra[row, 0] = of[RECENT]
            trip_out.extra[row, 1] = back
            tell(
                accounts.trip_case[account], accounts.trip_taken[account],
                ACCOUNT_CASE, trip_out.case[row],
            )  # fmt: skip
        place = books.way_taken[book] % RING
        books.way[book, place], books.way_at[book, place] = books.units[book], at
        books.way_position[book, place] = position
        books.way_taken[book] += 1


@compiled
def judge_couples(  # noqa: PLR0913  a kernel takes its state by parts
    columns: Columns, pairs: Pairs, accounts: Accounts, shared: Shared, out: Out, alarm_p: float
) -> None:
    """The p-value of two accounts' dealing against each other again; into `out.p` if smaller."""
    for row in range(columns.kind.shape[0]):
        kind, side = columns.kind[row], columns.side[row]
        if (kind != DECIDED and kind != FILLED) or not columns.filled[row] > 0 or side == 0:
            continue
        if kind == DECIDED and columns.own[row] == 0:
            continue
        pair, account, at = columns.pair[row], columns.account[row], columns.at[row]
        size, position = math.log(columns.filled[row]), columns.position[row]
        taken = pairs.taken[pair]
        shared.deals[0] += 1
        for back in range(1, min(taken, PAIR_RING) + 1):
            place = (taken - back) % PAIR_RING
            if abs(at - pairs.at[pair, place]) > TOGETHER_SECONDS:
                break
            partner = pairs.account[pair, place]
            if (
                partner == account
                or pairs.side[pair, place] != -side
                or abs(pairs.size[pair, place] - size) > SAME_SIZE
            ):
                continue
            at_couple = couple(shared, account, partner, at)
            # How often would chance bring these two together, as busy as they are?
            since = shared.deals[0] - shared.since[at_couple] + 1
            busy = accounts.deals[account] * accounts.deals[partner] / shared.deals[0] ** 2
            share = (shared.deals[1] + 5.0) / (shared.deals[0] + 1_000.0)
            expected = max(since * share * 2 * busy, 1e-3)
            shared.deals[1] += 1 if shared.together[at_couple] < COUPLE_DEALS_MIN else 0.1
            shared.together[at_couple] += 1
            shared.last[at_couple] = at
            for which in (pairs.position[pair, place], position):
                keep(shared.case[at_couple], shared.taken[at_couple], which)
                shared.taken[at_couple] += 1
            together = shared.together[at_couple]
            if together >= COUPLE_DEALS_MIN:
                p_value = max(poisson_tail(together, expected) * 1_000.0, 1e-12)
                if p_value < out.p[row] or math.isnan(out.p[row]):
                    out.p[row] = p_value
                    if p_value <= alarm_p:
                        out.came[row] = together
                        out.low[row], out.high[row] = 0.0, expected
                        out.extra[row, 0] = since
                        out.extra[row, 1] = 1.0
                        out.extra[row, 2] = partner
                        tell(
                            shared.case[at_couple], shared.taken[at_couple],
                            2 * int(together), out.case[row],
                        )  # fmt: skip
            break
        place = taken % PAIR_RING
        pairs.at[pair, place], pairs.size[pair, place] = at, size
        pairs.side[pair, place], pairs.account[pair, place] = side, account
        pairs.position[pair, place] = position
        pairs.taken[pair] = taken + 1
