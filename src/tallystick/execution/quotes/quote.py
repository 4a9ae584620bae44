"""A quote: what one unit of a pair's base currency is bought and sold at, and how much of it."""

from typing import NamedTuple

import msgspec

from tallystick.money import Price, Quantity


class Level(NamedTuple):
    """One step of depth: this much base currency (minor units) at this price (points)."""

    price: Price
    quantity: Quantity


class Quote(msgspec.Struct, frozen=True, gc=False):
    """What the house buys (`bid`) and sells (`ask`) one unit of base currency at, in points.

    `bids` and `asks` are the depth, best first: the first level's price is `bid` or `ask`, each
    next one is worse. Without levels any quantity is dealt at `bid` and `ask`.
    """

    pair: str
    bid: Price
    ask: Price
    at_ns: int
    source: str
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()

    @property
    def twice_mid(self) -> int:
        """Bid + ask: twice the mid, exact in points."""
        return self.bid + self.ask
