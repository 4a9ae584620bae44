"""Matching an order with a quote's depth: what can be executed, at which prices. Pure."""

from tallystick.execution.entries import Side
from tallystick.execution.quotes.quote import Quote
from tallystick.money import Price, Quantity

Executed = tuple[Price, Quantity]


def take(quote: Quote, side: Side, quantity: Quantity, worst: Price | None) -> tuple[Executed, ...]:
    """(price, quantity) level by level, the best first, none worse than `worst`.

    A quote without levels deals any quantity at its price.
    """
    buys = side == "buy"
    levels = quote.asks if buys else quote.bids
    if not levels:
        price = quote.ask if buys else quote.bid
        if worst is not None and (price > worst if buys else price < worst):
            return ()
        return ((price, quantity),)
    first = levels[0]
    if first[1] >= quantity:  # almost always: nothing to add up
        price = first[0]
        if worst is not None and (price > worst if buys else price < worst):
            return ()
        return ((price, quantity),)
    found: list[Executed] = []
    left: int = quantity
    for price, size in levels:
        if worst is not None and (price > worst if buys else price < worst):
            break
        dealt = min(left, size)
        found.append((price, Quantity(dealt)))
        left -= dealt
        if not left:
            break
    return tuple(found)
