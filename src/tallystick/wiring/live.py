"""Ledger entries as the page's live events."""

from collections.abc import Iterator

from tallystick.execution import Fill, Order, OrderDecided, OrderFilled, Rejection, decode
from tallystick.execution.entries import OrderCancelled
from tallystick.stream import Message
from tallystick.web import OrderRow, Orders
from tallystick.web.events import FillRow, RejectionRow


def order_events(messages: list[Message], rows_max: int) -> Iterator[tuple[str, Orders]]:
    """(account, its orders) of these messages, oldest first; the newest `rows_max` of each."""
    rows: dict[str, list[OrderRow]] = {}
    for message in messages:
        entry = decode(message.body)
        if isinstance(entry, OrderDecided):
            row = _row(entry.order, entry.at, message.position, entry.fills, entry.rejection)
        elif isinstance(entry, OrderFilled):
            row = _row(entry.order, entry.at, message.position, entry.fills, None)
        elif isinstance(entry, OrderCancelled):
            row = _row(entry.order, entry.at, message.position, (), None)
        else:
            continue
        rows.setdefault(row.account, []).append(row)
    for account, found in rows.items():
        yield account, Orders(found[-rows_max:], omitted=max(0, len(found) - rows_max))


def _row(
    order: Order, at: str, position: int, fills: tuple[Fill, ...], rejection: Rejection | None
) -> OrderRow:
    return OrderRow(
        id=order.id,
        account=order.account,
        client_order_id=order.client_order_id,
        pair=order.pair,
        side=order.side,
        quantity=order.quantity,
        type=order.type,
        time_in_force=order.time_in_force,
        price=order.price,
        state=order.state,
        at=at,
        position=position,
        fills=[FillRow(f.id, f.price, f.quantity, f.amount, f.value_date) for f in fills],
        rejection=None if rejection is None else RejectionRow(rejection.code, rejection.reason),
    )
