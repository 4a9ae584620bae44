"""How far an order may reach: what of it may execute, and what of that opens a position. Pure."""

import msgspec

from tallystick.execution.book import Account
from tallystick.execution.entries import PositionFill, Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.money import Quantity


class Reach(msgspec.Struct, frozen=True, gc=False):
    """`quantity` may execute, `opens` of that opens or adds: minor units of the base currency."""

    quantity: Quantity
    opens: int
    rejection: Rejection | None = None


def reach_of(request: OrderRequest, account: Account, *, is_child: bool = False) -> Reach:
    """How far an order reaches on its account's position as it stands.

    `is_child`: its parent's fill will make the position that it closes.
    """
    quantity, symbol = request.quantity, request.pair.symbol
    if not request.position_fill and symbol not in account.positions:
        return Reach(quantity, quantity)
    mode = _mode(request.position_fill or "default", account)
    reducible = account.reducible(symbol, request.side, request.trade)
    if isinstance(request.trade, str) and account.configuration.mode != "hedging":
        reducible = 0  # only who hedges chooses among the open trades
    if is_child:
        reducible = quantity if mode == "reduce_only" else Quantity(0)
    if mode == "reduce_first":
        return Reach(quantity, max(0, quantity - reducible))
    if mode == "open_only":
        opposes = reducible > 0 and account.configuration.mode != "hedging"
        return Reach(quantity, quantity, reject(RejectionCode.WOULD_REDUCE) if opposes else None)
    if reducible:
        return Reach(Quantity(min(quantity, reducible)), 0)
    nothing = reject(RejectionCode.NOTHING_TO_REDUCE)
    if isinstance(request.trade, str):
        nothing = reject(RejectionCode.UNKNOWN_TRADE, f"The order names {request.trade}.")
    return Reach(quantity, 0, nothing)


def _mode(asked: PositionFill, account: Account) -> PositionFill:
    """What `default` means: an account that hedges opens, any other reduces first."""
    if asked != "default":
        return asked
    return "open_only" if account.configuration.mode == "hedging" else "reduce_first"
