"""Log queries as an alarm's numbers: the query engine is asked for one period at a time.

A query without `field` is counted by the engine, so that its rows need not be brought here; one
with `field` has to end in few rows, each with a number.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, LogSource, Statistic
from tallystick.watch.alarms.series import Series, Values, series_of
from tallystick.watch.alarms.sources.source import Told
from tallystick.watch.alarms.statistic import Summary, of_gauge
from tallystick.watch.collect.query import plain, table_rows
from tallystick.watch.collect.search import LogSearch, Question

ROWS_MAX = 1_000
"""Most rows of one query that are looked at; a query that ends in more is refused."""
SETTLE_SECONDS = 2.0
"""How long after a period's end it is asked for: lines are searchable within a second."""
COUNTED = "alarm_count"
"""The column in which the engine counts."""

Row = Mapping[str, object]
LogRows = Callable[[str, int, int], Awaitable[Sequence[Row]]]
"""The rows of a query from one time on and before another (nanoseconds); may raise `Refused`."""


class LogValues:
    """Asks for one query a period; it waits for as long as the engine lets it."""

    settle_seconds = SETTLE_SECONDS

    def __init__(self, rows: LogRows) -> None:
        self._rows = rows

    async def told(self, alarm: Alarm, start_ns: int, end_ns: int) -> Told:
        """The number of each series' rows, or what their numbers come to.

        Raises:
            Refused: the query cannot be answered (`BAD_QUERY`, `QUERY_TOO_SLOW` ...), or its rows
                have no such column (`ALARM_QUERY`).
        """
        source = alarm.source
        assert isinstance(source, LogSource)  # noqa: S101  who asks has looked
        seconds = (end_ns - start_ns) / NS_PER_SECOND
        rows = await self._rows(query_of(source), start_ns, end_ns)
        if source.field:
            return Told(_numbers(source, rows, alarm.statistic, seconds))
        divided = seconds if alarm.statistic == "rate" else 1.0
        counted: Values = {
            _series(source, row): _number(row, COUNTED, source) / divided for row in rows
        }
        return Told(counted if counted or source.by else {(): 0.0}, 0.0)


def query_of(source: LogSource) -> str:
    """What the engine is asked."""
    if source.field:
        return source.query
    by = f" BY {', '.join(source.by)}" if source.by else ""
    return f"{source.query} | stats count AS {COUNTED}{by}"


def rows_of(search: LogSearch) -> LogRows:
    """The port to the log store: each query holds a place among the searches, in a thread."""

    def ask(query: str, start_ns: int, end_ns: int) -> list[dict[str, object]]:
        question = Question(query, rfc3339(start_ns), rfc3339(end_ns))
        plan = search.plan(search.read(question))
        if plan.shape != "table":
            raise Refused("ALARM_QUERY", "The query has to end in a table, such as `stats` makes.")
        with search.store.rows(plan) as rows:
            fields, cells = table_rows(plan, (row for batch in rows for row in batch))
            found: list[dict[str, object]] = []
            for row in cells:
                if len(found) == ROWS_MAX:
                    raise Refused("ALARM_QUERY", f"The query ends in more than {ROWS_MAX} rows.")
                found.append(dict(zip(fields, row, strict=True)))
            if rows.skipped:
                sentence = "Log parts of that time are archived: they have to be restored first."
                raise Refused("ALARM_QUERY", sentence)
        return found

    async def rows(query: str, start_ns: int, end_ns: int) -> list[dict[str, object]]:
        work = search.places.submit(lambda: ask(query, start_ns, end_ns))
        return await asyncio.wrap_future(work)

    return rows


def _numbers(
    source: LogSource, rows: Sequence[Row], statistic: Statistic, seconds: float
) -> Values:
    """What the numbers of each series' rows come to."""
    found: dict[Series, list[float]] = {}
    for row in rows:
        if row.get(source.field, "") is not None:
            number = _number(row, source.field, source)
            found.setdefault(_series(source, row), []).append(number)
    told: Values = {} if source.by else {(): None}
    for series, numbers in found.items():
        summaries = [Summary(1, n, n, n, 0.0, n, 0) for n in numbers]
        latest = summaries[-1:] if statistic == "last" else summaries
        told[series] = of_gauge(latest, statistic, numbers, seconds)
    return told


def _series(source: LogSource, row: Row) -> Series:
    return series_of({name: _text(row.get(name)) for name in source.by})


def _text(value: object) -> str:
    shown = plain(value)
    return "" if shown is None else str(shown)


def _number(row: Row, field: str, source: LogSource) -> float:
    value = row.get(field)
    if field not in row:
        raise Refused("ALARM_QUERY", f"The query has no column {field!r}: {source.query[:200]}")
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Refused("ALARM_QUERY", f"{field!r} is no number but {str(value)[:64]!r}.")
    return number
