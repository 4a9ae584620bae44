"""Queries run as the store runs them: over lines as JSON, on a real engine."""

import threading
from collections.abc import Callable, Iterator, Sequence

import duckdb
import msgspec
import pytest

from tallystick.clock import parse_rfc3339
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import (
    JsonColumns,
    Lookups,
    Plan,
    compile_query,
    event_line,
    parse,
    predicate,
    reading,
    table_rows,
)

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")
Line = dict[str, object]
Table = list[dict[str, object]]
_ROWS = """
SELECT number AS seq, raw,
  TRY_CAST(json_extract_string(raw, '/timestamp') AS TIMESTAMP_NS) AS _time
FROM unnest(CAST(? AS VARCHAR[])) WITH ORDINALITY AS lines(raw, number)
"""


class Log:
    """Lines, and what a plan makes of them."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.raw = [msgspec.json.encode(line).decode() for line in lines]
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("SET threads = 1")
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET autoload_known_extensions = false")

    def run(self, plan: Plan, seconds: float = 20) -> list[tuple[object, ...]]:
        """The rows of a plan; interrupted when it takes too long."""
        columns = JsonColumns("raw")
        shown, values = ["seq", "_time"], list[object]()
        for use in plan.uses:
            column = reading(use, columns)
            shown.append(f"{column.text} AS {use.column}")
            values += column.values
        if plan.whole:
            shown.append(f"{columns.line().text} AS _raw")
        condition = predicate(plan.search, columns)
        events = Sql(
            f"SELECT {', '.join(shown)} FROM ({_ROWS}) WHERE {condition.text}",  # noqa: S608
            (*values, self.raw, *condition.values),
        )
        statement = plan.over(events)
        timer = threading.Timer(seconds, self.connection.interrupt)
        timer.start()
        try:
            return self.connection.execute(statement.text, list(statement.values)).fetchall()
        finally:
            timer.cancel()
            timer.join()

    def table(self, query: str, *, lookups: Lookups | None = None, **times: str) -> Table:
        """The rows of a query as dictionaries; missing values are left out."""
        plan = compile_query(parse(query, NOW_NS, **times), lookups)
        rows = self.run(plan)
        if plan.shape == "events":
            lines = (event_line(plan, row) for row in rows)
            return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
        fields, shown = table_rows(plan, rows)
        return [
            {name: value for name, value in zip(fields, row, strict=True) if value is not None}
            for row in shown
        ]

    def numbers(self, query: str, **times: str) -> list[object]:
        """The numbers of the lines that a query gives, in its order."""
        return [row["log.seq"] for row in self.table(query, **times)]


OpenLog = Callable[[Sequence[Line]], Log]


@pytest.fixture(scope="module")
def open_log() -> Iterator[OpenLog]:
    """Logs of the lines that a test names; closed behind the module."""
    logs: list[Log] = []

    def make(lines: Sequence[Line]) -> Log:
        log = Log(lines)
        logs.append(log)
        return log

    yield make
    for log in logs:
        log.connection.close()


def requests() -> list[Line]:
    """An hour of requests, one a minute."""
    return [
        {
            "timestamp": f"2026-11-22T04:{minute:02}:16.123456Z",
            "severity_text": "INFO" if minute % 5 else "ERROR",
            "event_name": "api.request_answered",
            "service.name": "tallystick",
            "http.response.status_code": [200, 201, 500][minute % 3],
            "http.route": ["/v1/orders", "/v1/logs"][minute % 2],
            "duration_us": 100 * minute + 0.5,
            "order.id": f"O-{minute // 4}",
            "body": f"took {minute} ms from 10.0.0.{minute} user=u{minute % 7}",
            "tags": ["a", "b"],
            "redactions": {"PAN": 1},
        }
        for minute in range(60)
    ]


@pytest.fixture(scope="module")
def log(open_log: OpenLog) -> Log:
    """The hour of requests."""
    return open_log(requests())
