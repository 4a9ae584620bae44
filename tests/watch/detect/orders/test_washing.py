"""Wash trades and round trips: matches by hand and by scans, couples against chance."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.couples import kernels as couples
from tallystick.watch.detect.orders.washing import kernels

WASH, TRIP = ("washing", "wash_trades"), ("washing", "round_trip")


def ordinary(make: Callable[..., OrderSeen], number: int, **members: object) -> list[OrderSeen]:
    """Deals of many sizes, an hour apart."""
    sizes = np.round(1e6 * np.exp(np.random.default_rng(1).normal(0, 0.7, number)))
    return [
        make(n, n * 3_600.0, quantity=float(size), side="buy" if n % 3 else "sell", **members)
        for n, size in enumerate(sizes)
    ]


def washes(make: Callable[..., OrderSeen], first: int, at: float, number: int) -> list[OrderSeen]:
    """In and out of the same size within ten seconds, again and again."""
    seen = []
    for n in range(number):
        size = 1_000_000.0 + 70_000 * n
        seen.append(make(first + 2 * n, at + 300 * n, side="buy", quantity=size))
        seen.append(make(first + 2 * n + 1, at + 300 * n + 10, side="sell", quantity=size))
    return seen


def test_washes_are_found_and_explained(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """washed_share: eight washes of one account, with both entries of each."""
    seen = ordinary(make, 60) + washes(make, 100, 220_000.0, 8)
    told = looking(*WASH).see(seen, 1e-6)
    first = told.findings[0]
    assert first.family == "market_abuse"
    assert "cancelled out one of the same size" in first.reason.sentence
    assert set(first.reason.positions) <= set(range(100, 116))
    assert first.reason.contributions[0].feature == "washed_share"


def test_round_trips_are_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """round_trip_share: away in two deals and back in one, a dozen times."""
    seen = ordinary(make, 60)
    for n in range(12):
        at, first = 220_000.0 + 1_000 * n, 100 + 10 * n
        seen.append(make(first, at, side="buy", quantity=1e6))
        seen.append(make(first + 1, at + 60, side="buy", quantity=5e5))
        seen.append(make(first + 2, at + 200, side="sell", quantity=1.5e6))
    told = looking(*TRIP).see(seen, 1e-6)
    first = told.findings[0]
    assert "round trips" in first.reason.sentence
    assert first.reason.positions[-1] % 10 == 2
    assert first.reason.contributions[0].feature == "round_trip_share"
    assert not looking(*WASH).see(seen, 1e-6).findings


def test_matches_are_those_of_a_slow_scan(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Each deal is matched with the youngest unmatched opposite one of its size, at most once."""
    chance = np.random.default_rng(7)
    seen, at = [], 0.0
    for n in range(300):
        at += float(chance.exponential(30))
        size = float(chance.choice([1e6, 2e6, 3e6]))
        seen.append(make(n, at, quantity=size, side="buy" if chance.random() < 0.5 else "sell"))
    told = looking(*WASH).see(seen)
    free: list[OrderSeen] = []
    for row, deal in enumerate(seen):
        match = next(
            (
                each
                for each in reversed(seen[max(0, row - kernels.RING) : row])
                if each in free and each.side != deal.side and each.quantity == deal.quantity
                and deal.at_seconds - each.at_seconds <= kernels.WASH_SECONDS
            ),
            None,
        )  # fmt: skip
        if match is not None:
            free.remove(match)
        else:
            free.append(deal)
        if not np.isnan(told.p[row]):
            assert (told.p[row] < 1.0) == (match is not None)


def test_who_is_filled_on_both_sides_makes_a_market(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Waiting orders filled on both sides wash nothing."""
    seen = ordinary(make, 60)
    made = [
        make(each.position, each.at_seconds - 1.79e9, event="filled", side=each.side,
             quantity=each.quantity)
        for each in washes(make, 100, 220_000.0, 10)
    ]  # fmt: skip
    for names in (WASH, TRIP):
        assert not looking(*names).see([*seen, *made], 1e-6).findings


def test_two_accounts_that_deal_together_are_found(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """deals_together: equal sizes on opposite sides within three seconds, five times in a day."""
    seen = []
    for n in range(40):
        for k in range(10):
            chance = np.random.default_rng(n * 10 + k)
            seen.append(
                make(n * 10 + k, n * 3_600.0 + 200 * k, account=f"a{k}",
                     quantity=float(np.round(1e6 * np.exp(chance.normal(0, 0.7)))))
            )  # fmt: skip
    for n in range(5):
        at, first, size = 145_000.0 + 900 * n, 1_000 + 2 * n, 1_230_000.0 + n
        seen.append(make(first, at, account="a1", side="buy", quantity=size))
        seen.append(make(first + 1, at + 2, account="a2", side="sell", quantity=size))
    told = looking(*WASH).see(seen, 1e-6)
    last = told.findings[-1]
    assert last.entity == "a2 EUR/USD"
    assert last.reason.sentence.startswith("a2 and a1 made 5 deals of the same size on opposite")
    assert last.reason.positions == tuple(range(1_000, 1_010))
    assert last.reason.contributions[0].feature == "deals_together"


def test_accounts_that_share_sizes_and_hours_are_no_couple(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Four accounts that deal in a few standard sizes, all at once, on sides drawn by chance."""
    chance = np.random.default_rng(5)
    seen = [
        make(n, n * 0.5, account=f"a{chance.integers(4)}",
             quantity=float(chance.choice([1e5, 2e5, 5e5, 1e6])),
             side="buy" if chance.random() < 0.5 else "sell")
        for n in range(3_000)
    ]  # fmt: skip
    look = looking(*WASH)
    couples_of = look.look._couples
    assert not [
        each
        for each in look.see(seen, 1e-5).findings
        if each.reason.contributions[0].feature == "deals_together"
    ]
    assert couples_of.together.max() > 100
    assert couples_of.alike[couples_of.together.argmax()] > 100


@pytest.mark.parametrize(
    ("number", "shape", "rate"), [(1, 2.0, 4.0), (3, 2.0, 200.0), (5, 6.0, 1.5), (12, 14.0, 3.0)]
)
def test_tails_of_chance_by_their_sum(number: int, shape: float, rate: float) -> None:
    """1 less the terms below, or the terms above where that has no digits left."""

    def term(k: int) -> float:
        log = math.lgamma(shape + k) - math.lgamma(shape) - math.lgamma(k + 1)
        return math.exp(log - shape * math.log1p(1 / rate) - k * math.log1p(rate))

    slow = sum(map(term, range(number, number + 800)))
    told = couples.chance_tail(float(number), shape, rate)
    assert told == pytest.approx(slow, rel=1e-6)
