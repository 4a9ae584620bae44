"""From a ledger entry's bytes to what the detectors look at.

Entries are read with structs of our own that ignore members they do not know, so that the room
which writes entries may add to them.
"""

import math

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp
from tallystick.watch.detect.observation import (
    NUMBER_MAX,
    AccountSeen,
    OrderEvent,
    OrderSeen,
    UnreadableError,
)

CLIENT_CANCELS = frozenset({"", "CLIENT_REQUEST", "CANCEL_ALL"})
"""Why an order was cancelled when its client wanted it; the first form of the entry has no code."""


class _Order(msgspec.Struct, gc=False):
    id: str
    account: str
    pair: str
    side: str
    quantity: str
    state: str
    type: str = ""
    price: str | None = None
    parent: str = ""
    replaces: str = ""


class _Fill(msgspec.Struct, gc=False):
    price: str
    quantity: str
    side: str = ""


class _Quote(msgspec.Struct, gc=False):
    bid: str
    ask: str


class _Rejection(msgspec.Struct, gc=False):
    code: str = ""


class _Posting(msgspec.Struct, gc=False):
    account: str
    currency: str
    amount: str


class _Limits(msgspec.Struct, gc=False):
    position_usd_max: str | None = None


class _Entry(msgspec.Struct, gc=False):
    kind: str
    at: str = ""
    order: _Order | None = None
    fills: tuple[_Fill, ...] = ()
    quote: _Quote | None = None
    rejection: _Rejection | None = None
    by: str = ""
    code: str = ""


class _AccountEntry(msgspec.Struct, gc=False):
    kind: str
    at: str
    account: str = ""
    scope: str = "account"
    id: str | None = None
    desk: str | None = None
    limits: _Limits | None = None
    postings: tuple[_Posting, ...] = ()
    event: str = ""
    equity: str | None = None
    used: str | None = None


_ENTRY = msgspec.json.Decoder(_Entry)
_ACCOUNT = msgspec.json.Decoder(_AccountEntry)
_ORDER_EVENTS: dict[str, OrderEvent] = {
    "order_decided": "decided",
    "order_filled": "filled",
    "order_cancelled": "cancelled",
    "order_expired": "expired",
}
_ACCOUNT_KINDS = frozenset({"account_opened", "limits_set", "funds_moved", "margin_changed"})


def entry_seen(position: int, body: bytes) -> OrderSeen | AccountSeen | None:
    """What these entry bytes say about an order or an account.

    None for an entry of another kind, or raw bytes; and for limits of anything but an account.

    Raises:
        UnreadableError: the bytes are no entry, or lack what an entry of their kind must have.
    """
    if not body.startswith(b"{"):
        return None
    try:
        entry = _ENTRY.decode(body)
        event = _ORDER_EVENTS.get(entry.kind)
        if event is not None:
            return _order(position, event, entry)
        if entry.kind in _ACCOUNT_KINDS:
            return _account(position, _ACCOUNT.decode(body))
    except (ValueError, OverflowError) as error:
        raise UnreadableError(f"entry {position} cannot be read: {error}") from error
    return None


def _order(position: int, event: OrderEvent, entry: _Entry) -> OrderSeen:
    order, quote, fills = entry.order, entry.quote, entry.fills
    if order is None:
        raise UnreadableError(f"entry {position} ({entry.kind}) has no order")
    bid = ask = mid = None
    if quote is not None:
        bid, ask = _positive(quote.bid), _positive(quote.ask)
        mid = (bid + ask) / 2
    code = entry.code if entry.rejection is None else entry.rejection.code
    return OrderSeen(
        position,
        entry.at,
        parse_own_stamp(entry.at) / NS_PER_SECOND,
        event,
        order.id,
        order.account,
        order.pair,
        order.side,
        order.state,
        _positive(order.quantity),
        _positive(order.price) if order.price is not None and order.type == "limit" else None,
        _positive(fills[0].price) if fills else None,
        mid,
        bid,
        ask,
        _filled(fills, order.side) if fills else 0.0,
        order.type,
        code,
        order.replaces,
        _is_own(event, entry, order),
    )


def _filled(fills: tuple[_Fill, ...], side: str) -> float:
    """What the fills come to on the order's side; the legs of a swap cancel out."""
    ours = [_positive(fill.quantity) for fill in fills if fill.side in ("", side)]
    others = [_positive(fill.quantity) for fill in fills if fill.side not in ("", side)]
    return max(0.0, sum(ours) - sum(others))


def _is_own(event: OrderEvent, entry: _Entry, order: _Order) -> bool:
    """Whether the entry says what its client did, once an order."""
    if event == "decided":
        return not entry.by and not order.parent
    if event == "cancelled":
        return entry.code in CLIENT_CANCELS
    return event == "filled" and order.state != "partially_filled"


def _account(position: int, entry: _AccountEntry) -> AccountSeen | None:
    at_seconds = parse_own_stamp(entry.at) / NS_PER_SECOND
    limit = None if entry.limits is None else _number(entry.limits.position_usd_max)
    if entry.kind == "limits_set":
        if entry.scope != "account" or not entry.id:
            return None
        return AccountSeen(position, entry.at, at_seconds, "limits", entry.id, None, limit)
    if not entry.account:
        raise UnreadableError(f"entry {position} ({entry.kind}) names no account")
    if entry.kind == "account_opened":
        return AccountSeen(
            position, entry.at, at_seconds, "opened", entry.account, entry.desk, limit
        )
    if entry.kind == "funds_moved":
        own = [p for p in entry.postings if p.account == entry.account and p.currency == "USD"]
        funds = sum(_finite(posting.amount) for posting in own)
        return AccountSeen(
            position, entry.at, at_seconds, "funds", entry.account, funds_usd=float(funds)
        )
    return AccountSeen(
        position,
        entry.at,
        at_seconds,
        "margin",
        entry.account,
        equity_usd=_number(entry.equity),
        used_usd=_number(entry.used),
        code=entry.event,
    )


def _number(text: str | None) -> float | None:
    return None if text is None else _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if not abs(number) <= NUMBER_MAX:
        raise ValueError(f"{text[:40]!r} is no amount")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and 0 < number <= NUMBER_MAX):
        raise ValueError(f"{text[:40]!r} is no quantity or price")
    return number
