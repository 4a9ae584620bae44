"""The keeper: seals hot lines, merges small parts, lets old ones go; every step survives a kill.

A change is written aside, put on the shelf, committed by one record of the manifest, and only then
is what it replaces let go. Whatever a kill leaves behind is not in the manifest and goes at start.
"""
# ruff: noqa: S608  the fragments are our own; what people search for is bound

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Corrupt
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.store.columns import shape_of
from tallystick.watch.collect.store.engine import Engine
from tallystick.watch.collect.store.files import PartFiles
from tallystick.watch.collect.store.hot import HotSegment
from tallystick.watch.collect.store.manifest import Manifest, Op
from tallystick.watch.collect.store.parts import Part
from tallystick.watch.collect.store.sealer import Sealer
from tallystick.watch.collect.store.sources import Source, Sources, union
from tallystick.watch.collect.store.tail import Tail
from tallystick.watch.collect.store.takeover import OldFile
from tallystick.watch.collect.store.upkeep import Merge, expired, next_merge

Reached = Callable[[str], None]
"""Told between every two steps of a change; tests kill the process there."""


class Keeper:
    """Changes what is sealed; one change at a time, whoever asks."""

    def __init__(
        self,
        tail: Tail,
        manifest: Manifest,
        files: PartFiles,
        engine: Engine,
        sources: Sources,
        work: Path,
        clock: Clock,
        reached: Reached,
    ) -> None:
        self._tail = tail
        self._manifest = manifest
        self._files = files
        self._engine = engine
        self._sources = sources
        self._work = work
        self._clock = clock
        self._reached = reached
        self._tries = count()
        self.changing = threading.RLock()
        work.mkdir(exist_ok=True, mode=0o700)
        for leftover in work.iterdir():
            leftover.unlink()

    def seal(self) -> None:
        """Seal every full segment, oldest first.

        Raises:
            TemporaryError: the disk or the place refused; nothing is lost, try again.
        """
        with self.changing:
            self._manifest.settle()
            for segment in self._tail.full:
                if segment.end > self._manifest.state.sealed_to:
                    written = self._sealer().seal_segment(
                        segment.path, segment.first, segment.lines, segment.opened_ns, self._name()
                    )
                    self._change("seal", written, (), sealed_to=segment.end)
                self._tail.drop(segment)
                self._sources.pins.retire(partial(self._forget, segment))

    def take_over(self, files: Sequence[OldFile]) -> None:
        """Seal the lines of files of the release before anew."""
        with self.changing:
            for file in files:
                written = self._sealer().seal_rows(
                    file.rows, file.end - file.first, self._name(), days=False
                )
                self._change("take", written, (), sealed_to=file.end)
                file.path.unlink()

    def merge(self, small_files: int) -> bool:
        """Make the next merge that pays; whether there was one."""
        with self.changing:
            self._manifest.settle()
            merge = next_merge(self._manifest.state.parts, self._clock.now_ns(), small_files)
            if merge is None:
                return False
            with self._sources.sealed(merge.parts) as sources:
                written = self._merged(merge, sources)
            if sum(part.rows for part, _ in written) != sum(part.rows for part in merge.parts):
                raise Corrupt(f"A merge in {merge.slot.date} does not hold all of its lines.")
            self._change("compact", written, merge.parts)
            return True

    def expire(self, retention_days: Mapping[str, int]) -> bool:
        """Let go of parts that are older than their index keeps lines; whether there were any."""
        with self.changing:
            self._manifest.settle()
            state = self._manifest.state
            old = expired(state.parts, retention_days, self._clock.now_ns())
            own = tuple(part for part in old if not part.place)
            if own:
                self._change("remove", (), own)
            return bool(own)

    def replace(self, op: Op, new: Part, *, drop_file: bool = False) -> None:
        """Put another description of a part into the manifest."""
        with self.changing:
            self._manifest.commit(op, self._clock.now_ns(), add=(new,))
            if drop_file:
                self._sources.pins.retire(lambda: self._files.delete(new.path))

    def remove(self, parts: Sequence[Part]) -> None:
        """Take parts out of the manifest, and their files off the shelf."""
        with self.changing:
            self._change("remove", (), parts)

    def remove_orphans(self) -> None:
        """Remove the files that no record speaks of: a kill came before the record did.

        Raises:
            Corrupt: there are parts and no manifest at all.
        """
        state = self._manifest.state
        known = {part.path for part in state.parts if not part.place}
        orphans = [path for path in self._files.paths() if path not in known]
        if state.n == 0 and len(orphans) > 0 and self._tail.end == 1:
            raise Corrupt("There are sealed log parts, but their manifest is gone.")
        for path in orphans:
            self._files.delete(path)

    def _merged(self, merge: Merge, sources: Sequence[Source]) -> list[tuple[Part, Path]]:
        if len({shape_of(part) for part in merge.parts}) == 1:
            like = _together(merge.parts)
            columns = f"SELECT * FROM {sources[0].relation}"
            return [self._sealer().copy_rows(columns, like, merge.slot, f"{self._name()}-0")]
        lines = union(sources, _whole_lines)
        assert lines is not None  # noqa: S101  a merge has parts
        rows = sum(part.rows for part in merge.parts)
        return self._sealer().seal_rows(lines.text, rows, self._name(), days=merge.slot.day)

    def _change(
        self,
        op: Op,
        written: Sequence[tuple[Part, Path]],
        replaced: Sequence[Part],
        *,
        sealed_to: int | None = None,
    ) -> None:
        self._reached(f"{op} written")
        for part, file in written:
            self._files.put(part, file)
            self._reached(f"{op} put")
        self._manifest.commit(
            op,
            self._clock.now_ns(),
            add=[part for part, _ in written],
            remove=[part.path for part in replaced],
            sealed_to=sealed_to,
        )
        self._reached(f"{op} committed")
        gone = [part.path for part in replaced if not part.place]
        self._sources.pins.retire(lambda: self._delete(gone))
        self._reached(f"{op} done")

    def _delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._files.delete(path)

    def _forget(self, segment: HotSegment) -> None:
        """Nobody reads the sealed segment any more."""
        self._sources.tables.drop(self._engine, segment)
        segment.close()
        segment.path.unlink()

    def _sealer(self) -> Sealer:
        return Sealer(self._engine.sealer(), self._work)

    def _name(self) -> str:
        """What parts of the next record are called; never the same twice, for DuckDB remembers."""
        return f"{self._manifest.state.n + 1:09}-{next(self._tries)}"


def _together(parts: Sequence[Part]) -> Part:
    """What parts of one shape have in common, with what stands beside their columns in any."""
    others: set[str] | None = set()
    for part in parts:
        others = None if others is None or part.others is None else others | set(part.others)
    return msgspec.structs.replace(
        parts[0],
        others=None if others is None else tuple(sorted(others)),
        line_bytes=sum(part.line_bytes for part in parts),
    )


def _whole_lines(source: Source) -> Sql:
    line = source.columns.line()
    return Sql(f"SELECT seq, {line.text} AS raw, _time AS known FROM {source.relation}")
