"""What the live stream says: one struct an event, the shapes that `frontend/` reads.

Decimals are strings as everywhere at the door; times are RFC 3339, UTC.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.access import Scope

EVENTS = (
    "hello", "price", "order", "trading_state", "margin", "checkpoint", "log", "anomaly", "alert",
    "incident", "gap",
)  # fmt: skip
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
    side: str | UnsetType = UNSET


class RejectionRow(msgspec.Struct, frozen=True):
    """Why an order was rejected."""

    code: str
    reason: str


class CancelRow(msgspec.Struct, frozen=True):
    """Who took an order back, and why; `code` is left out of entries of the first form."""

    by: str
    reason: str
    code: str | UnsetType = UNSET


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it stands after the entry at `position`, which was made at `at`.

    `fills` are that entry's own. What stands behind `rejection` is there where it applies, as in
    the entry; an order with `replaces` that is not rejected has closed the one it names. `by` is
    who placed it where that was not its client.
    """

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
    filled: str | UnsetType = UNSET
    stop_price: str | UnsetType = UNSET
    distance: str | UnsetType = UNSET
    trigger: str | UnsetType = UNSET
    triggered: bool | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    price_bound: str | UnsetType = UNSET
    position_fill: str | UnsetType = UNSET
    parent: str | UnsetType = UNSET
    oco: str | UnsetType = UNSET
    linked: int | UnsetType = UNSET
    replaces: str | UnsetType = UNSET
    trade: str | UnsetType = UNSET
    quote: str | UnsetType = UNSET
    by: str | UnsetType = UNSET
    cancelled: CancelRow | UnsetType = UNSET


class Orders(msgspec.Struct, frozen=True):
    """Event `order`: what was decided, oldest first, all of one account.

    A burst larger than a page can show may leave out its older orders; `omitted` counts them.
    """

    orders: list[OrderRow]
    omitted: int = 0


class TradingStateRow(msgspec.Struct, frozen=True):
    """Event `trading_state`: what may be traded in a scope from here on, or (`asked`) shall be.

    `scope` is `all`, `desk`, `account` or `pair`, `id` which of them; `state` is `active`,
    `reducing` or `halted`. What is asked for holds only when a second person has granted it.
    """

    scope: str
    id: str | None
    state: str
    by: str
    reason: str
    at: str
    position: int
    asked: bool = False


class MarginRow(msgspec.Struct, frozen=True):
    """Event `margin`: a margin call began, went on or ended, or positions were closed out.

    `equity` and `used` are US dollars.
    """

    account: str
    event: str
    equity: str
    used: str
    at: str
    position: int


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


class IncidentNews(msgspec.Struct, frozen=True):
    """Event `incident`: something about incidents has changed; whoever shows them asks anew.

    `changes` only grows while the server runs.
    """

    changes: int


class Hello(msgspec.Struct, frozen=True):
    """Event `hello`, the first of every stream: whose token this is.

    With `every_seconds` it is the only one: the page asks anew after so long.
    """

    name: str
    account: str
    scopes: list[Scope]
    version: str
    every_seconds: int | UnsetType = UNSET


class Gap(msgspec.Struct, frozen=True):
    """Event `gap`: so many events were dropped here because this follower was too slow."""

    missed: int
