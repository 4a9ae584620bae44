"""A quote, and the port of its sources."""

from typing import Protocol

import msgspec

from tallystick.money import Price


class Quote(msgspec.Struct, frozen=True, gc=False):
    """What the house buys (`bid`) and sells (`ask`) one unit of base currency at, in points."""

    pair: str
    bid: Price
    ask: Price
    at_ns: int
    source: str

    @property
    def twice_mid(self) -> int:
        """Bid + ask: twice the mid, exact in points."""
        return self.bid + self.ask


class Source(Protocol):
    """Gives the quotes that are new, whenever it is asked.

    A crossed, locked or empty quote (bid >= ask, or not positive) is never given out: a source
    counts and drops it.
    """

    def quotes(self, now_ns: int) -> list[Quote]:
        """Quotes that became known up to `now_ns`, oldest first; may be empty."""
        ...
