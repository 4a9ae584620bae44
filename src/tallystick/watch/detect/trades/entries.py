"""The ledger's entries as the simulator writes them: the product's published forms, byte for byte.

This room may not know the one that writes the ledger, so these structs are our own; a test decodes
every kind with the product's decoder and finds the same bytes again. Members stand in the order of
their names, which makes the JSON canonical without sorting.
"""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

HOUSE: Final = "house"
"""The other side of every trade."""


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One line of the double entry."""

    account: str
    amount: str
    currency: str


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution."""

    amount: str
    id: str
    price: str
    quantity: str
    value_date: str


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The quote an order was decided against."""

    ask: str
    at: str
    bid: str
    source: str


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Why an order was rejected."""

    code: str
    reason: str


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order as it stands."""

    account: str
    client_order_id: str
    expires_at: str | UnsetType = UNSET
    id: str
    pair: str
    price: str | None
    quantity: str
    side: str
    state: str
    time_in_force: str
    type: str


class OrderDecided(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order, and what became of it at once."""

    at: str
    fills: tuple[Fill, ...] = ()
    key: str | None = None
    kind: str = "order_decided"
    order: Order
    postings: tuple[Posting, ...] = ()
    quote: Quote
    rejection: Rejection | None = None
    request: str
    v: int


class OrderFilled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A working order met its price."""

    at: str
    fills: tuple[Fill, ...]
    kind: str = "order_filled"
    order: Order
    postings: tuple[Posting, ...]
    quote: Quote
    v: int


class OrderCancelled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A working order was taken back."""

    at: str
    by: str
    code: str
    kind: str = "order_cancelled"
    order: Order
    reason: str
    v: int = 2


class OrderExpired(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The end of a good-for-day order came."""

    at: str
    kind: str = "order_expired"
    order: Order
    v: int = 1


class Limits(msgspec.Struct, frozen=True, gc=False):
    """An account's limits."""

    collar_bps: int
    duplicate_window_ms: int
    duplicates_max: int
    order_quantity_max: str
    position_usd_max: str


class AccountOpened(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An account exists from here on."""

    account: str
    at: str
    by: str
    desk: str
    kind: str = "account_opened"
    limits: Limits
    margin: str
    v: int = 2


class FundsMoved(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Money came into the account, or left it."""

    account: str
    at: str
    by: str
    key: str | None = None
    kind: str = "funds_moved"
    postings: tuple[Posting, ...]
    reason: str
    v: int = 1


class MarginChanged(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A margin call began or ended."""

    account: str
    at: str
    equity: str
    event: str
    kind: str = "margin_changed"
    used: str
    v: int = 1


encode: Final = msgspec.json.Encoder().encode
"""The canonical bytes of an entry."""
