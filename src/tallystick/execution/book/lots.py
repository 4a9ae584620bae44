"""Open trades kept apart, where an account hedges or is FIFO: what an execution does to them."""

from collections import OrderedDict

import msgspec

from tallystick.execution.book.account import Account
from tallystick.execution.book.positions import Lot, Position, closed, opened, share
from tallystick.execution.book.undo import Changes
from tallystick.execution.entries import Fill, Order
from tallystick.money import parse_own


def trade(
    changes: Changes,
    account: Account,
    order: Order,
    fill: Fill,
    held: Position,
    units: int,
    position: int,
) -> Position:
    """The position of one who hedges or is FIFO after one execution of `units` (signed).

    `position` is that of the entry that says so.
    """
    amount = parse_own(fill.amount)
    mode = account.configuration.mode
    lots = account.lots.get(order.pair)
    if lots is None:
        lots = account.lots[order.pair] = OrderedDict()
    left, unpaid = units, amount
    if mode == "fifo" or order.position_fill in {"reduce_only", "reduce_first"}:
        for lot in _opposing(lots, units, order.trade):
            closing = min(abs(left), abs(lot.units))
            signed = closing if units > 0 else -closing
            paid = share(unpaid, closing, abs(left))
            cost = share(lot.cost, closing, abs(lot.units))
            held = closed(held, signed, cost, paid)
            if closing == abs(lot.units):
                changes.remove(lots, lot.id)
            else:
                rest = msgspec.structs.replace(lot, units=lot.units + signed, cost=lot.cost - cost)
                changes.set(lots, lot.id, rest)
            left, unpaid = left - signed, unpaid - paid
            if not left:
                return held
    known = _begun(lots, order) if mode == "hedging" else None
    if known is None:
        changes.set(lots, fill.id, Lot(fill.id, left, unpaid, position, order.id))
    else:  # more of the same order is more of the same trade
        more = msgspec.structs.replace(known, units=known.units + left, cost=known.cost + unpaid)
        changes.set(lots, known.id, more)
    return opened(held, left, unpaid)


def _begun(lots: OrderedDict[str, Lot], order: Order) -> Lot | None:
    """The trade that earlier fills of the order opened."""
    newest = next(reversed(lots.values()), None)
    if newest is not None and newest.order == order.id:
        return newest
    # Only an order that says what was filled can have been filled before.
    return trade_of(lots, order.id) if order.filled else None


def trade_of(lots: OrderedDict[str, Lot], order_id: str) -> Lot | None:
    """The open trade that an order opened."""
    return next((lot for lot in reversed(lots.values()) if lot.order == order_id), None)


def _opposing(lots: OrderedDict[str, Lot], units: int, only: object) -> list[Lot]:
    """The open trades that a trade of `units` closes, oldest first; `only` the one named."""
    if isinstance(only, str):
        lot = lots.get(only)
        return [lot] if lot is not None and (lot.units > 0) != (units > 0) else []
    found = []
    left = abs(units)
    for lot in lots.values():
        if left <= 0:
            break
        if (lot.units > 0) != (units > 0):
            found.append(lot)
            left -= abs(lot.units)
    return found
