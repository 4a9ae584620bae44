"""What a search reads: hot segments and sealed parts as SQL, each with its own columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tallystick.watch.collect.columns import Columns, Sql
from tallystick.watch.collect.query import JsonColumns, Search
from tallystick.watch.collect.store.columns import columns_of, shape_of
from tallystick.watch.collect.store.engine import Searcher
from tallystick.watch.collect.store.files import PartFiles, is_cold
from tallystick.watch.collect.store.hot import HotSegment
from tallystick.watch.collect.store.hot_tables import HotTables
from tallystick.watch.collect.store.manifest import Manifest
from tallystick.watch.collect.store.parts import Part
from tallystick.watch.collect.store.pins import Pins
from tallystick.watch.collect.store.spelling import literal
from tallystick.watch.collect.store.tail import Tail


@dataclass(frozen=True)
class Source:
    """Rows with `seq` and `_time`, and how the fields of their lines are spelled there."""

    relation: str
    columns: Columns


@dataclass(frozen=True)
class View:
    """What there was at one moment: each line once, in a segment or in a part."""

    segments: tuple[HotSegment, ...]
    parts: tuple[Part, ...]


class Sources:
    """Gives views, and the sources that a search over one of them needs."""

    def __init__(self, tail: Tail, manifest: Manifest, files: PartFiles) -> None:
        self._tail = tail
        self._manifest = manifest
        self._files = files
        self.tables = HotTables()
        self.pins = Pins()

    def view(self) -> View:
        """The present; within `pins.reading`, so that it stays readable.

        The segments are looked up first: one that is sealed in between is in the manifest by then,
        and is left out here.
        """
        segments = self._tail.segments
        state = self._manifest.state
        unsealed = tuple(each for each in segments if each.end > state.sealed_to and each.lines)
        return View(unsealed, state.parts)

    def hot(self, searcher: Searcher, segments: Iterable[HotSegment]) -> list[Source]:
        """The hot segments, with every line that is stored by now."""
        return [
            Source(self.tables.table(searcher, segment), JsonColumns("raw")) for segment in segments
        ]

    @contextmanager
    def sealed(self, parts: Sequence[Part]) -> Iterator[list[Source]]:
        """The parts, those with the same columns together; they stay here within the block."""
        shapes: dict[object, list[Part]] = {}
        for part in parts:
            shapes.setdefault(shape_of(part), []).append(part)
        with self._files.using(parts) as paths:
            yield [
                Source(_read_parquet(str(paths[part.path]) for part in same), columns_of(same))
                for same in shapes.values()
            ]


def searched_parts(parts: Iterable[Part], search: Search) -> list[Part]:
    """The parts that may have lines for a search, by time, index and numbers."""
    names = None if search.indexes is None else {name.lower() for name in search.indexes}
    return [
        part
        for part in parts
        if (search.earliest_ns is None or part.max_time >= search.earliest_ns)
        and (search.latest_ns is None or part.min_time < search.latest_ns)
        and (names is None or part.index.lower() in names)
        and search.first_seq <= part.last_seq
        and part.first_seq <= search.last_seq
    ]


def warm_and_cold(parts: Iterable[Part]) -> tuple[list[Part], tuple[Part, ...]]:
    """Those that can be read now, and those that must be restored first."""
    listed = list(parts)
    cold = tuple(part for part in listed if is_cold(part))
    return [part for part in listed if not is_cold(part)], cold


def union(
    sources: Iterable[Source], select: Callable[[Source], Sql | None], *, by_name: bool = False
) -> Sql | None:
    """One SELECT for each source, together; None when none of them has anything to give."""
    selects = [sql for source in sources if (sql := select(source)) is not None]
    word = " UNION ALL BY NAME " if by_name else " UNION ALL "
    values = tuple(value for sql in selects for value in sql.values)
    return Sql(word.join(sql.text for sql in selects), values) if selects else None


def _read_parquet(paths: Iterable[str]) -> str:
    return f"read_parquet([{', '.join(literal(path) for path in paths)}])"
