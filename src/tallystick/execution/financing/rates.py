"""The table of yearly rates by which open positions are financed; data."""

from datetime import date
from importlib.resources import files
from typing import Final

import msgspec

from tallystick.errors import Misconfigured, Refused
from tallystick.fx import CURRENCIES, PAIRS
from tallystick.money import parse_decimal

RATE_DIGITS: Final = 2
"""Decimal places of a rate, in percent or in basis points; inside, hundredths of a basis point."""
PERCENT_MAX: Final = 1_000
_BPS_PER_PERCENT: Final = 100
_MAX: Final = PERCENT_MAX * _BPS_PER_PERCENT * 10**RATE_DIGITS


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written."""

    as_of: date
    source: str
    rates: dict[str, str]
    markup_bps: str | None = None


class Rates(msgspec.Struct, frozen=True):
    """Yearly rates by currency and the desk's markup, hundredths of a basis point.

    `source` says whose rates they are, `as_of` of which day.
    """

    as_of: date
    source: str
    markup: int
    yearly: dict[str, int]

    def of(self, pair: str, units: int) -> tuple[int, int]:
        """The rates of base and quote currency for a position of `units` (signed).

        The markup is inside the first: a long position earns less on its base, a short one pays
        more.
        """
        markup = -self.markup if units > 0 else self.markup
        return self.yearly[pair[:3]] + markup, self.yearly[pair[4:]]


def parse_rates(text: str, beside: Rates | None = None) -> Rates:
    """The table in the text of a TOML file; what it does not say is as in `beside`.

    Raises:
        Misconfigured: it is no such file, or a currency that is traded has no rate.
    """
    try:
        file = msgspec.toml.decode(text, type=_File)
        yearly = {
            code: parse_decimal(rate, RATE_DIGITS) * _BPS_PER_PERCENT
            for code, rate in file.rates.items()
        }
        markup = None
        if file.markup_bps is not None:
            markup = parse_decimal(file.markup_bps, RATE_DIGITS)
    except (msgspec.DecodeError, Refused) as error:
        raise Misconfigured(f"Financing rates: {error}") from error
    unknown = sorted(yearly.keys() - CURRENCIES.keys())
    if unknown:
        raise Misconfigured(f"Financing rates: {unknown[0]!r} is no currency.")
    if any(abs(rate) > _MAX for rate in (*yearly.values(), markup or 0)):
        raise Misconfigured(f"Financing rates: a rate is above {PERCENT_MAX} percent a year.")
    if beside is not None:
        yearly = beside.yearly | yearly
        markup = beside.markup if markup is None else markup
    traded = {code for pair in PAIRS.values() for code in (pair.base, pair.quote)}
    missing = sorted(traded - yearly.keys())
    if missing:
        raise Misconfigured(f"Financing rates: there is none for {missing[0]}, which is traded.")
    return Rates(file.as_of, file.source, markup or 0, yearly)


SHIPPED: Final = parse_rates((files(__package__) / "rates.toml").read_text("ascii"))
"""Indicative rates, for demos."""
