"""The ledger entry that an alert is about: what it says in a sentence, and the receipt of it.

Whoever is woken sees a fact that they can check by themselves (`tallystick verify`), not a claim.
"""

from decimal import Decimal, InvalidOperation

import msgspec

from tallystick.ledger import Receipt

PROVED_MAX = 3
"""Entries whose receipts go with one message: those of its newest alerts, some kilobytes each."""


class Proved(msgspec.Struct, frozen=True):
    """An entry: `sentence` is what it says of an order ("" where it is about none)."""

    position: int
    sentence: str
    receipt: Receipt


class _Fill(msgspec.Struct, frozen=True):
    price: str
    quantity: str
    amount: str


class _Order(msgspec.Struct, frozen=True):
    id: str
    account: str
    pair: str
    side: str
    quantity: str
    type: str
    state: str


class _Rejection(msgspec.Struct, frozen=True):
    code: str = ""


class _Entry(msgspec.Struct, frozen=True):
    """As much of an order's entry as a person asks for first."""

    order: _Order
    fills: tuple[_Fill, ...] = ()
    rejection: _Rejection | None = None


def proved(receipt: Receipt) -> Proved:
    """The entry of a receipt."""
    return Proved(receipt.position, _sentence(receipt.entry), receipt)


def receipt_name(each: Proved) -> str:
    """The file's name under which a receipt is attached."""
    return f"receipt-{each.position}.json"


def _sentence(entry: bytes) -> str:
    """Such as `O-12: demo buys 12,000,000.00 EUR/USD market, filled at 1.11712`; "" for others."""
    try:
        said = msgspec.json.decode(entry, type=_Entry)
        order = said.order
        quantity = f"{Decimal(order.quantity):,}"
        became = order.state.replace("_", " ")
        if said.fills:
            became += f" at {_average(said.fills)}"
        if said.rejection is not None and said.rejection.code:
            became += f" ({said.rejection.code})"
    except (msgspec.DecodeError, InvalidOperation, ZeroDivisionError):
        return ""
    deed = f"{order.account} {order.side}s {quantity} {order.pair}"
    return f"{order.id}: {deed} {order.type}, {became}"


def _average(fills: tuple[_Fill, ...]) -> str:
    if len(fills) == 1:
        return fills[0].price
    amount = sum((Decimal(each.amount) for each in fills), Decimal(0))
    mean = amount / sum((Decimal(each.quantity) for each in fills), Decimal(0))
    return f"{mean.quantize(Decimal(fills[0].price))} on average ({len(fills)} fills)"
