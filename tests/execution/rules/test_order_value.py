"""No order worth more than one may be."""

from typing import Any

import pytest

from tallystick.execution.book import Position
from tallystick.execution.rules import order_value


@pytest.mark.parametrize(("limit", "allowed"), [(108_250_000, True), (108_249_999, False)])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_border(words: Any, limited: Any, limit: int, side: str, *, allowed: bool) -> None:
    """A million euro at a mid of 1.08250 is 1,082,500.00 dollars, on either side."""
    case = limited(words.case(words.request(side=side), quote=words.quote()), order_usd_max=limit)

    rejection = order_value.check(case)

    assert (rejection is None) == allowed
    if rejection is not None:
        assert rejection.code == "ORDER_VALUE_TOO_LARGE"
        assert rejection.reason.endswith("1082500.00 USD, 1082499.99 allowed.")


def test_what_reduces_may_be_worth_anything(words: Any, limited: Any) -> None:
    """Selling what is held is never in the way."""
    account = words.account()
    account.positions["EUR/USD"] = Position(long=100_000_000, long_cost=108_250_000)
    sale = words.request(side="sell")

    closing = words.case(sale, account=account, quote=words.quote())
    opening = words.case(sale, quote=words.quote())

    assert order_value.check(limited(closing, order_usd_max=1)) is None
    assert order_value.check(limited(opening, order_usd_max=1)) is not None


def test_what_cannot_be_valued_is_not_taken(words: Any, limited: Any) -> None:
    """There is no price of sterling in dollars."""
    quote = words.quote("GBP/CHF", "1.10000", "1.10002")
    case = words.case(words.request(pair="GBP/CHF"), quote=quote)

    rejection = order_value.check(limited(case, order_usd_max=1))
    assert rejection is not None
    assert rejection.code == "NO_PRICE"
    assert order_value.check(case) is None
