"""The shape of a venue's quotes: how wide, how often and how deep, drawn from a seed.

Fitted to real ticks of EUR/USD (a retail venue, May 2014: spread 11 points in the middle and 76 at
the 99th percentile, 0.19 s and 25.9 s between quotes, at most 170 a second) and used for every
pair: widths scale with the pair's own, times do not. Most quotes are near the usual width; now and
then, as around news, a pair is quoted in a burst and several times as wide. The hours of the day
differ as they did there: quiet in Asia's night, widest when New York closes.
"""

import math
import random

from tallystick.clock import NS_PER_SECOND
from tallystick.execution.quotes.quote import Level
from tallystick.money import Price, Quantity

GAP_SECONDS = 0.2
"""Median time between two quotes, over a day."""
GAP_SIGMA = 1.95
"""Standard deviation of its logarithm within an hour."""
GAP_SECONDS_MAX = 45.0
"""Longest gap: below the age at which a price is stale."""
BURST_GAP_SECONDS = 0.004
"""Mean time between the quotes of a burst."""
BURST_QUOTES = 60
"""Mean number of quotes in a burst."""
BURST_SHARE = 0.022
"""Share of all quotes that belong to bursts."""
BURST_WIDTH = (3.0, 20.0)
"""How many times as wide the quotes of one burst are: uniform in the logarithm."""
WIDTH_SIGMA = 0.2
"""Standard deviation of the logarithm of other widths."""
HOUR_GAPS = (
    2.6, 4.2, 3.3, 8.0, 6.9, 2.5, 1.5, 1.0, 1.2, 1.6, 1.6, 1.5,
    0.5, 1.1, 0.8, 1.2, 1.6, 1.8, 1.8, 3.8, 4.3, 1.5, 5.6, 10.0,
)  # fmt: skip
"""Median gap of each hour (UTC) as a multiple of `GAP_SECONDS` times `_GAP_LEVEL`."""
_GAP_LEVEL = 0.7
HOUR_WIDTHS = (*[1.1] * 7, *[1.0] * 13, 1.1, 1.7, 1.5, 1.25)
"""Usual width of each hour (UTC); New York closes at 21:00 or 22:00."""
SIZES = (1_000_000, 3_000_000, 6_000_000, 15_000_000, 50_000_000)
"""Base currency units of each level of depth."""
LEVEL_WIDTHS = (1.0, 1.3, 1.7, 2.4, 4.0)
"""How many times as far from the mid each level is: a larger size costs more."""
_BURST_START = BURST_SHARE / (BURST_QUOTES * (1 - BURST_SHARE))
_SECONDS_PER_HOUR = 3_600
_GAP_NS_MIN = 1_000_000


class Shape:
    """One pair's widths and gaps, one quote after another."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left = 0
        self._wide = 1.0

    @property
    def bursting(self) -> bool:
        """Whether the last quote belonged to a burst."""
        return self._left > 0

    def width(self, at_ns: int) -> float:
        """The next quote's width as a multiple of the pair's usual one."""
        chance = self._chance
        if self._left:
            self._left -= 1
        elif chance.random() < _BURST_START:
            self._left = 1 + int(chance.expovariate(1 / BURST_QUOTES))
            low, high = (math.log(each) for each in BURST_WIDTH)
            self._wide = math.exp(chance.uniform(low, high))
        usual = HOUR_WIDTHS[_hour(at_ns)] * math.exp(chance.gauss(0.0, WIDTH_SIGMA))
        return usual * self._wide if self._left else usual

    def gap_ns(self, at_ns: int) -> int:
        """From this quote to the next, in nanoseconds."""
        if self._left:
            seconds = self._chance.expovariate(1 / BURST_GAP_SECONDS)
        else:
            median = GAP_SECONDS * _GAP_LEVEL * HOUR_GAPS[_hour(at_ns)]
            seconds = self._chance.lognormvariate(math.log(median), GAP_SIGMA)
        return max(_GAP_NS_MIN, int(min(seconds, GAP_SECONDS_MAX) * NS_PER_SECOND))


def depth(mid: float, half: float, base_digits: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Bids and asks around a mid, in points, for a half-spread at the best level.

    Bids are rounded down, asks up, and every level is at least a point worse than the one before.
    """
    bids: list[Level] = []
    asks: list[Level] = []
    bid, ask = math.floor(mid) + 1, math.ceil(mid) - 1
    for units, width in zip(SIZES, LEVEL_WIDTHS, strict=True):
        quantity = Quantity(units * 10**base_digits)
        bid = min(bid - 1, math.floor(mid - half * width))
        ask = max(ask + 1, math.ceil(mid + half * width))
        if bid > 0:
            bids.append(Level(Price(bid), quantity))
        asks.append(Level(Price(ask), quantity))
    return tuple(bids), tuple(asks)


def _hour(at_ns: int) -> int:
    return at_ns // NS_PER_SECOND // _SECONDS_PER_HOUR % 24
