"""Orders and trades as lists show them, read from entries."""

from collections.abc import Iterator

import msgspec

from tallystick.execution.entries import Entry, Fill, Order, OrderDecided, OrderFilled, decode


class OrderRow(msgspec.Struct, frozen=True):
    """An order in a list: as it stands now, and the entry that decided it."""

    order: Order
    at: str
    position: int
    fills: tuple[Fill, ...]
    rejection_code: str | None


class OrderStory(msgspec.Struct, frozen=True):
    """All that became of one order: its entries' positions, oldest first."""

    decided: OrderDecided
    order: Order
    fills: tuple[Fill, ...]
    positions: tuple[int, ...]


class TradeRow(msgspec.Struct, frozen=True):
    """One fill with what it belongs to."""

    id: str
    order_id: str
    account: str
    pair: str
    side: str
    price: str
    quantity: str
    amount: str
    value_date: str
    at: str
    position: int


def trades_of(position: int, data: bytes) -> Iterator[TradeRow]:
    """The fills in one entry's bytes."""
    return trades_in(position, decode(data))


def trades_in(position: int, entry: Entry) -> Iterator[TradeRow]:
    """The fills in one entry."""
    if not isinstance(entry, OrderDecided | OrderFilled):
        return
    order = entry.order
    for fill in entry.fills:
        yield TradeRow(
            id=fill.id,
            order_id=order.id,
            account=order.account,
            pair=order.pair,
            side=fill.side or order.side,
            price=fill.price,
            quantity=fill.quantity,
            amount=fill.amount,
            value_date=fill.value_date,
            at=entry.at,
            position=position,
        )
