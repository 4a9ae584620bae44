"""What taking a quote comes to: its legs as fills, as double entry, and as what settles when. Pure.

A spot deal or an outright is one fill. A swap is two: the far leg on the order's side, before it
the near leg on the other one, each balanced in both currencies on its own value date.
"""

import msgspec
from msgspec import UNSET

from tallystick.execution.book import HOUSE
from tallystick.execution.entries import Fill, Leg, Posting, QuoteGiven, Side
from tallystick.execution.market import amount_of
from tallystick.execution.rules import Movement
from tallystick.fx import Pair
from tallystick.ids import fill_id
from tallystick.money import Amount, Price, Quantity, format_decimal, parse_own


class Dealt(msgspec.Struct, frozen=True, gc=False):
    """One leg as the account that takes the quote deals it."""

    side: Side
    quantity: Quantity
    price: Price
    amount: Amount
    value_date: str

    @property
    def bought(self) -> int:
        """Units of base currency, negative where they are sold."""
        return self.quantity if self.side == "buy" else -self.quantity

    @property
    def received(self) -> int:
        """Minor units of quote currency, negative where they are paid."""
        return self.amount if self.side == "sell" else -self.amount


def dealt_of(given: QuoteGiven, side: Side, traded: Pair) -> tuple[Dealt, ...]:
    """The legs of a quote that is taken on `side`, the near one first; none: not quoted."""
    if given.side is not UNSET and given.side != side:
        return ()
    quantity = Quantity(parse_own(given.quantity))
    found = []
    for leg, each in zip(given.legs, leg_sides(side, len(given.legs)), strict=True):
        text = _price(leg, each)
        if text is None:
            return ()
        price = Price(parse_own(text))
        amount = amount_of(quantity, price, traded)
        found.append(Dealt(each, quantity, price, amount, leg.value_date))
    return tuple(found)


def leg_sides(side: Side, legs: int) -> tuple[Side, ...]:
    """On which side each leg is dealt: whoever buys a swap sells first and buys back."""
    return (side,) if legs == 1 else ("sell" if side == "buy" else "buy", side)


def movements_of(dealt: tuple[Dealt, ...], traded: Pair) -> tuple[Movement, ...]:
    """What settles when."""
    return tuple(
        movement
        for each in dealt
        for movement in (
            Movement(each.value_date, traded.base, each.bought),
            Movement(each.value_date, traded.quote, each.received),
        )
    )


def fills_of(
    dealt: tuple[Dealt, ...], account: str, traded: Pair, position: int
) -> tuple[tuple[Fill, ...], tuple[Posting, ...]]:
    """Fills against the house, and their double entry: zero by currency and value date."""
    side = dealt[-1].side
    fills: list[Fill] = []
    postings: list[Posting] = []
    for number, each in enumerate(dealt, 1):
        base = format_decimal(each.quantity, traded.base_digits)
        quoted = format_decimal(each.amount, traded.quote_digits)
        price = format_decimal(each.price, traded.price_digits)
        other = UNSET if each.side == side else each.side
        name = fill_id(position, number)
        fills.append(Fill(name, price, base, quoted, each.value_date, other))
        buyer, seller = (account, HOUSE) if each.side == "buy" else (HOUSE, account)
        settles = each.value_date if len(dealt) > 1 else UNSET
        postings += (
            Posting(buyer, traded.base, base, settles),
            Posting(seller, traded.base, f"-{base}", settles),
            Posting(buyer, traded.quote, f"-{quoted}", settles),
            Posting(seller, traded.quote, quoted, settles),
        )
    return tuple(fills), tuple(postings)


def _price(leg: Leg, side: Side) -> str | None:
    text = leg.ask if side == "buy" else leg.bid
    return text if isinstance(text, str) else None
