"""What comes from outside becomes a quote here, or is dropped with a reason; nothing is repaired.

A provider's message says decimals as strings. Prices may have as many places as the pair, and
quantities as many as its base currency, never more: rounding would be a price that nobody made.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Refused
from tallystick.execution.quotes.quote import Level, Quote
from tallystick.execution.quotes.source import DropReason
from tallystick.fx import PAIRS, Pair
from tallystick.money import Price, Quantity, parse_decimal

LEVELS_MAX = 20
"""Most levels on one side of a provider's quote."""
FUTURE_NS_MAX = NS_PER_SECOND
"""How far a provider's clock may be ahead of ours; such a quote is taken as made now."""
POINTS_MAX = 10**12
"""Largest price, in points: ten million at five places."""
QUANTITY_MAX = 10**17
"""Largest quantity, in minor units."""

LevelText = tuple[str, str]
"""[price, quantity]: quantity in units of base currency."""


class QuoteMessage(msgspec.Struct, frozen=True, tag_field="type", tag="quote"):
    """A provider's newest quote of a pair; it takes the place of the one before it.

    Depth in `bids` and `asks`, best first; or one price a side in `bid` and `ask`, for any
    quantity. `at`: RFC 3339, when it was made; without it, when it came. `seq`: see `wire`.
    """

    pair: str
    bids: tuple[LevelText, ...] = ()
    asks: tuple[LevelText, ...] = ()
    bid: str | None = None
    ask: str | None = None
    at: str | None = None
    seq: int | None = None


class Dropped(Exception):  # noqa: N818  it is an answer, not a failure
    """The message is no quote that can be used."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason = reason


def quote_of(message: QuoteMessage, source: str, now_ns: int, max_age_ns: int) -> Quote:
    """The quote in a provider's message.

    Raises:
        Dropped: with the reason.
    """
    pair = PAIRS.get(message.pair)
    if pair is None:
        raise Dropped("unknown_pair")
    bids, asks = _levels(message.bids, pair, -1), _levels(message.asks, pair, 1)
    if bool(bids) != bool(asks):
        raise Dropped("malformed")
    if bids:
        bid, ask = bids[0].price, asks[0].price
    elif message.bid is not None and message.ask is not None:
        bid, ask = _price(message.bid, pair), _price(message.ask, pair)
    else:
        raise Dropped("malformed")
    if bid >= ask:
        raise Dropped("crossed")
    return Quote(pair.symbol, bid, ask, _moment(message.at, now_ns, max_age_ns), source, bids, asks)


def _levels(texts: Sequence[LevelText], pair: Pair, worse: Literal[-1, 1]) -> tuple[Level, ...]:
    """`worse`: which way prices go from level to level."""
    if len(texts) > LEVELS_MAX:
        raise Dropped("bad_depth")
    levels = tuple(
        Level(_price(price, pair), Quantity(_positive(quantity, pair.base_digits, QUANTITY_MAX)))
        for price, quantity in texts
    )
    for before, after in pairwise(levels):
        if (after.price - before.price) * worse <= 0:
            raise Dropped("bad_depth")
    return levels


def _price(text: str, pair: Pair) -> Price:
    return Price(_positive(text, pair.price_digits, POINTS_MAX))


def _positive(text: str, digits: int, largest: int) -> int:
    try:
        value = parse_decimal(text, digits)
    except Refused as refused:
        precise = refused.code == "AMOUNT_TOO_PRECISE"
        raise Dropped("over_precise" if precise else "malformed") from refused
    if value <= 0:
        raise Dropped("not_positive")
    if value > largest:
        raise Dropped("malformed")
    return value


def _moment(text: str | None, now_ns: int, max_age_ns: int) -> int:
    if text is None:
        return now_ns
    try:
        at_ns = parse_rfc3339(text)
    except ValueError as error:
        raise Dropped("malformed") from error
    if at_ns > now_ns + FUTURE_NS_MAX:
        raise Dropped("future")
    if now_ns - at_ns > max_age_ns:
        raise Dropped("old")
    return min(at_ns, now_ns)
