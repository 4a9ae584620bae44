"""Entries about orders: each is one transition of one order (FIX: one execution report)."""

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.execution.entries.words import (
    CancelCode,
    Fill,
    Order,
    Posting,
    QuoteSeen,
    Rejection,
)


class OrderDecided(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_decided"):
    """A client's order, and what became of it at once.

    `request` is the SHA-256 (hex) of the canonical request, so that a retry can be told from
    another request under the same `client_order_id` or Idempotency-Key (`key`). `postings` of all
    fills sum to zero in every currency. `home_rate` is what one unit of the quote currency was
    worth in the account's home currency when something was filled; left out where that is 1 or
    the account has none. `by` is who placed it where that was not its client. An order that
    replaces another closes it, unless it is rejected.
    """

    at: str
    order: Order
    request: str
    key: str | None = None
    fills: tuple[Fill, ...] = ()
    postings: tuple[Posting, ...] = ()
    rejection: Rejection | None = None
    quote: QuoteSeen | None = None
    v: int = 1
    home_rate: str | UnsetType = UNSET
    by: str | UnsetType = UNSET


class OrderFilled(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_filled"):
    """A working order met its price: in whole, or (`partially_filled`) in part."""

    at: str
    order: Order
    fills: tuple[Fill, ...]
    postings: tuple[Posting, ...]
    quote: QuoteSeen
    v: int = 1
    home_rate: str | UnsetType = UNSET


class OrderCancelled(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_cancelled"
):
    """A working order was taken back."""

    at: str
    order: Order
    by: str
    reason: str
    v: int = 1
    code: CancelCode | UnsetType = UNSET
    key: str | UnsetType = UNSET
    request: str | UnsetType = UNSET


class OrderExpired(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_expired"):
    """The time of a GTD or GFD order was over."""

    at: str
    order: Order
    v: int = 1


class OrderTriggered(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_triggered"
):
    """A stop-limit order was set off by `quote` and works at its limit from here on."""

    at: str
    order: Order
    quote: QuoteSeen
    v: int = 1


class OrderTrailed(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_trailed"):
    """The market moved in favour of a trailing stop: its stop price follows."""

    at: str
    order: Order
    quote: QuoteSeen
    v: int = 1


class OrderActivated(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_activated"
):
    """The parent of a suspended order was filled: it works from here on."""

    at: str
    order: Order
    v: int = 1
