"""What is asked for and what the market is, in whole euros, points and nanoseconds."""

from dataclasses import dataclass, field
from typing import NamedTuple

MARKET_TYPES = frozenset({"market", "stop", "market_if_touched", "stop_loss", "trailing_stop"})
CLOSING_TYPES = frozenset({"take_profit", "stop_loss", "trailing_stop"})
STEPS_OF_A_TRAIL = 10
PIP = 10


class Market(NamedTuple):
    """A two-way price with what is dealt at it; no levels: any quantity."""

    bid: int
    ask: int
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()

    def twice(self, watched: str) -> int:
        """The bid, the ask or the mid, doubled so that it is whole."""
        return {"bid": 2 * self.bid, "ask": 2 * self.ask, "mid": self.bid + self.ask}[watched]

    def take(self, side: str, quantity: int, worst: int | None) -> list[tuple[int, int]]:
        """(price, quantity) that an order of this side gets."""
        levels = self.asks if side == "buy" else self.bids
        if not levels:
            levels = ((self.ask if side == "buy" else self.bid, quantity),)
        found = []
        for price, size in levels:
            bad = worst is not None and (price > worst if side == "buy" else price < worst)
            if bad or not quantity:
                break
            dealt = min(size, quantity)
            found.append((price, dealt))
            quantity -= dealt
        return found


@dataclass
class Order:
    """One order, as asked and as it stands; `number` is its place in the line."""

    name: str
    account: str
    side: str
    quantity: int
    type: str
    tif: str
    price: int | None = None
    stop: int | None = None
    distance: int | None = None
    bound: int | None = None
    trigger: str = "default"
    ends: int | None = None
    position_fill: str = "default"
    children: tuple["Order", ...] = ()
    oco: "Order | None" = None
    state: str = ""
    triggered: bool = False
    left: int = 0
    number: int = 0
    parent: str | None = None
    group: str | None = None
    replaces: str | None = None
    trade: str | None = None
    fills: list[tuple[int, int]] = field(default_factory=list)

    @property
    def reduces(self) -> bool:
        """It may only close."""
        return self.position_fill == "reduce_only" or self.type in CLOSING_TYPES

    @property
    def worst(self) -> int | None:
        """The worst price that it takes."""
        return self.bound if self.type in MARKET_TYPES else self.price

    def watches(self) -> str:
        """The price that sets it off."""
        mine, other = ("ask", "bid") if self.side == "buy" else ("bid", "ask")
        return {"default": mine, "inverse": other}.get(self.trigger, self.trigger)

    def takes(self, market: Market) -> bool:
        """The market is at its limit or bound, or it has none."""
        if self.worst is None:
            return True
        return market.ask <= self.worst if self.side == "buy" else market.bid >= self.worst

    def is_set_off(self, market: Market) -> bool:
        """What it waits for has come."""
        if self.type == "limit" or self.triggered:
            return self.takes(market)
        now = market.twice(self.watches())
        level = self.price if self.type == "take_profit" else self.stop
        assert level is not None
        favours = self.type in {"take_profit", "market_if_touched"}
        rises = (self.side == "buy") != favours
        return now >= 2 * level if rises else now <= 2 * level

    def follows(self, market: Market) -> int:
        """Where a trailing stop would be, rounded away from the market."""
        assert self.distance is not None
        now = market.twice(self.watches())
        if self.side == "sell":
            return now // 2 - self.distance
        return (now + 1) // 2 + self.distance

    def is_trailed(self, market: Market) -> bool:
        """The market has moved a step in its favour."""
        if self.type != "trailing_stop" or self.triggered:
            return False
        assert self.distance is not None
        assert self.stop is not None
        step = max(PIP, self.distance // STEPS_OF_A_TRAIL)
        now = market.twice(self.watches())
        away = self.distance + step
        if self.side == "sell":
            return now >= 2 * (self.stop + away)
        return now <= 2 * (self.stop - away)
