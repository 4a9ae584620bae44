"""Entries about quotes that were asked for: what was promised, and until when."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.execution.entries.words import Side

QuoteKind = Literal["spot", "outright", "swap"]


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One value date of a quote: what the house buys (`bid`) and sells (`ask`) the base at, all-in.

    The points are the forward points inside, in pips: the price less the quote's spot price. A
    side that is not quoted is left out. `tenor` is what the client called the date.
    """

    value_date: str
    bid: str | UnsetType = UNSET
    ask: str | UnsetType = UNSET
    bid_points: str | UnsetType = UNSET
    ask_points: str | UnsetType = UNSET
    tenor: str | UnsetType = UNSET


class QuoteGiven(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="quote_given"):
    """A quote the account asked for: it may be taken once, before `valid_until`.

    `quantity` is in base currency. A swap has two legs, near and far; whoever buys it sells the
    base on the near date and buys it back on the far one. `spot_bid` and `spot_ask` are the spot
    price inside, for the whole quantity (the best price, on a side that is not quoted); in a swap
    both are the mid. `source` says whose prices and points they are. `request` is the SHA-256
    (hex) of the canonical request. `tenor` is what the client asked for, of an outright or for
    both dates of a swap; `side` the one that is quoted where it is not both; `client_quote_id` the
    client's own name. The points of a swap, far leg less near leg, in pips, are `bid_points` for
    who sells it and `ask_points` for who buys it.
    """

    at: str
    id: str
    account: str
    pair: str
    type: QuoteKind
    quantity: str
    legs: tuple[Leg, ...]
    spot_bid: str
    spot_ask: str
    valid_until: str
    source: str
    request: str
    key: str | None = None
    tenor: str | UnsetType = UNSET
    v: int = 1
    side: Side | UnsetType = UNSET
    client_quote_id: str | UnsetType = UNSET
    bid_points: str | UnsetType = UNSET
    ask_points: str | UnsetType = UNSET
