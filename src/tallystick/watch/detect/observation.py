"""What the detectors look at: an order or an API call, as plain numbers.

Ledger entries are read from their bytes with structs of our own that ignore members they do not
know, so that the room which writes entries may add to them. Floats are fine here: nothing in this
room is money, only a measure of how odd money looks.
"""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp, rfc3339
from tallystick.errors import PermanentError

NUMBER_MAX = 1e21
"""Largest quantity or price that is taken for real."""
DURATION_US_MAX = 86_400_000_000
"""A call that took longer than a day is a broken log line."""

OrderEvent = Literal["decided", "filled", "cancelled", "expired"]
AccountEvent = Literal["opened", "limits", "funds", "margin"]


class OrderSeen(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """One order as an entry tells it.

    `at` is the entry's own stamp, `at_seconds` the same since the epoch. `limit_price` is that of a
    limit order, None for every other type; `fill_price` (the first fill's) None where nothing was
    filled; `mid`, `bid` and `ask` where it was decided without a quote. `filled` is the quantity
    that this entry filled (an entry is one transition), `kind` the order's type, `code` why it was
    cancelled or rejected, `replaces` the order in whose place it stands.

    `own` is what a client itself did, once an order. It is false for what only moves its position:
    an order that the desk placed (a margin close-out), one that came with another (if done: the
    first one is the client's message), a fill in part, which may come as often as the market likes,
    and a cancel that nobody of the client's asked for.
    """

    position: int
    at: str
    at_seconds: float
    event: OrderEvent
    order_id: str
    account: str
    pair: str
    side: str
    state: str
    quantity: float
    limit_price: float | None
    fill_price: float | None
    mid: float | None
    bid: float | None = None
    ask: float | None = None
    filled: float = 0.0
    kind: str = ""
    code: str = ""
    replaces: str = ""
    own: bool = True


class AccountSeen(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """What an entry says about an account: opened or changed, new limits, money moved, margin.

    None where the entry does not say it. `funds_usd` is what came in (or left, negative), of US
    dollars alone; `equity_usd` and `used_usd` are those of a margin event, which is in `code`.
    """

    position: int
    at: str
    at_seconds: float
    event: AccountEvent
    account: str
    desk: str | None = None
    position_usd_max: float | None = None
    funds_usd: float | None = None
    equity_usd: float | None = None
    used_usd: float | None = None
    code: str = ""


class CallSeen(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """One answered API call, from its canonical log line; `route` is `POST /v1/orders`.

    `address` is the client's network (`203.0.113.0/24`), `key` the id of the token it showed; both
    None where the line does not say. `status` 0: the client was gone before the answer.
    """

    at: str
    at_seconds: float
    route: str
    status: int
    duration_us: float
    account: str | None
    address: str | None = None
    key: str | None = None


class QuoteSeen(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """One quote as its source sent it, in units of the quote currency; it may be crossed or bad."""

    at: str
    at_seconds: float
    pair: str
    bid: float
    ask: float
    source: str


class LogSeen(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """How many lines a service said in an index since its last such row, a second ago or more."""

    at: str
    at_seconds: float
    index: str
    service: str
    lines: int


class TimeSeen(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """So late is it now: what happened before was shown before. Comes each second."""

    at: str
    at_seconds: float


Observation = OrderSeen | AccountSeen | CallSeen | QuoteSeen | LogSeen | TimeSeen


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


class _Fill(msgspec.Struct, gc=False):
    price: str


class _Quote(msgspec.Struct, gc=False):
    bid: str
    ask: str


class _Entry(msgspec.Struct, gc=False):
    kind: str
    at: str = ""
    order: _Order | None = None
    fills: tuple[_Fill, ...] = ()
    quote: _Quote | None = None
    by: str = ""


_METHOD = "http.request.method"
_ROUTE = "http.route"
_STATUS = "http.response.status_code"
_ENTRY = msgspec.json.Decoder(_Entry)
_EVENTS: dict[str, OrderEvent] = {"order_decided": "decided", "order_filled": "filled"}


class UnreadableError(PermanentError):
    """An entry or log line of a known kind that does not say what its kind must say."""


def order_seen(position: int, body: bytes) -> OrderSeen | None:
    """The order in these entry bytes; None for an entry of another kind, or raw bytes.

    None also for what is no behaviour of the client: an order that the desk placed itself (a
    margin close-out), one that came with another (if done: the first one is the client's message),
    and a fill in part, which may come as often as the market likes. An order that was cancelled
    after a fill in part is seen as it was asked for: whole, and not rejected.

    Raises:
        UnreadableError: the bytes are no entry, or an order without the members it must have.
    """
    if not body.startswith(b"{"):
        return None
    try:
        entry = _ENTRY.decode(body)
        event = _EVENTS.get(entry.kind)
        if event is None:
            return None
        order = entry.order
        if order is None:
            raise UnreadableError(f"entry {position} ({entry.kind}) has no order")
        if not _is_behaviour(event, entry, order):
            return None
        quote = entry.quote
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
            _positive(entry.fills[0].price) if entry.fills else None,
            None if quote is None else (_positive(quote.bid) + _positive(quote.ask)) / 2,
        )
    except (ValueError, OverflowError) as error:
        raise UnreadableError(f"entry {position} cannot be read: {error}") from error


def _is_behaviour(event: OrderEvent, entry: _Entry, order: _Order) -> bool:
    """Whether the entry says what its client did, once an order."""
    if event == "decided":
        return not entry.by and not order.parent
    return order.state != "partially_filled"


def call_seen(line: Mapping[str, object]) -> CallSeen | None:
    """The API call of this log line; None for a line of another event.

    `timestamp` may be RFC 3339 or nanoseconds since the epoch.

    Raises:
        UnreadableError: an `api.request_answered` line without its method, route, status code,
            duration_us or timestamp.
    """
    if line.get("event_name") != "api.request_answered":
        return None
    stamp, method, route = line.get("timestamp"), line.get(_METHOD), line.get(_ROUTE)
    status, duration_us = line.get(_STATUS), line.get("duration_us")
    account = line.get("account")
    # Checked by hand: this is asked about every API call, and a general decoder costs three times
    # as much.
    if not (
        isinstance(stamp, (str, int))
        and isinstance(method, str)
        and isinstance(route, str)
        and isinstance(status, int)
        and isinstance(duration_us, (int, float))
        and (account is None or isinstance(account, str))
        and not isinstance(stamp, bool)
        and not isinstance(status, bool)
        and not isinstance(duration_us, bool)
    ):
        raise UnreadableError("a log line of an API call lacks what it must say")
    try:
        at_ns = stamp if isinstance(stamp, int) else parse_own_stamp(stamp)
        at = rfc3339(at_ns) if isinstance(stamp, int) else stamp
        if not 0 <= duration_us <= DURATION_US_MAX:
            raise UnreadableError(f"a call cannot take {duration_us} us")
        return CallSeen(
            at, at_ns / NS_PER_SECOND, f"{method} {route}", status, duration_us, account
        )
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableError(f"a log line cannot be read: {error}") from error


def _positive(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and 0 < number <= NUMBER_MAX):
        raise ValueError(f"{text[:40]!r} is no quantity or price")
    return number
