"""The file of the event rules, `rules.db`: one connection, named queries, errors in our words.

WAL with `synchronous=FULL`: what returned survives kill -9 and a power cut. One connection behind
one lock: everything may be called from any thread and blocks for at most a few fsyncs; another
process (the command line) may have the file open too. SQL stands in sql/queries.sql.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

import apsw

from tallystick.durable import transaction
from tallystick.errors import Corrupt, PermanentError, TemporaryError

BUSY_MS_MAX = 5_000
"""How long to wait for another process's transaction."""
Member = str | int | bytes | None
_SQL = resources.files(__package__) / "sql"
_MIGRATIONS = ("0001_rules.sql",)
_NAMED = re.compile(r"^-- name: (\w+)\n(.*?;)$", re.MULTILINE | re.DOTALL)
_QUERIES: dict[str, str] = dict(_NAMED.findall((_SQL / "queries.sql").read_text()))


class Database:
    """Open at `path`; errors are `TemporaryError` (nothing was done) or `Corrupt`."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        with _explained():
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(BUSY_MS_MAX)
            self._connection.execute(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            ).fetchall()  # execute() alone stops at the first statement that answers
        self._migrate()

    def run(self, query: str, **members: Member) -> list[tuple[Any, ...]]:
        """All rows of a named query; inside `reading` or `writing` only."""
        return list(self._connection.execute(_QUERIES[query], members))

    def one(self, query: str, **members: Member) -> tuple[Any, ...] | None:
        """Its first row."""
        rows = self.run(query, **members)
        return rows[0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Queries that change nothing."""
        with self._lock, _explained():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything or nothing; durable when the block has ended."""
        with self._lock, _explained(), transaction(self._connection):
            yield

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        with self._lock:
            self._connection.close()

    def _migrate(self) -> None:
        with self.writing():
            version = int(self._connection.pragma("user_version") or 0)
            if version > len(_MIGRATIONS):
                raise PermanentError("This file of rules was written by a newer Tallystick.")
            for name in _MIGRATIONS[version:]:
                self._connection.execute((_SQL / name).read_text())


@contextmanager
def _explained() -> Iterator[None]:
    """Driver errors in the words of the house."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Corrupt("The file of the event rules is damaged.") from error
    except apsw.Error as error:
        sentence = f"The file of the event rules cannot be used right now: {error}."
        raise TemporaryError(sentence) from error
