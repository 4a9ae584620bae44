"""Order size: features by hand and against lists, and what is said of a fat finger."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.size import kernels

NAMES = ("size", "order_size")


def flow(make: Callable[..., OrderSeen], number: int, seed: int = 1) -> list[OrderSeen]:
    """Log-normal sizes around a million, a minute apart."""
    chance = np.random.default_rng(seed)
    sizes = np.round(1e6 * np.exp(chance.normal(0, 0.5, number)), -3)
    return [make(n, n * 60.0, quantity=float(size)) for n, size in enumerate(sizes)]


def test_what_is_usual_by_hand(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """order_quantity and order_size_times: 40 orders of 1 .. 40 lots; 5 %, 95 % and the median."""
    seen = [make(n, n * 60.0, quantity=(n % 40 + 1) * 100_000.0) for n in range(40)]
    told = looking(*NAMES).see([*seen, make(40, 2_400.0, quantity=9e7)])
    assert told.came[-1] == 9e7
    assert told.low[-1] == pytest.approx(3e5, rel=1e-5)
    assert told.high[-1] == pytest.approx(38e5, rel=1e-5)
    assert told.extra[-1, 1] == pytest.approx(21e5, rel=1e-5)
    assert np.isnan(told.p[:20]).all()
    assert not np.isnan(told.p[20:]).any()


def test_the_deviation_is_that_of_a_slow_reference(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Medians of the last 48, as Python's sorted() gives them, at every row."""
    seen = flow(make, 400)
    told = looking(*NAMES).see(seen)
    for row in range(60, 400):
        last = sorted(math.log(each.quantity) for each in seen[row - 48 : row])
        assert told.extra[row, 1] == pytest.approx(math.exp(last[24]), rel=1e-5)
        assert told.low[row] == pytest.approx(math.exp(last[2]), rel=1e-5)


def test_a_fat_finger_is_found_and_explained(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """300 times the usual is said in a sentence, with the nearest order and the entry."""
    seen = [*flow(make, 300), make(300, 18_000.0, quantity=3e8, side="sell")]
    told = looking(*NAMES).see(seen, 1e-6)
    [finding] = told.findings
    assert (finding.row, finding.detector, finding.entity) == (300, "order_size", "acme EUR/USD")
    assert finding.family == "fraud"
    assert finding.reason.sentence.startswith(
        "acme sold 300,000,000 EUR/USD; its orders in EUR/USD"
    )
    assert finding.reason.positions == (300,)
    assert finding.reason.nearest is not None
    assert finding.reason.nearest.position is not None
    assert [part.feature for part in finding.reason.contributions] == [
        "order_quantity",
        "order_size_times",
    ]


def test_a_zero_too_many_is_seen_when_it_is_put_right(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """order_put_right: nine tenths dealt back within half an hour make a large order odd."""
    eye = looking(*NAMES)
    chance = np.random.default_rng(3)
    sizes = np.round(1e6 * np.exp(chance.normal(0, 0.8, 3_000)), -3)
    eye.see([make(n, n * 60.0, quantity=float(size)) for n, size in enumerate(sizes)], 1e-6)
    large = make(9_000, 200_000.0, quantity=2e7)
    alone = eye.see([large], 1e-6)
    assert alone.p[0] > 1e-6
    back = eye.see([make(9_001, 200_200.0, side="sell", quantity=1.8e7)], 1e-6)
    [finding] = back.findings
    assert finding.p_value < alone.p[0] / 100
    assert "bought 20,000,000 EUR/USD and sold 18,000,000 back" in finding.reason.sentence
    assert finding.reason.positions == (9_000, 9_001)
    assert "order_put_right" in {part.feature for part in finding.reason.contributions}


def test_a_refusal_for_its_size_counts_against_an_order(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """order_refused_for_size: the same order is rarer when it broke the account's limit."""
    p_values = {}
    for code in ("", "QUANTITY_TOO_LARGE"):
        eye = looking(*NAMES)
        eye.see(flow(make, 2_000), 1e-6)
        odd = make(9_000, 130_000.0, quantity=5e6, state="rejected", code=code, filled=0.0)
        p_values[code] = eye.see([odd], 1e-6).p[0]
    assert p_values["QUANTITY_TOO_LARGE"] < p_values[""] / 50


def test_a_stranger_is_odd_only_beyond_everybody(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """A first order is judged by all accounts' orders: a thousand times the largest is odd."""
    eye = looking(*NAMES)
    eye.see(flow(make, 300), 1e-6)
    ordinary = eye.see([make(900, 2e5, account="new", quantity=5e7)], 1e-6)
    assert np.isnan(ordinary.p[0])
    gross = eye.see([make(901, 2e5, account="newer", quantity=9e9)], 1e-6)
    assert gross.p[0] == kernels.STRANGER_P
    assert "orders of all accounts" in gross.findings[0].reason.sentence


def test_what_one_always_does_is_not_odd(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """Whoever trades a thousand times as much every tenth time has that habit."""
    seen = [make(n, n * 60.0, quantity=1e9 if n % 10 == 9 else 1e6) for n in range(400)]
    assert np.nanmin(looking(*NAMES).see(seen).p[100:]) > 1e-3


def test_what_no_order_comes_near_is_grossly_large(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """A hundred times the usual is said at once, in a pair of its own too; ten times is not."""
    sizes = np.round(6e4 * np.exp(np.random.default_rng(3).normal(0, 0.6, 60)))
    usual = [make(n, n * 600.0, quantity=float(size)) for n, size in enumerate(sizes)]
    for pair, quantity, gross in (
        ("EUR/USD", 6e6, True), ("EUR/GBP", 6e6, True), ("EUR/USD", 6e5, False),
    ):  # fmt: skip
        look = looking(*NAMES)
        look.see(usual, 1e-6)
        told = look.see([make(100, 60 * 600.0, quantity=quantity, pair=pair)])
        assert bool(told.p[0] <= kernels.GROSS_P) is gross


def test_an_earlier_mistake_is_not_told_as_usual(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """In a young book it is the largest and the nearest: the sentence says the median instead."""
    eye = looking(*NAMES)
    eye.see([*flow(make, 40), make(40, 2_400.0, quantity=6e8)], 1e-6)
    others = {"pair": "GBP/USD", "quantity": 1e6}
    eye.see([make(50 + n, 2_500.0 + n * 60.0, **others) for n in range(15)], 1e-6)
    eye.see([make(70, 3_500.0, pair="GBP/USD", quantity=6e8)], 1e-6)
    again = eye.see([make(71, 4_500.0, pair="GBP/USD", quantity=6e8)], 1e-3)

    [finding] = again.findings
    assert again.high[0] == pytest.approx(6e8, rel=1e-5)
    assert finding.reason.expected == "about 1,000,000"
    assert finding.reason.nearest is None
    told = finding.reason.contributions[0]
    assert (told.came, told.expected_high) == (6e8, 1e6)


def test_numbers_are_told_as_a_trader_writes_them(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """The order's own quantity to the unit; the nearest, of which a logarithm is kept, round."""
    seen = [*flow(make, 300), make(300, 18_000.0, quantity=312_345_678.0, side="sell")]
    [finding] = looking(*NAMES).see(seen, 1e-6).findings

    assert finding.reason.came == "312,345,678"
    assert finding.reason.nearest is not None
    near = next(each for each in seen if each.position == finding.reason.nearest.position)
    assert finding.reason.nearest.text.startswith(f"{near.quantity:,.0f} EUR/USD at ")
