"""Entries about quotes that were asked for: what was promised, and until when."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

QuoteKind = Literal["spot", "outright", "swap"]


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One value date of a quote: what the house buys (`bid`) and sells (`ask`) the base at, all-in.

    `points` are the forward points inside, in pips.
    """

    value_date: str
    bid: str
    ask: str
    bid_points: str
    ask_points: str


class QuoteGiven(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="quote_given"):
    """A quote the account asked for: it may be taken once, until `valid_until`.

    `quantity` is in base currency. A swap has two legs, near and far; whoever buys it sells the
    base on the near date and buys it back on the far one.
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
