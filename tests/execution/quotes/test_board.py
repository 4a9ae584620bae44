"""The board: the newest quote of each pair, and what a currency is worth in dollars."""

from decimal import Decimal, localcontext
from fractions import Fraction
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


@given(
    pair=st.sampled_from(list(PAIRS.values())),
    bid=st.integers(1, 10**9),
    spread=st.integers(1, 100),
)
def test_rates_are_exact(pair: Any, bid: int, spread: int) -> None:
    """Minor units for minor units at the mid, both ways; `Fraction` is the oracle."""
    board = QuoteBoard()
    assert board.rate(pair.base, pair.quote) is None
    board.update([Quote(pair.symbol, Price(bid), Price(bid + spread), 0, "test")])

    there, back = board.rate(pair.base, pair.quote), board.rate(pair.quote, pair.base)

    mid = Fraction(2 * bid + spread, 2 * 10**pair.price_digits)
    minor = Fraction(10) ** (currency(pair.quote).minor_digits - currency(pair.base).minor_digits)
    assert there is not None
    assert back is not None
    assert Fraction(*there) == mid * minor
    assert Fraction(*back) == 1 / Fraction(*there)
    assert min(*there, *back) > 0


def test_rates_through_the_dollar_and_the_euro(words: Any) -> None:
    """Their own pair first, then the dollar, then the euro; a currency is worth itself."""
    board = QuoteBoard()
    board.update([words.quote("EUR/NOK", "11.0", "11.2"), words.quote("EUR/SEK", "11.4", "11.6")])
    krone = board.rate("NOK", "SEK")
    assert krone is not None
    assert Fraction(*krone) == Fraction(115, 111)

    board.update([words.quote("USD/NOK", "10", "10.2"), words.quote("USD/SEK", "10.5", "10.7")])
    krone = board.rate("NOK", "SEK")
    assert krone is not None
    assert Fraction(*krone) == Fraction(106, 101)

    board.update([words.quote("NOK/SEK", "1.04", "1.06")])
    krone = board.rate("NOK", "SEK")
    assert krone is not None
    assert Fraction(*krone) == Fraction(105, 100)
    assert board.rate("SEK", "SEK") == (1, 1)
    assert board.rate("SEK", "JPY") is None


def test_a_cross_is_said_only_while_somebody_wants_it(words: Any) -> None:
    """With each batch that moves a leg, once; wanted twice it takes two to let go."""
    board = QuoteBoard()
    heard: list[list[str]] = []
    board.listen(lambda fresh: heard.append([quote.pair for quote in fresh]))
    legs = [words.quote(), words.quote("USD/JPY", "150.000", "150.010")]

    board.update(legs)
    board.want("EUR/JPY")
    board.want("EUR/JPY")
    board.update(legs)
    board.unwant("EUR/JPY")
    board.update([legs[1]])
    board.unwant("EUR/JPY")
    board.update(legs)

    both = ["EUR/USD", "USD/JPY"]
    assert heard == [both, [*both, "EUR/JPY"], ["USD/JPY", "EUR/JPY"], both]


def test_a_pair_that_is_quoted_is_not_said_as_a_cross(words: Any) -> None:
    """Its own price goes before; withdrawn, its cross comes back, and its worth stays."""
    board = QuoteBoard()
    heard: list[Quote] = []
    board.want("EUR/JPY")
    own = words.quote("EUR/JPY", "162.000", "162.010")
    board.update([words.quote(), words.quote("USD/JPY", "150.000", "150.010"), own])
    board.listen(heard.extend)

    board.update([words.quote()])
    assert [quote.pair for quote in heard] == ["EUR/USD"]
    board.withdraw("EUR/JPY")
    board.withdraw("EUR/JPY")
    board.update([words.quote()])

    assert heard[-1].source.startswith("cross via USD")
    assert board.get("EUR/JPY") is heard[-1]
    rate = board.rate("EUR", "JPY")
    assert rate is not None
    assert Fraction(*rate) == Fraction(162_005, 1_000) / 100


def test_what_no_longer_stands_is_replaced_by_something_older(words: Any) -> None:
    """An aggregator knows that its newest source is gone."""
    board = QuoteBoard()
    new = words.quote(at_ns=words.START_NS + 5)
    old = words.quote(bid="1.07")
    board.update([new])
    board.update([old])
    assert board.get("EUR/USD") is new

    board.replace([old])

    assert board.get("EUR/USD") is old


def test_all_traded_currencies_have_a_dollar_pair() -> None:
    """So each position can be valued."""
    valued = {code for pair in DOLLAR_PAIRS for code in (pair.base, pair.quote)}

    assert valued == {code for pair in PAIRS.values() for code in (pair.base, pair.quote)}
