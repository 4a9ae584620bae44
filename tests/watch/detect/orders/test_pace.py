"""Order burst: faded counts by hand and by sums, and what is said of a burst."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.pace import kernels

NAMES = ("pace", "order_burst")


def arrivals(number: int, seconds: float, seed: int = 1) -> list[float]:
    """Poisson arrivals."""
    gaps = np.random.default_rng(seed).exponential(seconds, number)
    return np.cumsum(gaps).tolist()


def test_counts_are_sums_of_faded_orders(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """orders_in_1/10/60/3600_seconds: each order fades on its own, in a slow reference."""
    times = arrivals(150, 20.0)
    eye = looking(*NAMES)
    for row, at in enumerate(times):
        eye.see([make(row, at)])
        counts = eye.look.state["account"].counts[0]
        for span, seconds in enumerate(kernels.SPANS):
            slow = sum(math.exp(-(at - earlier) / seconds) for earlier in times[: row + 1])
            assert counts[span] == pytest.approx(slow, rel=1e-6)


def test_surplus_by_hand() -> None:
    """20 where 5 are usual: 20 ln 4 - 15, halved by a dispersion of 2; nothing below the usual."""
    assert kernels.surplus(20.0, 5.0, 1.0) == pytest.approx(20 * math.log(4) - 15)
    assert kernels.surplus(20.0, 5.0, 2.0) == pytest.approx((20 * math.log(4) - 15) / 2)
    assert kernels.surplus(4.0, 5.0, 1.0) == 0.0


def test_a_burst_is_found_and_explained(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """60 orders within 20 seconds, of an account that sends one each ten minutes."""
    times = arrivals(400, 600.0)
    burst = [times[-1] + 700 + n / 3 for n in range(60)]
    seen = [make(row, at) for row, at in enumerate([*times, *burst])]
    told = looking(*NAMES).see(seen, 1e-6)
    assert told.findings
    first = told.findings[0]
    assert 400 <= first.row < 440
    assert first.entity == "acme"
    assert "acme sent about" in first.reason.sentence
    assert first.reason.contributions[0].feature.startswith("orders_in_")
    assert set(first.reason.positions) <= set(range(380, 440))


def test_whoever_always_slices_is_not_odd(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Twelve orders in a minute, each hour: that is this account's rhythm."""
    times = [hour * 3_600.0 + n * 4.0 for hour in range(40) for n in range(12)]
    told = looking(*NAMES).see([make(row, at) for row, at in enumerate(times)], 1e-6)
    assert not told.findings


def test_a_few_orders_are_no_burst(looking: Callable, make: Callable[..., OrderSeen]) -> None:
    """Seven orders at once of an account that sends one a day: below every floor."""
    times = [day * 86_400.0 for day in range(60)]
    burst = [times[-1] + 3_600 + n / 10 for n in range(7)]
    told = looking(*NAMES).see([make(row, at) for row, at in enumerate([*times, *burst])], 1e-6)
    assert not told.findings
    assert np.nanmin(told.p) >= 1e-3


def test_a_burst_of_a_busy_account_is_no_habit(
    looking: Callable, make: Callable[..., OrderSeen]
) -> None:
    """Thirty orders a second for half a minute, then 150 in half a second; before that, nothing."""
    times = arrivals(900, 1 / 30)
    burst = [times[-1] + n / 300 for n in range(150)]
    told = looking(*NAMES).see([make(row, at) for row, at in enumerate([*times, *burst])], 1e-6)
    assert told.findings[0].reason.positions[-1] >= 920
    assert told.findings[0].reason.contributions[0].feature == "orders_in_1_seconds"
    high = told.findings[0].reason.contributions[0].expected_high
    assert 30 < high < 60
