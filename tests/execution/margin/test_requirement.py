"""Margin: what positions and orders need, what is missing for one more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution import QuoteBoard
from tallystick.execution.book import Account, Configuration, Pending, Position
from tallystick.execution.margin import PROFILES, UNPRICED, covers, figures, shortfall
from tallystick.execution.margin.requirement import exposure
from tallystick.fx import pair
from tallystick.money import Quantity

RETAIL = PROFILES["esma_retail"]
EURO = pair("EUR/USD")


def _account(words: Any, dollars: int, mode: str = "netting", margin: str = "esma_retail") -> Any:
    plain = words.account()
    account = Account("demo", plain.limits, Configuration(mode=mode, margin=margin))  # type: ignore[arg-type]
    account.balances["USD"] = dollars
    return account


def _board(words: Any) -> QuoteBoard:
    board = QuoteBoard()
    board.update(
        [words.quote("EUR/USD", "1.08249", "1.08251"), words.quote("AUD/USD", "0.65000", "0.65002")]
    )
    return board


def test_the_margin_of_a_whole_order_by_hand(words: Any) -> None:
    """1,000,000 EUR at 1.08250 by 30 is 36,083.34 USD, and half the spread is 10.00 USD."""
    board = _board(words)
    quote = board.get("EUR/USD")
    for dollars, missing in ((3_609_334, None), (3_609_333, 1), (0, 3_609_334)):
        account = _account(words, dollars)
        lacking = shortfall(account, EURO, "buy", Quantity(100_000_000), quote, board.usd)
        assert lacking == missing


def test_what_works_is_reserved_in_the_worst_case(words: Any) -> None:
    """Long 1, buying 1, selling 4 (millions): the worst is short 3; another sale of 1 makes it 4.

    Another purchase of 1 adds nothing to the worst case, and needs no margin.
    """
    board = _board(words)
    account = _account(words, 10**9)
    account.positions["EUR/USD"] = Position(long=100_000_000, long_cost=108_251_000)
    account.pending["EUR/USD"] = Pending(buying=100_000_000, selling=400_000_000)
    now = figures(account, RETAIL, board.usd)
    assert now is not None
    assert (now.used, now.reserved) == (3_608_334, 10_825_000)
    account.balances["USD"] = 0
    quote = board.get("EUR/USD")
    million = Quantity(100_000_000)
    assert shortfall(account, EURO, "buy", million, quote, board.usd) is None
    lacking = shortfall(account, EURO, "sell", million, quote, board.usd)
    assert lacking == 14_433_334 + 1_000
    freed = shortfall(account, EURO, "sell", million, quote, board.usd, released=100_000_000)
    assert freed is None


@given(
    held=st.integers(-50, 50), buying=st.integers(0, 50), selling=st.integers(0, 50),
)  # fmt: skip
def test_the_reservation_covers_every_order_in_which_orders_may_be_filled(
    held: int, buying: int, selling: int
) -> None:
    """Whatever of the working orders is filled, the position needs no more than was reserved."""
    position = Position(long=max(0, held), short=max(0, -held))
    reserved = exposure(position, Pending(buying, selling), RETAIL, hedges=False)
    for bought in (0, buying):
        for sold in (0, selling):
            assert abs(held + bought - sold) <= reserved


@pytest.mark.parametrize(
    ("aggregation", "units"), [("net", 60), ("larger_side", 110), ("sum", 160)]
)
def test_a_hedging_account_is_counted_as_its_profile_says(aggregation: str, units: int) -> None:
    """Long 100, short 50, buying 10."""
    import msgspec  # noqa: PLC0415

    profile = msgspec.structs.replace(RETAIL, aggregation=aggregation)
    held = Position(long=100, short=50)
    assert exposure(held, Pending(buying=10), profile, hedges=True) == units


def test_no_profile_needs_nothing_and_no_price_is_said(words: Any) -> None:
    """Without margin nothing is asked; with it, an unpriced balance is no zero."""
    board = _board(words)
    quote = board.get("EUR/USD")
    million = Quantity(100_000_000)
    free = _account(words, 0, margin="none")
    assert shortfall(free, EURO, "buy", million, quote, board.usd) is None
    account = _account(words, 10**12)
    account.balances["JPY"] = 1
    assert shortfall(account, EURO, "buy", million, quote, board.usd) == UNPRICED
    assert figures(account, RETAIL, board.usd) is None


def test_a_working_order_is_filled_while_the_equity_carries_it(words: Any) -> None:
    """36,083.34 USD carry a million euro; a cent less does not. What reduces is always carried."""
    board = _board(words)
    for dollars, carried in ((3_608_334, True), (3_608_333, False)):
        account = _account(words, dollars)
        assert covers(account, "EUR/USD", "buy", 100_000_000, board.usd) == carried
        account.positions["EUR/USD"] = Position(short=100_000_000, short_cost=108_251_000)
        account.balances["USD"] = 0
        assert covers(account, "EUR/USD", "buy", 200_000_000, board.usd)
        assert not covers(account, "EUR/USD", "buy", 200_000_001, board.usd)
    assert covers(_account(words, 0, margin="none"), "EUR/USD", "buy", 10**12, board.usd)
