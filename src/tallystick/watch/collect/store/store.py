"""The log store: every line durable when it is acknowledged, and searchable at once.

New lines go to a hot segment (JSON lines); full segments are sealed into Parquet parts by index
and hour, which a manifest lists. A search reads both, newest first.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Misconfigured, Refused, ShuttingDown
from tallystick.limits import (
    LOG_CACHE_MIB_MAX,
    LOG_SEGMENT_BYTES_MAX,
    LOG_SEGMENT_LINES_MAX,
    LOG_SEGMENT_SECONDS_MAX,
    LOG_SMALL_FILES_MAX,
    QUERY_SECONDS_MAX,
)
from tallystick.watch.collect.lines import check_lines, encode_line, report
from tallystick.watch.collect.query import Plan, Search
from tallystick.watch.collect.store.archiving import locked, present, removable
from tallystick.watch.collect.store.cache import PartCache
from tallystick.watch.collect.store.checking import Finding, findings
from tallystick.watch.collect.store.engine import Engine
from tallystick.watch.collect.store.files import PartFiles
from tallystick.watch.collect.store.keeper import Keeper, Reached
from tallystick.watch.collect.store.keeping import Keeping
from tallystick.watch.collect.store.manifest import Manifest
from tallystick.watch.collect.store.parts import Lock, Part, PartSource, State
from tallystick.watch.collect.store.place import Place, open_place
from tallystick.watch.collect.store.reading import Begun, LogPage, Reader, Rows
from tallystick.watch.collect.store.sources import Sources
from tallystick.watch.collect.store.tail import Tail
from tallystick.watch.collect.store.takeover import old_files

_MIB = 1 << 20
_LINES_AT_ONCE = 500  # checked by one call into C, so that other threads get their turn between


@dataclass(frozen=True)
class SegmentLimits:
    """When the hot segment is sealed and when small parts are merged."""

    lines: int = LOG_SEGMENT_LINES_MAX
    size: int = LOG_SEGMENT_BYTES_MAX
    seconds: int = LOG_SEGMENT_SECONDS_MAX
    small_files: int = LOG_SMALL_FILES_MAX


class LogStore:
    """Log lines in a folder, what is sealed there or in a bucket; any thread may call.

    One process owns the folder (and the bucket's prefix) at a time. A kill at any moment loses no
    acknowledged line and doubles none; a lost disk loses what was not sealed into a bucket yet.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        limits: SegmentLimits | None = None,
        *,
        place: Place | None = None,
        retention_days: Mapping[str, int] | None = None,
        sources: Mapping[str, PartSource] | None = None,
        folders: Sequence[Path] = (),
        reached: Reached = lambda _step: None,
    ) -> None:
        """Open the folder and put right what a crash left.

        `retention_days` says per index after how many days lines go; an index that is not named
        keeps them. `sources` are the archives by the names that parts carry; what they have in
        `folders` is read where it lies, anything else through a copy.

        Raises:
            Misconfigured: another process uses the folder.
            Corrupt: the manifest, or what it names, cannot be what was written.
        """
        folder = folder.resolve()
        self._clock = clock
        self._limits = limits or SegmentLimits()
        self._following = threading.Lock()
        self._followers: tuple[Callable[[int], None], ...] = ()
        self._open = True
        with ExitStack() as undo:
            undo.callback(os.close, _lock(folder))
            place = place or open_place("", folder)
            undo.callback(place.journal.close)
            self._shelf = place.shelf
            self._manifest = Manifest(place.journal)
            cache = PartCache(folder / "cache", LOG_CACHE_MIB_MAX * _MIB)
            readable = [folder, *(each.resolve() for each in folders)]
            self._files = PartFiles(place.shelf, cache, readable)
            for name, source in (sources or {}).items():
                self._files.attach(name, source)
            self._engine = Engine(folder / "spill", readable)
            undo.callback(self._engine.close)
            state = self._manifest.state
            old = old_files(folder, state.sealed_to)
            sealed_to = old[-1].end if old else state.sealed_to
            self._tail = Tail(folder, clock, sealed_to, fresh=not (state.n or old))
            undo.callback(self._tail.close)
            self._sources = Sources(self._tail, self._manifest, self._files)
            self._reader = Reader(self._engine, self._sources)
            self._keeper = Keeper(
                self._tail,
                self._manifest,
                self._files,
                self._engine,
                self._sources,
                folder / "work",
                clock,
                reached,
            )
            self._keeper.remove_orphans()
            self._keeper.take_over(old)
            if self._tail.cut_bytes:
                self._report_cut(self._tail.cut_bytes)
            self._keeping = Keeping(
                self._keeper, self._tail, clock, self._limits.small_files, retention_days or {}
            )
            self._undo = undo.pop_all()

    @property
    def end(self) -> int:
        """The sequence number that the next line will have."""
        return self._tail.end

    @property
    def head(self) -> tuple[int, str]:
        """The number and the hash of the manifest's newest record: it vouches for all parts."""
        state = self._manifest.state
        return state.n, state.hash

    def append(self, lines: Sequence[bytes]) -> int:
        """Store encoded lines (one JSON object each); durable and searchable when it returns.

        Gives the sequence number of the first of them.

        Raises:
            Refused: `BAD_LINE`, one is no JSON object or too long; none was stored.
            TemporaryError: the disk refused, or too much waits to be sealed; none was stored.
        """
        if not lines:
            return self.end
        try:
            some = range(0, len(lines), _LINES_AT_ONCE)
            block = b"".join(check_lines(lines[at : at + _LINES_AT_ONCE]) for at in some)
        except ValueError as error:
            raise Refused("BAD_LINE", str(error)) from error
        first = self._tail.append(block, len(lines))
        for told in self._followers:
            told(first + len(lines))
        return first

    def read(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Lines in order of arrival from number `start` on, with their numbers.

        There are fewer than `limit` only at the end; numbers are missing where lines expired or
        are in cold storage.
        """
        self._check_open()
        return self._reader.lines(max(start, 1), limit)

    def follow(self, told: Callable[[int], None]) -> Callable[[], None]:
        """Call `told` with the number after the last line of each append, in the thread of that.

        It must not wait, and must not raise. What this gives ends it.
        """
        with self._following:
            self._followers = (*self._followers, told)

        def end() -> None:
            with self._following:
                self._followers = tuple(each for each in self._followers if each is not told)

        return end

    def pressure(self) -> float:
        """How full the room for lines that are not sealed yet is: at 1 no more are taken."""
        return self._tail.pressure()

    def page(
        self, search: Search, limit: int, before: str | None = None, *, after: str | None = None
    ) -> LogPage:
        """The newest lines that fit, older than the cursor `before`, newer than `after`.

        It takes up to `QUERY_SECONDS_MAX`, and as long to wait for others: call it from a thread.

        Raises:
            Refused: `BAD_LIMIT`, `BAD_CURSOR`, `QUERY_TOO_SLOW` or `QUERY_TOO_LARGE`.
            Overloaded: other searches took too long.
        """
        self._check_open()
        return self._reader.page(search, limit, before, after)

    def rows(
        self,
        plan: Plan,
        *,
        seconds_max: float = QUERY_SECONDS_MAX,
        begun: Begun = lambda _stop: None,
    ) -> Rows:
        """The rows of a compiled query, streamed; close them.

        `begun` is called once before it runs, with what stops it from any thread.

        Raises:
            Refused: `QUERY_TOO_SLOW` or `QUERY_TOO_LARGE`; also while they are read.
            Overloaded: other searches took too long.
        """
        self._check_open()
        return self._reader.rows(plan, seconds_max, begun)

    def parts(self) -> tuple[Part, ...]:
        """Every sealed part, wherever it lies."""
        return self._manifest.state.parts

    def verify(self) -> tuple[Finding, ...]:
        """Everything about what is sealed that is not as it was written."""
        return tuple(findings(self._manifest, self._shelf))

    def attach(self, place: str, source: PartSource) -> None:
        """Read parts with this place from this archive."""
        self._files.attach(place, source)

    @contextmanager
    def file(self, part: Part) -> Iterator[Path]:
        """The part's bytes as a file on this machine; it stays within the block.

        Raises:
            ColdPartError, TemporaryError, Corrupt: it cannot be read now, or is not what it was.
        """
        with self._sources.pins.reading(), self._files.using([part]) as paths:
            yield paths[part.path]

    def relocate(
        self, part: Part, place: str, *, state: State = "archived", lock: Lock | None = None
    ) -> Part:
        """The part lies in an archive from now on: the store's own copy goes.

        Raises:
            Refused: `NO_SUCH_PART`, `PART_LOCKED`.
        """
        with self._keeper.changing:
            known = present(self._manifest.state, part)
            if lock is not None:
                known = locked(known, lock, self._clock.now_ns())
            new = msgspec.structs.replace(known, place=place, state=state)
            self._keeper.replace("move", new, drop_file=not known.place)
        return new

    def mark(self, part: Part, state: State) -> Part:
        """Note that an archived part is cold, is being restored, or is restored."""
        with self._keeper.changing:
            new = msgspec.structs.replace(present(self._manifest.state, part), state=state)
            self._keeper.replace("mark", new)
        return new

    def lock(self, part: Part, lock: Lock) -> Part:
        """Lock a part, or change its lock; a compliance lock can only be made longer.

        Raises:
            Refused: `NO_SUCH_PART`, `PART_LOCKED`.
        """
        with self._keeper.changing:
            new = locked(present(self._manifest.state, part), lock, self._clock.now_ns())
            self._keeper.replace("lock", new)
        return new

    def remove(self, parts: Sequence[Part]) -> None:
        """Take parts out of the store for good; an archive's copy is the archive's to remove.

        Raises:
            Refused: `NO_SUCH_PART`, `PART_LOCKED`; then none was removed.
        """
        with self._keeper.changing:
            known = [present(self._manifest.state, part) for part in parts]
            removable(known, self._clock.now_ns())
            self._keeper.remove(known)

    def tend(self) -> bool:
        """Have the hot segment sealed when it is due; to be called often. Whether it was due.

        The work is done by a thread of the store's own.

        Raises:
            TallystickError: what that thread could not do the last time; it tries again.
        """
        hot, limits = self._tail.hot, self._limits
        due = (
            hot.lines >= limits.lines
            or hot.size >= limits.size
            or self._tail.age_ns() >= limits.seconds * NS_PER_SECOND
        ) and hot.lines > 0
        if due:
            self._tail.roll()
        if due or self._tail.full or self._keeping.failed:
            self._keeping.wake()
        return due

    def seal(self) -> None:
        """Turn all hot lines into parts, let old ones go, and make the merges that pay."""
        self._check_open()
        self._tail.roll()
        self._keeping.keep()

    def compact(self) -> bool:
        """Make one merge that pays; whether there was one."""
        self._check_open()
        return self._keeper.merge(self._limits.small_files)

    def close(self) -> None:
        """Let go of the folder; everything acknowledged is in it."""
        self._check_open()
        self._open = False
        self._keeping.close()
        with self._keeper.changing:
            self._undo.close()

    def _check_open(self) -> None:
        if not self._open:
            raise ShuttingDown("The log store is closed.")

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
