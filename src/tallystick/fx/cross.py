"""Cross rates: what a pair is worth when its two currencies are quoted against a third.

Prices are integers, so each rate is an exact fraction; the result is rounded once, to the points
of the cross and away from its middle: the bid down, the ask up.
"""

import msgspec

from tallystick.fx.pairs import Pair
from tallystick.money import Price

_Rate = tuple[int, int]
"""Numerator and denominator, both above zero."""


class TwoWay(msgspec.Struct, frozen=True, gc=False):
    """A two-way price: `pair` is bought from clients at `bid` and sold to them at `ask`."""

    pair: Pair
    bid: Price
    ask: Price


def cross(pair: Pair, first: TwoWay, second: TwoWay) -> TwoWay:
    """The price of `pair` through two legs: one with its base currency, one with its quote.

    Each leg may be quoted either way round. The bid is what selling the base through both legs
    brings, the ask what buying it costs.

    Raises:
        ValueError: the legs do not lead from the base to the quote currency, or a price is not
            above zero.
    """
    if pair.base not in (first.pair.base, first.pair.quote):
        first, second = second, first
    middle = _other(first.pair, pair.base)
    if _other(second.pair, middle) != pair.quote:
        raise ValueError(
            f"{first.pair.symbol} and {second.pair.symbol} do not lead to {pair.symbol}"
        )
    base_bid, base_ask = _rates(first, pair.base)
    quote_bid, quote_ask = _rates(second, middle)
    points = 10**pair.price_digits
    bid = base_bid[0] * quote_bid[0] * points // (base_bid[1] * quote_bid[1])
    ask = -(-base_ask[0] * quote_ask[0] * points // (base_ask[1] * quote_ask[1]))
    return TwoWay(pair, Price(bid), Price(ask))


def _other(leg: Pair, currency: str) -> str:
    """The currency on the other side of `leg`."""
    if currency not in (leg.base, leg.quote):
        raise ValueError(f"{leg.symbol} has no {currency} in it")
    return leg.quote if currency == leg.base else leg.base


def _rates(leg: TwoWay, base: str) -> tuple[_Rate, _Rate]:
    """Bid and ask of one unit of `base` in the leg's other currency."""
    if leg.bid <= 0 or leg.ask <= 0:
        raise ValueError(f"{leg.pair.symbol} has a price that is not above zero")
    points = 10**leg.pair.price_digits
    if base == leg.pair.base:
        return (leg.bid, points), (leg.ask, points)
    return (points, leg.ask), (points, leg.bid)
