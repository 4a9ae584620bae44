"""The board: the newest quote of each pair, and what a currency is worth in dollars."""

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution import Quote, QuoteBoard
from tallystick.fx import PAIRS, currency
from tallystick.money import Price

DOLLAR_PAIRS = [each for each in PAIRS.values() if "USD" in (each.base, each.quote)]
LAST_DIGIT = Decimal("1e-12")
"""Cents per minor unit are kept to twelve digits."""


def test_newest_wins(words: Any) -> None:
    """An older quote is dropped, one of the same moment replaces."""
    board, now = QuoteBoard(), words.START_NS
    heard: list[list[Quote]] = []
    board.listen(heard.append)
    first, older, same, newer = (
        words.quote(bid=bid, ask="1.09", at_ns=now + late)
        for bid, late in (("1.081", 0), ("1.082", -1), ("1.083", 0), ("1.084", 5))
    )

    for quotes in ([first], [older], [same], [newer, older]):
        board.update(quotes)

    assert heard == [[first], [same], [newer]]
    assert board.get("EUR/USD") is newer
    assert board.get("GBP/USD") is None


def test_listeners_see_the_board_as_it_is(words: Any) -> None:
    """The whole batch is on the board before anybody is told."""
    board = QuoteBoard()
    quotes = [words.quote("GBP/USD", "1.27000", "1.27004"), words.quote()]
    seen: list[int] = []
    board.listen(lambda fresh: seen.append(len(fresh)))
    board.listen(lambda _fresh: seen.append(len(board.all())))

    board.update(quotes)
    board.update([])

    assert seen == [2, 2]
    assert [quote.pair for quote in board.all()] == ["EUR/USD", "GBP/USD"]


@given(
    pair=st.sampled_from(DOLLAR_PAIRS),
    bid=st.integers(10_000, 10**8),
    spread=st.integers(1, 100),
    amount=st.integers(-(10**13), 10**13),
)
def test_worth_in_dollars(pair: Any, bid: int, spread: int, amount: int) -> None:
    """At the mid, to the cent, of every currency with a dollar pair; `decimal` is the oracle."""
    board = QuoteBoard()
    board.update([Quote(pair.symbol, Price(bid), Price(bid + spread), 0, "test")])
    code = pair.quote if pair.base == "USD" else pair.base

    usd = board.usd(code, amount)

    assert usd is not None
    with localcontext() as exact:
        exact.prec = 60
        mid = Decimal(2 * bid + spread) / 2 / Decimal(10) ** pair.price_digits
        units = Decimal(amount).scaleb(-currency(code).minor_digits)
        cents = (units * mid if pair.quote == "USD" else units / mid) * 100
        assert abs(usd - cents) <= Decimal("0.5") + abs(amount) * LAST_DIGIT


@pytest.mark.parametrize("pair", DOLLAR_PAIRS)
def test_every_currency_has_a_worth(pair: Any) -> None:
    """No currency that can be traded lacks its pair with the dollar."""
    board = QuoteBoard()
    board.update([Quote(pair.symbol, Price(100_000), Price(100_010), 0, "test")])

    code = pair.quote if pair.base == "USD" else pair.base
    assert (board.usd(code, 10**9) or 0) > 0
    assert (board.usd(code, -(10**9)) or 0) < 0
    assert board.usd(code, 0) == 0


def test_what_has_no_price_has_no_worth(words: Any) -> None:
    """A dollar is a dollar; a cross leads nowhere."""
    board = QuoteBoard()
    assert board.usd("USD", 123) == 123
    assert board.usd("EUR", 1) is None

    board.update([words.quote("EUR/GBP", "0.85000", "0.85002")])

    assert board.usd("EUR", 1) is None
    assert board.usd("GBP", 1) is None


def test_all_traded_currencies_have_a_dollar_pair() -> None:
    """So each position can be valued."""
    valued = {code for pair in DOLLAR_PAIRS for code in (pair.base, pair.quote)}

    assert valued == {code for pair in PAIRS.values() for code in (pair.base, pair.quote)}
