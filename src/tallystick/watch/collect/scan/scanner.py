"""The scanner: every line of every source through the engine that redacts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Corrupt
from tallystick.watch.collect.columns import INDEX_FIELD
from tallystick.watch.collect.redact import Redactor
from tallystick.watch.collect.scan.memory import Memory
from tallystick.watch.collect.scan.report import Report, finding_of
from tallystick.watch.collect.scan.sources import Source

_HOUR_NS = 3_600 * NS_PER_SECOND
_HOURS_OF_DAY = 24
_ROUNDS_MAX = 4
Advance = Callable[[int, int], None]
"""Called with how many bytes of how many are done."""


@dataclass(frozen=True)
class Bounds:
    """Which lines count: of these indexes (None: any), from `earliest_ns` until before `latest_ns`.

    A line without a time counts.
    """

    indexes: frozenset[str] | None = None
    earliest_ns: int | None = None
    latest_ns: int | None = None

    @property
    def is_timed(self) -> bool:
        """Whether only some time counts."""
        return self.earliest_ns is not None or self.latest_ns is not None

    def may_have(self, source: Source) -> bool:
        """Whether such a line can be in a source."""
        if source.index is not None and not self.has_index(source.index):
            return False
        if source.day is None:
            return True
        hour = 0 if source.hour is None else source.hour
        first = parse_rfc3339(f"{source.day}T{hour:02}:00:00Z")
        hours = _HOURS_OF_DAY if source.hour is None else 1
        return self.has_time(first, first + hours * _HOUR_NS)

    def has_index(self, index: str) -> bool:
        """Whether lines of an index count."""
        return self.indexes is None or index in self.indexes

    def has_time(self, first_ns: int, end_ns: int) -> bool:
        """Whether a span of time, without its end, touches these bounds."""
        early = self.earliest_ns is not None and end_ns <= self.earliest_ns
        late = self.latest_ns is not None and first_ns >= self.latest_ns
        return not (early or late)


class _Known(msgspec.Struct):
    """What of a line says whether it counts."""

    timestamp: object = None
    index: object = msgspec.field(default=None, name=INDEX_FIELD)


class _Meter:
    """Moves the progress within one source, as far as can be told: its lines may be compressed."""

    def __init__(self, advance: Advance, done: int, size: int, total: int) -> None:
        self._advance = advance
        self._done = done
        self._size = size
        self._total = total
        self._read = 0

    def count(self, batch: list[tuple[int, bytes]]) -> None:
        """So many lines were read."""
        self._read += sum(len(line) + 1 for _, line in batch)
        self._advance(self._done + min(self._read, self._size), self._total)


class Scanner:
    """Reads sources one after the other; what it tells is never a value."""

    def __init__(
        self, redactor: Redactor, bounds: Bounds | None = None, memory: Memory | None = None
    ) -> None:
        """`memory` of sealed sources, which are then read once; not where only some time counts."""
        self._redactor = redactor
        self._bounds = bounds or Bounds()
        self._memory = None if self._bounds.is_timed else memory

    def scan(
        self, sources: Callable[[], Iterable[Source]], advance: Advance = lambda _done, _all: None
    ) -> Report:
        """Look through all that there is; what cannot be read is named in the report.

        `sources` is asked again where one was gone: it was sealed or merged since, and what it had
        stands elsewhere now. A value may then be counted twice; none is missed.
        """
        report = Report()
        seen: set[Path] = set()
        for _ in range(_ROUNDS_MAX):
            fresh = [s for s in sources() if s.path not in seen and self._bounds.may_have(s)]
            seen.update(source.path for source in fresh)
            if not self._round(fresh, report, advance):
                break
        return report

    def _round(self, sources: list[Source], report: Report, advance: Advance) -> bool:
        """Look through these; whether one of them was gone."""
        sizes = [source.path.stat().st_size if source.path.exists() else 0 for source in sources]
        done, total, gone = 0, sum(sizes), False
        for source, size in zip(sources, sizes, strict=True):
            advance(done, total)
            try:
                self._scan(source, report, _Meter(advance, done, size, total))
            except FileNotFoundError:
                gone = True
            except (OSError, Corrupt) as error:
                report.unreadable.append(f"{source.name}: {error}")
            else:
                report.sources += 1
            done += size
        advance(done, total)
        return gone

    def _scan(self, source: Source, report: Report, meter: "_Meter") -> None:
        memory = self._memory if source.sealed else None
        digest = "" if memory is None else source.sha256()
        known = None if memory is None else memory.recall(digest)
        if known is not None:
            report.remembered += 1
            report.lines += known.lines
            found = known.findings
            report.add_up(msgspec.structs.replace(each, source=source.name) for each in found)
            return
        own = Report()
        for batch in source.lines():
            self._look(source, batch, own)
            own.lines += len(batch)
            meter.count(batch)
        report.lines += own.lines
        report.add_up(own.findings)
        if memory is not None:
            memory.keep(digest, own.lines, tuple(own.findings))

    def _look(self, source: Source, batch: list[tuple[int, bytes]], report: Report) -> None:
        for number, found in self._redactor.search([line for _, line in batch]):
            seq, line = batch[number]
            index = self._counts(source, line)
            if index is not None:
                report.add_up(finding_of(each, source.name, index, seq) for each in found)

    def _counts(self, source: Source, line: bytes) -> str | None:
        """The index of a line that counts; None of one that does not."""
        known = _known(line)
        named = source.index
        if named is None:
            named = source.unnamed if known.index is None else str(known.index)
        if not self._bounds.has_index(named):
            return None
        at = _time(known.timestamp)
        if at is not None and not self._bounds.has_time(at, at + 1):
            return None
        return named


def _known(line: bytes) -> _Known:
    try:
        return msgspec.json.decode(line, type=_Known)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Known()


def _time(stamp: object) -> int | None:
    if not isinstance(stamp, str):
        return None
    try:
        return parse_rfc3339(stamp)
    except ValueError:
        return None
