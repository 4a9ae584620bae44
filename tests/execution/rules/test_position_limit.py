"""The net open position stays within its limit; reducing it is always allowed."""

from typing import Any

import pytest

from tallystick.execution.entries import Rejection
from tallystick.execution.rules import position_limit


def check(
    words: Any, members: dict[str, str], balances: dict[str, int], limit: str
) -> Rejection | None:
    """Against EUR/USD 1.00000 / 1.00002 (a mid of 1.00001) and USD/JPY at 100."""
    account = words.account(position_usd_max=limit)
    account.balances.update(balances)
    quotes = {
        "EUR/USD": words.quote("EUR/USD", "1.00000", "1.00002"),
        "USD/JPY": words.quote("USD/JPY", "99.999", "100.001"),
        "EUR/JPY": words.quote("EUR/JPY", "100.000", "100.002"),
        "EUR/GBP": words.quote("EUR/GBP", "0.85000", "0.85002"),
    }
    request = words.request(**members)
    case = words.case(
        request,
        account=account,
        quote=quotes[request.pair.symbol],
        quotes=[quotes["EUR/USD"], quotes["USD/JPY"]],
    )
    return position_limit.check(case)


@pytest.mark.parametrize(
    ("limit", "allowed"), [("100002.00", True), ("100001.99", False), ("200000.00", True)]
)
def test_the_edge(words: Any, limit: str, *, allowed: bool) -> None:
    """Buying 100,000 euro is 100,001 long and 100,002 short in dollars: the larger one counts."""
    rejection = check(words, {"quantity": "100000"}, {}, limit)

    assert (rejection is None) == allowed
    if rejection is not None:
        assert rejection.code == "POSITION_LIMIT"
        assert rejection.reason.endswith("100002.00 USD after it, 100001.99 allowed.")


def test_a_sale_counts_too(words: Any) -> None:
    """Selling 100,000 euro is 100,001 short: what is short counts as what is long."""
    assert check(words, {"quantity": "100000", "side": "sell"}, {}, "100001.00") is None
    assert check(words, {"quantity": "100000", "side": "sell"}, {}, "100000.99") is not None


@pytest.mark.parametrize("quantity", ["0.01", "1", "499999.99", "500000", "1000000"])
def test_reducing_is_always_allowed(words: Any, quantity: str) -> None:
    """Far above the limit, any step towards zero is taken, and one through it too."""
    long = {"EUR": 50_000_000, "USD": -50_000_000}

    assert check(words, {"quantity": quantity, "side": "sell"}, long, "1.00") is None
    assert check(words, {"quantity": quantity, "side": "buy"}, long, "1.00") is not None


def test_turning_a_position_into_a_larger_one_is_not(words: Any) -> None:
    """From 500,000 long to more than 500,000 short."""
    long = {"EUR": 50_000_000, "USD": -50_000_000}

    assert check(words, {"quantity": "1000002", "side": "sell"}, long, "1.00") is not None


def test_positions_are_netted_across_pairs(words: Any) -> None:
    """Long euro against yen and short euro against dollar cancel: only the yen leg is left."""
    short_euro = {"EUR": -10_000_000, "USD": 10_000_000}

    assert check(words, {"pair": "EUR/JPY", "quantity": "100000"}, short_euro, "100002.00") is None
    assert check(words, {"pair": "EUR/JPY", "quantity": "100000"}, {}, "50000.00") is not None


def test_a_position_that_cannot_be_valued_is_not_taken(words: Any) -> None:
    """There is no price of sterling in dollars."""
    rejection = check(words, {"pair": "EUR/GBP", "quantity": "1"}, {}, "1000000.00")

    assert rejection is not None
    assert rejection.code == "NO_PRICE"


def test_nothing_held_needs_no_price(words: Any) -> None:
    """A balance of zero sterling from long ago stops nobody."""
    assert check(words, {"quantity": "1"}, {"GBP": 0}, "1000000.00") is None
