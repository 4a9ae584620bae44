"""Real ticks from files in QuantConnect LEAN's layout, replayed.

A zip a day, named `YYYYMMDD_quote.zip` in a folder named for the pair; rows are
`milliseconds since midnight,bid,ask`. Crossed and empty quotes, which such files hold as
published, are dropped and counted. The replay moves the ticks to now and may run faster than life.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from heapq import merge
from pathlib import Path

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured, Refused
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.quotes.source import Drops
from tallystick.fx import PAIRS, Pair, parse_pair
from tallystick.money import Price, parse_decimal

NS_PER_MS = 1_000_000
QUOTES_AT_ONCE_MAX = 5_000
"""Most ticks handed out for one call, so that a fast replay never blocks its process."""


class Tick(msgspec.Struct, frozen=True, gc=False, order=True):
    """One recorded quote: when it was (ns, UTC), of which pair, in points."""

    at_ns: int
    pair: str
    bid: int
    ask: int


class LeanTicks:
    """A source that replays the ticks of all pairs found below a folder, in time order."""

    def __init__(self, folder: Path, *, speed: float = 1.0) -> None:
        """`speed`: recorded seconds that pass in one second.

        Raises:
            Misconfigured: no tick files of a known pair are there.
        """
        files = tick_files(folder)
        if not files:
            raise Misconfigured(
                f"{folder} holds no tick files such as eurusd/20140505_quote.zip below it."
            )
        self.pairs = sorted({pair.symbol for pair, _day, _path in files})
        self.drops = Drops()
        self.given = 0
        self.finished = False
        self._speed = speed
        self._source = f"lean-ticks ({folder.name})"
        self._ticks = merge(*(self._of_pair(files, symbol) for symbol in self.pairs))
        self._pending = next(self._ticks, None)
        self._start_ns = 0
        self._first_ns = self._pending.at_ns if self._pending else 0

    def quotes(self, now_ns: int) -> list[Quote]:
        """The ticks whose replayed time has come, stamped with now."""
        self._start_ns = self._start_ns or now_ns
        reached = self._first_ns + int((now_ns - self._start_ns) * self._speed)
        found: list[Quote] = []
        while self._pending and len(found) < QUOTES_AT_ONCE_MAX and self._pending.at_ns <= reached:
            tick = self._pending
            found.append(Quote(tick.pair, Price(tick.bid), Price(tick.ask), now_ns, self._source))
            self._pending = next(self._ticks, None)
        self.given += len(found)
        self.finished = self._pending is None
        return found

    def _of_pair(self, files: list[tuple[Pair, date, Path]], symbol: str) -> Iterator[Tick]:
        for pair, day, path in files:
            if pair.symbol == symbol:
                yield from self._of_file(pair, day, path)

    def _of_file(self, pair: Pair, day: date, path: Path) -> Iterator[Tick]:
        # A day is a few megabytes: read at once, so that no file stays open during a replay.
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        with zipfile.ZipFile(path) as bundle:
            text = bundle.read(bundle.namelist()[0]).decode("ascii", "replace")
        for row in csv.reader(io.StringIO(text)):
            try:
                at_ns = midnight * NS_PER_SECOND + int(row[0]) * NS_PER_MS
                bid = parse_decimal(row[1], pair.price_digits)
                ask = parse_decimal(row[2], pair.price_digits)
            except Refused as refused:
                precise = refused.code == "AMOUNT_TOO_PRECISE"
                self.drops.count("over_precise" if precise else "malformed")
                continue
            except (ValueError, IndexError):  # such a row is no tick
                self.drops.count("malformed")
                continue
            if 0 < bid < ask:
                yield Tick(at_ns, pair.symbol, bid, ask)
            else:
                self.drops.count("not_positive" if min(bid, ask) <= 0 else "crossed")

    @property
    def dropped(self) -> int:
        """How many rows were dropped; `drops` has the reasons."""
        return self.drops.total


def tick_files(folder: Path) -> list[tuple[Pair, date, Path]]:
    """(pair, day, path) of every tick file of a known pair below `folder`, in order of day."""
    known = {f"{pair.base}{pair.quote}".lower() for pair in PAIRS.values()}
    found = [
        (parse_pair(path.parent.name), _day(path), path)
        for path in folder.rglob("*_quote.zip")
        if path.parent.name.lower() in known
    ]
    return sorted(found, key=lambda item: (item[1], str(item[2])))


def _day(path: Path) -> date:
    return datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC).date()
