"""The simulated market against figures of OANDA's ticks of May 2014."""

import random
import statistics

from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import HOUR_NS, Calendar
from tallystick.watch.detect.trades.market import LISTINGS, Market

MONDAY_NS = 1_772_409_600_000_000_000
"""2026-03-02T00:00:00Z."""


def market(seed: int = 1, shape: float = 0.5) -> Market:
    """A market at nine in the morning."""
    dice = Dice(random.Random(seed))  # noqa: S311  a simulation
    calendar = Calendar(MONDAY_NS, 1, dice)
    return Market(calendar, dice, MONDAY_NS + 9 * HOUR_NS, gap_seconds=1.5, gap_shape=shape)


def test_ticks_come_in_clusters_as_real_ones_do() -> None:
    """Median a quarter of the mean, 99 % quantile ten times it, longest of ten thousand forty."""
    found = market()
    ticker = found.tickers["EUR/USD"]
    gaps = sorted(found.next_gap_ns(ticker) / 1e9 for _ in range(10_000))
    mean = statistics.mean(gaps)

    assert 1.3 < mean * found.pace < 1.7
    assert 0.2 < gaps[5_000] / mean < 0.3
    assert 8 < gaps[9_900] / mean < 14
    assert gaps[-1] / mean > 25


def test_a_minute_moves_as_much_as_it_does_in_life() -> None:
    """About half a basis point in EUR/USD on a London morning, give or take the day's mood."""
    found = market()
    ticker = found.tickers["EUR/USD"]
    moves = []
    at_ns = MONDAY_NS + 9 * HOUR_NS
    for _ in range(4_000):
        before = ticker.mid
        at_ns += 60_000_000_000
        found.tick(at_ns, ticker)
        moves.append(1e4 * (ticker.mid / before - 1))

    assert 0.25 < statistics.stdev(moves) < 1.2
    assert 8 <= statistics.median(ticker.listing.spread for _ in (0,)) <= 14


def test_quotes_are_two_sided_but_for_single_bad_ticks() -> None:
    """One in twenty thousand is crossed for one tick, as in every real feed."""
    found = market()
    crossed = 0
    for ticker in found.tickers.values():
        for number in range(5_000):
            found.tick(MONDAY_NS + 9 * HOUR_NS + number * 1_000_000_000, ticker)
            assert ticker.bid > 0
            assert ticker.ask != ticker.bid
            crossed += ticker.bid > ticker.ask

    assert 0 < crossed < 30


def test_every_currency_has_a_worth_in_dollars() -> None:
    """Straight, turned round, or through the euro."""
    found = market()
    currencies = {half for one in LISTINGS for half in one.symbol.split("/")}

    worth = {currency: found.usd(currency) for currency in currencies}

    assert worth["USD"] == 1
    assert 1.0 < worth["EUR"] < 1.2
    assert 0.006 < worth["JPY"] < 0.0075
    assert 0.2 < worth["PLN"] < 0.3
