"""No order above the account's size, and none too small to book."""

from typing import Any

import pytest

from tallystick.execution.rules import order_size


@pytest.mark.parametrize(
    ("symbol", "quantity", "code"),
    [
        ("EUR/USD", "5000000", None),
        ("EUR/USD", "5000000.00", None),
        ("EUR/USD", "5000000.01", "QUANTITY_TOO_LARGE"),
        ("EUR/USD", "999999999999999999999.99", "QUANTITY_TOO_LARGE"),
        ("EUR/USD", "0.01", None),
        ("USD/JPY", "0.01", None),  # 1.5 yen, booked as 2
    ],
)
def test_the_borders(words: Any, symbol: str, quantity: str, code: str | None) -> None:
    """Five million whole units are allowed, one minor unit more is not."""
    account = words.account(order_quantity_max="5000000")
    quotes = {"EUR/USD": words.quote(), "USD/JPY": words.quote("USD/JPY", "150.120", "150.124")}
    request = words.request(pair=symbol, quantity=quantity)

    rejection = order_size.check(words.case(request, account=account, quote=quotes[symbol]))

    assert (None if rejection is None else rejection.code) == code


@pytest.mark.parametrize(("price", "small"), [("50.000", False), ("49.999", True)])
def test_what_is_worth_nothing_is_rejected(words: Any, price: str, *, small: bool) -> None:
    """A cent at 50 yen a dollar is half a yen, booked as one; below that there is no amount."""
    request = words.request(pair="USD/JPY", quantity="0.01", price=price, side="sell")

    case = words.case(request, quote=words.quote("USD/JPY", "50.000", "50.010"))
    rejection = order_size.check(case)

    assert (rejection is not None) == small
    if rejection is not None:
        assert rejection.code == "AMOUNT_TOO_SMALL"


def test_a_market_order_is_sized_at_its_side_of_the_quote(words: Any) -> None:
    """It buys at the ask: half a yen there is enough, at the bid it would not be."""
    quote = words.quote("USD/JPY", "49.999", "50.000")
    buy = words.request(pair="USD/JPY", quantity="0.01", side="buy")
    sell = words.request(pair="USD/JPY", quantity="0.01", side="sell")

    assert order_size.check(words.case(buy, quote=quote)) is None
    assert order_size.check(words.case(sell, quote=quote)) is not None
