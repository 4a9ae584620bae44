"""Bare journals, the ceiling of every ledger: position and entry, one transaction a batch.

As durable as the product's ledger and nothing else: no leaf hash, no key, no tree, no signature.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

import apsw
import asyncpg  # type: ignore[import-untyped]  # it ships none

from tallystick.ledger import Sealable
from tallystick.ledger.storage.sqlite import CACHE_KIB
from tallystick.wal import UNFOLDED, fold_wal


class Track(Protocol):
    """One that takes batches."""

    async def append(self, entries: Sequence[Sealable]) -> None:
        """Make the batch durable behind what is there."""
        ...

    def fold(self) -> None:
        """Bring a write-ahead log into its database; the product does it in the background."""
        ...


class SqliteJournal:
    """`INSERT INTO entries (position, entry)`; WAL, synchronous=FULL, the product's cache."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.connection = apsw.Connection(str(path))
        self.connection.execute(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-{CACHE_KIB};"
            f"{UNFOLDED}"
            "CREATE TABLE entries (position INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT"
        ).fetchall()
        self._size = 0

    async def append(self, entries: Sequence[Sealable]) -> None:
        """One transaction."""
        first = self._size
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(
            "INSERT INTO entries VALUES (?, ?)",
            ((position, each.entry) for position, each in enumerate(entries, first)),
        )
        self.connection.execute("COMMIT")
        self._size += len(entries)

    def fold(self) -> None:
        """As the product folds its own."""
        fold_wal(self._path)

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


class PostgresJournal:
    """`COPY entries (position, entry)` in one transaction a batch; the server's own durability."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._size = 0

    async def append(self, entries: Sequence[Sealable]) -> None:
        """One transaction."""
        first = self._size
        records = [(position, each.entry) for position, each in enumerate(entries, first)]
        async with self._connection.transaction():
            await self._connection.copy_records_to_table("entries", records=records)
        self._size += len(entries)

    def fold(self) -> None:
        """PostgreSQL does it in a process of its own."""


@contextmanager
def sqlite_journal(folder: Path) -> Iterator[SqliteJournal]:
    """An empty bare journal in a file of this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal(folder / "journal.db")
    try:
        yield journal
    finally:
        journal.close()


@asynccontextmanager
async def postgres_journal(dsn: str) -> AsyncIterator[PostgresJournal]:
    """An empty bare journal in this database; inside the event loop that uses it."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "CREATE TABLE entries (position BIGINT PRIMARY KEY, entry BYTEA NOT NULL)"
        )
        yield PostgresJournal(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def journal(folder: Path, dsn: str | None) -> AsyncIterator[Track]:
    """The bare journal for a backend: of the database at `dsn`, else in a file."""
    async with AsyncExitStack() as stack:
        if dsn is None:
            yield stack.enter_context(sqlite_journal(folder))
        else:
            yield await stack.enter_async_context(postgres_journal(dsn))
