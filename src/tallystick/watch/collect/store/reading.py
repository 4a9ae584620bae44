"""Reading: pages of the newest lines, queries over all of them, and lines in order of arrival."""
# ruff: noqa: S608  the fragments are our own; what people search for is bound

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Self

import msgspec

from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX, QUERY_SECONDS_MAX
from tallystick.watch.collect.columns import SEQ_FIELD, Sql
from tallystick.watch.collect.query import Plan, Search, predicate, reading
from tallystick.watch.collect.store.engine import Engine, Row, Searcher
from tallystick.watch.collect.store.parts import ColdPartError, Part
from tallystick.watch.collect.store.slices import overlapping, slices
from tallystick.watch.collect.store.sources import (
    Source,
    Sources,
    View,
    searched_parts,
    union,
    warm_and_cold,
)

_CURSOR = re.compile(r"(-?\d{1,19})-(\d{1,15})")
_TIME_MAX = 2**63 - 2  # the next one means infinity to DuckDB
_BATCH_ROWS = 2_048
Begun = Callable[[Callable[[], None]], None]
"""Told what stops a query, before it runs."""
Key = tuple[int, int]
"""A line's time and sequence number: the order of pages."""


class LogPage(msgspec.Struct, frozen=True):
    """Some lines, newest first, and where the next page begins.

    Each line is the JSON object that was stored plus `log.seq`, its number in this store.
    `next_before` is None when there is nothing older; `skipped` names archived parts in range
    that are cold, or missing or damaged there, hence not searched.
    """

    logs: tuple[msgspec.Raw, ...]
    next_before: str | None
    skipped: tuple[Part, ...] = ()


class Rows:
    """The rows of a query, streamed: iterate once, then `close` (or use it with `with`)."""

    def __init__(
        self, searcher: Searcher, fields: tuple[str, ...], skipped: tuple[Part, ...], end: ExitStack
    ) -> None:
        self.fields = fields
        self.skipped = skipped
        self._searcher = searcher
        self._end = end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[list[Row]]:
        """Batches of rows.

        Raises:
            Refused: `QUERY_TOO_SLOW` or `QUERY_TOO_LARGE`.
        """
        while True:
            with self._searcher.refusals():
                batch = self._searcher.connection.fetchmany(_BATCH_ROWS)
            if not batch:
                return
            yield batch

    def close(self) -> None:
        """Stop, and let go of what was read."""
        self._end.close()


class Reader:
    """Reads the present of a store; any thread may call."""

    def __init__(self, engine: Engine, sources: Sources) -> None:
        self._engine = engine
        self._sources = sources

    def page(self, search: Search, limit: int, before: str | None, after: str | None) -> LogPage:
        """The newest lines that fit, between the cursors."""
        if not 1 <= limit <= PAGE_ITEMS_MAX:
            raise Refused("BAD_LIMIT", f"The limit must be from 1 to {PAGE_ITEMS_MAX}.")
        bounds = _Bounds(search, _cursor(before), _cursor(after))
        with self._sources.pins.reading(), self._engine.searching(QUERY_SECONDS_MAX) as searcher:
            view = self._sources.view()
            parts, cold = warm_and_cold(bounds.parts(view.parts))
            while True:
                try:
                    keys = self._newest(searcher, view, parts, bounds, limit + 1)
                    lines = self._lines(searcher, view, parts, keys[:limit])
                except ColdPartError as error:
                    parts, cold = _without(error, parts, cold)
                else:
                    break
        page = keys[:limit]
        logs = tuple(_with_seq(seq, lines[seq]) for _, seq in page)
        more = f"{page[-1][0]}-{page[-1][1]}" if len(keys) > limit else None
        return LogPage(logs, more, cold)

    def rows(self, plan: Plan, seconds: float, begun: Begun) -> Rows:
        """The rows of a compiled query."""
        with ExitStack() as stack:
            stack.enter_context(self._sources.pins.reading())
            searcher = stack.enter_context(self._engine.searching(seconds))
            begun(searcher.interrupt)
            view = self._sources.view()
            parts, cold = warm_and_cold(searched_parts(view.parts, plan.search))
            sealed, cold = self._warm(stack, parts, cold)
            sources = [*self._sources.hot(searcher, view.segments), *sealed]
            events = union(sources, lambda each: _events(plan, each), by_name=True)
            query = plan.over(events or _no_events(plan))
            with searcher.refusals():
                cursor = searcher.connection.execute(query.text, list(query.values))
            fields = tuple(column[0] for column in cursor.description)
            return Rows(searcher, fields, cold, stack.pop_all())

    def _warm(
        self, stack: ExitStack, parts: list[Part], cold: tuple[Part, ...]
    ) -> tuple[list[Source], tuple[Part, ...]]:
        """The sources of those parts that turn out to be there, and the others."""
        while True:
            try:
                return stack.enter_context(self._sources.sealed(parts)), cold
            except ColdPartError as error:
                parts, cold = _without(error, parts, cold)

    def lines(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Lines in order of arrival, from `start` on; not those that an archive cannot give."""
        with self._sources.pins.reading():
            view = self._sources.view()
            parts, _ = warm_and_cold(part for part in view.parts if part.last_seq >= start)
            found: list[tuple[int, bytes]] = []
            at = start
            while parts and len(found) < limit:
                at = max(at, min(part.first_seq for part in parts))
                end = at + limit - len(found)
                try:
                    found += self._sealed_lines(parts, at, end)
                except ColdPartError as error:
                    parts, _ = _without(error, parts, ())
                    continue
                at = end
                parts = [part for part in parts if part.last_seq >= at]
            for segment in view.segments:
                first = max(start, segment.first)
                few = segment.read(first, limit - len(found))
                found += list(enumerate(few, start=first))
            return found

    def _sealed_lines(self, parts: list[Part], start: int, end: int) -> list[tuple[int, bytes]]:
        near = [part for part in parts if part.first_seq < end]
        if not near:
            return []
        with (
            self._engine.searching(QUERY_SECONDS_MAX) as searcher,
            self._sources.sealed(near) as sources,
        ):
            query = union(
                sources,
                lambda each: Sql(
                    f"SELECT seq, {each.columns.line().text} AS line FROM {each.relation}"
                    " WHERE seq >= ? AND seq < ?",
                    (*each.columns.line().values, start, end),
                ),
            )
            assert query is not None  # noqa: S101  every source has a SELECT
            rows = searcher.rows(f"{query.text} ORDER BY seq", query.values)
        return [(seq, line.encode()) for seq, line in rows]

    def _newest(
        self, searcher: Searcher, view: View, parts: list[Part], bounds: "_Bounds", wanted: int
    ) -> list[Key]:
        """The newest keys: hot lines all at once, parts from slice to slice of time."""
        hot = self._sources.hot(searcher, view.segments)
        keys = self._keys(searcher, hot, bounds, None, wanted)
        for start, end in slices(parts, bounds.before_ns):
            near = overlapping(parts, start, end)
            with self._sources.sealed(near) as sources:
                keys += self._keys(searcher, sources, bounds, (start, end), wanted)
            keys = sorted(keys, reverse=True)[:wanted]
            if len(keys) == wanted and keys[-1][0] >= start:
                break
        return sorted(keys, reverse=True)[:wanted]

    def _keys(
        self,
        searcher: Searcher,
        sources: Sequence[Source],
        bounds: "_Bounds",
        span: tuple[int, int] | None,
        wanted: int,
    ) -> list[Key]:
        query = union(sources, lambda each: bounds.keys(each, span))
        if query is None:
            return []
        sql = f"SELECT * FROM ({query.text}) ORDER BY time DESC, seq DESC LIMIT {wanted}"
        return [(time, seq) for time, seq in searcher.rows(sql, query.values)]

    def _lines(
        self, searcher: Searcher, view: View, parts: list[Part], keys: list[Key]
    ) -> dict[int, str]:
        """The lines of these keys by their sequence numbers."""
        found: dict[int, str] = {}
        if not keys:
            return found
        seqs = sorted(seq for _, seq in keys)
        for segment in view.segments:
            for seq in [seq for seq in seqs if segment.first <= seq < segment.end]:
                found[seq] = segment.read(seq, 1)[0].decode()
        sealed = [(time, seq) for time, seq in keys if seq not in found]
        if not sealed:
            return found
        times, wanted = [time for time, _ in sealed], [seq for _, seq in sealed]
        near = [
            part
            for part in overlapping(parts, min(times), max(times) + 1)
            if part.first_seq <= max(wanted) and part.last_seq >= min(wanted)
        ]
        with self._sources.sealed(near) as sources:
            query = union(sources, lambda each: _lines_of(each, times, wanted))
            if query is not None:
                rows = searcher.rows(query.text, query.values)
                found.update((seq, line) for seq, line in rows)
        return found


class _Bounds:
    """A search between two cursors."""

    def __init__(self, search: Search, before: Key | None, after: Key | None) -> None:
        self._search = search
        self._before = before
        self._after = after
        latest = _TIME_MAX if search.latest_ns is None else search.latest_ns
        self.before_ns = latest if before is None else min(latest, before[0] + 1)

    def parts(self, parts: Sequence[Part]) -> list[Part]:
        """The parts that may have such lines."""
        after = -_TIME_MAX if self._after is None else self._after[0]
        return [
            part
            for part in searched_parts(parts, self._search)
            if part.min_time < self.before_ns and part.max_time >= after
        ]

    def keys(self, source: Source, span: tuple[int, int] | None) -> Sql | None:
        """The keys of a source, within a span of time; None when nothing there can fit."""
        fits = predicate(self._search, source.columns)
        if fits.text == "false":
            return None
        tests, values = ["true"], list[object]()
        if span is not None:
            tests.append("_time >= make_timestamp_ns(?) AND _time < make_timestamp_ns(?)")
            values += span
        for key, sign in ((self._before, "<"), (self._after, ">")):
            if key is not None:
                tests.append(
                    f"_time {sign}= make_timestamp_ns(?)"
                    f" AND (_time {sign} make_timestamp_ns(?) OR seq {sign} ?)"
                )
                values += (key[0], key[0], key[1])
        sql = f"SELECT epoch_ns(_time) AS time, seq FROM {source.relation}"
        return Sql(f"{sql} WHERE {' AND '.join(tests)} AND {fits.text}", (*values, *fits.values))


def _without(
    error: ColdPartError, parts: list[Part], cold: tuple[Part, ...]
) -> tuple[list[Part], tuple[Part, ...]]:
    """The parts without one that its archive cannot give now, or not at all."""
    gone = tuple(
        msgspec.structs.replace(part, state=error.state)
        for part in parts
        if part.path == error.path
    )
    if not gone:
        raise error
    return [part for part in parts if part.path != error.path], (*cold, *gone)


def _events(plan: Plan, source: Source) -> Sql | None:
    """The fitting rows of a source as the relation `events` wants them."""
    fits = predicate(plan.search, source.columns)
    if fits.text == "false":
        return None
    columns, values = ["seq", "_time"], list[object]()
    for use in plan.uses:
        sql = reading(use, source.columns)
        columns.append(f"{sql.text} AS {use.column}")
        values += sql.values
    if plan.whole:
        line = source.columns.line()
        columns.append(f"{line.text} AS _raw")
        values += line.values
    text = f"SELECT {', '.join(columns)} FROM {source.relation} WHERE {fits.text}"
    return Sql(text, (*values, *fits.values))


def _no_events(plan: Plan) -> Sql:
    columns = ["CAST(NULL AS BIGINT) AS seq", "CAST(NULL AS TIMESTAMP_NS) AS _time"]
    for use in plan.uses:
        kind = "VARCHAR" if use.kind == "text" else "DOUBLE"
        columns.append(f"CAST(NULL AS {kind}) AS {use.column}")
    if plan.whole:
        columns.append("CAST(NULL AS VARCHAR) AS _raw")
    return Sql(f"SELECT {', '.join(columns)} WHERE false")


def _lines_of(source: Source, times: list[int], seqs: list[int]) -> Sql:
    line = source.columns.line()
    marks = ", ".join("?" * len(seqs))
    return Sql(
        f"SELECT seq, {line.text} FROM {source.relation}"
        " WHERE _time >= make_timestamp_ns(?) AND _time <= make_timestamp_ns(?)"
        f" AND seq IN ({marks})",
        (*line.values, min(times), max(times), *seqs),
    )


def _cursor(text: str | None) -> Key | None:
    """Where a page ends: `<time_ns>-<seq>`."""
    if text is None:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None or abs(int(match[1])) > _TIME_MAX:
        raise Refused("BAD_CURSOR", "The cursor is not one that a page named as its next.")
    return int(match[1]), int(match[2])


def _with_seq(seq: int, raw: str) -> msgspec.Raw:
    """The stored line with its number as the last member."""
    members = raw[: raw.rindex("}")].rstrip()
    comma = "" if members.endswith("{") else ","
    return msgspec.Raw(f'{members}{comma}"{SEQ_FIELD}":{seq}}}'.encode())
