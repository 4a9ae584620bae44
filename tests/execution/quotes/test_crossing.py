"""Pairs that nobody quotes, through two that somebody does."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.quotes import Level, Quote, QuoteBoard
from tallystick.execution.quotes.crossing import LEVELS_MAX, UNLIMITED, crosses_of
from tallystick.fx import PAIRS, TwoWay, cross
from tallystick.money import Price, Quantity

MILLION = 100_000_000
"""A million units of two digits."""


def side(*pairs: tuple[int, int]) -> tuple[Level, ...]:
    """Depth in points and minor units."""
    return tuple(Level(Price(price), Quantity(quantity)) for price, quantity in pairs)


def euro_dollar(**depth: Any) -> Quote:
    """EUR/USD 1.08000 to 1.08010."""
    return Quote("EUR/USD", Price(108_000), Price(108_010), 5, "A", **depth)


def dollar_yen(**depth: Any) -> Quote:
    """USD/JPY 150.000 to 150.010."""
    return Quote("USD/JPY", Price(150_000), Price(150_010), 6, "B", **depth)


def board_of(*quotes: Quote) -> QuoteBoard:
    """A board with these."""
    board = QuoteBoard()
    board.update(quotes)
    return board


def test_a_cross_is_the_two_legs_price() -> None:
    """As `fx.cross` has it, as old as its older leg, and labelled; endless legs have no end."""
    quote = board_of(euro_dollar(), dollar_yen()).get("EUR/JPY")

    assert quote is not None
    through = cross(
        PAIRS["EUR/JPY"],
        TwoWay(PAIRS["EUR/USD"], Price(108_000), Price(108_010)),
        TwoWay(PAIRS["USD/JPY"], Price(150_000), Price(150_010)),
    )
    assert (quote.bid, quote.ask) == (through.bid, through.ask)
    assert quote.at_ns == 5
    assert quote.source == "cross via USD (A; B)"
    assert (quote.bids, quote.asks) == ((), ())


def test_depth_is_what_both_legs_can_do() -> None:
    """Each piece ends where one leg's level ends; the shallower leg ends it all."""
    quote = board_of(
        euro_dollar(asks=side((108_010, MILLION), (108_020, 5 * MILLION))),
        dollar_yen(asks=side((150_010, 500_000_00), (150_020, 3_000_000_00))),
    ).get("EUR/JPY")

    assert quote is not None
    # 500,000 dollars buy 462,920.09 euro (cut) at the first levels of both.
    first, second, third = quote.asks
    assert first == (162_026, 46_292_009)
    assert first.quantity + second.quantity == pytest.approx(MILLION, abs=2)
    dollars = Fraction(first.quantity * 108_010 + second.quantity * 108_010, 100_000)
    dollars += Fraction(third.quantity * 108_020, 100_000)
    assert 3_500_000_00 - 3 <= dollars <= 3_500_000_00
    assert [level.price for level in quote.asks] == sorted({x.price for x in quote.asks})
    assert quote.bids == ()


def test_a_leg_that_is_quoted_the_other_way_round_is_turned() -> None:
    """AUD/CAD: selling the Australian dollar and buying the Canadian uses USD/CAD's bids."""
    quote = board_of(
        Quote("AUD/USD", Price(65_000), Price(65_010), 1, "A", side((65_000, 2 * MILLION))),
        Quote("USD/CAD", Price(140_000), Price(140_020), 1, "A", side((140_000, MILLION))),
    ).get("AUD/CAD")

    assert quote is not None
    assert quote.bid == 65_000 * 140_000 // 100_000
    assert quote.source == "cross via USD (A)"
    # A million US dollars are 1,538,461.53 Australian ones (cut).
    assert quote.bids == side((quote.bid, 153_846_153))


def test_a_quoted_pair_is_never_crossed_and_a_third_way_is_the_euro() -> None:
    """What is quoted goes before; without the dollar's legs the euro's are taken."""
    direct = Quote("EUR/JPY", Price(161_000), Price(161_010), 1, "C")
    board = board_of(euro_dollar(), dollar_yen(), direct)

    assert board.get("EUR/JPY") is direct
    krone = board_of(
        Quote("EUR/NOK", Price(1_100_000), Price(1_100_100), 1, "A"),
        Quote("EUR/SEK", Price(1_150_000), Price(1_150_100), 1, "B"),
    ).get("NOK/SEK")
    assert krone is not None
    assert krone.source == "cross via EUR (A; B)"
    assert krone.bid < Fraction(1_150_050, 1_100_050) * 100_000 < krone.ask


def test_without_legs_there_is_no_cross() -> None:
    """None where a leg is missing, and for what is no pair."""
    assert board_of(euro_dollar()).get("EUR/JPY") is None
    assert board_of(euro_dollar()).get("XXX/YYY") is None


def test_a_price_that_rounds_to_nothing_is_none() -> None:
    """Nobody sells for zero, and nobody deals in less than a minor unit."""
    tiny = side((150_010, 1))
    assert board_of(euro_dollar(), dollar_yen(asks=tiny)).get("EUR/JPY") is None
    board = board_of(
        Quote("EUR/NOK", Price(10**12), Price(10**12 + 1), 1, "A"),
        Quote("EUR/SEK", Price(1), Price(2), 1, "A"),
    )

    assert board.get("NOK/SEK") is None


def test_it_is_worked_out_again_only_when_a_leg_moved() -> None:
    """The same object while both legs are the same."""
    board = board_of(euro_dollar(), dollar_yen())
    first = board.get("EUR/JPY")

    assert board.get("EUR/JPY") is first
    board.update([Quote("USD/JPY", Price(151_000), Price(151_010), 7, "B")])
    assert board.get("EUR/JPY") is not first


def test_every_pair_leads_through_a_middle() -> None:
    """Each pair without the dollar has a way; the dollar's comes first."""
    for name, pair in PAIRS.items():
        ways = [middle for _pair, middle, _first, _second in crosses_of(name)]
        if "USD" not in (pair.base, pair.quote):
            assert ways[0] == "USD", name


depths = st.lists(st.integers(1, 10**12), max_size=6)


@given(
    name=st.sampled_from([n for n, p in PAIRS.items() if "USD" not in (p.base, p.quote)]),
    sizes=st.tuples(depths, depths, depths, depths),
    prices=st.tuples(st.integers(10_000, 10**7), st.integers(10_000, 10**7)),
)
def test_depth_is_in_order_and_never_more_than_a_leg(
    name: str, sizes: Any, prices: tuple[int, int]
) -> None:
    """Best first from the price itself, each worse than before, bounded, nothing invented."""
    _pair, _middle, first, second = next(crosses_of(name))
    legs = [
        Quote(
            leg.symbol, Price(price), Price(price + 3), 1, leg.symbol,
            side(*((price - n, size) for n, size in enumerate(bids))),
            side(*((price + 3 + n, size) for n, size in enumerate(asks))),
        )
        for leg, price, bids, asks in zip(
            (first, second), prices, sizes[:2], sizes[2:], strict=True
        )
    ]  # fmt: skip
    quote = board_of(*legs).get(name)
    if quote is None:
        return

    ends = [TwoWay(PAIRS[leg.pair], leg.bid, leg.ask) for leg in legs]
    through = cross(PAIRS[name], ends[0], ends[1])
    assert quote.bid <= through.bid <= through.ask <= quote.ask
    if min(size for each in sizes for size in (each or [10**12])) > 10**10:
        assert (quote.bid, quote.ask) == (through.bid, through.ask)
    for levels, price, sign in ((quote.bids, quote.bid, -1), (quote.asks, quote.ask, 1)):
        assert len(levels) <= LEVELS_MAX
        assert all(0 < level.quantity < UNLIMITED for level in levels)
        worse = [level.price * sign for level in levels]
        assert worse == sorted(set(worse))
        if levels:
            assert levels[0].price == price
    pair = PAIRS[name]
    if first.base == pair.base and legs[0].asks:
        total = sum(level.quantity for level in legs[0].asks)
        assert sum(level.quantity for level in quote.asks) <= total
