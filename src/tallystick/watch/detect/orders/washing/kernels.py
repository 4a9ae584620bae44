"""Deals that cancel each other out: of one account, between two, and there and back again."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import DECIDED, Columns, Row
from tallystick.watch.detect.orders.kernels import (
    BAD,
    RECENT,
    UNLIKELY_P,
    WARM_UP,
    is_deal,
    is_desks,
    keep,
    streak,
    tell,
    usual_share,
)
from tallystick.watch.detect.orders.look import Out

RING = 8
"""Recent deals of a book that a new one is held against."""
SAME_SIZE = 0.01
"""Sizes that differ by no more (in logarithms) are the same."""
WASH_SECONDS = 120.0
"""An opposite deal of the same size within this time is one half of a wash."""
TRIP_SECONDS = 900.0
"""A position that comes back within this time made a round trip ..."""
TRIP_BACK = 0.02
"""... if it is back within this share of how far it went."""
WASH_SHARE_MIN = 0.01
TRIP_SHARE_MIN = 0.01
MEMORY_SECONDS = 14_400.0
"""Time constant with which the evidence of a streak fades."""
WASHES_MIN = 3.0
UNITS_MAX = 1e30
"""A position beyond this is none."""
ACCOUNT_CASE = 16
"""Entries of washes and trips that are remembered."""


class Books(NamedTuple):
    """Of each book: the last deals, and the way of its position since the last trip."""

    at: NDArray[np.float64]
    size: NDArray[np.float32]
    side: NDArray[np.int8]
    taker: NDArray[np.int8]
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


class Pools(NamedTuple):
    """The shares of all accounts together."""

    washes: NDArray[np.float64]
    trips: NDArray[np.float64]


@inlined
def washed(seen: Row, books: Books) -> int:
    """The youngest deal of the book that this one cancels out, and marks it as used; -1: none.

    One of the two must have taken the market: who is filled on both sides makes one.
    """
    book, side, at = seen.book, seen.side, seen.at
    size, taker = math.log(seen.filled), seen.kind == DECIDED
    taken = books.taken[book]
    for back in range(1, min(taken, RING) + 1):
        place = (taken - back) % RING
        if (
            books.side[book, place] == -side
            and (taker or books.taker[book, place] == 1)
            and abs(books.size[book, place] - size) <= SAME_SIZE
            and abs(at - books.at[book, place]) <= WASH_SECONDS
        ):
            books.side[book, place] = 0
            return int(place)
    return -1


@inlined
def tripped(books: Books, book: int, at: float, units: float) -> int:
    """How many deals ago the position of the book was where it is now; 0: it made no trip."""
    taken, last = books.way_taken[book], books.taken[book] - 1
    if not (books.taker[book, last % RING] or books.taker[book, (last - 1) % RING]):
        return 0  # who is filled on both sides makes a market
    furthest, left = 0.0, at
    for back in range(1, min(taken, RING) + 1):
        place = (taken - back) % RING
        if abs(at - left) > TRIP_SECONDS:
            return 0
        there = books.way[book, place]
        left = books.way_at[book, place]  # when the position before this one was left
        furthest = max(furthest, abs(there - units))
        if back >= 2 and furthest > 0 and abs(there - units) <= TRIP_BACK * furthest:
            return back
    return 0


@inlined
def say(
    out: Out, row: int, of: NDArray[np.float64], usual: float, case: NDArray[np.int64], taken: int
) -> None:
    """Leave what a person must be told of a streak."""
    out.came[row] = of[BAD]
    out.extra[row, 0], out.extra[row, 1] = of[RECENT], 0.0
    out.low[row], out.high[row] = 0.0, usual
    tell(case, taken, 2 * int(of[BAD]), out.case[row])


@inlined
def streak_p(
    of: NDArray[np.float64],
    pool: NDArray[np.float64],
    bad: bool,
    share_min: float,
    warm: bool,
    at: float,
) -> float:
    """The p-value of a streak that this deal goes on with; fewer than WASHES_MIN are nothing yet.

    1 of a deal that does not, NaN until `warm`.
    """
    p_value = streak(of, pool, bad, share_min, warm, at, MEMORY_SECONDS)
    if not warm:
        return math.nan
    if not bad:
        return 1.0
    return max(p_value, UNLIKELY_P) if of[BAD] < WASHES_MIN else p_value


@inlined
def begin(seen: Row, books: Books) -> None:
    """Take a deal into the position of its book; a way begins where it was before."""
    book = seen.book
    if books.way_taken[book] == 0:
        books.way[book, 0], books.way_at[book, 0] = books.units[book], seen.at
        books.way_position[book, 0] = -1
        books.way_taken[book] = 1
    units = books.units[book] + seen.side * seen.filled
    books.units[book] = units if abs(units) < UNITS_MAX else 0.0


@inlined
def judge_wash(
    seen: Row,
    row: int,
    books: Books,
    accounts: Accounts,
    pools: Pools,
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of a deal that cancels out another, after those before it."""
    book, account, position = seen.book, seen.account, seen.position
    warm = accounts.deals[account] > WARM_UP
    match = washed(seen, books)
    of, case = accounts.washes[account], accounts.wash_case[account]
    usual = usual_share(of, pools.washes)
    if match >= 0:
        for which in (books.position[book, match], position):
            keep(case, accounts.wash_taken[account], which)
            accounts.wash_taken[account] += 1
    out.p[row] = streak_p(of, pools.washes, match >= 0, WASH_SHARE_MIN, warm, seen.at)
    if out.p[row] <= alarm_p:
        say(out, row, of, usual, case, accounts.wash_taken[account])
    place = books.taken[book] % RING
    books.at[book, place], books.position[book, place] = seen.at, position
    books.size[book, place] = math.log(seen.filled)
    books.side[book, place] = seen.side if match < 0 else 0
    books.taker[book, place] = seen.kind == DECIDED
    books.taken[book] += 1


@inlined
def end_trip(seen: Row, books: Books, accounts: Accounts, back: int) -> None:
    """Remember the entries of a trip that ends here, and begin another way."""
    book, account = seen.book, seen.account
    case, taken = accounts.trip_case[account], books.way_taken[book]
    for each in range(back - 1, 0, -1):
        which = books.way_position[book, (taken - each) % RING]
        keep(case, accounts.trip_taken[account], which)
        accounts.trip_taken[account] += 1
    keep(case, accounts.trip_taken[account], seen.position)
    accounts.trip_taken[account] += 1
    books.way_taken[book] = 0


@inlined
def judge_trip(
    seen: Row,
    row: int,
    books: Books,
    accounts: Accounts,
    pools: Pools,
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of a deal that ends a round trip, after those before it."""
    book, account, at = seen.book, seen.account, seen.at
    warm = accounts.deals[account] > WARM_UP
    back = tripped(books, book, at, books.units[book])
    of, case = accounts.trips[account], accounts.trip_case[account]
    usual = usual_share(of, pools.trips)
    if back > 0:
        end_trip(seen, books, accounts, back)
    out.p[row] = streak_p(of, pools.trips, back > 0, TRIP_SHARE_MIN, warm, at)
    if out.p[row] <= alarm_p:
        say(out, row, of, usual, case, accounts.trip_taken[account])
    place = books.way_taken[book] % RING
    books.way[book, place], books.way_at[book, place] = books.units[book], at
    books.way_position[book, place] = seen.position
    books.way_taken[book] += 1


@compiled
def judge(
    columns: Columns,
    books: Books,
    accounts: Accounts,
    pools: Pools,
    wash_out: Out,
    trip_out: Out,
    alarm_p: float,
) -> None:
    """The p-values of an account's own washes and round trips at each deal."""
    for row in range(columns.shape[0]):
        seen = columns[row]
        wash_out.p[row] = trip_out.p[row] = math.nan
        if not is_deal(seen):
            continue
        begin(seen, books)
        if is_desks(seen):
            books.way_taken[seen.book] = 0  # no trip of the client's
            continue
        accounts.deals[seen.account] += 1
        judge_wash(seen, row, books, accounts, pools, wash_out, alarm_p)
        judge_trip(seen, row, books, accounts, pools, trip_out, alarm_p)
