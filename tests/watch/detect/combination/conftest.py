"""A house of accounts with two habits each, whose parts never mix unless a test says so."""

import math
import random
from collections.abc import Callable

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.observation import OrderSeen

START_SECONDS = 1_772_409_600.0  # Monday, 2 March 2026, 00:00 UTC
DAY = 86_400.0
MIDS = {"EUR/USD": 1.08, "USD/JPY": 155.0, "GBP/USD": 1.27, "EUR/GBP": 0.85, "USD/CHF": 0.9}
Habit = tuple[str, str, float, float, bool]
"""Pair, side, quantity, hour of the day, whether by limit."""


def order_of(
    chance: random.Random, account: str, habit: Habit, day: int, position: int = 0
) -> OrderSeen:
    """An order as this habit has it, with life's own scatter."""
    pair, side, size, hour, by_limit = habit
    at = START_SECONDS + day * DAY + 3_600 * chance.gauss(hour, 0.7)
    mid, way = MIDS[pair], 1 if side == "buy" else -1
    limit = mid * (1 - way * chance.expovariate(0.1) / 10_000) if by_limit else None
    return OrderSeen(
        position=position,
        at=rfc3339(round(at * NS_PER_SECOND)),
        at_seconds=at,
        event="decided",
        order_id=f"O-{account}-{at:.3f}",
        account=account,
        pair=pair,
        side=side,
        state="filled",
        quantity=1_000.0 + round(size * math.exp(chance.gauss(0, 0.4)), -3),
        limit_price=limit,
        fill_price=mid,
        mid=mid,
        bid=mid * 0.99995,
        ask=mid * 1.00005,
        kind="limit" if by_limit else "market",
    )


def house_of(seed: int, accounts: int = 12, days: int = 28, odd: int = -1) -> list[OrderSeen]:
    """All orders in order of time; account number `odd` mixes its habits in the last one of all.

    In the morning an account buys much of its first pair at market, in the afternoon it sells a
    little of its second by limit. The odd order is as those of the afternoon, but in the first
    pair: each part of it is usual.
    """
    chance = random.Random(seed)  # noqa: S311  a seeded house, no secret
    orders: list[OrderSeen] = []
    for number in range(accounts):
        account = f"client-{number}"
        first, second = chance.sample(sorted(MIDS), 2)
        size = 10 ** chance.uniform(5.5, 6.5)
        morning: Habit = (first, "buy", size, chance.uniform(7, 9), False)
        afternoon: Habit = (second, "sell", size / 20, chance.uniform(14, 16), True)
        for day in range(days):
            for _ in range(12 if day % 7 < 5 else 0):
                habit = morning if chance.random() < 0.55 else afternoon
                orders.append(order_of(chance, account, habit, day))
        if number == odd:
            mixed: Habit = (first, *afternoon[1:])
            orders.append(order_of(chance, account, mixed, days))
    orders.sort(key=lambda one: one.at_seconds)
    return [msgspec.structs.replace(one, position=at) for at, one in enumerate(orders)]


@pytest.fixture(scope="session")
def make_house() -> Callable[..., list[OrderSeen]]:
    """Builds a house: `make_house(seed, accounts=..., days=..., odd=...)`."""
    return house_of
