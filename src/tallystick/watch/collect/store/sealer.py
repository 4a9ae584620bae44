"""The sealer: lines become Parquet files, one for each index and hour, in DuckDB alone.

It looks at the lines twice: once for the names and types of their members, once to write them.
"""
# ruff: noqa: S608  the fragments are our own; what people search for is bound

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.errors import Corrupt, TemporaryError
from tallystick.watch.collect.columns import OWN_INDEX
from tallystick.watch.collect.store.engine import Row
from tallystick.watch.collect.store.parts import Part, Slot, file_hash
from tallystick.watch.collect.store.shredding import (
    BIGINT_MAX,
    Keys,
    ShredPlan,
    listed,
    plan_index,
    shredding,
)
from tallystick.watch.collect.store.spelling import (
    STAMP6,
    STAMP9,
    literal,
    quoted,
    statement,
    time_of,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROW_GROUP_LINES = 61_440
"""Lines in one row group of a part: the least that a search reads."""
SLOTS_MAX = 64
"""Hours of one index in one seal; when there are more, days are sealed instead."""
_NS_PER_HOUR = 3_600 * 10**9
_HOURS_PER_DAY = 24


class Sealer:
    """Writes files into a folder with a connection of its own; for one thread at a time."""

    def __init__(self, connection: "DuckDBPyConnection", work: Path) -> None:
        self._connection = connection
        self._work = work

    def seal_segment(
        self, path: Path, first: int, lines: int, opened_ns: int, name: str
    ) -> list[tuple[Part, Path]]:
        """Parts for the lines of a hot segment's file, and the files that hold them.

        Raises:
            Corrupt: the file does not have so many lines.
        """
        time = time_of("found[1]", f"make_timestamp_ns({opened_ns})")
        self._load(statement("lines_of_segment"), time, [first, str(path)])
        self._expect(lines, path.name)
        return list(self._write_all(name, days=False))

    def seal_rows(self, rows: str, lines: int, name: str, *, days: bool) -> list[tuple[Part, Path]]:
        """Parts for rows of other parts: `rows` is SQL that gives seq, raw and known (_time)."""
        self._load(rows, "known", [])
        self._expect(lines, "A merge")
        return list(self._write_all(name, days=days))

    def copy_rows(self, rows: str, like: Part, slot: Slot, name: str) -> tuple[Part, Path]:
        """One part for rows of parts that have just the columns of `like`: nothing is parsed."""
        self._execute(f"CREATE OR REPLACE TEMP VIEW copied AS {rows}")
        target = self._work / f"{name}.parquet"
        columns = listed(like.columns, rest=like.rest, raw=like.raw)
        self._copy(f"SELECT {columns} FROM copied", target)
        counts = "count(*), min(seq), max(seq), min(epoch_ns(_time)), max(epoch_ns(_time))"
        facts = self._rows(f"SELECT {counts} FROM read_parquet(?)", [str(target)])[0]
        return _part(like, slot, name, target, (*facts, like.line_bytes)), target

    def _load(self, lines: str, time: str, values: list[object]) -> None:
        sql = statement("sealing").format(
            lines=lines, time=time, stamp6=STAMP6, stamp9=STAMP9, own_index=OWN_INDEX
        )
        self._execute(sql, values)

    def _expect(self, lines: int, what: str) -> None:
        found = self._rows("SELECT count(*) FROM sealing")[0][0]
        if found != lines:
            raise Corrupt(f"{what} has {lines} lines, but {found} could be read.")

    def _write_all(self, name: str, *, days: bool) -> Iterator[tuple[Part, Path]]:
        number = 0
        for index, keys in self._keys_by_index().items():
            plan = self._shred(index, keys)
            for slot, where, facts in self._slots(index, days=days):
                part_name = f"{name}-{number}"
                yield self._write(plan, slot, where, facts, part_name)
                number += 1
        self._execute("DROP TABLE IF EXISTS shredded; DROP TABLE IF EXISTS sealing")

    def _keys_by_index(self) -> dict[str, list[tuple[Keys, int]]]:
        found: dict[str, list[tuple[Keys, int]]] = {}
        sql = 'SELECT "index", keys, count(*) FROM sealing GROUP BY ALL ORDER BY 1'
        for index, keys, lines in self._rows(sql):
            found.setdefault(index, []).append((tuple(keys), lines))
        return found

    def _shred(self, index: str, keys: list[tuple[Keys, int]]) -> ShredPlan:
        """Make the table `shredded`; again without those members whose integers are too big."""
        unusable: set[str] = set()
        while True:
            plan = plan_index(self._rows, index, keys, unusable)
            self._execute(shredding(plan), [*plan.values, index])
            too_big = self._too_big(plan)
            if not too_big:
                return plan
            unusable |= too_big

    def _too_big(self, plan: ShredPlan) -> set[str]:
        if not plan.integers:
            return set()
        bounds = ", ".join(f"max({quoted(name)})" for name in plan.integers)
        highest = self._rows(f"SELECT {bounds} FROM shredded")[0]
        return {
            name
            for name, value in zip(plan.integers, highest, strict=True)
            if value is not None and value > BIGINT_MAX
        }

    def _slots(self, index: str, *, days: bool) -> Iterator[tuple[Slot, str, Row]]:
        """Each slot that has lines: itself, which lines, and what is known of them."""
        hours = _HOURS_PER_DAY if days else 1
        found = self._rows(statement("slots"), [hours * _NS_PER_HOUR])
        if len(found) > SLOTS_MAX and not days:
            hours = _HOURS_PER_DAY
            found = self._rows(statement("slots"), [hours * _NS_PER_HOUR])
        for row in found:
            where = f"epoch_ns(_time) // {hours * _NS_PER_HOUR} = {row[0]}"
            yield Slot(index, row[0] * hours, day=hours > 1), where, row[1:]

    def _write(
        self, plan: ShredPlan, slot: Slot, where: str, facts: Row, name: str
    ) -> tuple[Part, Path]:
        *counts, rests, raws, line_bytes = facts
        rest, raw = rests > 0, raws > 0
        columns = plan.columns(raw=raw)
        target = self._work / f"{name}.parquet"
        self._copy(
            f"SELECT {listed(columns, rest=rest, raw=raw)} FROM shredded WHERE {where}", target
        )
        others = plan.others if rest or raw else ()
        like = Part("", "", "", None, 0, 0, 0, 0, 0, 0, 0, columns, "", others, rest, raw)
        return _part(like, slot, name, target, (*counts, line_bytes)), target

    def _copy(self, select: str, target: Path) -> None:
        self._execute(
            f"COPY ({select} ORDER BY _time, seq) TO {literal(str(target))} (FORMAT parquet,"
            f" COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE {ROW_GROUP_LINES})"
        )

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self._execute(sql, values).fetchall()

    def _execute(self, sql: str, values: Sequence[object] = ()) -> "DuckDBPyConnection":
        import duckdb  # noqa: PLC0415  lazily, see the engine

        try:
            return self._connection.execute(sql, list(values))
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            reason = str(error).partition("\n")[0]
            raise TemporaryError(f"Log lines cannot be sealed now: {reason}") from error


def _part(like: Part, slot: Slot, name: str, target: Path, facts: Row) -> Part:
    rows, first_seq, last_seq, min_time, max_time, line_bytes = facts
    return Part(
        path=slot.path(name),
        index=slot.index,
        day=slot.date,
        hour=slot.hour_of_day,
        rows=rows,
        size=target.stat().st_size,
        line_bytes=line_bytes,
        first_seq=first_seq,
        last_seq=last_seq,
        min_time=min_time,
        max_time=max_time,
        columns=like.columns,
        sha256=file_hash(target),
        others=like.others,
        rest=like.rest,
        raw=like.raw,
    )
