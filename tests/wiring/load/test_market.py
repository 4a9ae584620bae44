"""Prices beside the market have the quote's digits and the right side."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import PermanentError
from tallystick.wiring.load import Price, prices_of


@pytest.mark.parametrize(
    ("side", "bps", "wanted"),
    [
        ("buy", 50, "1.07698"),
        ("sell", 50, "1.08791"),
        ("buy", -10, "1.08348"),
        ("sell", -10, "1.08141"),
        ("buy", 10_000, "0.00001"),
    ],
)
def test_a_price_beside_the_market(side: str, bps: int, wanted: str) -> None:
    """Hundredths of a percent from the own side, in the quote's digits, never zero."""
    assert Price("EUR/USD", "1.08240", "1.08250").beside(side, bps) == wanted


@given(points=st.integers(100, 10**9), digits=st.integers(0, 6), bps=st.integers(1, 5_000))
def test_what_rests_never_crosses(points: int, digits: int, bps: int) -> None:
    """For every quote a resting buy is not above the bid, a resting sale not below the ask."""
    shown = f"{points:0{digits + 1}}"
    text = f"{shown[:-digits]}.{shown[-digits:]}" if digits else shown
    price = Price("X/Y", text, text)

    assert (
        Fraction(price.beside("buy", bps)) <= Fraction(text) <= Fraction(price.beside("sell", bps))
    )
    assert len(price.beside("buy", bps).partition(".")[2]) == digits


def test_a_server_that_is_not_there_has_no_prices() -> None:
    """A sentence, not a stack trace."""
    with pytest.raises(PermanentError, match="does not say its prices"):
        prices_of("http://127.0.0.1:9", "t")
