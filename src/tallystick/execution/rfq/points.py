"""Where forward points come from: a port, and the one that ships, interest-rate parity. Pure.

Covered interest parity: whoever has one unit of the base currency may lend it until the value
date, or sell it at spot, lend what that brings and have sold the outcome forward. Both must bring
the same, so

    forward = spot x (1 + r_quote x days / year_quote) / (1 + r_base x days / year_base)

with the yearly rate and the year (360 or 365 days) of each currency and the calendar days from
spot. Beyond 365 days interest is paid after a year, and earns interest itself. Before spot the
same holds backwards. All of it is exact; a price is rounded once, by `fx.outright`.
"""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from importlib.resources import files
from typing import Final, Protocol

import msgspec

from tallystick.errors import Misconfigured, Refused
from tallystick.execution.quotes.quote import Quote
from tallystick.fx import CURRENCIES, TENORS, Curve, Node, Pair, Tenor, pair, value_dates
from tallystick.money import parse_decimal

RATE_DIGITS: Final = 2
"""Decimal places of a rate in basis points."""
_PER_RATE: Final = 10_000 * 10**RATE_DIGITS
_YEAR: Final = 365
_YEAR_OF_OTHERS: Final = 360
_OTHER: Final = "other"


class PointsSource(Protocol):
    """Gives the forward points of a pair."""

    name: str
    """Whose points they are, as it stands in a quote."""

    def curve(self, quote: Quote, trade_date: date) -> Curve:
        """The points of the quote's pair for trades of a day, at this spot quote; no input/output.

        Called for every quote that is given, and again when a decision is made again.

        Raises:
            Refused: `POINTS_MISSING`, `POINTS_UNUSABLE`, `DATE_OUT_OF_RANGE`.
        """
        ...


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `points.toml`."""

    year_of_365: tuple[str, ...]
    spread_bps: dict[str, str]
    times: dict[str, int]

    def times_of(self, traded: Pair) -> int:
        """How many times as wide the pair's points are."""
        other = self.times[_OTHER]
        return max(self.times.get(traded.base, other), self.times.get(traded.quote, other))


def parse_terms(text: str) -> Terms:
    """The table in the text of a TOML file.

    Raises:
        Misconfigured: it is no such table.
    """
    try:
        terms = msgspec.toml.decode(text, type=Terms)
        spreads = [parse_decimal(each, RATE_DIGITS) for each in terms.spread_bps.values()]
    except (msgspec.DecodeError, Refused) as error:
        raise Misconfigured(f"Forward points: {error}") from error
    unknown = {*terms.year_of_365, *terms.times} - {*CURRENCIES, _OTHER}
    if unknown:
        raise Misconfigured(f"Forward points: {min(unknown)!r} is no currency.")
    if set(terms.spread_bps) != set(TENORS):
        wrong = min(set(terms.spread_bps) ^ set(TENORS))
        raise Misconfigured(f"Forward points: each tenor has one spread; {wrong!r} is amiss.")
    if min(spreads) < 0 or _OTHER not in terms.times or min(terms.times.values()) < 1:
        raise Misconfigured("Forward points: a spread is below 0, or something is under 1 time.")
    return terms


class ParityPoints:
    """Points implied by one yearly rate a currency."""

    def __init__(self, yearly: Mapping[str, int], source: str, terms: Terms | None = None) -> None:
        """`yearly`: hundredths of a basis point by currency, `source` whose rates they are.

        They are those of `financing.Rates`: its `yearly` and `source`.
        """
        self.name = f"interest-rate parity ({source})"
        self._yearly = yearly
        self._terms = terms or SHIPPED
        self._spreads = {
            name: Fraction(parse_decimal(text, RATE_DIGITS), _PER_RATE)
            for name, text in self._terms.spread_bps.items()
        }

    def curve(self, quote: Quote, trade_date: date) -> Curve:
        """A node for spot and for each tenor that is dealt on the day."""
        traded = pair(quote.pair)
        mid = Fraction(quote.twice_mid, 2)
        dates = dealt_tenors(traded, trade_date)
        spot = dates["SPOT"][1]
        nodes = {spot: Node(spot, Fraction(0), Fraction(0))}
        for tenor, (near, far) in dates.items():
            day = near if far <= spot else far
            if day not in nodes:
                days = (day - spot).days
                points = mid * (self.ratio(traded, days) - 1)
                width = mid * self._spreads[tenor] * self._terms.times_of(traded)
                half = width * Fraction(abs(days), 2 * _YEAR_OF_OTHERS)
                nodes[day] = Node(day, points - half, points + half)
        return Curve(traded, trade_date, tuple(nodes[day] for day in sorted(nodes)))

    def ratio(self, traded: Pair, days: int) -> Fraction:
        """The forward by the spot price, so many days after spot, negative before it; exact.

        Raises:
            Refused: `POINTS_MISSING`, `POINTS_UNUSABLE`.
        """
        whole = self._grown(traded.quote, abs(days)) / self._grown(traded.base, abs(days))
        return whole if days >= 0 else 1 / whole

    def _grown(self, code: str, days: int) -> Fraction:
        """What one unit of a currency has become after so many days."""
        rate = self._yearly.get(code)
        if rate is None:
            raise Refused("POINTS_MISSING", f"There is no interest rate of {code}.", field="pair")
        year = _YEAR if code in self._terms.year_of_365 else _YEAR_OF_OTHERS
        grown = Fraction(1)
        for part in (min(days, _YEAR), max(0, days - _YEAR)):
            grown *= 1 + Fraction(rate * part, _PER_RATE * year)
        if grown <= 0:
            raise Refused("POINTS_UNUSABLE", f"The interest rate of {code} leaves nothing.")
        return grown


def dealt_tenors(traded: Pair, trade_date: date) -> dict[Tenor, tuple[date, date]]:
    """The near and far dates of spot and of every tenor that the pair has on a day.

    The first call for a pair and day takes some milliseconds: its calendars are worked out.

    Raises:
        Refused: `DATE_OUT_OF_RANGE`.
    """
    found: dict[Tenor, tuple[date, date]] = {"SPOT": value_dates(traded, trade_date, "SPOT")}
    for tenor in TENORS:
        try:
            found[tenor] = value_dates(traded, trade_date, tenor)
        except Refused as refusal:
            if refusal.code != "TENOR_NOT_DEALT":
                raise
    return found


SHIPPED: Final = parse_terms((files(__package__) / "points.toml").read_text("ascii"))
"""The table that ships."""
