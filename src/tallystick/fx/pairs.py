"""The pairs of the market, and how each of them is quoted and settled.

The table is `pairs.csv`, one pair a line; how non-deliverable ones are fixed is `fixings.toml`.
The order of the currencies in a pair is the market's: EUR, GBP, AUD, NZD, USD, CAD, CHF, NOK, SEK,
JPY among the G10, then the others against USD and EUR, the crosses that venues quote, and the
Gulf's with USD. The yen comes last: the market quotes NOK/JPY and SEK/JPY, and NOK/SEK.

`INSTRUMENTS` has them all. `PAIRS` are the deliverable ones, which can be dealt at spot; a
non-deliverable pair is dealt forward only, fixed, and settled in dollars.
"""

import csv
import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from tallystick.errors import Refused
from tallystick.fx.currencies import TEXT_CHARACTERS_SHOWN_MAX, currency

Roll = Literal["new_york", "auckland", "riyadh"]
"""Where the trade date rolls: 17:00 in New York, 07:00 in Auckland, or 12:00 in Riyadh."""
UsdDays = Literal["last", "all"]
"""Which of the days up to spot must be good for USD; see `tallystick.fx.dates`."""

Settlement = Literal["deliverable", "ndf"]
"""Both currencies are paid; or the difference to a fixing is, in USD (non-deliverable forward)."""
Hours = Literal["week"]
"""When it is traded: from Sunday to Friday, 17:00 in New York; see `tallystick.fx.session`."""

_WRITTEN = re.compile(r"([A-Z]{3})[/-]?([A-Z]{3})", re.ASCII)


class Pair(msgspec.Struct, frozen=True, gc=False):
    """A currency pair as the market quotes it: `base` currency in units of `quote` currency.

    A price is an integer of points, 10**-`price_digits`; a pip is 10**-`pip_digits`, ten points.
    Spot is `spot_lag` good days after the trade date.
    """

    symbol: str
    base: str
    quote: str
    base_digits: int
    quote_digits: int
    price_digits: int
    pip_digits: int
    spot_lag: int
    usd_days: UsdDays
    roll: Roll
    settlement: Settlement = "deliverable"
    session: Hours = "week"


class Fixing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a non-deliverable currency is fixed: by which `rate`, good `days` before it settles.

    `reason` says why as many days.
    """

    days: int
    rate: str
    reason: str


def _table() -> dict[str, Pair]:
    text = (files("tallystick.fx") / "pairs.csv").read_text(encoding="ascii")
    table = {}
    for row in csv.DictReader(text.splitlines()):
        base, _, quote = row["symbol"].partition("/")
        ends = {
            "base": base,
            "quote": quote,
            "base_digits": currency(base).minor_digits,
            "quote_digits": currency(quote).minor_digits,
        }
        table[row["symbol"]] = msgspec.convert({**row, **ends}, Pair, strict=False)
    return table


def _fixings() -> dict[str, Fixing]:
    text = (files("tallystick.fx") / "fixings.toml").read_text(encoding="ascii")
    return msgspec.toml.decode(text, type=dict[str, Fixing])


INSTRUMENTS: Final[Mapping[str, Pair]] = MappingProxyType(_table())
"""Every pair, by its symbol, in the order of the table."""
PAIRS: Final[Mapping[str, Pair]] = MappingProxyType(
    {name: each for name, each in INSTRUMENTS.items() if each.settlement == "deliverable"}
)
"""Every pair that can be dealt at spot, by its symbol, in the order of the table."""
FIXINGS: Final[Mapping[str, Fixing]] = MappingProxyType(_fixings())
"""How each non-deliverable currency is fixed against USD."""


def pair(symbol: str) -> Pair:
    """The deliverable pair with exactly this symbol: `EUR/USD`.

    Raises:
        Refused: `UNKNOWN_PAIR`; the sentence says so when the market quotes it the other way, or
            deals it as a non-deliverable forward only.
    """
    try:
        return PAIRS[symbol]
    except KeyError:
        raise _unknown(symbol) from None


def instrument(symbol: str) -> Pair:
    """The pair with exactly this symbol, deliverable or not; raises what `pair` raises."""
    try:
        return INSTRUMENTS[symbol]
    except KeyError:
        raise _unknown(symbol) from None


def parse_pair(text: str) -> Pair:
    """The pair that a person means by `EUR/USD`, `EURUSD`, `eurusd` or `EUR-USD`.

    Raises:
        Refused: `UNKNOWN_PAIR`.
    """
    return pair(_symbol(text))


def parse_instrument(text: str) -> Pair:
    """As `parse_pair`, but of all pairs, deliverable or not."""
    return instrument(_symbol(text))


def _symbol(text: str) -> str:
    match = _WRITTEN.fullmatch(text.strip().upper())
    return f"{match[1]}/{match[2]}" if match else text


def _unknown(symbol: str) -> Refused:
    base, _, quote = symbol.partition("/")
    turned = f"{quote}/{base}"
    if symbol in INSTRUMENTS:
        sentence = f"{symbol} is dealt as a non-deliverable forward only, not at spot."
    elif turned in INSTRUMENTS:
        sentence = f"{symbol} is quoted as {turned}."
    else:
        shown = symbol[:TEXT_CHARACTERS_SHOWN_MAX]
        sentence = f"{shown!r} is not a pair that is traded here; a pair is written as EUR/USD."
    return Refused("UNKNOWN_PAIR", sentence)
