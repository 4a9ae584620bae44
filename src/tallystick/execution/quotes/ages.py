"""How old a price may be before nobody may trade on it: by pair and by source, as data.

The table is `max_ages.csv`: `pair`, `source` (either may be `*`) and whole `seconds`. The most
particular line holds: pair and source, then pair, then source, then the line for all. A source's
lines hold also where its name is one of several in a quote's source, as in composed quotes and
crosses; the shortest age of them then counts.
"""

import csv
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.fx import PAIRS

ANY = "*"
_CACHED_MAX = 8_192
"""Most (pair, source) kept: every pair with a hundred compositions of sources."""


class MaxAge(msgspec.Struct, frozen=True):
    """One line: the greatest age of this pair's quotes from this source; `*` means any."""

    pair: str
    source: str
    seconds: int


class MaxAges:
    """The table, with its answers remembered."""

    def __init__(self, lines: Iterable[MaxAge]) -> None:
        """Take the lines of a table; one of them is for all.

        Raises:
            Misconfigured: a line names no pair of ours or no positive age, or none is for all.
        """
        self._ages: dict[tuple[str, str], int] = {}
        for line in lines:
            if line.pair != ANY and line.pair not in PAIRS:
                raise Misconfigured(f"Greatest age of a price: {line.pair!r} is no pair.")
            if line.seconds <= 0:
                raise Misconfigured(f"Greatest age of a price: {line.seconds} s is not above 0.")
            self._ages[line.pair, line.source] = line.seconds * NS_PER_SECOND
        if (ANY, ANY) not in self._ages:
            raise Misconfigured("Greatest age of a price: no line is for all pairs and sources.")
        self._named = sorted({source for _pair, source in self._ages} - {ANY})
        self.of = lru_cache(maxsize=_CACHED_MAX)(self._of)

    def _of(self, pair: str, source: str) -> int:
        """Nanoseconds, for a quote of this pair with this source."""
        names = [name for name in self._named if _names(source, name)]
        return min(self._one(pair, name) for name in names) if names else self._one(pair, ANY)

    def _one(self, pair: str, source: str) -> int:
        for key in ((pair, source), (pair, ANY), (ANY, source)):
            if key in self._ages:
                return self._ages[key]
        return self._ages[ANY, ANY]


def read_max_ages(text: str) -> MaxAges:
    """The table in the text of a CSV file.

    Raises:
        Misconfigured: it is no such table.
    """
    try:
        rows = list(csv.DictReader(text.splitlines()))
        lines = msgspec.convert(rows, list[MaxAge], strict=False)
    except (csv.Error, msgspec.ValidationError) as error:
        raise Misconfigured(f"Greatest age of a price: {error}.") from error
    return MaxAges(lines)


def max_age_ns(pair: str, source: str) -> int:
    """The greatest age, in nanoseconds, at which a quote of this pair and source is dealt on."""
    return MAX_AGES.of(pair, source)


def _names(source: str, name: str) -> bool:
    """Whether `name` stands in `source` as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) is not None


MAX_AGES = read_max_ages((files("tallystick.execution.quotes") / "max_ages.csv").read_text("ascii"))
"""The table that ships: a minute for all. Real feeds pause for half a minute in quiet hours."""
