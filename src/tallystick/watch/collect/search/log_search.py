"""The one door to what the log store holds: pages, tables, exports and views of a query.

The API, Splunk's REST, the command line and the page all ask here. Methods block: call them from
a thread of `places`, which bounds how many run at once.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, QUERY_SECONDS_MAX
from tallystick.watch.collect.query import (
    Lookups,
    NoLookups,
    Pipeline,
    Plan,
    Search,
    compile_query,
    compile_sql,
    event_line,
    parse,
    parse_time,
    table_rows,
)
from tallystick.watch.collect.search.answers import Cell, LogAnswer, SkippedPart, skipped_parts
from tallystick.watch.collect.search.export import Export, Format
from tallystick.watch.collect.search.found import Found
from tallystick.watch.collect.search.jobs import Asked, Jobs
from tallystick.watch.collect.search.places import Places
from tallystick.watch.collect.search.relation import events_of, sql
from tallystick.watch.collect.search.rowwise import is_rowwise
from tallystick.watch.collect.search.saved import SavedSearches
from tallystick.watch.collect.search.spool import Row
from tallystick.watch.collect.search.stopping import Stopper
from tallystick.watch.collect.search.windows import in_plan_order, newest_first
from tallystick.watch.collect.store import LogStore, Part, Rows

SEARCHES_MAX = 8
"""Searches that people run at once; the next is told to come back."""
STREAMS_MAX = 8
"""Exports, and results of jobs, that are being read at once."""
LONG_SECONDS_MAX = 3_600
"""Longest time that an export or a search job may take."""
_COLD = frozenset({"cold", "restoring"})


@dataclass(frozen=True)
class Question:
    """A query, the range and the indexes it is asked for.

    `earliest` and `latest` are times as in the language (`-1h@h`, RFC 3339); those within the
    query win. `indexes`: what whoever asks may see; None: everything.
    """

    query: str = ""
    earliest: str | None = None
    latest: str | None = None
    indexes: frozenset[str] | None = None


class LogSearch:
    """Searches one store."""

    def __init__(
        self,
        store: LogStore,
        clock: Clock,
        saved: SavedSearches,
        *,
        scratch: Path,
        lookups: Lookups | None = None,
        places_max: int = SEARCHES_MAX,
    ) -> None:
        """`scratch`: a folder of our own for results that wait; it is emptied by its first use."""
        self.store = store
        self.clock = clock
        self.saved = saved
        self.places = Places(places_max, "searches")
        self.streams = Places(STREAMS_MAX, "exports")
        """For answers that last as long as their client reads: they take no place of a search."""
        self.jobs = Jobs(scratch / "jobs", clock, self._job_found, self._job_events)
        self._scratch = scratch
        self._lookups = lookups or NoLookups()

    def read(self, question: Question) -> Pipeline:
        """The question understood, and held to the indexes that may be seen.

        Raises:
            Refused: `BAD_QUERY`.
        """
        asked = question
        now_ns = self.clock.now_ns()
        pipeline = parse(asked.query, now_ns, earliest=asked.earliest, latest=asked.latest)
        return replace(pipeline, search=_held_to(pipeline.search, asked.indexes))

    def plan(self, pipeline: Pipeline) -> Plan:
        """What has to be computed.

        Raises:
            Refused: `BAD_QUERY`.
        """
        return compile_query(pipeline, self._lookups)

    def events(self, question: Question) -> Plan:
        """The plan of the events of a query: of its search alone where it ends in a table."""
        pipeline = self.read(question)
        plan = self.plan(pipeline)
        return plan if plan.shape == "events" else self.plan(replace(pipeline, commands=()))

    def page(
        self, question: Question, limit: int = PAGE_ITEMS_DEFAULT, before: str | None = None
    ) -> LogAnswer:
        """The newest lines older than `before`, or a table.

        Raises:
            Refused: `BAD_QUERY`, `BAD_LIMIT`, `BAD_CURSOR`, `QUERY_TOO_SLOW`, `QUERY_TOO_LARGE`.
        """
        if not 1 <= limit <= PAGE_ITEMS_MAX:
            raise Refused("BAD_LIMIT", f"The limit must be from 1 to {PAGE_ITEMS_MAX}.")
        plan = self.plan(self.read(question))
        if plan.simple:
            page = self.store.page(plan.search, limit, before)
            return LogAnswer(page.logs, page.next_before, skipped=skipped_parts(page.skipped))
        if before is not None:
            raise Refused("BAD_REQUEST", "Only a plain search has further pages.", field="before")
        with self.store.rows(plan) as rows:
            taken, more = _first(rows, limit)
            skipped = skipped_parts(rows.skipped)
        if plan.shape == "events":
            logs = tuple(msgspec.Raw(event_line(plan, row)) for row in taken)
            return LogAnswer(logs, None, more=more, skipped=skipped)
        return _table(plan, taken, more=more, skipped=skipped)

    def sql(self, text: str, question: Question, limit: int) -> LogAnswer:
        """A table made with SQL over the relation `events`; see the guide on log queries.

        Raises:
            Refused: `BAD_QUERY`, `BAD_LIMIT`, `QUERY_TOO_SLOW`, `QUERY_TOO_LARGE`.
        """
        search = self.read(question).search
        plan = compile_sql(
            text,
            earliest_ns=search.earliest_ns,
            latest_ns=search.latest_ns,
            indexes=search.indexes,
        )
        with self.store.rows(plan) as rows:
            taken, more = _first(rows, limit)
            named = replace(plan, fields=plan.fields or rows.fields)
            return _table(named, taken, more=more, skipped=skipped_parts(rows.skipped))

    def find(
        self,
        question: Question,
        stopper: Stopper | None = None,
        *,
        seconds_max: float = LONG_SECONDS_MAX,
    ) -> Found:
        """Everything that fits, in pieces: events newest first, or the rows of a table.

        What runs can be ended with the `stopper`.

        Raises:
            Refused: `BAD_QUERY`; from taking the pieces also `QUERY_TOO_SLOW` and so on.
        """
        pipeline = self.read(question)
        plan = self.plan(pipeline)
        if plan.shape == "events":
            warnings = _warnings(self.cold(plan.search))
            stream = newest_first if is_rowwise(pipeline) else in_plan_order
            return stream(self.store, plan, stopper or Stopper(), seconds_max, warnings)
        with ExitStack() as stack:
            opened = (stopper or Stopper()).rows(self.store, plan, seconds_max)
            rows = stack.enter_context(opened)
            fields, cells = table_rows(plan, (row for batch in rows for row in batch))
            warnings = _warnings(skipped_parts(rows.skipped))
            return Found("table", fields, _in_pieces(cells), stack.pop_all().close, warnings)

    def export(
        self,
        question: Question,
        form: Format,
        fields: tuple[str, ...] = (),
        stopper: Stopper | None = None,
    ) -> Export:
        """All that fits, as the bytes of a file.

        Raises:
            Refused: `BAD_QUERY`.
        """
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = self.find(question, stopper)
        return Export(found, form, folder=self._scratch, fields=fields)

    def ask(self, plan: Plan) -> tuple[list[tuple[object, ...]], tuple[SkippedPart, ...]]:
        """All rows of a plan that has few, and the parts that were left out."""
        with self.store.rows(plan, seconds_max=QUERY_SECONDS_MAX) as rows:
            return [row for batch in rows for row in batch], skipped_parts(rows.skipped)

    def cold(self, search: Search) -> tuple[SkippedPart, ...]:
        """The archived parts that a search would have to look into and cannot."""
        cold = (part for part in self.store.parts() if part.state in _COLD)
        return skipped_parts(tuple(part for part in cold if _meets(part, search)))

    def time(self, text: str) -> int:
        """A time in the words of the language, nanoseconds since the epoch.

        Raises:
            Refused: `BAD_QUERY`.
        """
        return parse_time(text, self.clock.now_ns())

    def close(self) -> None:
        """Stop what runs and forget what waits."""
        self.jobs.close()
        self.streams.close()
        self.places.close()

    def _job_found(self, asked: Asked, stopper: Stopper) -> Found:
        question = Question(asked.query, asked.earliest, asked.latest, asked.indexes)
        return self.find(question, stopper)

    def _job_events(self, asked: Asked, stopper: Stopper) -> int:
        question = Question(asked.query, asked.earliest, asked.latest, asked.indexes)
        events = events_of(self.events(question))
        plan = events.ask(sql("SELECT count(*) FROM ", events.relation), ("count",))
        with stopper.rows(self.store, plan, LONG_SECONDS_MAX) as rows:
            return next(int(str(row[0])) for batch in rows for row in batch)


def _table(
    plan: Plan,
    rows: list[tuple[object, ...]],
    *,
    more: bool,
    skipped: tuple[SkippedPart, ...],
) -> LogAnswer:
    fields, cells = table_rows(plan, rows)
    values = cast("tuple[tuple[Cell, ...], ...]", tuple(cells))
    return LogAnswer(
        (), None, fields=fields, rows=values, charted=plan.charted, more=more, skipped=skipped
    )


def _held_to(search: Search, indexes: frozenset[str] | None) -> Search:
    """The search within the indexes that may be seen."""
    if indexes is None:
        return search
    within = indexes if search.indexes is None else search.indexes & indexes
    return replace(search, indexes=within)


def _meets(part: Part, search: Search) -> bool:
    """Whether lines of the part may be within the range and the indexes of the search."""
    return (
        (search.indexes is None or part.index in search.indexes)
        and (search.earliest_ns is None or part.max_time >= search.earliest_ns)
        and (search.latest_ns is None or part.min_time < search.latest_ns)
    )


def _first(rows: Rows, limit: int) -> tuple[list[tuple[object, ...]], bool]:
    """The first rows, and whether there are more."""
    taken: list[tuple[object, ...]] = []
    for batch in rows:
        taken += batch
        if len(taken) > limit:
            return taken[:limit], True
    return taken, False


PIECE_ROWS = 1_000
"""Rows of a table handed on at once."""


def _in_pieces(rows: Iterator[tuple[object, ...]]) -> Iterator[list[Row]]:
    piece: list[Row] = []
    for row in rows:
        piece.append(list(row))
        if len(piece) == PIECE_ROWS:
            yield piece
            piece = []
    yield piece


def _warnings(skipped: tuple[SkippedPart, ...]) -> tuple[str, ...]:
    if not skipped:
        return ()
    events = sum(part.events for part in skipped)
    return (f"{len(skipped)} archived parts with {events:,} events were left out: they are cold.",)
