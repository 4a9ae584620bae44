"""Unusual hours and new currencies: counts by hand and against sums, and what is said of them."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.columns import DOLLAR, WEEK_HOURS, Tables
from tallystick.watch.detect.orders.novelty import kernels

HOUR, CURRENCY = ("novelty", "unusual_hour"), ("novelty", "new_currency")
DAY = 86_400.0


def office(make: Callable[..., OrderSeen], days: int, **members: object) -> list[OrderSeen]:
    """An account that trades four times each weekday between 15:00 and 19:00 UTC."""
    chance = np.random.default_rng(1)
    times = [
        day * DAY + 3_000 + float(seconds)
        for day in range(days)
        if day % 7 < 5
        for seconds in np.sort(chance.uniform(0, 14_400, 4))
    ]
    return [make(n, at, **members) for n, at in enumerate(times)]


@pytest.mark.parametrize(
    ("stamp", "hour"),
    [
        ("2026-11-22T22:00:00Z", 0),  # Sunday, 17:00 in New York in winter
        ("2026-07-05T21:00:00Z", 0),  # and in summer
        ("2026-11-23T09:30:00Z", 11),
        ("2026-11-27T22:00:00Z", 120),  # Friday's close
        ("2026-11-22T21:59:00Z", 167),
    ],
)
def test_the_week_begins_in_new_york(make: Callable[..., OrderSeen], stamp: str, hour: int) -> None:
    """hour_of_week: summer and winter, and where the weekend begins."""
    from datetime import datetime  # noqa: PLC0415

    at = datetime.fromisoformat(stamp).timestamp()
    seen = make(1, at - 1_790_000_000)
    assert Tables(10).columns([seen])[0]["hour"] == hour


def test_hours_are_smoothed_as_a_slow_sum_does() -> None:
    """Neighbours of the same kind of day, weighed by their distance; and the hours around."""
    hours = np.random.default_rng(2).integers(0, 9, WEEK_HOURS).astype(np.uint16)
    weights = {-2: 0.2, -1: 0.5, 0: 1.0, 1: 0.5, 2: 0.2}
    for hour in (0, 37, 119, 120, 150, 167):
        days = range(5, 7) if hour >= 120 else range(5)
        like = sum(
            weight * hours[day * 24 + (hour % 24 + step) % 24]
            for day in days
            for step, weight in weights.items()
        )
        near = sum(weight * hours[(hour + step) % 168] for step, weight in weights.items())
        assert kernels.smoothed(hours, hour) == pytest.approx(like / (2.4 * len(days)))
        assert kernels.around(hours, hour) == pytest.approx(near / 2.4)


def test_surprise_by_hand() -> None:
    """hour_surprise: 100 orders, none near the hour, and nobody ever: 0.1 of 100.1, times 168."""
    hours = np.zeros(WEEK_HOURS, np.uint16)
    hours[10:20] = 10
    flat = np.zeros(WEEK_HOURS)
    assert kernels.surprise(hours, 100.0, flat, 100) == pytest.approx(
        -math.log(kernels.EVERYBODY_WEIGHT / (100 + kernels.EVERYBODY_WEIGHT)
                  * kernels.FLAT_WEIGHT / 168 / kernels.FLAT_WEIGHT * 168)
    , abs=3.0)  # fmt: skip
    assert kernels.surprise(hours, 100.0, flat, 15) < 0


def test_a_night_order_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Four orders at 03:00 of accounts that keep office hours, after six weeks."""
    seen = [order for k in range(8) for order in office(make, 42, account=f"a{k}")]
    seen.sort(key=lambda each: each.at_seconds)
    eye = looking(*HOUR)
    assert not eye.see(seen, 1e-6).findings
    night = [make(9_000 + n, 43 * DAY + 46_000.0 + 120 * n, account="a1") for n in range(4)]
    first = eye.see(night, 1e-6).findings[0]
    assert first.entity == "a1"
    assert "it never did near that hour" in first.reason.sentence
    assert first.reason.contributions[0].feature == "hour_surprise"
    assert first.reason.nearest is not None


def test_a_new_currency_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """The first TRY of an account that traded two currencies for months, where few trade it."""
    seen = [order for k in range(10) for order in office(make, 70, account=f"a{k}")]
    seen += office(make, 70, account="fund", pair="USD/TRY")[:8]
    seen.sort(key=lambda each: each.at_seconds)
    eye = looking(*CURRENCY)
    assert not eye.see(seen, 1e-6).findings
    tries = eye.see([make(9_000, 71 * DAY, account="a1", pair="USD/TRY")], 1e-6)
    [finding] = tries.findings
    assert "its first TRY" in finding.reason.sentence
    assert {part.feature for part in finding.reason.contributions} == {
        "currency_rareness",
        "sittings_since_new_currency",
    }


def test_who_often_tries_new_ones_is_not_odd(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """An account that comes with a new pair every week has that habit."""
    pairs = [f"{code}/USD" for code in ("EUR", "GBP", "AUD", "NZD", "CHF", "SEK", "NOK", "TRY")]
    seen = office(make, 70)
    curious = [
        make(each.position, each.at_seconds - 1.79e9, pair=pairs[n // 25 % len(pairs)])
        for n, each in enumerate(seen)
    ]
    assert not looking(*CURRENCY).see(curious, 1e-6).findings


def test_a_taste_for_the_rare_by_hand() -> None:
    """Whoever trades a currency with less than 1 % of all trade has a taste for such."""
    traded = np.zeros((2, 192))
    traded[0, [0, 1]], traded[1, [0, 70]] = (5_000, 4_000), (940, 60)
    for currencies, expected in (({0, 1}, 0), ({0, 70}, 1), ({0}, 0), (set(), 0)):
        had = np.zeros(4, np.int64)
        for each in currencies:
            had[each // kernels.BITS] |= np.int64(1) << (each % kernels.BITS)
        assert kernels.taste(had, traded) == expected
    traded[1, 70] = 200
    assert kernels.taste(had | np.array([0, 1 << 7, 0, 0]), traded) == 0


def test_funds_with_a_taste_for_the_rare_hide_nobody(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """TRY is news of who trades EUR/USD, however much TRY others trade, and none of a fund."""
    seen = [order for k in range(10) for order in office(make, 70, account=f"a{k}")]
    rare = ("USD/TRY", "USD/ZAR", "USD/MXN", "USD/NOK", "USD/SEK")
    for k in range(3):
        own = office(make, 70, account=f"fund{k}")
        for n, each in enumerate(own):
            pair = rare[min(n * 5 // len(own), 4 - k)] if n % 8 == 0 else each.pair
            seen.append(
                make(each.position, each.at_seconds - 1.79e9, account=f"fund{k}", pair=pair)
            )
    seen.sort(key=lambda each: each.at_seconds)
    eye = looking(*CURRENCY)
    told = eye.see(seen, 1e-6).findings
    assert all(each.entity.startswith("fund") for each in told)
    firsts = [make(9_000, 71 * DAY, account="a1", pair="USD/TRY")]
    assert [each.entity for each in eye.see(firsts, 1e-6).findings] == ["a1"]
    assert not eye.see([make(9_001, 71 * DAY, account="fund2", pair="USD/SEK")], 1e-6).findings


def test_rareness_and_curiosity_by_hand() -> None:
    """currency_rareness: the share of all that is traded as little; classes by distinct ones."""
    traded = np.zeros(192)
    traded[:4] = [600, 300, 90, 10]
    assert kernels.rareness(traded, 3) == pytest.approx(11 / 1_001)
    assert kernels.rareness(traded, 1) == pytest.approx(401 / 1_001)
    assert kernels.rareness(10 * traded, 50) == kernels.RARE_MIN
    assert kernels.rareness(traded / 100, 50) == pytest.approx(1 / 11)  # little is known yet
    had = np.array([0b111, 0], np.int64)
    assert kernels.bits(had) == 3
    assert kernels.curiosity(had, had, 0) == 1
    assert kernels.curiosity(np.array([0b11, 0], np.int64), had, 0) == 0
    assert kernels.curiosity(had, np.array([0b1, 0], np.int64), 0) == 4
    assert kernels.curiosity(had, had, 1) == kernels.CURIOUS - 1
    assert DOLLAR == 0
