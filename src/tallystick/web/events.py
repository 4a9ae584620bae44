"""What the live stream says: one struct an event, the shapes that `frontend/` reads.

Decimals are strings as everywhere at the door; times are RFC 3339, UTC.
"""

from collections.abc import Mapping

import msgspec

from tallystick.access import Scope

EVENTS = ("hello", "price", "order", "checkpoint", "log", "anomaly", "alert", "gap")
"""Every event's name. The hub itself says `hello` (first) and `gap`; wiring says the others."""


class PriceRow(msgspec.Struct, frozen=True):
    """A pair's quote; `source` names where it comes from, and says `synthetic` where it is."""

    pair: str
    bid: str
    ask: str
    at: str
    source: str


class Prices(msgspec.Struct, frozen=True):
    """Event `price`: the pairs that moved since the last one; at most five events a second."""

    prices: list[PriceRow]


class FillRow(msgspec.Struct, frozen=True):
    """One execution, as in the entry."""

    id: str
    price: str
    quantity: str
    amount: str
    value_date: str


class RejectionRow(msgspec.Struct, frozen=True):
    """Why an order was rejected."""

    code: str
    reason: str


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it stands after the entry at `position`, which was made at `at`."""

    id: str
    account: str
    client_order_id: str
    pair: str
    side: str
    quantity: str
    type: str
    time_in_force: str
    price: str | None
    state: str
    at: str
    position: int
    fills: list[FillRow]
    rejection: RejectionRow | None = None


class Orders(msgspec.Struct, frozen=True):
    """Event `order`: what was decided, oldest first, all of one account.

    A burst larger than a page can show may leave out its older orders; `omitted` counts them.
    """

    orders: list[OrderRow]
    omitted: int = 0


class Head(msgspec.Struct, frozen=True):
    """Event `checkpoint`: the newest signed note; `root` is base64 as in the note."""

    size: int
    root: str
    note: str


class Logs(msgspec.Struct, frozen=True):
    """Event `log`: log lines, oldest first, each with the fields of `GET /v1/logs`."""

    logs: list[Mapping[str, object]]


class AlertRow(msgspec.Struct, frozen=True):
    """Event `alert`: said again with the same id whenever the state of its delivery changes."""

    id: str
    severity: str
    summary: str
    at: str
    state: str


class Hello(msgspec.Struct, frozen=True):
    """Event `hello`, the first of every stream: whose token this is."""

    name: str
    account: str
    scopes: list[Scope]
    version: str


class Gap(msgspec.Struct, frozen=True):
    """Event `gap`: so many events were dropped here because this follower was too slow."""

    missed: int
