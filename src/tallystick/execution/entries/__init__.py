"""What execution writes into the ledger: one struct a kind, canonical JSON bytes.

An entry is a JSON object with sorted keys, no white space and no numbers but integers (the RFC
8785 form of such objects), so the same facts are always the same bytes. `v` and `kind` say how to
read it; a published form is never changed, a new one gets a new `v`: `v` 2 has members that `v` 1
had not, and what uses none of them is still written as `v` 1. All money is decimal strings
with exactly the digits of its currency or pair; all times are RFC 3339, UTC, microseconds.

These values can make no cycles, so the garbage collector is told to leave them alone (`gc=False`):
it took a fifth of the time of an order.
"""

from hashlib import sha256

import msgspec

from tallystick.errors import PermanentError
from tallystick.execution.entries.accounts import (
    AccountMode,
    AccountOpened,
    Financing,
    FundsMoved,
    LimitsText,
    MarginChanged,
    MarginEvent,
    PositionRolled,
)
from tallystick.execution.entries.orders import (
    OrderActivated,
    OrderCancelled,
    OrderDecided,
    OrderExpired,
    OrderFilled,
    OrderTrailed,
    OrderTriggered,
)
from tallystick.execution.entries.quotes import Leg, QuoteGiven, QuoteKind
from tallystick.execution.entries.risk import (
    KillSwitchSet,
    LimitOverridden,
    LimitsSet,
    ResumeAsked,
    Scope,
    ScopedLimits,
    TradingState,
    TradingStateSet,
)
from tallystick.execution.entries.words import (
    OPEN_STATES,
    CancelCode,
    Fill,
    Order,
    OrderState,
    OrderType,
    PositionFill,
    Posting,
    QuoteSeen,
    Rejection,
    Side,
    TimeInForce,
    Trigger,
)
from tallystick.ledger.notices import Notice, key_of

__all__ = [
    "KEYED",
    "OPEN_STATES",
    "AccountMode",
    "AccountOpened",
    "CancelCode",
    "Entry",
    "Fill",
    "Financing",
    "FundsMoved",
    "KillSwitchSet",
    "Kind",
    "Leg",
    "LimitOverridden",
    "LimitsSet",
    "LimitsText",
    "MarginChanged",
    "MarginEvent",
    "Order",
    "OrderActivated",
    "OrderCancelled",
    "OrderDecided",
    "OrderExpired",
    "OrderFilled",
    "OrderState",
    "OrderStep",
    "OrderTrailed",
    "OrderTriggered",
    "OrderType",
    "PositionFill",
    "PositionRolled",
    "Posting",
    "QuoteGiven",
    "QuoteKind",
    "QuoteSeen",
    "Raw",
    "Rejection",
    "ResumeAsked",
    "Scope",
    "ScopedLimits",
    "Side",
    "TimeInForce",
    "TradingState",
    "TradingStateSet",
    "Trigger",
    "account_key",
    "decode",
    "decode_known",
    "encode",
    "keys_of",
    "order_keys",
    "raw_key",
    "taken_key",
    "write_key",
]


class Raw(msgspec.Struct, frozen=True, gc=False):
    """Bytes that say nothing to us, put into the ledger by a load test; they begin with no `{`."""

    data: bytes


OrderStep = (
    OrderDecided
    | OrderFilled
    | OrderCancelled
    | OrderExpired
    | OrderTriggered
    | OrderTrailed
    | OrderActivated
)
"""Every kind that is one transition of one order."""
Kind = (
    OrderStep
    | AccountOpened
    | FundsMoved
    | MarginChanged
    | PositionRolled
    | KillSwitchSet
    | TradingStateSet
    | ResumeAsked
    | LimitsSet
    | LimitOverridden
    | QuoteGiven
    | Notice
)
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


def decode_known(position: int, data: bytes) -> Entry:
    """The entry in the bytes at a position, for whoever checks a ledger.

    Raises:
        PermanentError: no entry of a known kind: a newer Tallystick wrote it.
    """
    try:
        return decode(data)
    except msgspec.DecodeError as error:
        sentence = f"Entry {position} is of no kind that this version knows."
        raise PermanentError(sentence) from error


def keys_of(entry: Entry) -> tuple[str, ...]:
    """The idempotency keys that an entry settled, in the form in which the ledger keeps them."""
    if isinstance(entry, Raw):
        return (raw_key(entry.data),)
    if isinstance(entry, OrderDecided):
        order = entry.order
        keys = order_keys(order.account, order.client_order_id, entry.key)
        taken = isinstance(order.quote, str) and order.state == "filled"
        return (*keys, taken_key(str(order.quote))) if taken else keys
    if isinstance(entry, QuoteGiven):
        return () if entry.key is None else (account_key(entry.account, entry.key),)
    if isinstance(entry, KEYED):
        return (entry.key,) if entry.key else ()
    key = key_of(entry) if isinstance(entry, Notice) else None
    return () if key is None else (key,)


KEYED = (
    OrderCancelled,
    AccountOpened,
    FundsMoved,
    TradingStateSet,
    ResumeAsked,
    LimitsSet,
    LimitOverridden,
)
"""Kinds that hold their whole key (`write_key`) where the client gave one, and beside it the digest
of the request, so that a retry can be told from another request under the same key."""


def order_keys(account: str, client_order_id: str, key: str | None) -> tuple[str, ...]:
    """The keys of an order: its client_order_id always, the Idempotency-Key where given."""
    client = f"order {account} {client_order_id}"
    return (client,) if key is None else (client, account_key(account, key))


def account_key(account: str, key: str) -> str:
    """An Idempotency-Key of an account: one for all its orders and quotes."""
    return f"key {account} {key}"


def taken_key(quote: str) -> str:
    """What the order settles that takes a quote: so the ledger itself lets it be taken once."""
    return f"quote {quote}"


def write_key(principal: str, key: str) -> str:
    """The key of any other write: who asked, and its Idempotency-Key."""
    return f"write {principal} {key}"


def raw_key(data: bytes) -> str:
    """The key of bytes that are added as they are: the same bytes are added once."""
    return f"raw {sha256(data).hexdigest()}"
