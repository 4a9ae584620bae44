"""What becomes of an account's orders: rejected, cancelled, and layered against its own deals."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import (
    CANCELLED,
    DECIDED,
    DONE,
    EXPIRED,
    FILLED,
    REJECTED,
    WAITING,
    Columns,
)
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
BPS = 10_000.0


class Accounts(NamedTuple):
    """Of each account: the streaks of rejected and of cancelled orders, and where they stand."""

    rejects: NDArray[np.float64]
    cancels: NDArray[np.float64]
    reject_case: NDArray[np.int64]
    cancel_case: NDArray[np.int64]
    taken: NDArray[np.int64]


class Books(NamedTuple):
    """Of each book and side (0 buy, 1 sell): layered orders, when an order was last placed, the
    last deal, and the entries."""

    layers: NDArray[np.float64]
    placed_at: NDArray[np.float64]
    dealt: NDArray[np.float64]
    dealt_position: NDArray[np.int64]
    layered: NDArray[np.float64]
    case: NDArray[np.int64]
    taken: NDArray[np.int64]


class Waiting(NamedTuple):
    """Of each waiting order: when and where it was placed, its side, size and distance, and whether
    none was placed on the other side just before."""

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


@compiled
def say(  # noqa: PLR0913
    out: Out, row: int, of: NDArray[np.float64], usual: float, case: NDArray[np.int64], taken: int
) -> None:
    """Leave what a person must be told of a streak."""
    out.came[row] = of[BAD]
    out.extra[row, 0] = of[RECENT]
    out.extra[row, 1] = usual
    out.low[row] = 0.0
    out.high[row] = usual
    out.example_position[row] = -1
    tell(case, taken, int(of[BAD]), out.case[row])


@compiled
def judge(  # noqa: C901, PLR0912, PLR0913, PLR0915  one walk over the batch
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
    for row in range(columns.kind.shape[0]):
        reject_out.p[row] = cancel_out.p[row] = layer_out.p[row] = math.nan
        kind, account = columns.kind[row], columns.account[row]
        if kind < DECIDED or kind > EXPIRED:
            continue
        at, own = columns.at[row], columns.own[row] == 1
        book, order, position = columns.book[row], columns.order[row], columns.position[row]
        state, side = columns.state[row], 0 if columns.side[row] > 0 else 1
        warm = accounts.rejects[account, OUTCOMES] >= WARM_UP

        if columns.filled[row] > 0:
            books.dealt[book, side] = columns.filled[row]
            books.dealt_position[book, side] = position

        if kind == DECIDED and own:
            bad = state == REJECTED
            of = accounts.rejects[account]
            usual = of[SHARE] if of[OUTCOMES] else pools.rejects[0]
            if bad:
                keep(accounts.reject_case[account], accounts.taken[account, 0], position)
                accounts.taken[account, 0] += 1
            p_value = streak(of, pools.rejects, bad, REJECT_SHARE_MIN, warm, at, REJECT_SECONDS)
            reject_out.p[row] = p_value if bad or not warm else 1.0
            if reject_out.p[row] <= alarm_p:
                say(
                    reject_out, row, of, usual,
                    accounts.reject_case[account], accounts.taken[account, 0],
                )  # fmt: skip

        if kind == DECIDED and state == WAITING and order >= 0:
            waiting.at[order] = at
            waiting.position[order] = position
            waiting.side[order] = side
            waiting.quantity[order] = columns.quantity[row]
            waiting.alone[order] = at - books.placed_at[book, 1 - side] > BOTH_SIDES_SECONDS
            books.placed_at[book, side] = at
            touch = columns.bid[row] if side == 0 else columns.ask[row]
            waiting.away[order] = columns.side[row] * (touch / columns.limit[row] - 1) * BPS

        ended = (kind == DECIDED and state == DONE) or kind == FILLED or kind == EXPIRED
        cancelled = kind == CANCELLED
        if own and (ended or cancelled) and (kind != FILLED or state == DONE):
            of = accounts.cancels[account]
            usual = of[SHARE] if of[OUTCOMES] else pools.cancels[0]
            if cancelled:
                keep(accounts.cancel_case[account], accounts.taken[account, 1], position)
                accounts.taken[account, 1] += 1
            p_value = streak(of, pools.cancels, cancelled, CANCEL_SHARE_MIN, warm, at, CANCEL_SECONDS)
            cancel_out.p[row] = p_value if cancelled or not warm else 1.0
            if usual > CANCEL_SHARE_MAX:
                cancel_out.p[row] = max(p_value, 1e-3)
            if cancel_out.p[row] <= alarm_p:
                say(
                    cancel_out, row, of, usual,
                    accounts.cancel_case[account], accounts.taken[account, 1],
                )  # fmt: skip
            if order >= 0:
                placed, rests = waiting.at[order], waiting.side[order]
                opposite = 1 - rests
                bad = (
                    cancelled
                    and at - placed <= LIFE_SECONDS_MAX
                    and waiting.away[order] > 0
                    and waiting.alone[order] == 1
                    and abs(books.placed_at[book, opposite] - placed) > BOTH_SIDES_SECONDS
                    and books.dealt_position[book, opposite] > waiting.position[order]
                )
                of = books.layers[book, rests]
                usual = of[SHARE] if of[OUTCOMES] else pools.layers[0]
                if bad:
                    if of[BAD] == 0:
                        books.layered[book, rests] = 0.0
                    books.layered[book, rests] += waiting.quantity[order]
                    for which in (waiting.position[order], position):
                        keep(books.case[book], books.taken[book], which)
                        books.taken[book] += 1
                p_value = streak(of, pools.layers, bad, LAYER_SHARE_MIN, warm, at, LAYER_SECONDS)
                layer_out.p[row] = p_value if bad or not warm else 1.0
                if bad and of[BAD] < LAYERS_MIN:
                    layer_out.p[row] = max(p_value, 1e-3)
                if layer_out.p[row] <= alarm_p:
                    say(layer_out, row, of, usual, books.case[book], books.taken[book])
                    tell(books.case[book], books.taken[book], 2 * int(of[BAD]), layer_out.case[row])
                    layer_out.extra[row, 2] = books.layered[book, rests]
                    layer_out.extra[row, 3] = books.dealt[book, opposite]
                    layer_out.extra[row, 4] = rests
                    layer_out.extra[row, 5] = books.dealt_position[book, opposite]
