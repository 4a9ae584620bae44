"""Where consumers go on: positions by name, in a table that a command may move beside a server."""

from importlib import resources

import apsw

from tallystick.clock import NS_PER_SECOND, Clock

IDLE_SECONDS_MAX = 7 * 24 * 3_600
"""A consumer unheard of for longer holds back nothing; Kafka's offsets.retention.minutes."""
_SCHEMA = (resources.files(__package__) / "sql" / "cursors.sql").read_text()
_SINCE_FIRST = {"moved", "touched_ns"}
"""Columns that the first version of the table did not have."""
_GET = "SELECT position, moved FROM cursors WHERE consumer = ?"
_PUT = (
    "INSERT INTO cursors (consumer, position, moved, touched_ns) VALUES (:name, :at, :moved, :now)"
    " ON CONFLICT (consumer) DO UPDATE SET position = excluded.position,"
    " touched_ns = excluded.touched_ns WHERE cursors.moved = excluded.moved"
)
_MOVE = (
    "INSERT INTO cursors (consumer, position, moved, touched_ns) VALUES (:name, :at, 1, :now)"
    " ON CONFLICT (consumer) DO UPDATE SET position = excluded.position,"
    " moved = cursors.moved + 1, touched_ns = excluded.touched_ns"
)
_TOUCH = "UPDATE cursors SET touched_ns = ? WHERE consumer = ?"
_NAMES = "SELECT consumer FROM cursors ORDER BY consumer"
_SLOWEST = "SELECT min(position) FROM cursors WHERE touched_ns > ?"


class Cursors:
    """One table in somebody's SQLite file; to be used from one thread.

    A cursor is the position after the last one dealt with, 0 for a name never heard of. Writes are
    as durable as the connection's `synchronous` says.
    """

    def __init__(self, connection: apsw.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._moved: dict[str, int] = {}  # bounded by: the names of consumers
        connection.execute(_SCHEMA)
        there = {str(row[1]) for row in connection.execute("PRAGMA table_info(cursors)")}
        for column in sorted(_SINCE_FIRST - there):
            connection.execute(
                f"ALTER TABLE cursors ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0"
            )

    def get(self, name: str) -> int:
        """Where `name` goes on."""
        position, self._moved[name] = self._row(name)
        return position

    def peek(self, name: str) -> int:
        """Where `name` goes on, for somebody who only looks."""
        return self._row(name)[0]

    def put(self, name: str, position: int) -> bool:
        """Keep where `name` goes on; False where it was moved since it was last asked for."""
        moved = self._moved.setdefault(name, 0)
        said = {"name": name, "at": position, "moved": moved, "now": self._clock.now_ns()}
        self._connection.execute(_PUT, said)
        return self._connection.changes() == 1

    def move(self, name: str, position: int) -> None:
        """Put `name` elsewhere; whoever consumes under it notices."""
        said = {"name": name, "at": position, "now": self._clock.now_ns()}
        self._connection.execute(_MOVE, said)

    def was_moved(self, name: str) -> bool:
        """Whether somebody moved it since it was last asked for."""
        return self._row(name)[1] != self._moved.get(name, 0)

    def names(self) -> list[str]:
        """Everybody who ever kept a place here."""
        return [str(row[0]) for row in self._connection.execute(_NAMES)]

    def slowest(self, alive: set[str]) -> int | None:
        """The lowest cursor of those heard of in the last week, and of those known to be `alive`.

        None where there is nobody.
        """
        now_ns = self._clock.now_ns()
        for name in alive:
            self._connection.execute(_TOUCH, (now_ns, name))
        since_ns = now_ns - IDLE_SECONDS_MAX * NS_PER_SECOND
        slowest = self._connection.execute(_SLOWEST, (since_ns,)).get
        return None if slowest is None else int(str(slowest))

    def _row(self, name: str) -> tuple[int, int]:
        row = self._connection.execute(_GET, (name,)).fetchone()
        return (0, 0) if row is None else (int(str(row[0])), int(str(row[1])))
