"""The account has the margin that its order needs; how much that is, `margin` says."""

from typing import Any

import msgspec
import pytest

from tallystick.execution.book import Account, Configuration, Position
from tallystick.execution.margin import shortfall
from tallystick.execution.rules import margin


def with_profile(words: Any, dollars: str = "0") -> Account:
    """A retail account with so many dollars."""
    plain = words.account()
    account = Account("demo", plain.limits, Configuration(margin="esma_retail", home="USD"))
    account.balances["USD"] = int(dollars) * 100
    return account


@pytest.mark.parametrize(("dollars", "allowed"), [("1000000", True), ("30000", False)])
def test_the_missing_margin_is_named(words: Any, dollars: str, *, allowed: bool) -> None:
    """A million euro at 30:1 needs a thirtieth of 1,082,500 dollars, and half the spread."""
    account = with_profile(words, dollars)
    case = words.case(words.request(), account=account, quote=words.quote())

    rejection = margin.check(case)

    assert (rejection is None) == allowed
    if rejection is not None:
        request = case.request
        lacking = shortfall(account, request.pair, "buy", request.quantity, words.quote(), case.usd)
        assert lacking is not None
        assert rejection.code == "INSUFFICIENT_MARGIN"
        assert rejection.reason.endswith(f"{lacking / 100:.2f} USD are missing.")


def test_no_profile_no_margin(words: Any) -> None:
    """An account without a profile is not asked."""
    assert margin.check(words.case(words.request(), quote=words.quote())) is None


def test_what_reduces_needs_none(words: Any) -> None:
    """An account without a cent may still close what it holds."""
    account = with_profile(words)
    account.positions["EUR/USD"] = Position(long=100_000_000, long_cost=108_250_000)
    sale = words.request(side="sell", quantity="400000")

    assert margin.check(words.case(sale, account=account, quote=words.quote())) is None


def test_what_cannot_be_valued_is_not_taken(words: Any) -> None:
    """Sterling is held, and there is no price of it in dollars."""
    account = with_profile(words, "1000000")
    account.balances["GBP"] = 1
    case = words.case(words.request(), account=account, quote=words.quote())

    rejection = margin.check(case)

    assert rejection is not None
    assert rejection.code == "NO_PRICE"
    assert margin.check(msgspec.structs.replace(case, quote=None)) is None
