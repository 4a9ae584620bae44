"""What the door says of prices: one struct a message, shared by requests and streams."""

from collections.abc import Callable
from typing import Literal

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.execution.quotes import Level, Quote, max_age_ns
from tallystick.fx import PAIRS, Pair, Session, parse_pair
from tallystick.limits import PRICE_PAIRS_CHARACTERS_MAX
from tallystick.money import format_decimal

SessionAt = Callable[[int], Session]
"""Whether the market is open at a moment (nanoseconds since the epoch), and until when."""
Untradeable = Literal["MARKET_CLOSED", "STALE_PRICE", "NO_PRICE"]
"""Why an order at this price would be rejected: the code that it would be rejected with."""


class PriceLevel(msgspec.Struct, frozen=True):
    """This quantity of base currency is dealt at this price; decimals."""

    price: str
    quantity: str


class PriceItem(msgspec.Struct, frozen=True):
    """A pair's newest quote.

    `bids` and `asks`: depth, best first; empty where `bid` and `ask` hold for any quantity.
    `tradeable`: whether an order could be dealt on it now; if not, `reason` is why. `source` names
    who quotes it, and says `synthetic` where it is.
    """

    pair: str
    bid: str
    ask: str
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    at: str
    source: str
    tradeable: bool
    reason: Untradeable | None


class SessionItem(msgspec.Struct, frozen=True):
    """Whether the market is `open`, and when that changes."""

    open: bool
    changes_at: str


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The first message of a stream and the answer to a subscription.

    `resumed`: only the pairs that moved since the client's last message are here, else all are.
    `missed`: updates that came between and are not told; None where nobody knows how many, because
    it is too long ago or the process is another. `gap`: whether there were any. `unpriced`: pairs
    that were asked for and have no price.
    """

    id: str
    resumed: bool
    gap: bool
    missed: int | None
    prices: tuple[PriceItem, ...]
    unpriced: tuple[str, ...]
    session: SessionItem


class Heartbeat(msgspec.Struct, frozen=True, tag_field="type", tag="heartbeat"):
    """The stream lives. `untradeable`: which of its pairs cannot be dealt now, and why."""

    at: str
    session: SessionItem
    untradeable: dict[str, Untradeable]


def price_item(quote: Quote, now_ns: int, session: Session) -> PriceItem:
    """The quote as the door says it."""
    pair = PAIRS[quote.pair]
    reason = untradeable(quote, now_ns, session)
    return PriceItem(
        pair=quote.pair,
        bid=format_decimal(quote.bid, pair.price_digits),
        ask=format_decimal(quote.ask, pair.price_digits),
        bids=_levels(quote.bids, pair),
        asks=_levels(quote.asks, pair),
        at=rfc3339(quote.at_ns),
        source=quote.source,
        tradeable=reason is None,
        reason=reason,
    )


def untradeable(quote: Quote | None, now_ns: int, session: Session) -> Untradeable | None:
    """Why nobody can deal on this quote now; None where everybody may."""
    if not session.open:
        return "MARKET_CLOSED"
    if quote is None:
        return "NO_PRICE"
    if now_ns - quote.at_ns > max_age_ns(quote.pair, quote.source):
        return "STALE_PRICE"
    return None


def session_item(session: Session) -> SessionItem:
    """The session as the door says it."""
    return SessionItem(session.open, rfc3339(session.changes_ns))


def parse_pairs(text: str | None) -> tuple[str, ...] | None:
    """Symbols from `EUR/USD,USDJPY`, each once; None where none are named.

    Raises:
        Refused: `UNKNOWN_PAIR`, `BAD_REQUEST`.
    """
    if text is None:
        return None
    if len(text) > PRICE_PAIRS_CHARACTERS_MAX:
        sentence = f"pairs may have at most {PRICE_PAIRS_CHARACTERS_MAX} characters."
        raise Refused("BAD_REQUEST", sentence, field="pairs")
    names = [name for name in text.split(",") if name.strip()]
    if not names:
        raise Refused("BAD_REQUEST", "pairs names no pair, such as EUR/USD.", field="pairs")
    return known_pairs(names)


def known_pairs(names: list[str]) -> tuple[str, ...]:
    """The symbols of these pairs, each once, in their order.

    Raises:
        Refused: `UNKNOWN_PAIR`.
    """
    try:
        return tuple(dict.fromkeys(parse_pair(name).symbol for name in names))
    except Refused as refused:
        raise Refused(refused.code, str(refused), field="pairs") from refused


def _levels(levels: tuple[Level, ...], pair: Pair) -> tuple[PriceLevel, ...]:
    return tuple(
        PriceLevel(
            format_decimal(level.price, pair.price_digits),
            format_decimal(level.quantity, pair.base_digits),
        )
        for level in levels
    )
