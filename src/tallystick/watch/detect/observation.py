"""What the detectors look at: an order or an API call, as plain numbers.

`orders/reading.py` makes them from ledger entries, `operations/reading.py` from log lines, prices
and the clock. Floats are fine here: nothing in this room is money, only a measure of how odd money
looks.
"""

from typing import Literal

import msgspec

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


class UnreadableError(PermanentError):
    """An entry or log line of a known kind that does not say what its kind must say."""
