"""Synthetic quotes around the ECB's reference rates: repeatable, consistent, and said to be so."""

import math
import random
import statistics
from datetime import date, timedelta
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.execution import EcbAnchored, Quote
from tallystick.execution.quotes import ecb
from tallystick.execution.quotes.ecb import reference_rates
from tallystick.fx import PAIRS, TwoWay, cross, pair

TICK_NS = int(ecb.TICK_SECONDS * NS_PER_SECOND)


def source(seed: int = 7, days: int = 1) -> EcbAnchored:
    """A source on the newest reference rates."""
    rates = [rates for _day, rates in reference_rates(days)]
    return EcbAnchored(rates, random.Random(seed))  # noqa: S311  a seeded walk


def walk(each: EcbAnchored, ticks: int, start_ns: int) -> list[list[Quote]]:
    """So many ticks of the whole board."""
    return [each.quotes(start_ns + n * TICK_NS) for n in range(ticks)]


def mid(quote: Quote) -> float:
    """The middle in units, for statistics."""
    return quote.twice_mid / 2 / 10 ** pair(quote.pair).price_digits


def test_five_levels_of_depth(words: Any) -> None:
    """Both sides, best first from the price itself, larger sizes further away."""
    for quotes in walk(source(), 5, words.START_NS):
        for quote in quotes:
            for levels, best, sign in ((quote.bids, quote.bid, -1), (quote.asks, quote.ask, 1)):
                assert len(levels) == 5
                assert levels[0].price == best
                away = [level.price * sign for level in levels]
                assert away == sorted(set(away))
                sizes = [level.quantity for level in levels]
                assert sizes == sorted(sizes)


def test_a_venue_is_a_seeded_walk_too(words: Any) -> None:
    """All pairs at once first; then each in its own time, in order, and none in the future."""
    rates = [rates for _day, rates in reference_rates(1)]
    one, other = (EcbAnchored(rates, random.Random(3), "venue") for _ in range(2))  # noqa: S311  seeded
    assert {quote.pair for quote in one.quotes(words.START_NS)} == set(PAIRS)
    other.quotes(words.START_NS)

    seen = words.START_NS
    for second in range(1, 30):
        now = words.START_NS + second * NS_PER_SECOND
        quotes = one.quotes(now)
        assert quotes == other.quotes(now)
        for quote in quotes:
            assert seen <= quote.at_ns <= now
            assert 0 < quote.bid < quote.ask
            seen = quote.at_ns


def test_a_venue_that_slept_does_not_make_up_for_it(words: Any) -> None:
    """A machine that stood still for a day goes on with one quote a pair."""
    rates = [rates for _day, rates in reference_rates(1)]
    each = EcbAnchored(rates, random.Random(3), "venue")  # noqa: S311  seeded
    each.quotes(words.START_NS)

    late = each.quotes(words.START_NS + 86_400 * NS_PER_SECOND)

    assert len(late) < 2 * len(PAIRS)
    assert {quote.pair for quote in late} == set(PAIRS)


def test_a_seed_is_a_walk(words: Any) -> None:
    """The same seed gives the same quotes, another one others."""
    start = words.START_NS

    assert walk(source(7), 20, start) == walk(source(7), 20, start)
    assert walk(source(7), 20, start) != walk(source(8), 20, start)


def test_every_pair_is_quoted_and_says_that_it_is_synthetic(words: Any) -> None:
    """All pairs at every tick, stamped with it, bid below ask, both above zero."""
    for n, quotes in enumerate(walk(source(), 50, words.START_NS)):
        assert [quote.pair for quote in quotes] == list(PAIRS)
        for quote in quotes:
            assert 0 < quote.bid < quote.ask
            assert quote.at_ns == words.START_NS + n * TICK_NS
            assert "synthetic" in quote.source


def test_the_board_moves_each_tick_and_not_between(words: Any) -> None:
    """Asked too early there is nothing new."""
    each, start = source(), words.START_NS

    assert each.quotes(start)
    assert each.quotes(start) == []
    assert each.quotes(start + TICK_NS - 1) == []
    assert each.quotes(start + TICK_NS)


def test_no_triangle_is_out_of_line(words: Any) -> None:
    """Each cross agrees with its two dollar legs: nobody gains by going round."""
    for quotes in walk(source(), 20, words.START_NS):
        board = {quote.pair: TwoWay(pair(quote.pair), quote.bid, quote.ask) for quote in quotes}
        legs = {
            code: leg
            for leg in board.values()
            if "USD" in (leg.pair.base, leg.pair.quote)
            for code in (leg.pair.base, leg.pair.quote)
            if code != "USD"
        }
        for direct in board.values():
            if direct.pair in [leg.pair for leg in legs.values()]:
                continue
            round_about = cross(direct.pair, legs[direct.pair.base], legs[direct.pair.quote])
            assert direct.bid <= round_about.ask
            assert round_about.bid <= direct.ask


def test_spreads_are_those_of_a_venue(words: Any) -> None:
    """EUR/USD under a pip, no pair above two basis points and its two rounded points."""
    (quotes,) = walk(source(), 1, words.START_NS)
    by_pair = {quote.pair: quote for quote in quotes}

    euro = by_pair["EUR/USD"]
    assert 5 <= euro.ask - euro.bid <= 11
    for quote in quotes:
        assert quote.ask - quote.bid <= 2 + quote.twice_mid / 2 * 2e-4


def test_quotes_stay_near_their_anchor(words: Any) -> None:
    """A leg drifts some basis points from its reference rate and is pulled back to it."""
    each = source()
    anchor = each.day["USD"]

    drifts = [
        math.log(mid(quote) / anchor) * 10_000
        for quotes in walk(each, 4_000, words.START_NS)
        for quote in quotes
        if quote.pair == "EUR/USD"
    ]

    expected = ecb.VOLATILITY_BPS_PER_TICK / math.sqrt(2 * ecb.PULL)
    assert 0.4 * expected < statistics.pstdev(drifts) < 2 * expected
    assert max(map(abs, drifts)) < 8 * expected


def test_the_anchors_move_on_by_days(words: Any) -> None:
    """Each next day anchors the quotes to its own rates; the last one stays."""
    each = source(days=5)
    rates = [day for _date, day in reference_rates(5)]
    start = words.START_NS

    for n, day in enumerate([*rates, rates[-1]]):
        assert each.day == day
        quotes = {quote.pair: quote for quote in each.quotes(start + n * TICK_NS)}
        assert mid(quotes["EUR/USD"]) == pytest.approx(day["USD"], rel=2e-3)
        assert mid(quotes["USD/CNH"]) == pytest.approx(day["CNY"] / day["USD"], rel=2e-3)
        each.next_day()


def test_a_currency_that_some_day_lacks_is_not_quoted(words: Any) -> None:
    """It left the list, or was suspended: no anchor, no price, and no failure in the middle."""
    days = [{"USD": 1.1, "GBP": 0.85, "SEK": 11.0}, {"USD": 1.2, "GBP": 0.86}]
    each = EcbAnchored(days, random.Random(1))  # noqa: S311  a seeded walk
    each.next_day()

    quoted = {quote.pair for quote in each.quotes(words.START_NS)}

    assert {"EUR/USD", "EUR/GBP", "GBP/USD"} <= quoted
    assert not [name for name in quoted if "SEK" in name]


def test_reference_rates_are_the_published_ones() -> None:
    """From the file inside the package: newest last, one a working day, as the ECB gave them."""
    days = reference_rates(30)

    assert len(days) == 30
    dates = [day for day, _rates in days]
    assert dates == sorted(set(dates))
    assert all(day.isoweekday() <= 5 for day in dates)
    assert dates[-1] - dates[0] < timedelta(days=60)
    assert days[-1] == reference_rates(1)[0]
    for _day, rates in days:
        assert {"USD", "JPY", "GBP", "CHF", "CNY"} <= set(rates)
        assert 0.5 < rates["USD"] < 2
        assert all(rate > 0 for rate in rates.values())
        assert "EUR" not in rates


def test_a_known_day() -> None:
    """4 January 1999, the first of all: one euro was 1.1789 dollars and 133.73 yen."""
    first, rates = reference_rates(100_000)[0]

    assert first == date(1999, 1, 4)
    assert (rates["USD"], rates["JPY"], rates["GBP"]) == (1.1789, 133.73, 0.7111)
