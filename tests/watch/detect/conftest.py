"""A seeded client flow: orders as entry bytes, anomalies planted where the test says so."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.reading import entry_seen

START_SECONDS = 1_790_000_000.0
MIDS = {"EUR/USD": 1.0825, "USD/JPY": 150.25, "GBP/USD": 1.2710, "AUD/USD": 0.6512}


def entry_bytes(
    position: int,
    *,
    at_seconds: float = START_SECONDS,
    account: str = "demo",
    pair: str = "EUR/USD",
    side: str = "buy",
    quantity: float = 1_000_000,
    state: str = "filled",
    price: float | None = None,
    mid: float = 1.0825,
    kind: str = "order_decided",
    fill_price: float | None = None,
) -> bytes:
    """The canonical bytes of an entry as execution writes them."""
    at = rfc3339(round(at_seconds * NS_PER_SECOND))
    text = f"{quantity:.2f}"
    fill = {
        "amount": "1082510.00",
        "id": f"F-{position}-1",
        "price": f"{fill_price or mid:.5f}",
        "quantity": text,
        "value_date": "2026-11-25",
    }
    rejected = state == "rejected"
    entry = {
        "at": at,
        "fills": [fill] if state == "filled" else [],
        "key": f"c-{position}",
        "kind": kind,
        "order": {
            "account": account,
            "client_order_id": f"c-{position}",
            "id": f"O-{position}",
            "pair": pair,
            "price": None if price is None else f"{price:.5f}",
            "quantity": text,
            "side": side,
            "state": state,
            "time_in_force": "FOK",
            "type": "market" if price is None else "limit",
        },
        "postings": [{"account": account, "amount": text, "currency": pair[:3]}],
        "quote": {
            "ask": f"{mid + 0.00001:.5f}",
            "at": at,
            "bid": f"{mid - 0.00001:.5f}",
            "source": "test",
        },
        "rejection": {"code": "PRICE_MOVED", "reason": "The price moved."} if rejected else None,
        "request": "0" * 64,
        "v": 1,
    }
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Planted:
    """An anomaly put into the flow, at these positions (both included)."""

    detector: str
    account: str
    first: int
    last: int


@dataclass
class Flow:
    """Poisson arrivals of several accounts, log-normal sizes for each account and pair.

    Limit distances from the market are exponential, one scale a pair; 3 % of the orders are
    rejected at random.
    """

    seed: int
    orders: int = 20_000
    plants: int = 40
    orders_per_second: float = 6.0
    messages: list[Message] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  a seeded flow, no secret
        self._now = START_SECONDS
        names = [f"client-{n}" for n in range(8)]
        uniform = self._chance.uniform
        self._weights = {name: uniform(0.3, 3) for name in names}
        self._size = {(a, p): (uniform(12, 15), uniform(0.3, 0.7)) for a in names for p in MIDS}
        self._reach_bps = {pair: uniform(2, 8) for pair in MIDS}

    def build(self) -> "Flow":
        """Fill `messages` and `planted`; plants stand far enough apart to be told apart."""
        kinds = [self._fat_finger, self._burst, self._off_market, self._storm]
        quiet = self.orders // 5
        step = (self.orders - quiet) // max(self.plants, 1)
        plan = {quiet + n * step: kinds[n % 4] for n in range(self.plants)}
        while len(self.messages) < self.orders:
            account = self._chance.choices(list(self._weights), list(self._weights.values()))[0]
            start = min(plan, default=self.orders)
            if len(self.messages) >= start:
                first = len(self.messages)
                detector = plan.pop(start)(account)
                last = len(self.messages) - 1
                self.planted.append(Planted(detector, account, first, last))
            else:
                self._order(account)
        return self

    def _order(
        self,
        account: str,
        *,
        times: float = 1,
        off_bps: float | None = None,
        state: str | None = None,
        per_second: float | None = None,
    ) -> None:
        chance = self._chance
        self._now += chance.expovariate(per_second or self.orders_per_second)
        pair = chance.choice(list(MIDS))
        mid, side = MIDS[pair], chance.choice(("buy", "sell"))
        location, scale = self._size[account, pair]
        price = None
        if off_bps is not None or chance.random() < 0.4:
            away = off_bps or chance.expovariate(1 / self._reach_bps[pair])
            price = mid * (1 + chance.choice((-1, 1)) * away / 10_000)
        position = len(self.messages)
        body = entry_bytes(
            position,
            at_seconds=self._now,
            account=account,
            pair=pair,
            side=side,
            quantity=math.exp(chance.gauss(location, scale)) * times,
            state=state or ("rejected" if chance.random() < 0.03 else "filled"),
            price=price,
            mid=mid,
        )
        self.messages.append(Message(position, body))

    def _fat_finger(self, account: str) -> str:
        self._order(account, times=100)
        return "order_size"

    def _off_market(self, account: str) -> str:
        self._order(account, off_bps=self._chance.uniform(300, 1_500))
        return "off_market"

    def _burst(self, account: str) -> str:
        for _ in range(40):
            self._order(account, per_second=20)
        return "order_rate"

    def _storm(self, account: str) -> str:
        for _ in range(15):
            self._order(account, state="rejected")
        return "reject_streak"


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., bytes]:
    """Builds entry bytes: `make_entry(position, account=..., quantity=...)`."""
    return entry_bytes


@pytest.fixture(scope="session")
def make_order() -> Callable[..., OrderSeen]:
    """Builds an observed order, by way of its entry bytes."""

    def order(position: int, **members: object) -> OrderSeen:
        seen = entry_seen(position, entry_bytes(position, **members))  # type: ignore[arg-type]
        assert isinstance(seen, OrderSeen)
        return seen

    return order


@pytest.fixture(scope="session")
def make_flow() -> Callable[..., Flow]:
    """Builds a flow: `make_flow(seed, orders=..., plants=...)`."""

    def flow(seed: int, **settings: int) -> Flow:
        return Flow(seed, **settings).build()  # type: ignore[arg-type]

    return flow


@pytest.fixture(scope="session")
def start_seconds() -> float:
    """When every flow begins."""
    return START_SECONDS
