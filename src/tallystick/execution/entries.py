"""What execution writes into the ledger: one struct a kind, canonical JSON bytes.

An entry is a JSON object with sorted keys, no white space and no numbers but integers (the RFC
8785 form of such objects), so the same facts are always the same bytes. `v` and `kind` say how to
read it; a published form is never changed, a new one gets a new `v`. All money is decimal strings
with exactly the digits of its currency or pair; all times are RFC 3339, UTC, microseconds.

These values can make no cycles, so the garbage collector is told to leave them alone (`gc=False`):
it took a fifth of the time of an order.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from tallystick.ledger.notices import Notice, key_of

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
OrderState = Literal["new", "filled", "cancelled", "rejected"]
"""`new` is FIX's word for a limit order that rests in the book."""


class Order(msgspec.Struct, frozen=True, gc=False, omit_defaults=False):
    """An order as it stands after the entry's decision.

    `quantity` is in units of the base currency, `price` (limit orders) in quote currency per unit.
    """

    id: str
    account: str
    client_order_id: str
    pair: str
    side: Side
    quantity: str
    type: OrderType
    time_in_force: TimeInForce
    price: str | None
    state: OrderState


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution: `quantity` base currency against `amount` quote currency at `price`."""

    id: str
    price: str
    quantity: str
    amount: str
    value_date: str


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Why an order was rejected: a code of the closed list in `rejections`, and a sentence."""

    code: str
    reason: str


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One line of the double entry: `amount` (signed) of `currency` for `account`."""

    account: str
    currency: str
    amount: str


class QuoteSeen(msgspec.Struct, frozen=True, gc=False):
    """The quote an order was decided against."""

    bid: str
    ask: str
    at: str
    source: str


class OrderDecided(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_decided"):
    """A client's order, and what became of it at once.

    `request` is the SHA-256 (hex) of the canonical request, so that a retry can be told from
    another request under the same `client_order_id` or Idempotency-Key (`key`). `postings` of all
    fills sum to zero in every currency.
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


class OrderFilled(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_filled"):
    """A resting order met its price."""

    at: str
    order: Order
    fills: tuple[Fill, ...]
    postings: tuple[Posting, ...]
    quote: QuoteSeen
    v: int = 1


class OrderCancelled(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order_cancelled"
):
    """A resting order was taken back."""

    at: str
    order: Order
    by: str
    reason: str
    v: int = 1


class LimitsText(msgspec.Struct, frozen=True, gc=False):
    """An account's limits in words of the wire; see `accounts.Limits` for their meaning."""

    order_quantity_max: str
    position_usd_max: str
    collar_bps: int
    duplicate_window_ms: int
    duplicates_max: int


class AccountOpened(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="account_opened"):
    """An account exists from here on, with these limits."""

    at: str
    account: str
    limits: LimitsText
    v: int = 1


class KillSwitchSet(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="kill_switch_set"):
    """Trading was stopped or resumed, for one account or (`account` null) for all."""

    at: str
    account: str | None
    active: bool
    by: str
    reason: str
    v: int = 1


class Raw(msgspec.Struct, frozen=True, gc=False):
    """Bytes that say nothing to us, put into the ledger by a load test; they begin with no `{`."""

    data: bytes


Kind = OrderDecided | OrderFilled | OrderCancelled | AccountOpened | KillSwitchSet | Notice
"""Every kind of entry that is written."""
Entry = Kind | Raw

_OBJECT = b"{"
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER: msgspec.json.Decoder[Kind] = msgspec.json.Decoder(Kind)


def encode(entry: Entry) -> bytes:
    """The canonical bytes of an entry."""
    return entry.data if isinstance(entry, Raw) else _ENCODER.encode(entry)


def decode(data: bytes) -> Entry:
    """The entry in these bytes.

    Raises:
        msgspec.DecodeError: the bytes are an object, and no entry of a known kind: a newer
            Tallystick wrote them.
    """
    return _DECODER.decode(data) if data.startswith(_OBJECT) else Raw(data)


def keys_of(entry: Entry) -> tuple[str, ...]:
    """The idempotency keys that an entry settled, in the form in which the ledger keeps them."""
    if isinstance(entry, Raw):
        return (raw_key(entry.data),)
    if isinstance(entry, OrderDecided):
        return order_keys(entry.order.account, entry.order.client_order_id, entry.key)
    key = key_of(entry) if isinstance(entry, Notice) else None
    return () if key is None else (key,)


def order_keys(account: str, client_order_id: str, key: str | None) -> tuple[str, ...]:
    """The keys of an order: its client_order_id always, the Idempotency-Key where given."""
    client = f"order {account} {client_order_id}"
    return (client,) if key is None else (client, f"key {account} {key}")


def raw_key(data: bytes) -> str:
    """The key of bytes that are added as they are: the same bytes are added once."""
    return f"raw {sha256(data).hexdigest()}"
