"""The demo's clients: a seeded flow of orders, with anomalies planted among them and said so."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

import msgspec

from tallystick.execution.entries import OrderType, Side, TimeInForce

ROUND_UNITS = 1_000
"""Clients deal in thousands of base currency."""
TYPE_SHARES: dict[OrderType, float] = {
    "market": 0.62, "limit": 0.28, "stop": 0.06, "market_if_touched": 0.04,
}  # fmt: skip
"""What clients send; take-profits, stop-losses and trailing stops come with other orders."""
LIMIT_TIMES: dict[TimeInForce, float] = {"GTC": 0.4, "IOC": 0.4, "GTD": 0.2}
LIVES_SECONDS = (10, 60)
"""How long GTD orders live: least and most."""
STOP_BPS = (5.0, 30.0)
"""How far from the market stops and if-touched orders are set: least and most."""
IF_DONE_SHARE = 0.12
"""Share of market and limit orders that bring a take-profit and a stop with them."""
PROFIT_BPS = (20.0, 60.0)
LOSS_BPS = (15.0, 40.0)
TRAILING_SHARE = 0.3
"""Share of those stops that trail."""
CANCEL_SHARE = 0.15
REPLACE_SHARE = 0.10
"""Shares of waiting orders that their client takes back, or puts another one in place of."""
CALM_SHARE = 0.5
"""Anomalies are planted in the second half, when the detectors know the clients."""
FAT_FINGER_FACTOR = 100
REJECT_ORDERS = 25
REJECT_UNITS = 90_000_000
OFF_MARKET_BPS = -350.0
"""Through the market: the buyer offers more than it asks, by a wrong digit."""
BURST_SECONDS = 5
"""A burst is as many orders as its client sends in this time, all at once."""
BURST_ORDERS_MIN = 80
BURST_AFTER_SECONDS = 16.0
"""What pace is usual for a client is known only after this long."""


class Client(msgspec.Struct, frozen=True):
    """One client: what it deals in, and how large (median units, spread of their logarithm)."""

    account: str
    pairs: tuple[str, ...]
    median_units: int
    sigma: float
    share: float


CLIENTS = (
    Client("acme-treasury", ("EUR/USD", "GBP/USD", "USD/JPY"), 400_000, 0.5, 0.30),
    Client("nordic-pay", ("EUR/USD", "EUR/SEK", "EUR/NOK"), 60_000, 0.6, 0.30),
    Client("harbour-fund", ("EUR/USD", "USD/CHF", "EUR/GBP"), 800_000, 0.4, 0.25),
    Client("kiwi-imports", ("NZD/USD", "AUD/USD", "EUR/USD"), 150_000, 0.5, 0.15),
)


class Planting(msgspec.Struct, frozen=True):
    """One planted anomaly: what it is, and which of the run (one may have many orders)."""

    kind: str
    number: int


Change = Literal["cancel", "replace"]


class IfDone(msgspec.Struct, frozen=True):
    """What closes an order again once it is filled: distances from the market."""

    profit_bps: float
    loss_bps: float
    trails: bool


class PlannedOrder(msgspec.Struct, frozen=True):
    """An order to be placed; a limit's price is `offset_bps` better than the market (signed).

    The price that sets it off is `stop_bps` from the market. A GTD order lives `lives_seconds`.
    `then` is what its client does some moments later, if it still waits.
    """

    account: str
    pair: str
    side: Side
    units: int
    type: OrderType
    time_in_force: TimeInForce
    offset_bps: float = 0.0
    stop_bps: float = 0.0
    lives_seconds: int = 0
    if_done: IfDone | None = None
    then: Change | None = None
    planted: Planting | None = None


class Flow:
    """`orders` orders of the clients, in order, and the planted ones among them.

    `total` counts both. `left_out` says what could not be planted in so short a run, and why.
    """

    def __init__(self, orders: int, rate: int, pairs: Sequence[str], chance: random.Random) -> None:
        """`rate`: usual orders a second; `pairs`: those that have prices, clients deal in them."""
        self._chance = chance
        self._orders = orders
        self._pairs = {
            client.account: [pair for pair in client.pairs if pair in pairs] for client in CLIENTS
        }
        self._clients = [client for client in CLIENTS if self._pairs[client.account]]
        self._shares = [client.share for client in self._clients]
        self._burster = self._clients[-1]
        pace = self._burster.share / sum(self._shares) * rate
        self._burst_orders = max(BURST_ORDERS_MIN, round(pace * BURST_SECONDS))
        self._numbers = iter(range(orders))
        first = int(orders * CALM_SHARE)
        span = orders - first
        burst = first + span * 8 // 10
        self._plan = {
            first + span * 1 // 10: self._fat_finger,
            first + span * 3 // 10: self._off_market,
            first + span * 5 // 10: self._reject_storm,
            first + span * 7 // 10: self._fat_finger,
        }
        self.total = orders + REJECT_ORDERS + 3
        self.left_out: tuple[str, ...] = ()
        if burst / rate >= BURST_AFTER_SECONDS:
            self._plan[burst] = self._burst
            self.total += self._burst_orders
        else:
            seconds = BURST_AFTER_SECONDS * orders / burst
            self.left_out = (
                f"burst: a pace is usual only in a run of {seconds:.0f} seconds or longer",
            )

    def __iter__(self) -> Iterator[PlannedOrder]:
        """Each order once; planted ones come in addition to `orders`."""
        for number in range(self._orders):
            planted = self._plan.get(number)
            if planted is not None:
                yield from planted()
            yield self._usual(self._client())

    def _client(self) -> Client:
        return self._chance.choices(self._clients, self._shares)[0]

    def _usual(self, client: Client) -> PlannedOrder:
        chance = self._chance
        thousands = client.median_units / ROUND_UNITS * chance.lognormvariate(0, client.sigma)
        kind = _drawn(chance, TYPE_SHARES)
        time_in_force: TimeInForce = "FOK"
        if kind != "market":
            time_in_force = _drawn(chance, LIMIT_TIMES) if kind == "limit" else "GTC"
        waits = time_in_force in {"GTC", "GTD"}
        return PlannedOrder(
            account=client.account,
            pair=chance.choice(self._pairs[client.account]),
            side=chance.choice(("buy", "sell")),
            units=max(1, round(thousands)) * ROUND_UNITS,
            type=kind,
            time_in_force=time_in_force,
            offset_bps=chance.gauss(0, 1.5) if kind == "limit" else 0.0,
            stop_bps=chance.uniform(*STOP_BPS) if kind in {"stop", "market_if_touched"} else 0.0,
            lives_seconds=chance.randint(*LIVES_SECONDS) if time_in_force == "GTD" else 0,
            if_done=self._if_done() if kind in {"market", "limit"} else None,
            then=self._then() if waits else None,
        )

    def _if_done(self) -> IfDone | None:
        chance = self._chance
        if chance.random() >= IF_DONE_SHARE:
            return None
        trails = chance.random() < TRAILING_SHARE
        return IfDone(chance.uniform(*PROFIT_BPS), chance.uniform(*LOSS_BPS), trails)

    def _then(self) -> Change | None:
        drawn = self._chance.random()
        if drawn < CANCEL_SHARE:
            return "cancel"
        return "replace" if drawn < CANCEL_SHARE + REPLACE_SHARE else None

    def _planting(self, kind: str) -> Planting:
        return Planting(kind, next(self._numbers))

    def _fat_finger(self) -> Iterator[PlannedOrder]:
        client = min(self._clients, key=lambda each: each.median_units)
        units = client.median_units * FAT_FINGER_FACTOR
        yield _market(self._usual(client), self._planting("fat finger"), units)

    def _off_market(self) -> Iterator[PlannedOrder]:
        """In the pair that is dealt in most: its usual prices are known best."""
        dealt: Counter[str] = Counter()
        for client in self._clients:
            for pair in self._pairs[client.account]:
                dealt[pair] += round(1_000 * client.share / len(self._pairs[client.account]))
        yield msgspec.structs.replace(
            _plain(self._usual(self._clients[0]), self._planting("off-market price")),
            pair=dealt.most_common(1)[0][0],
            type="limit",
            time_in_force="GTC",
            offset_bps=OFF_MARKET_BPS,
        )

    def _burst(self) -> Iterator[PlannedOrder]:
        planting = self._planting("burst")
        for _ in range(self._burst_orders):
            yield _market(self._usual(self._burster), planting)

    def _reject_storm(self) -> Iterator[PlannedOrder]:
        client, planting = self._client(), self._planting("reject storm")
        for number in range(REJECT_ORDERS):
            units = REJECT_UNITS + number * ROUND_UNITS
            yield _market(self._usual(client), planting, units)


def _market(order: PlannedOrder, planted: Planting, units: int | None = None) -> PlannedOrder:
    plain = _plain(order, planted)
    return plain if units is None else msgspec.structs.replace(plain, units=units)


def _plain(order: PlannedOrder, planted: Planting) -> PlannedOrder:
    """A market order of the same client, pair, side and size: what is planted stands alone."""
    return PlannedOrder(
        order.account, order.pair, order.side, order.units, "market", "FOK", planted=planted
    )


_T = TypeVar("_T", bound=str)


def _drawn(chance: random.Random, shares: dict[_T, float]) -> _T:
    return chance.choices(list(shares), list(shares.values()))[0]
