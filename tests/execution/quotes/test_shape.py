"""The shape of synthetic quotes is that of the venue that it was fitted to."""

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.execution.quotes import EcbAnchored, LeanTicks, Quote
from tallystick.execution.quotes.shape import LEVEL_WIDTHS, SIZES, depth

TUESDAY_NS = 1_795_478_400_000_000_000
"""2026-11-24, 00:00 UTC."""
DAY_SECONDS = 86_400
OANDA = Path(__file__).resolve().parents[4] / "shared/data/fx/lean/oanda/tick"
real = pytest.mark.skipif(not OANDA.is_dir(), reason=f"no real ticks in {OANDA}")


def quantile(values: list[float], share: float) -> float:
    """The value that this share lies below."""
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]


def gaps(quotes: list[Quote]) -> list[float]:
    """Seconds between one quote and the next."""
    return [(b.at_ns - a.at_ns) / NS_PER_SECOND for a, b in itertools.pairwise(quotes)]


@pytest.fixture(scope="module")
def day() -> list[Quote]:
    """One day of synthetic EUR/USD, asked for once a second."""
    source = EcbAnchored([{"USD": 1.15}], random.Random(11), "venue")  # noqa: S311  seeded
    found: list[Quote] = []
    for second in range(DAY_SECONDS):
        found += source.quotes(TUESDAY_NS + second * NS_PER_SECOND)
    return [quote for quote in found if quote.pair == "EUR/USD"]


def test_spreads(day: list[Quote]) -> None:
    """11 points in the middle and 76 at the 99th percentile, as stated for the venue."""
    spreads = [float(quote.ask - quote.bid) for quote in day]

    assert quantile(spreads, 0.5) == pytest.approx(11, abs=1)
    assert quantile(spreads, 0.99) == pytest.approx(76, rel=0.35)
    assert min(spreads) >= 4


def test_gaps(day: list[Quote]) -> None:
    """0.19 s in the middle and 25.9 s at the 99th percentile, never as long as a minute."""
    found = gaps(day)

    assert quantile(found, 0.5) == pytest.approx(0.19, rel=0.15)
    assert quantile(found, 0.99) == pytest.approx(25.9, rel=0.2)
    assert max(found) < 60


def test_peak_rate(day: list[Quote]) -> None:
    """Bursts of some 170 quotes in a second."""
    by_second = Counter(quote.at_ns // NS_PER_SECOND for quote in day)

    assert 80 <= max(by_second.values()) <= 350


def test_tails_are_fat(day: list[Quote]) -> None:
    """Most steps are below a pip, a few are many: far from a normal distribution's kurtosis."""
    steps = [abs(b.twice_mid - a.twice_mid) / 2 for a, b in itertools.pairwise(day)]
    second = sum(step**2 for step in steps) / len(steps)
    fourth = sum(step**4 for step in steps) / len(steps)

    assert quantile(steps, 0.9) < 10
    assert max(steps) > 30
    assert fourth / second**2 > 10


def test_the_night_is_quieter_than_the_afternoon(day: list[Quote]) -> None:
    """Hours differ as they did at the venue."""
    by_hour = Counter((quote.at_ns - TUESDAY_NS) // NS_PER_SECOND // 3_600 for quote in day)

    assert by_hour[14] > 4 * by_hour[3]


@real
def test_the_real_ticks_agree(day: list[Quote]) -> None:
    """The figures are those of the recorded ticks, and the synthetic day is near them."""
    source = LeanTicks(OANDA / "eurusd", speed=1.0)
    ticks = [tick for tick in source._ticks if tick.pair == "EUR/USD"]
    spreads = [float(tick.ask - tick.bid) for tick in ticks]
    seconds = [(b.at_ns - a.at_ns) / NS_PER_SECOND for a, b in itertools.pairwise(ticks)]
    made = [float(quote.ask - quote.bid) for quote in day]

    assert quantile(made, 0.5) == pytest.approx(quantile(spreads, 0.5), abs=2)
    for share in (0.25, 0.75, 0.9):
        assert quantile(made, share) == pytest.approx(quantile(spreads, share), rel=0.25)
    assert quantile(gaps(day), 0.5) == pytest.approx(quantile(seconds, 0.5), rel=0.25)
    assert quantile(gaps(day), 0.99) == pytest.approx(quantile(seconds, 0.99), rel=0.4)


def test_depth_grows_with_its_price() -> None:
    """Five levels, each larger and further away; a bid is rounded down and an ask up."""
    bids, asks = depth(115_000.4, 5.0, 2)

    assert [level.quantity for level in asks] == [size * 100 for size in SIZES]
    assert (bids[0].price, asks[0].price) == (114_995, 115_006)
    assert len(bids) == len(asks) == len(LEVEL_WIDTHS)
    for side, sign in ((bids, -1), (asks, 1)):
        away = [level.price * sign for level in side]
        assert away == sorted(set(away))


def test_depth_near_nothing_stays_above_it() -> None:
    """No level at zero or below, and none twice."""
    bids, asks = depth(2.0, 0.001, 2)

    assert [level.price for level in bids] == [1]
    assert [level.price for level in asks] == [3, 4, 5, 6, 7]
