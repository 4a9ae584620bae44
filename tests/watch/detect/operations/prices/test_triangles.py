"""Triangles: crosses and their two dollar pairs."""

import math

from tallystick.watch.detect.operations.prices.triangles import currencies, triangles_of


def test_pairs_are_read_in_both_spellings() -> None:
    """With and without a stroke; what is no pair has no currencies."""
    assert currencies("EUR/USD") == currencies("EURUSD") == ("EUR", "USD")
    assert currencies("XAU-USD") is None
    assert currencies("") is None
    assert currencies("EUR/USDT") is None


def test_a_cross_has_its_dollar_pairs_whatever_way_they_are_quoted() -> None:
    """The signed logarithms of consistent prices add up to nothing."""
    worth = {"EUR": 1.0825, "JPY": 1 / 150.25, "GBP": 1.271, "CHF": 1 / 0.89, "USD": 1.0}
    pairs = ["EUR/USD", "USD/JPY", "GBP/USD", "USD/CHF", "EUR/JPY", "GBP/CHF", "CHF/JPY", "EUR/GBP"]
    found = triangles_of(pairs)
    assert len(found) == 4
    for triangle in found.values():
        error = sum(
            sign * math.log(worth[leg[:3]] / worth[leg[4:]])
            for leg, sign in zip(triangle.legs, triangle.signs, strict=True)
        )
        assert abs(error) < 1e-12


def test_without_both_dollar_pairs_there_is_none() -> None:
    """A cross alone says nothing."""
    assert triangles_of(["EUR/JPY", "EUR/USD"]) == {}
    assert list(triangles_of(["EUR/JPY", "EUR/USD", "USD/JPY"])) == ["EUR/JPY EUR/USD USD/JPY"]
