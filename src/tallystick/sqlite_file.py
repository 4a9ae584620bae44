"""An SQLite file of ours: one connection behind one lock, numbered schemas, errors in our words.

WAL with `synchronous=FULL`: what returned survives kill -9 and a power cut. Everything may be
called from any thread and blocks for at most a few fsyncs; another process (the command line) may
have the file open too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import RLock
from typing import Any

import apsw

from tallystick.durable import transaction
from tallystick.errors import Corrupt, PermanentError, TemporaryError

BUSY_MS_MAX = 5_000
"""How long to wait for another process's transaction."""
Value = str | int | bytes | None
Row = tuple[Any, ...]
"""The columns are what the query says; whoever asks knows their types."""
_NAMED = re.compile(r"^-- name: (\w+)\n(.*?;)$", re.MULTILINE | re.DOTALL)


def named_queries(file: Traversable) -> dict[str, str]:
    """The statements of an .sql file, each under the name in the line `-- name: ...` above it."""
    return dict(_NAMED.findall(file.read_text()))


class SqliteFile:
    """Errors are `TemporaryError` (nothing was done), `Corrupt`, or that a newer version wrote it.

    `called` is the file's name in their sentences. `schemas` are statements, each of which brings
    the file from the `user_version` that is its place to the next, and says so.
    """

    def __init__(
        self, path: Path, called: str, schemas: Sequence[Traversable], queries: Mapping[str, str]
    ) -> None:
        """Open the file, or make it, and bring it up to the newest schema."""
        self._called = called
        self._queries = queries
        self._lock = RLock()
        self.committed = 0
        """Transactions that this process has committed; whoever looks needs no lock."""
        with self._explained():
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(BUSY_MS_MAX)
            self._connection.execute(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            ).fetchall()  # execute() alone stops at the first statement that answers
        with self.writing():
            version = int(self._connection.pragma("user_version") or 0)
            if version > len(schemas):
                raise PermanentError(f"{called} was written by a newer Tallystick.")
            for schema in schemas[version:]:
                self._connection.execute(schema.read_text())

    def run(self, query: str, **values: Value) -> list[Row]:
        """All rows of a named query; inside `reading` or `writing` only."""
        return list(self._connection.execute(self._queries[query], values))

    def one(self, query: str, **values: Value) -> Row | None:
        """Its first row."""
        rows = self.run(query, **values)
        return rows[0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nobody else uses the connection meanwhile; a statement that writes stands by itself."""
        with self._lock, self._explained():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything or nothing; durable when the block has ended."""
        with self._lock:
            with self._explained(), transaction(self._connection):
                yield
            self.committed += 1

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Driver errors in the words of the house."""
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Corrupt(f"{self._called} is damaged: {error}.") from error
        except apsw.Error as error:
            raise TemporaryError(f"{self._called} cannot be used right now: {error}.") from error
