"""A limit price far from the market is a typing error."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.quotes import Quote
from tallystick.execution.rules import collar
from tallystick.money import Price, format_decimal


@pytest.mark.parametrize(
    ("price", "allowed"),
    [
        ("1.01000", True),
        ("1.01001", False),
        ("0.99000", True),
        ("0.98999", False),
        ("1.00000", True),
        ("100.00000", False),
        ("0.00001", False),
    ],
)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_edge(words: Any, price: str, side: str, *, allowed: bool) -> None:
    """A hundred basis points from a mid of exactly 1: the edge is inside, on either side."""
    request = words.request(price=price, side=side)

    rejection = collar.check(words.case(request, quote=words.quote(bid="0.99999", ask="1.00001")))

    assert (rejection is None) == allowed
    if rejection is not None:
        assert rejection.code == "PRICE_OUT_OF_COLLAR"
        assert f"{price} is " in rejection.reason
        assert "from the mid 1.00000, 100 are allowed." in rejection.reason


@given(
    bid=st.integers(1, 10**6),
    spread=st.integers(1, 100),
    bps=st.integers(0, 2_000),
    off=st.integers(-2, 2),
    side=st.sampled_from([-1, 1]),
)
def test_the_edge_is_exact(
    words: Any, bid: int, spread: int, bps: int, off: int, side: int
) -> None:
    """Fractions are the oracle, some points around either edge of any collar."""
    quote = Quote("EUR/USD", Price(bid), Price(bid + spread), words.START_NS, "test")
    mid = Fraction(quote.bid + quote.ask, 2)
    points = max(1, round(mid + side * mid * bps / 10_000) + off)
    request = words.request(price=format_decimal(points, 5))

    rejection = collar.check(
        words.case(request, account=words.account(collar_bps=bps), quote=quote)
    )

    assert (rejection is None) == (abs(points - mid) * 10_000 <= mid * bps)


def test_market_orders_have_no_collar(words: Any) -> None:
    """They name no price that could be mistyped."""
    assert collar.check(words.case(words.request(), quote=words.quote())) is None
