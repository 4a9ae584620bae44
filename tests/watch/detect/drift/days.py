"""A seeded market of accounts, day by day: seasons, month's ends, a changed market, slow attackers.

Used by the tests of the drift guard; every number comes from the seed.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.observation import AccountSeen, Observation, OrderSeen

FIRST_DAY = 20_514
"""2 March 2026, a Monday."""
DAY_SECONDS = 86_400
LIMIT_SIZES = 150
"""An account's position limit, in orders of its usual size."""
PAIRS = {"EUR/USD": 1.08, "GBP/USD": 1.27, "USD/JPY": 150.0, "USD/CHF": 0.88}
END_DAYS = 2
"""Last days of a month of 21 trading days, on which many do more."""


@dataclass
class Attack:
    """From a day on, one aspect grows by a share each day, until it is `most` times itself."""

    aspect: str
    growth: float
    begin: int
    most: float = 30.0

    def times(self, day: int) -> float:
        """How much it has grown by that day."""
        passed = max(0, day - self.begin)
        return min(self.most, math.exp(passed * math.log1p(self.growth)))

    def day_of(self, times: float) -> int:
        """The day on which it has grown so much."""
        return self.begin + math.ceil(math.log(times) / math.log1p(self.growth))


@dataclass
class Account:
    """How an account trades on an ordinary day, and what is extraordinary about it."""

    name: str
    size: float
    spread: float
    orders: float
    season: float
    phase: float
    growth: float
    month_end: float
    attack: Attack | None = None
    position: dict[str, float] = field(default_factory=dict)

    def times(self, aspect: str, day: int) -> float:
        """What an attack multiplies this aspect by."""
        if self.attack is None or self.attack.aspect != aspect:
            return 1.0
        return self.attack.times(day)


def accounts(rng: random.Random, count: int) -> list[Account]:
    """Clean accounts of many kinds: steady and wild, busy and quiet, with and without seasons."""
    return [
        Account(
            name=f"client-{n:03}",
            size=rng.lognormvariate(math.log(200_000), 0.8),
            spread=rng.uniform(0.2, 0.9),
            orders=rng.uniform(3, 25),
            season=rng.uniform(0, 0.35),
            phase=rng.uniform(0, 2 * math.pi),
            growth=rng.uniform(-0.001, 0.0015),
            month_end=rng.choice((1.0, 1.0, 1.8, 2.5)),
        )
        for n in range(count)
    ]


def trading(
    rng: random.Random, clients: list[Account], days: int, *, changes: int | None = None
) -> Iterator[tuple[int, list[Observation]]]:
    """(day, what came on it in the order of time), five days a week, from one position on.

    From the day `changes` on the whole market trades three times as large and wide.
    """
    position = 0
    begin = FIRST_DAY * DAY_SECONDS
    opened: list[Observation] = []
    for client in clients:
        at = rfc3339(begin * NS_PER_SECOND)
        opened.append(
            AccountSeen(position, at, begin, "opened", client.name, None, client.size * LIMIT_SIZES)
        )
        position += 1
    yield -1, opened
    for day in range(days):
        market = 3.0 if changes is not None and day >= changes else 1.0
        orders: list[tuple[float, Account]] = []
        number = FIRST_DAY + day // 5 * 7 + day % 5
        for client in clients:
            expected = client.orders * _ordinary(client, day) * client.times("rate", day)
            orders += [
                (number * DAY_SECONDS + rng.uniform(25_000, 64_000), client)
                for _ in range(_poisson(rng, expected))
            ]
        orders.sort(key=lambda each: each[0])
        rows: list[Observation] = []
        for at_seconds, client in orders:
            rows.append(_order(rng, client, day, position, at_seconds, market))
            position += 1
        yield day, rows


def _ordinary(client: Account, day: int) -> float:
    """What its season, its growth and the month's end make of an ordinary day."""
    season = 1 + client.season * math.sin(2 * math.pi * day / 252 + client.phase)
    ends = client.month_end if day % 21 >= 21 - END_DAYS else 1.0
    return season * (1 + client.growth) ** day * ends


def _order(
    rng: random.Random, client: Account, day: int, position: int, at_seconds: float, market: float
) -> OrderSeen:
    pair = rng.choice(sorted(PAIRS))
    mid = PAIRS[pair]
    usd = mid if pair.endswith("/USD") else 1.0
    wanted = client.size * _ordinary(client, day) * market
    quantity = wanted * rng.lognormvariate(0, client.spread) * client.times("size", day) / usd
    held = client.position.get(pair, 0.0)
    grown = client.times("utilisation", day)
    # A client goes home with little; one that creeps keeps a little more each day.
    target = 3 * (grown - 1) * wanted / usd
    side = "buy" if held < target else "sell"
    if grown == 1.0:
        side = (
            rng.choice(("buy", "sell"))
            if abs(held) < 5 * quantity
            else ("sell" if held > 0 else "buy")
        )
    client.position[pair] = held + (quantity if side == "buy" else -quantity)
    bps = 0.4 * market * rng.lognormvariate(0, 0.4) * client.times("distance", day)
    sign = 1 if side == "buy" else -1
    return OrderSeen(
        position=position,
        at="",
        at_seconds=at_seconds,
        event="decided",
        order_id=f"O-{position}",
        account=client.name,
        pair=pair,
        side=side,
        state="filled",
        quantity=quantity,
        limit_price=None,
        fill_price=mid * (1 + sign * bps / 1e4),
        mid=mid,
        filled=quantity,
    )


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's way, for small means; a rounded normal for large ones."""
    if mean > 60:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, number, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        number += 1
        product *= rng.random()
    return number
