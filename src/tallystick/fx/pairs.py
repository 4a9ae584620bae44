"""The pairs that can be traded, and how the market quotes each of them.

The table is `pairs.csv`, one pair a line. The order of the currencies in a pair is the market's:
EUR, GBP, AUD, NZD, USD, CAD, CHF, NOK, SEK, JPY among the G10, then the others against USD and
EUR. The yen comes last: the market quotes NOK/JPY and SEK/JPY, and NOK/SEK.
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

Roll = Literal["new_york", "auckland"]
"""Where the trade date rolls: 17:00 in New York, or 07:00 in Auckland."""
UsdDays = Literal["last", "all"]
"""Which of the days up to spot must be good for USD; see `tallystick.fx.dates`."""

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


PAIRS: Final[Mapping[str, Pair]] = MappingProxyType(_table())
"""Every pair that can be traded, by its symbol, in the order of the table."""


def pair(symbol: str) -> Pair:
    """The pair with exactly this symbol: `EUR/USD`.

    Raises:
        Refused: `UNKNOWN_PAIR`; the sentence says so when the market quotes it the other way.
    """
    try:
        return PAIRS[symbol]
    except KeyError:
        raise _unknown(symbol) from None


def parse_pair(text: str) -> Pair:
    """The pair that a person means by `EUR/USD`, `EURUSD`, `eurusd` or `EUR-USD`.

    Raises:
        Refused: `UNKNOWN_PAIR`.
    """
    match = _WRITTEN.fullmatch(text.strip().upper())
    return pair(f"{match[1]}/{match[2]}" if match else text)


def _unknown(symbol: str) -> Refused:
    base, _, quote = symbol.partition("/")
    turned = f"{quote}/{base}"
    if turned in PAIRS:
        sentence = f"{symbol} is quoted as {turned}."
    else:
        shown = symbol[:TEXT_CHARACTERS_SHOWN_MAX]
        sentence = f"{shown!r} is not a pair that is traded here; a pair is written as EUR/USD."
    return Refused("UNKNOWN_PAIR", sentence)
