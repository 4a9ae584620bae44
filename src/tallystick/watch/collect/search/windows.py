"""Events newest first, as many as there are, in bounded memory.

A store can sort a page, not ten million lines. So the range is cut into windows of a few thousand
events; within one pages follow one another, each from where the one before ended.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tallystick.clock import NS_PER_US
from tallystick.errors import Refused
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import Plan, Search, event_line
from tallystick.watch.collect.search.found import Found, with_seq
from tallystick.watch.collect.search.relation import events_of, listed, sql
from tallystick.watch.collect.search.spool import Row
from tallystick.watch.collect.search.stopping import Stopper
from tallystick.watch.collect.store import LogStore, Part

WINDOW_EVENTS = 10_000
"""Events of sealed parts between two cuts, about."""
PAGE_EVENTS = 20_000
"""Events asked for at once; fewer where lines are so long that these do not fit."""
PAGE_EVENTS_MIN = 100
"""Fewest: if these do not fit, the query is refused."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Cursor:
    """Behind which event the next page begins."""

    at_ns: int
    seq: int


def newest_first(
    store: LogStore, plan: Plan, stopper: Stopper, seconds_max: float, warnings: tuple[str, ...]
) -> Found:
    """All events of a plan in which each event stands for itself, newest first."""
    pieces = _pages(store, plan, stopper, seconds_max)
    return Found("events", (), pieces, pieces.close, warnings)


def in_plan_order(
    store: LogStore, plan: Plan, stopper: Stopper, seconds_max: float, warnings: tuple[str, ...]
) -> Found:
    """All events of a plan, in the order that the plan gives them."""
    with ExitStack() as stack:
        rows = stack.enter_context(stopper.rows(store, plan, seconds_max))
        pieces = ([_event(plan, row, _ns(row[1])) for row in batch] for batch in rows)
        return Found("events", (), pieces, stack.pop_all().close, warnings)


def _pages(
    store: LogStore, plan: Plan, stopper: Stopper, seconds_max: float
) -> Generator[list[Row], None, None]:
    for earliest_ns, latest_ns in windows(store.parts(), plan.search):
        search = replace(plan.search, earliest_ns=earliest_ns, latest_ns=latest_ns)
        within = replace(plan, search=search)
        cursor: _Cursor | None = None
        limit = PAGE_EVENTS
        while not stopper.stopped:
            try:
                question = _page(within, cursor, limit)
                with stopper.rows(store, question, seconds_max) as rows:
                    page = [_paged(plan, row) for batch in rows for row in batch]
            except Refused as refusal:
                if refusal.code != "QUERY_TOO_LARGE" or limit <= PAGE_EVENTS_MIN:
                    raise
                limit //= 10
                continue
            yield page
            if len(page) < limit:
                break
            cursor = _Cursor(int(str(page[-1][1])), int(str(page[-1][0])))


def _page(plan: Plan, cursor: _Cursor | None, limit: int) -> Plan:
    """The question about the newest events behind the cursor."""
    if cursor is not None:  # parts that are newer need not be looked into
        search = replace(plan.search, latest_ns=cursor.at_ns + 1)
        plan = replace(plan, search=search)
    events = events_of(plan, whole=True)
    made = [Sql(f"made{number}") for number in range(len(plan.fields))]
    columns = listed([Sql("seq"), Sql("_time"), events.raw, *made, Sql("epoch_ns(_time)")])
    behind = sql()
    if cursor is not None:
        values = (cursor.at_ns, cursor.at_ns, cursor.seq)
        where = " WHERE (epoch_ns(_time) < ? OR (epoch_ns(_time) = ? AND seq < ?))"
        behind = Sql(where, values)
    newest = Sql(" ORDER BY _time DESC, seq DESC LIMIT ?", (limit,))
    question = sql("SELECT ", columns, " FROM ", events.relation, behind, newest)
    return events.ask(question, ("seq", "_time", "_raw", *plan.fields, "at_ns"))


def _paged(plan: Plan, row: tuple[object, ...]) -> Row:
    return _event(plan, row[:-1], int(str(row[-1])))


def windows(parts: tuple[Part, ...], search: Search) -> Iterator[tuple[int | None, int | None]]:
    """The range of a search cut into windows of about equally many events, newest first.

    Each is the earliest and the latest time of a window; the first and the last are as open as
    the search is.
    """
    rows_at: dict[int, int] = {}
    for part in parts:
        pieces = -(-part.rows // WINDOW_EVENTS)
        length_ns = (part.max_time - part.min_time) // pieces + 1
        for piece in range(pieces):
            at_ns = part.min_time + piece * length_ns
            rows_at[at_ns] = rows_at.get(at_ns, 0) + part.rows // pieces
    latest_ns, rows = search.latest_ns, 0
    for at_ns in sorted(rows_at, reverse=True):
        if search.earliest_ns is not None and at_ns <= search.earliest_ns:
            break
        if search.latest_ns is not None and at_ns >= search.latest_ns:
            continue
        rows += rows_at[at_ns]
        if rows >= WINDOW_EVENTS:
            yield at_ns, latest_ns
            latest_ns, rows = at_ns, 0
    yield search.earliest_ns, latest_ns


def _event(plan: Plan, row: tuple[object, ...], at_ns: int | None) -> Row:
    text = with_seq(row[0], row[2]) if plan.simple else event_line(plan, row).decode()
    return [row[0], at_ns, text]


def _ns(at: object) -> int | None:
    """A time as DuckDB gives it (UTC without saying so), nanoseconds since the epoch."""
    if not isinstance(at, datetime):
        return None
    return (at.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * NS_PER_US
