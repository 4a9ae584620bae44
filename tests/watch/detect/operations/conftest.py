"""A seeded house: calls, quotes, log lines, orders and seconds, mixed as they come."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.observation import (
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)
from tallystick.watch.detect.score import Finding, Judged

START_SECONDS = 1_790_683_200.0
"""A Tuesday, 12:00 UTC."""
MIDS = {"EUR/USD": 1.0825, "USD/JPY": 150.25, "EUR/JPY": 162.6456, "GBP/USD": 1.271}


def stamp(at_seconds: float) -> str:
    """RFC 3339."""
    return rfc3339(round(at_seconds * NS_PER_SECOND))


def call(at_seconds: float, **members: object) -> CallSeen:
    """A call that was answered 200 in 2 ms, unless said otherwise."""
    usual: dict[str, object] = {
        "route": "POST /v1/orders",
        "status": 200,
        "duration_us": 2_000.0,
        "account": "acme",
        "address": "203.0.113.0/24",
        "key": "0123456789ab",
    }
    return CallSeen(at=stamp(at_seconds), at_seconds=at_seconds, **{**usual, **members})  # type: ignore[arg-type]


def quote(
    at_seconds: float,
    pair: str = "EUR/USD",
    bid: float = 1.08250,
    ask: float = 1.08262,
    source: str = "oanda",
) -> QuoteSeen:
    """A quote."""
    return QuoteSeen(stamp(at_seconds), at_seconds, pair, bid, ask, source)


def lines(
    at_seconds: float, service: str = "gateway", index: str = "main", number: int = 5
) -> LogSeen:
    """Some log lines."""
    return LogSeen(stamp(at_seconds), at_seconds, index, service, number)


def tick(at_seconds: float) -> TimeSeen:
    """A second."""
    return TimeSeen(stamp(at_seconds), at_seconds)


def order(at_seconds: float, position: int, pair: str, quantity: float) -> OrderSeen:
    """An order that was filled."""
    return OrderSeen(
        position=position,
        at=stamp(at_seconds),
        at_seconds=at_seconds,
        event="decided",
        order_id=f"O-{position}",
        account="acme",
        pair=pair,
        side="buy",
        state="filled",
        quantity=quantity,
        limit_price=None,
        fill_price=1.0,
        mid=1.0,
    )


class House:
    """Happenings of each second, a `TimeSeen` at its end; the mids wander together."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  a seeded house, no secret
        self.now = START_SECONDS
        self.mids = dict(MIDS)
        self.position = 0

    def second(self) -> list[Observation]:
        """All that happens until the next second."""
        chance, start = self.chance, self.now
        self.now += 1.0
        times = sorted(chance.random() for _ in range(self._poisson(9)))
        seen = [self._one(start + time) for time in times]
        seen.append(tick(self.now))
        return seen

    def seconds(self, number: int) -> list[Observation]:
        """So many of them."""
        return [each for _ in range(number) for each in self.second()]

    def _one(self, at: float) -> Observation:
        chance = self.chance
        what = chance.random()
        if what < 0.4:
            client = chance.randrange(6)
            return call(
                at,
                route=chance.choice(("POST /v1/orders", "GET /v1/orders", "GET /v1/prices")),
                status=500 if chance.random() < 0.002 else 200,
                duration_us=2_000.0 * math.exp(chance.gauss(0, 0.5)),
                account=f"client-{client}",
                address=f"203.{client}.113.0/24",
                key=f"{client:012x}",
            )
        if what < 0.8:
            return self._quote(at, chance.choice(sorted(self.mids)))
        if what < 0.9:
            return lines(at, chance.choice(("gateway", "engine")))
        self.position += 1
        return order(at, self.position, "EUR/USD", math.exp(chance.gauss(13, 1)))

    def _quote(self, at: float, pair: str) -> QuoteSeen:
        moves = {"EUR/USD": self.chance.gauss(0, 2e-5), "USD/JPY": self.chance.gauss(0, 2e-5)}
        for each, move in moves.items():
            self.mids[each] *= 1 + move
        self.mids["EUR/JPY"] = self.mids["EUR/USD"] * self.mids["USD/JPY"]
        half = self.mids[pair] * 0.5e-4 * math.exp(self.chance.gauss(0, 0.2))
        return quote(at, pair, self.mids[pair] - half, self.mids[pair] + half)

    def _poisson(self, mean: float) -> int:
        limit, number, product = math.exp(-mean), 0, self.chance.random()
        while product > limit:
            number += 1
            product *= self.chance.random()
        return number


def judge(
    detector: Detector, seen: Sequence[Observation], cuts: Sequence[int] = ()
) -> tuple[list[float], list[Finding]]:
    """What the detector says about the stream, in batches that end at `cuts`; rows of the whole."""
    p_values: list[float] = []
    findings: list[Finding] = []
    edges = [0, *cuts, len(seen)]
    for start, end in pairwise(edges):
        judged: Judged = detector.observe(seen[start:end])
        p_values += judged.p_values
        findings += [_moved(finding, start) for finding in judged.findings]
    return p_values, findings


def _moved(finding: Finding, rows: int) -> Finding:
    return Finding(
        finding.row + rows,
        finding.detector,
        finding.family,
        finding.entity,
        finding.p_value,
        finding.refractory_seconds,
        finding.reason,
    )


@pytest.fixture(scope="session")
def make_house() -> Callable[[int], House]:
    """Builds a house: `make_house(seed)`."""
    return House


@pytest.fixture(scope="session")
def make_call() -> Callable[..., CallSeen]:
    """Builds a call: `make_call(at_seconds, status=500)`."""
    return call


@pytest.fixture(scope="session")
def make_quote() -> Callable[..., QuoteSeen]:
    """Builds a quote: `make_quote(at_seconds, pair, bid, ask, source)`."""
    return quote


@pytest.fixture(scope="session")
def make_lines() -> Callable[..., LogSeen]:
    """Builds a row of log lines: `make_lines(at_seconds, service, index, number)`."""
    return lines


@pytest.fixture(scope="session")
def make_tick() -> Callable[[float], TimeSeen]:
    """Builds a second: `make_tick(at_seconds)`."""
    return tick


@pytest.fixture(scope="session")
def make_order() -> Callable[..., OrderSeen]:
    """Builds an order: `make_order(at_seconds, position, pair, quantity)`."""
    return order


@pytest.fixture(scope="session")
def judged() -> Callable[..., tuple[list[float], list[Finding]]]:
    """Judges a stream: `judged(detector, observations, cuts)`."""
    return judge


@pytest.fixture(scope="session")
def start_seconds() -> float:
    """When every house begins."""
    return START_SECONDS
