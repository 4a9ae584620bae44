"""What becomes of an account's orders: rejected, cancelled, and layered against its own deals."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import (
    CANCELLED,
    DECIDED,
    DONE,
    EXPIRED,
    FILLED,
    REJECTED,
    WAITING,
    Columns,
    Row,
)
from tallystick.watch.detect.orders.kernels import (
    BAD,
    OUTCOMES,
    RECENT,
    UNLIKELY_P,
    WARM_UP,
    is_deal,
    is_order,
    keep,
    streak,
    tell,
    usual_share,
)
from tallystick.watch.detect.orders.look import Out

REJECT_SHARE_MIN = 0.02
CANCEL_SHARE_MIN = 0.05
LAYER_SHARE_MIN = 0.01
"""However rarely it happens, the usual share is believed to be at least this."""
LAYERS_MIN = 4.0
"""Layered orders in a row before anything is called layering."""
LIFE_SECONDS_MAX = 300.0
"""An order that was taken back later than this was meant."""
CANCEL_SHARE_MAX = 0.6
"""Who usually cancels more than this lives from it: more of the same says nothing."""
BOTH_SIDES_SECONDS = 60.0
"""Who places orders on both sides within this time makes a market, and layers none."""
REJECT_SECONDS = 3_600.0
CANCEL_SECONDS = 7_200.0
LAYER_SECONDS = 3_600.0
"""Time constants with which the evidence of a streak fades."""


class Accounts(NamedTuple):
    """Of each account: the streaks of rejected and of cancelled orders, and where they stand."""

    rejects: NDArray[np.float64]
    cancels: NDArray[np.float64]
    reject_case: NDArray[np.int64]
    cancel_case: NDArray[np.int64]
    taken: NDArray[np.int64]


class Books(NamedTuple):
    """Of each book and side (0 buy, 1 sell).

    Its streak of layered orders, when an order was last placed, the last deal, and the entries.
    """

    layers: NDArray[np.float64]
    placed_at: NDArray[np.float64]
    dealt: NDArray[np.float64]
    dealt_position: NDArray[np.int64]
    layered: NDArray[np.float64]
    case: NDArray[np.int64]
    taken: NDArray[np.int64]


class Waiting(NamedTuple):
    """Of each waiting order: when and where it was placed, its side and size.

    `away` is how far behind the touch (a share of the price), `alone` 1 where no order was placed
    on the other side just before.
    """

    at: NDArray[np.float64]
    position: NDArray[np.int64]
    side: NDArray[np.int64]
    quantity: NDArray[np.float64]
    away: NDArray[np.float64]
    alone: NDArray[np.int64]


class Pools(NamedTuple):
    """The shares of all accounts together."""

    rejects: NDArray[np.float64]
    cancels: NDArray[np.float64]
    layers: NDArray[np.float64]


@inlined
def say(
    out: Out, row: int, of: NDArray[np.float64], usual: float, case: NDArray[np.int64], taken: int
) -> None:
    """Leave what a person must be told of a streak."""
    out.came[row] = of[BAD]
    out.extra[row, 0], out.extra[row, 1] = of[RECENT], usual
    out.low[row], out.high[row] = 0.0, usual
    out.example_position[row] = -1
    tell(case, taken, int(of[BAD]), out.case[row])


@inlined
def is_warm(accounts: Accounts, account: int) -> bool:
    """Whether enough is known of an account."""
    return bool(accounts.rejects[account, OUTCOMES] >= WARM_UP)


@inlined
def judge_reject(
    seen: Row, row: int, accounts: Accounts, pools: Pools, out: Out, alarm_p: float
) -> None:
    """The p-value of a rejection, after those before it."""
    account, bad = seen.account, seen.state == REJECTED
    warm = is_warm(accounts, account)
    of, taken = accounts.rejects[account], accounts.taken[account]
    usual = usual_share(of, pools.rejects)
    if bad:
        keep(accounts.reject_case[account], taken[0], seen.position)
        taken[0] += 1
    p_value = streak(of, pools.rejects, bad, REJECT_SHARE_MIN, warm, seen.at, REJECT_SECONDS)
    if warm:
        out.p[row] = p_value if bad else 1.0
        if out.p[row] <= alarm_p:
            say(out, row, of, usual, accounts.reject_case[account], taken[0])


@inlined
def judge_cancel(
    seen: Row, row: int, accounts: Accounts, pools: Pools, out: Out, alarm_p: float
) -> None:
    """The p-value of a cancel, after those before it."""
    account, bad = seen.account, seen.kind == CANCELLED
    warm = is_warm(accounts, account)
    of, taken = accounts.cancels[account], accounts.taken[account]
    usual = usual_share(of, pools.cancels)
    if bad:
        keep(accounts.cancel_case[account], taken[1], seen.position)
        taken[1] += 1
    p_value = streak(of, pools.cancels, bad, CANCEL_SHARE_MIN, warm, seen.at, CANCEL_SECONDS)
    if warm:
        out.p[row] = p_value if bad else 1.0
        if usual > CANCEL_SHARE_MAX:
            out.p[row] = max(out.p[row], UNLIKELY_P)
        if out.p[row] <= alarm_p:
            say(out, row, of, usual, accounts.cancel_case[account], taken[1])


@inlined
def place(seen: Row, books: Books, waiting: Waiting) -> None:
    """Remember an order that begins to wait."""
    order, book, at = seen.order, seen.book, seen.at
    side = 0 if seen.side > 0 else 1
    waiting.at[order] = at
    waiting.position[order] = seen.position
    waiting.side[order] = side
    waiting.quantity[order] = seen.quantity
    waiting.alone[order] = at - books.placed_at[book, 1 - side] > BOTH_SIDES_SECONDS
    books.placed_at[book, side] = at
    touch = seen.bid if side == 0 else seen.ask
    behind = seen.side * (touch / seen.limit - 1)
    waiting.away[order] = behind if math.isfinite(behind) else 0.0


@inlined
def is_layered(seen: Row, books: Books, waiting: Waiting) -> bool:
    """Whether the order that ends here was there to be seen, not to be dealt."""
    order, book = seen.order, seen.book
    placed, opposite = waiting.at[order], 1 - waiting.side[order]
    return bool(
        seen.kind == CANCELLED
        and seen.at - placed <= LIFE_SECONDS_MAX
        and waiting.away[order] > 0
        and waiting.alone[order] == 1
        and abs(books.placed_at[book, opposite] - placed) > BOTH_SIDES_SECONDS
        and books.dealt_position[book, opposite] > waiting.position[order]
    )


@inlined
def judge_layer(
    seen: Row,
    row: int,
    accounts: Accounts,
    books: Books,
    waiting: Waiting,
    pools: Pools,
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of a layered order, after those before it on its side of its book."""
    order, book = seen.order, seen.book
    side, bad = waiting.side[order], is_layered(seen, books, waiting)
    warm = is_warm(accounts, seen.account)
    of = books.layers[book, side]
    usual = usual_share(of, pools.layers)
    if bad:
        if of[BAD] == 0:
            books.layered[book, side] = 0.0
        books.layered[book, side] += waiting.quantity[order]
        for which in (waiting.position[order], seen.position):
            keep(books.case[book], books.taken[book], which)
            books.taken[book] += 1
    p_value = streak(of, pools.layers, bad, LAYER_SHARE_MIN, warm, seen.at, LAYER_SECONDS)
    if not warm:
        return
    out.p[row] = p_value if bad else 1.0
    if of[BAD] < LAYERS_MIN:
        out.p[row] = max(out.p[row], UNLIKELY_P)
    if out.p[row] <= alarm_p:
        say(out, row, of, usual, books.case[book], books.taken[book])
        tell(books.case[book], books.taken[book], 2 * int(of[BAD]), out.case[row])
        out.extra[row, 2] = books.layered[book, side]
        out.extra[row, 3] = books.dealt[book, 1 - side]
        out.extra[row, 4] = side
        out.extra[row, 5] = books.dealt_position[book, 1 - side]


@inlined
def is_end(seen: Row) -> bool:
    """Whether an order ended here, by its client's doing or its own."""
    kind, done = seen.kind, seen.state == DONE
    if kind in (DECIDED, FILLED):
        return bool(done and seen.own == 1)
    return bool(seen.own == 1 and kind in (CANCELLED, EXPIRED))


@compiled
def judge(  # noqa: PLR0913, PLR0917  a kernel takes its state by parts
    columns: Columns,
    accounts: Accounts,
    books: Books,
    waiting: Waiting,
    pools: Pools,
    reject_out: Out,
    cancel_out: Out,
    layer_out: Out,
    alarm_p: float,
) -> None:
    """The p-values of rejections, of cancels, and of layers."""
    for row in range(columns.shape[0]):
        seen = columns[row]
        reject_out.p[row] = cancel_out.p[row] = layer_out.p[row] = math.nan
        if is_deal(seen):
            side = 0 if seen.side > 0 else 1
            books.dealt[seen.book, side] = seen.filled
            books.dealt_position[seen.book, side] = seen.position
        if is_order(seen):
            judge_reject(seen, row, accounts, pools, reject_out, alarm_p)
        known = seen.order >= 0
        if known and seen.kind == DECIDED and seen.state == WAITING:
            place(seen, books, waiting)
        if is_end(seen):
            judge_cancel(seen, row, accounts, pools, cancel_out, alarm_p)
            if known:
                judge_layer(seen, row, accounts, books, waiting, pools, layer_out, alarm_p)
