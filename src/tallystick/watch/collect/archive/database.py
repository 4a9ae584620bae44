"""The archive's SQLite file: what was asked of it survives a kill at any moment.

WAL with `synchronous=FULL`; one connection behind one lock, so that any thread may use it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from threading import RLock
from typing import Any

import apsw

from tallystick.durable import transaction
from tallystick.errors import Corrupt, TemporaryError

BUSY_MS_MAX = 5_000
"""How long to wait for another process's transaction."""
SCHEMA = 1
Value = int | str | bytes | None
Row = tuple[Any, ...]
"""The columns are what the query says; whoever asks knows their types."""
_SQL = resources.files(__package__) / "sql"


class Database:
    """Rows in, rows out; errors are `TemporaryError` (nothing was done) or `Corrupt`."""

    def __init__(self, path: Path) -> None:
        self._mutex = RLock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _explained():
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(BUSY_MS_MAX)
            self._connection.execute(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            ).fetchall()  # execute() alone stops at the first statement that answers
        with self.changes():
            version = self._connection.execute("PRAGMA user_version").fetchone()
            if version == (0,):
                self._connection.execute((_SQL / "archive.sql").read_text())
            elif version != (SCHEMA,):
                raise Corrupt(f"{path} has a form that this version does not know: {version}.")

    @contextmanager
    def changes(self) -> Iterator[None]:
        """What is done inside happens together or not at all; durable at the end."""
        with self._mutex, _explained(), transaction(self._connection):
            yield

    def do(self, statement: str, **values: Value) -> int:
        """Run one statement, inside `changes` or by itself; how many rows it changed."""
        with self._mutex, _explained():
            self._connection.execute(statement, values)
            return self._connection.changes()

    def rows(self, query: str, **values: Value) -> list[Row]:
        """The rows of a query."""
        with self._mutex, _explained():
            return list(self._connection.execute(query, values))

    def fact(self, name: str) -> bytes | None:
        """What was kept under a name."""
        found = self.rows("SELECT value FROM facts WHERE name = :name", name=name)
        return bytes(found[0][0]) if found and isinstance(found[0][0], bytes) else None

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value under a name."""
        self.do("INSERT OR REPLACE INTO facts VALUES (:name, :value)", name=name, value=value)

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._connection.close()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Corrupt(f"The archive's database is damaged: {error}.") from error
    except apsw.Error as error:
        raise TemporaryError(f"The archive's database cannot be used: {error}.") from error
