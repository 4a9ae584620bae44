"""Cross rates: exact through both legs, rounded once and never in the client's favour."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.fx import PAIRS, Pair, TwoWay, cross, pair
from tallystick.money import Price

USD_LEGS = [each for each in PAIRS.values() if "USD" in (each.base, each.quote)]
CROSSES = [each for each in PAIRS.values() if "USD" not in (each.base, each.quote)]


def quoted(symbol: str, bid: int, ask: int) -> TwoWay:
    """A two-way price in points."""
    return TwoWay(pair(symbol), Price(bid), Price(ask))


def usd_leg(currency: str) -> Pair:
    """The pair of this currency with USD."""
    return next(leg for leg in USD_LEGS if currency in (leg.base, leg.quote))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # x: 1.08250 * 150.123 = 162.50814..; 1.08252 * 150.126 = 162.51439..
        (
            quoted("EUR/USD", 108_250, 108_252),
            quoted("USD/JPY", 150_123, 150_126),
            quoted("EUR/JPY", 162_508, 162_515),
        ),
        # /: 1.08250 / 1.27004 = 0.852335..; 1.08252 / 1.27000 = 0.852377..
        (
            quoted("EUR/USD", 108_250, 108_252),
            quoted("GBP/USD", 127_000, 127_004),
            quoted("EUR/GBP", 85_233, 85_238),
        ),
        # /: 150.123 / 0.88124 = 170.354..; 150.126 / 0.88120 = 170.365..
        (
            quoted("USD/CHF", 88_120, 88_124),
            quoted("USD/JPY", 150_123, 150_126),
            quoted("CHF/JPY", 170_354, 170_366),
        ),
        # Not only through USD: 1.62000 / 1.08000 = 1.5 exactly.
        (
            quoted("EUR/AUD", 162_000, 162_000),
            quoted("EUR/GBP", 108_000, 108_000),
            quoted("GBP/AUD", 150_000, 150_000),
        ),
    ],
)
def test_published_arithmetic(first: TwoWay, second: TwoWay, expected: TwoWay) -> None:
    """Multiply or divide by the side that each leg is quoted; the order of the legs is free."""
    assert cross(expected.pair, first, second) == expected
    assert cross(expected.pair, second, first) == expected


@given(
    st.sampled_from(CROSSES).filter(lambda each: each.quote not in {"AED", "JOD"}),
    st.integers(1_000, 10_000_000),
    st.integers(0, 1_000),
    st.integers(1_000, 10_000_000),
    st.integers(0, 1_000),
)
def test_rounding_is_once_and_outwards(
    wanted: Pair, bid_1: int, spread_1: int, bid_2: int, spread_2: int
) -> None:
    """Bid and ask are within one point of the exact value, the bid below it, the ask above."""
    first = TwoWay(usd_leg(wanted.base), Price(bid_1), Price(bid_1 + spread_1))
    second = TwoWay(usd_leg(wanted.quote), Price(bid_2), Price(bid_2 + spread_2))
    found = cross(wanted, first, second)
    assert found.bid <= found.ask
    with localcontext(prec=60):
        exact_bid = in_usd(first, "bid", wanted.base) / in_usd(second, "ask", wanted.quote)
        exact_ask = in_usd(first, "ask", wanted.base) / in_usd(second, "bid", wanted.quote)
        points = Decimal(10) ** wanted.price_digits
        tiny = Decimal("1e-40")
        assert -tiny <= exact_bid * points - found.bid < 1
        assert -tiny <= found.ask - exact_ask * points < 1


def in_usd(leg: TwoWay, side: str, currency: str) -> Decimal:
    """What one unit of the currency is worth in USD on this side, by decimal arithmetic."""
    bid, ask = (Decimal(each).scaleb(-leg.pair.price_digits) for each in (leg.bid, leg.ask))
    if leg.pair.base == currency:
        return bid if side == "bid" else ask
    return 1 / ask if side == "bid" else 1 / bid


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (quoted("EUR/USD", 1, 2), quoted("AUD/JPY", 1, 2)),
        (quoted("AUD/USD", 1, 2), quoted("USD/JPY", 1, 2)),
        (quoted("EUR/USD", 1, 2), quoted("USD/CHF", 1, 2)),
        (quoted("EUR/USD", 0, 2), quoted("USD/JPY", 1, 2)),
        (quoted("EUR/USD", 1, 2), quoted("USD/JPY", 1, -2)),
    ],
)
def test_legs_that_do_not_lead_there_are_a_mistake(first: TwoWay, second: TwoWay) -> None:
    """Legs without a common currency, with the wrong ends or without a price raise."""
    with pytest.raises(ValueError, match=r"lead to|in it|above zero"):
        cross(pair("EUR/JPY"), first, second)
