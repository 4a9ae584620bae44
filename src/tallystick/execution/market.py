"""What a decision knows of the market: the quote, what currencies are worth, and how both are said.

Pure. What decides, what lets in and what takes a quote all build on this.
"""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.clock import rfc3339
from tallystick.execution.book import Account
from tallystick.execution.entries import QuoteSeen
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.rules.case import Usd
from tallystick.fx import Pair, currency
from tallystick.money import (
    Amount,
    Price,
    Quantity,
    divide_half_up,
    format_decimal,
    quote_amount,
)

RATE_DIGITS = 10
"""Decimal places of a conversion rate in an entry."""
Rate = Callable[[str, str], tuple[int, int] | None]
"""(from, to) -> minor units of `to` for one minor unit of `from` at the mid, as a fraction."""


class Market(msgspec.Struct, frozen=True, gc=False):
    """What is known of the market when an order is decided.

    `quote` is the pair's newest; `session_open` is False where the source of the prices keeps the
    market's hours and it is closed.
    """

    quote: Quote | None
    usd: Usd
    rate: Rate
    session_open: bool = True


def amount_of(quantity: Quantity, price: Price, traded: Pair) -> Amount:
    """`quantity` of the pair's base at `price`, in minor units of its quote currency."""
    return quote_amount(
        quantity,
        price,
        base_digits=traded.base_digits,
        price_digits=traded.price_digits,
        quote_digits=traded.quote_digits,
    )


def home_rate_of(account: Account, traded: Pair, rate: Rate) -> str | UnsetType:
    """The quote currency in the account's home currency; UNSET where that needs no rate."""
    home = account.configuration.home
    if home is None or home == traded.quote:
        return UNSET
    found = rate(traded.quote, home)
    if found is None:
        return UNSET
    numerator = found[0] * 10 ** (traded.quote_digits + RATE_DIGITS)
    denominator = found[1] * 10 ** currency(home).minor_digits
    return format_decimal(divide_half_up(numerator, denominator), RATE_DIGITS)


def seen(quote: Quote, traded: Pair) -> QuoteSeen:
    """The quote in decimals; many orders meet one quote, so the last of each pair is kept."""
    known = _last_seen.get(quote.pair)
    if known is not None and known[0] is quote:
        return known[1]
    digits = traded.price_digits
    found = QuoteSeen(
        bid=format_decimal(quote.bid, digits),
        ask=format_decimal(quote.ask, digits),
        at=rfc3339(quote.at_ns),
        source=quote.source,
    )
    _last_seen[quote.pair] = (quote, found)
    return found


_last_seen: dict[str, tuple[Quote, QuoteSeen]] = {}
"""A memo, no state: at most one quote a pair."""
