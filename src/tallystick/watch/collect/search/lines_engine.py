"""Which of a handful of lines fit a query: the query's own SQL over lines that are in memory.

So a live tail understands exactly the language that a search does.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import JsonColumns, Plan, event_line, predicate, reading
from tallystick.watch.collect.search.relation import listed, sql
from tallystick.watch.collect.search.span import REACH_NS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LINES_MEMORY_MIB_MAX = 128
"""Memory that looking through new lines may use."""
_RAW = "raw"
_ROWS = (
    " FROM (SELECT unnest(CAST(? AS BIGINT[])) AS seq,"
    " make_timestamp_ns(unnest(CAST(? AS BIGINT[]))) AS _time,"
    f" unnest(CAST(? AS VARCHAR[])) AS {_RAW}) WHERE "
)
Numbered = tuple[int, bytes]


class _Stamped(msgspec.Struct, gc=False):
    """The one member of a line that is needed here; anything may stand in it."""

    timestamp: object = None


_STAMP = msgspec.json.Decoder(_Stamped)


class LinesEngine:
    """DuckDB over lines that are handed to it; it touches no file. For any thread."""

    def __init__(self) -> None:
        """Nothing is loaded before the first lines come."""
        self._opening = threading.Lock()
        self._root: DuckDBPyConnection | None = None

    def fitting(self, plan: Plan, lines: Sequence[Numbered], now_ns: int) -> list[Numbered]:
        """The events that the plan makes of these lines, in the order of their numbers.

        Raises:
            Refused: `QUERY_TOO_LARGE`.
        """
        if not lines:
            return []
        import duckdb  # noqa: PLC0415  it takes long to load

        statement = plan.over(_events(plan, lines, now_ns))
        cursor = self._cursor()
        try:
            rows = cursor.execute(statement.text, list(statement.values)).fetchall()
        except duckdb.OutOfMemoryException as error:
            sentence = "The lines are too long to be followed; make the query narrower."
            raise Refused("QUERY_TOO_LARGE", sentence) from error
        finally:
            cursor.close()
        found = [(int(row[0]), event_line(plan, row)) for row in rows]
        return sorted(found)

    def close(self) -> None:
        """Let go of everything."""
        with self._opening:
            if self._root is not None:
                self._root.close()
                self._root = None

    def _cursor(self) -> "DuckDBPyConnection":
        with self._opening:
            if self._root is None:
                self._root = _open()
            return self._root.cursor()


def _events(plan: Plan, lines: Sequence[Numbered], now_ns: int) -> Sql:
    """The relation `events` of a plan over these lines."""
    columns = JsonColumns(_RAW)
    wanted = [Sql("seq"), Sql("_time")]
    wanted += [sql(reading(use, columns), f" AS {use.column}") for use in plan.uses]
    if plan.whole:
        wanted.append(Sql(f"{_RAW} AS _raw"))
    values = (
        [seq for seq, _ in lines],
        [now_ns if at_ns is None else at_ns for at_ns in (stamp_of(line) for _, line in lines)],
        [line.decode() for _, line in lines],
    )
    return sql("SELECT ", listed(wanted), Sql(_ROWS, values), predicate(plan.search, columns))


def stamp_of(line: bytes) -> int | None:
    """When a line says that it happened, nanoseconds since the epoch; None where it does not.

    Nor where it is so far away that it cannot be counted with.
    """
    stamp = _STAMP.decode(line).timestamp
    try:
        at_ns = parse_rfc3339(stamp) if isinstance(stamp, str) else None
    except ValueError:
        return None
    return at_ns if at_ns is not None and abs(at_ns) < REACH_NS else None


def _open() -> "DuckDBPyConnection":
    import duckdb  # noqa: PLC0415  lazily, see the module

    connection = duckdb.connect(":memory:")
    for setting in (
        f"SET memory_limit = '{LINES_MEMORY_MIB_MAX}MiB'",
        "SET threads = 1",
        "SET temp_directory = ''",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(setting)
    return connection
