"""The log store: every line durable when it is acknowledged, and searchable at once.

New lines go to a hot segment (JSON lines); full segments are sealed into Parquet files, and
small files are merged. A search reads both, newest first.
"""

import fcntl
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt, Misconfigured, Overloaded, Refused, ShuttingDown
from tallystick.limits import (
    LOG_SEAL_RETRY_SECONDS,
    LOG_SEGMENT_BYTES_MAX,
    LOG_SEGMENT_LINES_MAX,
    LOG_SEGMENT_SECONDS_MAX,
    LOG_SMALL_FILE_BYTES_MAX,
    LOG_SMALL_FILES_MAX,
    PAGE_ITEMS_DEFAULT,
    PAGE_ITEMS_MAX,
    QUERY_SECONDS_MAX,
)
from tallystick.watch.collect.conditions import SEQ_FIELD, Condition, conditions
from tallystick.watch.collect.engine import Engine, Row
from tallystick.watch.collect.hot import HotSegment
from tallystick.watch.collect.lines import check_lines, encode_line, report
from tallystick.watch.collect.query import parse_query
from tallystick.watch.collect.shelf import (
    SealedFile,
    hot_files,
    publish,
    sealed_file,
    sealed_files,
)

_SEQ_FIRST = 1
_SEQ_MAX = 10**15 - 1


class LogPage(msgspec.Struct, frozen=True):
    """Some lines, newest first, and where the next page begins.

    Each line is the JSON object as it was stored plus `log.seq`, its number in this store.
    `next_before` is None when there is nothing older.
    """

    logs: tuple[msgspec.Raw, ...]
    next_before: int | None


@dataclass(frozen=True)
class SegmentLimits:
    """When the hot segment is sealed and when small files are merged."""

    lines: int = LOG_SEGMENT_LINES_MAX
    size: int = LOG_SEGMENT_BYTES_MAX
    seconds: int = LOG_SEGMENT_SECONDS_MAX
    small_files: int = LOG_SMALL_FILES_MAX
    small_file_size: int = LOG_SMALL_FILE_BYTES_MAX


class LogStore:
    """Log lines in a folder; every method may be called from any thread.

    One process owns the folder at a time. A kill at any moment loses no acknowledged line and
    doubles none.
    """

    def __init__(self, folder: Path, clock: Clock, limits: SegmentLimits | None = None) -> None:
        """Open the folder and put right what a crash left.

        Raises:
            Misconfigured: another process uses the folder.
            Corrupt: two files claim the same lines.
        """
        self._folder = folder.resolve()
        self._clock = clock
        self._limits = limits or SegmentLimits()
        self._engine = Engine(self._folder)
        self._state = threading.Lock()  # what is below it
        self._searching = threading.Lock()  # one search at a time; removing sealed files
        self._sealing = threading.Lock()  # one seal or merge at a time
        self._next_tend_ns = 0
        self._open = True
        self._retired: list[Path] = []
        self._full: list[HotSegment] = []
        self._hot_since_ns = clock.monotonic_ns()
        with ExitStack() as undo:
            self._lock_file = _lock(self._folder)
            undo.callback(os.close, self._lock_file)
            self._sealed = sealed_files(self._folder)
            self._hot, cut_bytes = self._recover()
            if cut_bytes:
                self._report_cut(cut_bytes)
            undo.pop_all()

    def append(self, lines: Sequence[bytes]) -> None:
        """Store encoded lines (one JSON object each); durable and searchable when it returns.

        Raises:
            Refused: `BAD_LINE`, one is no JSON object or too long; none was stored.
            TemporaryError: the disk refused; none was stored.
        """
        if not lines:
            return
        try:
            block = check_lines(lines)
        except ValueError as error:
            raise Refused("BAD_LINE", str(error)) from error
        with self._state:
            self._check_open()
            if not self._hot.lines:
                self._hot_since_ns = self._clock.monotonic_ns()
            self._hot.append(block, len(lines))

    def search(
        self, query: str, *, limit: int = PAGE_ITEMS_DEFAULT, before: int | None = None
    ) -> LogPage:
        """The newest lines that fit (see `query`), older than `before` when it is given.

        It takes up to `QUERY_SECONDS_MAX` and one more such time to wait for another search:
        call it from a thread.

        Raises:
            Refused: `BAD_QUERY`, `BAD_LIMIT`, `QUERY_TOO_SLOW` or `QUERY_TOO_LARGE`.
            Overloaded: other searches took too long.
        """
        if not 1 <= limit <= PAGE_ITEMS_MAX:
            raise Refused("BAD_LIMIT", f"The limit must be from 1 to {PAGE_ITEMS_MAX}.")
        condition = conditions(parse_query(query))
        self._check_open()
        if not self._searching.acquire(timeout=QUERY_SECONDS_MAX):
            raise Overloaded("Other log searches are still running; try again in a moment.")
        try:
            bound = _SEQ_MAX if before is None else min(max(before, 0), _SEQ_MAX)
            rows = self._find(condition, bound, limit + 1)
            self._remove_retired()
        finally:
            self._searching.release()
        page = rows[:limit]
        more = len(rows) > limit
        return LogPage(tuple(_with_seq(*row) for row in page), page[-1][0] if more else None)

    def tend(self) -> bool:
        """Seal if the hot segment is due; for the worker to call often. Whether it sealed."""
        with self._state:
            now_ns = self._clock.monotonic_ns()
            hot, limits = self._hot, self._limits
            age_ns = now_ns - self._hot_since_ns
            due = self._full or (
                hot.lines >= limits.lines
                or hot.size >= limits.size
                or (hot.lines and age_ns >= limits.seconds * NS_PER_SECOND)
            )
            if not due or now_ns < self._next_tend_ns:
                return False
            self._next_tend_ns = now_ns + LOG_SEAL_RETRY_SECONDS * NS_PER_SECOND
        self.seal()
        with self._state:
            self._next_tend_ns = 0
        return True

    def seal(self) -> None:
        """Turn all hot lines into Parquet files, and merge small files when there are many."""
        with self._sealing:
            with self._state:
                if self._hot.lines:
                    successor = HotSegment.create(self._folder, self._hot.end)
                    self._full.append(self._hot)
                    self._hot = successor
                full = tuple(self._full)
            for segment in full:
                self._seal(segment)
            self._merge_small_files()
        if self._searching.acquire(blocking=False):
            try:
                self._remove_retired()
            finally:
                self._searching.release()

    def close(self) -> None:
        """Let go of the folder; everything acknowledged is in it."""
        with self._sealing, self._searching, self._state:
            self._check_open()
            self._open = False
            self._engine.close()
            for segment in (*self._full, self._hot):
                segment.close()
            os.close(self._lock_file)

    def _check_open(self) -> None:
        if not self._open:
            raise ShuttingDown("The log store is closed.")

    def _recover(self) -> tuple[HotSegment, int]:
        """Open the hot segments that are there: the newest grows on, others wait for a seal."""
        cut_bytes = 0
        ends = [_SEQ_FIRST, *(file.end for file in self._sealed)]
        for first, path in hot_files(self._folder):
            segment, cut = HotSegment.recover(path, first)
            cut_bytes += cut
            ends.append(segment.end)
            if segment.lines and not self._is_sealed(segment):
                self._full.append(segment)
            else:
                segment.close()
                path.unlink()
        if self._full and self._full[-1].end == max(ends):
            return self._full.pop(), cut_bytes
        return HotSegment.create(self._folder, max(ends)), cut_bytes

    def _is_sealed(self, segment: HotSegment) -> bool:
        """Whether a sealed file holds these lines, because the crash came before the removal."""
        for file in self._sealed:
            if file.covers(segment.first, segment.end):
                return True
            if segment.first < file.end and file.first < segment.end:
                names = f"{file.path.name} and {segment.path.name}"
                raise Corrupt(f"{names} hold the same log lines.")
        return False

    def _report_cut(self, cut_bytes: int) -> None:
        body = "The last write before the crash was not finished and not acknowledged; it was cut."
        line = report(
            self._clock.now_ns(),
            "WARN",
            "collect.torn_line_cut",
            body,
            {"log.cut_bytes": cut_bytes},
        )
        self.append([encode_line(line)])

    def _find(self, condition: Condition, before: int, limit: int) -> list[Row]:
        """Newest segment first, until there are enough."""
        with self._state:
            segments = [*self._full, self._hot]
            texts = [(s.first, s.read()) for s in segments if s.lines and s.first < before]
            files = [file for file in self._sealed if file.first < before]
        found: list[Row] = []
        engine = self._engine
        with engine.time_limit(QUERY_SECONDS_MAX) as check_time:
            for first, text in reversed(texts):
                if len(found) < limit:
                    wanted = limit - len(found)
                    found += engine.find_in_text(first, text, condition, before, wanted)
                    check_time()
            for file in reversed(files):
                if len(found) < limit:
                    wanted = limit - len(found)
                    found += engine.find_in_file(file.path, condition, before, wanted)
                    check_time()
        return found

    def _seal(self, segment: HotSegment) -> None:
        file = sealed_file(self._folder, segment.first, segment.end, segment.size)
        unfinished = file.path.with_suffix(".tmp")
        written = self._engine.seal(segment.first, segment.read(), unfinished)
        if written != segment.lines:
            raise Corrupt(f"{segment.path.name} has {segment.lines} lines, sealed {written}.")
        publish(unfinished, file)
        with self._state:
            self._sealed.append(file)
            self._full.remove(segment)
            segment.close()
            segment.path.unlink()

    def _merge_small_files(self) -> None:
        group = self._mergeable()
        if not group:
            return
        size = sum(source.size for source in group)
        file = sealed_file(self._folder, group[0].first, group[-1].end, size)
        unfinished = file.path.with_suffix(".tmp")
        sources = [source.path for source in group]
        written = self._engine.merge(sources, unfinished)
        if written != sum(self._engine.count(source) for source in sources):
            raise Corrupt(f"{file.path.name} does not hold all lines of its {len(group)} sources.")
        publish(unfinished, file)
        with self._state:
            at = self._sealed.index(group[0])
            self._sealed[at : at + len(group)] = [file]
            self._retired += sources

    def _mergeable(self) -> list[SealedFile]:
        """The oldest files of the newest run of small ones, when the run is long enough."""
        small: list[SealedFile] = []
        for file in reversed(self._sealed):
            if file.size >= self._limits.small_file_size:
                break
            small.insert(0, file)
        if len(small) < self._limits.small_files:
            return []
        size = 0
        for count, file in enumerate(small, start=1):
            size += file.size
            if count > 1 and size >= self._limits.small_file_size:
                return small[:count]
        return small

    def _remove_retired(self) -> None:
        """Remove merged sources; only while no search can be reading them."""
        with self._state:
            retired, self._retired = self._retired, []
        for path in retired:
            path.unlink(missing_ok=True)


def _lock(folder: Path) -> int:
    """Hold the folder for this process; a dead process holds nothing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Misconfigured(f"Another process uses the log store in {folder}.") from None
    return handle


def _with_seq(seq: int, raw: str) -> msgspec.Raw:
    """The stored line with its number as the last member."""
    members = raw[: raw.rindex("}")].rstrip()
    comma = "" if members.endswith("{") else ","
    return msgspec.Raw(f'{members}{comma}"{SEQ_FIELD}":{seq}}}'.encode())
