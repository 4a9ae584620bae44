"""Off market: distances by hand, in spreads and volatilities, and what is said of a wrong price."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen, QuoteSeen
from tallystick.watch.detect.orders.price import kernels

NAMES = ("price", "off_market")


def flow(make: Callable[..., OrderSeen], number: int) -> list[OrderSeen]:
    """Limits that pay up to three half-spreads more than the market, on both sides."""
    chance = np.random.default_rng(2)
    seen = []
    for n, away in enumerate(chance.exponential(1.0, number).tolist()):
        side, sign = ("buy", 1) if n % 2 else ("sell", -1)
        price = 1.08 + sign * (0.0001 + 0.0001 * away)
        seen.append(make(n, n * 60.0, side=side, limit_price=price, kind="limit"))
    return seen


def test_distances_by_hand(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """price_distance: 1.0908 to buy at a mid of 1.08 is 100 bps; the spread is 1.85 bps."""
    told = looking(*NAMES).see([*flow(make, 100), make(100, 6_000.0, limit_price=1.0908)])
    assert told.came[-1] == pytest.approx(100.0)
    assert told.extra[-1, 0] == 1.0908
    assert told.extra[-1, 1] == pytest.approx(100 / (0.0002 / 1.08 * 1e4))
    assert told.extra[-1, 3] == kernels.AGGRESSIVE


def test_volatility_is_that_of_a_slow_reference() -> None:
    """price_distance_volatilities: the root of faded squared returns, a minute's worth of each."""
    chance = np.random.default_rng(5)
    market = kernels.Market(*(np.zeros(1) for _ in range(4)))
    mids = 1.08 * np.exp(np.cumsum(chance.normal(0, 1e-4, 200)))
    times = np.cumsum(chance.exponential(40, 200))
    for row in range(200):
        volatility = kernels.move(market, 0, times[row], mids[row])
        squares = sum(
            math.log(mids[k] / mids[k - 1]) ** 2
            * 60 / max(times[k] - times[k - 1], 60)
            * math.exp(-(times[row] - times[k]) / 60)
            for k in range(1, row + 1)
        )  # fmt: skip
        assert volatility == pytest.approx(math.sqrt(squares) * 1e4, rel=1e-9)


@pytest.mark.parametrize(
    ("members", "sort"),
    [
        ({"limit_price": 1.09, "side": "buy"}, kernels.AGGRESSIVE),
        ({"limit_price": 1.09, "side": "sell"}, kernels.PASSIVE),
        ({"limit_price": 1.07, "side": "sell"}, kernels.AGGRESSIVE),
        ({"limit_price": 1.08005, "side": "buy"}, kernels.PASSIVE),
        ({"fill_price": 1.09}, kernels.FILL),
        ({"event": "filled", "limit_price": 1.07, "fill_price": 1.09}, kernels.FILL),
    ],
)
def test_prices_are_told_apart(
    looking: Callable, make: Callable[..., OrderSeen], members: dict[str, object], sort: int
) -> None:
    """A limit that pays more than the market asks, one that waits, a fill: signed by the side."""
    eye = looking(*NAMES)
    eye.tables.columns([make(0)])
    columns = eye.tables.columns([make(1, **members)])
    price = members.get("limit_price") or members["fill_price"]
    if members.get("event") == "filled":
        price = members["fill_price"]
    signed = (float(str(price)) / 1.08 - 1) * 1e4
    assert kernels.sort_of(columns[0], signed, 0.0001 / 1.08 * 1e4) == sort


def test_a_wrong_big_figure_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """100 bps through the market, among limits a few bps through it."""
    eye = looking(*NAMES)
    told = eye.see([*flow(make, 400), make(400, 24_000.0, limit_price=1.0908)], 1e-6)
    [finding] = told.findings
    assert finding.family == "market_abuse"
    assert finding.reason.came == "1 % above the market"
    assert "acme's limit to buy EUR/USD at 1.0908" in finding.reason.sentence
    assert {part.feature for part in finding.reason.contributions} == {
        "price_distance",
        "price_distance_spreads",
        "price_distance_volatilities",
    }


def test_a_level_in_mind_is_no_alarm(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """A limit that waits 5 % behind the market is measured, and never odd."""
    eye = looking(*NAMES)
    near = [make(n, n * 60.0, limit_price=1.0795, state="new", filled=0.0) for n in range(200)]
    far = make(200, 12_000.0, limit_price=1.03, state="new", filled=0.0)
    assert eye.see([*near, far], 1e-6).p[-1] >= 1e-3


def test_a_price_is_measured_by_what_the_market_moves(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """The same 40 bps are odd on a quiet day and ordinary in a storm."""
    p_values = {}
    for name, step in (("quiet", 1e-6), ("storm", 1.5e-3)):
        eye = looking(*NAMES)
        eye.see(flow(make, 300), 1e-6)
        stamp, mid = "2026-09-21T20:00:00.000000Z", 1.08
        for n in range(60):
            mid = 1.08 * (1 + step * (-1) ** n)
            eye.see([QuoteSeen(stamp, 1_790_018_000.0 + n, "EUR/USD", mid, mid + 1e-4, "feed")])
        order = make(900, 18_061.0, limit_price=mid * 1.004, mid=mid, bid=mid, ask=mid + 1e-4)
        p_values[name] = eye.see([order], 1e-6).p[0]
    assert p_values["quiet"] < 1e-6 < p_values["storm"]


def test_a_fill_behind_a_gap_is_no_alarm(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """A waiting order is filled at its price when the market opens beyond it."""
    fills = [
        make(n, n * 60.0, event="filled", limit_price=1.08, fill_price=1.0801) for n in range(200)
    ]
    gap = {"mid": 1.09, "bid": 1.0899, "ask": 1.0901}
    opened = make(200, 2e5, event="filled", limit_price=1.0801, fill_price=1.0801, **gap)
    eye = looking(*NAMES)
    assert eye.see([*fills, opened], 1e-6).p[-1] > 1e-3
    later = make(201, 2e5 + 600, event="filled", fill_price=1.0801, **gap)
    assert eye.see([later], 1e-6).p[-1] < 1e-6


def test_an_earlier_wrong_price_is_not_told_as_usual(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """The nearest to a wrong price is another wrong one: no ordinary example is told."""
    eye = looking(*NAMES)
    eye.see(flow(make, 200), 1e-6)
    [first] = eye.see([make(200, 12_000.0, limit_price=1.12, kind="limit")], 1e-6).findings
    [again] = eye.see([make(201, 12_060.0, limit_price=1.12, kind="limit")], 1e-6).findings

    assert first.reason.nearest is not None
    assert again.reason.nearest is None
    assert again.reason.expected == first.reason.expected
