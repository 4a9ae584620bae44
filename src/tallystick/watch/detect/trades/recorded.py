"""Real ticks, replayed into the simulated desk: files in QuantConnect LEAN's layout.

A zip a day, `<folder>/<pair>/YYYYMMDD_quote.zip`, rows `milliseconds since midnight,bid,ask`, UTC.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from tallystick.errors import Misconfigured
from tallystick.fx import PAIRS
from tallystick.watch.detect.trades.hours import moment_ns

NS_PER_MS: Final = 1_000_000
VENUE: Final = "oanda/tick"
"""The folder below the given one whose ticks are replayed."""


class RecordedTick(NamedTuple):
    """One quote of a file, prices in units of the quote currency."""

    at_ns: int
    bid: float
    ask: float


class Recorded:
    """The ticks of all pairs of a folder, in order of time, each asked for once."""

    def __init__(self, folder: Path) -> None:
        """Look for files; they are read a day at a time.

        Raises:
            Misconfigured: there are no tick files of a known pair.
        """
        place = folder / VENUE if (folder / VENUE).is_dir() else folder
        known = {f"{pair.base}{pair.quote}".lower(): name for name, pair in PAIRS.items()}
        self._files: dict[str, list[Path]] = {}
        for path in sorted(place.rglob("*_quote.zip")):
            symbol = known.get(path.parent.name.lower())
            if symbol is not None:
                self._files.setdefault(symbol, []).append(path)
        if not self._files:
            raise Misconfigured(
                f"{folder} holds no tick files such as eurusd/20140505_quote.zip below it."
            )
        self.pairs = tuple(self._files)
        self.days = sorted({path.name[:8] for paths in self._files.values() for path in paths})
        self._ticks = {symbol: self._of(symbol) for symbol in self.pairs}
        self._pending = {symbol: next(ticks, None) for symbol, ticks in self._ticks.items()}

    def until(self, symbol: str, end_ns: int) -> Iterator[RecordedTick]:
        """The pair's ticks before then that were not given yet."""
        tick = self._pending[symbol]
        while tick is not None and tick.at_ns < end_ns:
            yield tick
            tick = next(self._ticks[symbol], None)
        self._pending[symbol] = tick

    def of_day(self, symbol: str, day: str) -> Iterator[RecordedTick]:
        """The pair's ticks of a day (`20140505`)."""
        for path in self._files[symbol]:
            if path.name[:8] == day:
                yield from _of_file(path)

    def _of(self, symbol: str) -> Iterator[RecordedTick]:
        for path in self._files[symbol]:
            yield from _of_file(path)


def _of_file(path: Path) -> Iterator[RecordedTick]:
    midnight = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC)
    start_ns = moment_ns(midnight)
    with zipfile.ZipFile(path) as bundle:
        text = bundle.read(bundle.namelist()[0]).decode("ascii", "replace")
    for row in csv.reader(io.StringIO(text)):
        yield RecordedTick(start_ns + int(row[0]) * NS_PER_MS, float(row[1]), float(row[2]))
