"""Limit orders fill at their price or better; otherwise they rest or are rejected."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.orders import ORDERS
from tallystick.execution.orders.limit import marketable
from tallystick.execution.quotes import Quote
from tallystick.money import Price

BLOTTER = """
    buy   1.08252  GTC  filled 1.08251
    buy   1.08252  IOC  filled 1.08251
    buy   1.08252  FOK  filled 1.08251
    buy   1.08251  GTC  filled 1.08251
    buy   1.08251  IOC  filled 1.08251
    buy   1.08251  FOK  filled 1.08251
    buy   1.08250  GTC  new
    buy   1.08250  IOC  rejected
    buy   1.08250  FOK  rejected
    sell  1.08248  GTC  filled 1.08249
    sell  1.08248  IOC  filled 1.08249
    sell  1.08248  FOK  filled 1.08249
    sell  1.08249  GTC  filled 1.08249
    sell  1.08249  IOC  filled 1.08249
    sell  1.08249  FOK  filled 1.08249
    sell  1.08250  GTC  new
    sell  1.08250  IOC  rejected
    sell  1.08250  FOK  rejected
"""
"""Against 1.08249 / 1.08251: better than the market, at it, and inside of it."""


@pytest.mark.parametrize("line", BLOTTER.strip().splitlines())
def test_blotter(words: Any, line: str) -> None:
    """Every side, place and time in force: filled at the quote, resting, or rejected."""
    side, limit, time_in_force, state, *price = line.split()
    request = words.request(side=side, price=limit, time_in_force=time_in_force)

    execution = ORDERS["limit"](request, words.quote())

    assert execution.state == state
    assert execution.price == (int(price[0].replace(".", "")) if price else None)
    assert (execution.rejection is None) == (state != "rejected")
    if execution.rejection is not None:
        assert execution.rejection.code == "NOT_MARKETABLE"
        market = "1.08251" if side == "buy" else "1.08249"
        assert f"Limit {limit}, market {market}, {time_in_force}." in execution.rejection.reason


@given(
    side=st.sampled_from(["buy", "sell"]),
    limit=st.integers(1, 10**6),
    bid=st.integers(1, 10**6),
    spread=st.integers(1, 100),
)
def test_a_limit_is_never_worse_than_asked(side: Any, limit: int, bid: int, spread: int) -> None:
    """A buy never pays more than its limit, a sale never brings less; and none misses its price."""
    quote = Quote("EUR/USD", Price(bid), Price(bid + spread), 0, "test")
    market = quote.ask if side == "buy" else quote.bid

    price = marketable(side, Price(limit), quote)

    good = market <= limit if side == "buy" else market >= limit
    assert price == (market if good else None)
