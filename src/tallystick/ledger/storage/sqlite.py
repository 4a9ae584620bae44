"""The ledger in one SQLite file: WAL, `synchronous=FULL`; the default.

A thread of its own writes and commits a batch, in few statements of many rows each: whenever one
of them ends the thread waits for the interpreter, so a statement a row would be slow. While it is
in SQLite or waits for the disk the interpreter is free, and the next batch gathers.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from tallystick.clock import Clock, SystemClock
from tallystick.errors import (
    Corrupt,
    HeadMoved,
    KeyTaken,
    PermanentError,
    TallystickError,
    TemporaryError,
)
from tallystick.ledger.storage.data_version import Watch
from tallystick.ledger.storage.insert import STATEMENTS_KEPT, insert
from tallystick.ledger.store import Batch, Row
from tallystick.ledger.tree import FullTile
from tallystick.wal import UNFOLDED

BUSY_MS_MAX = 5_000
"""How long to wait for another process's transaction."""
BUSY_RETRY_SECONDS = 0.005
CACHE_KIB = 65_536
"""Page cache: keeps the key index in memory at some millions of entries."""

_MIGRATIONS = resources.files(__package__) / "migrations"
_ENTRIES = "INSERT INTO entries (position, entry, leaf_hash) VALUES "
_KEYS = "INSERT INTO keys (key, position) VALUES "
_TILES_INTO = "INSERT INTO tiles (level, number, hashes, root) VALUES "
_CHECKPOINT = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
_SIZE = "SELECT coalesce(max(size), 0) FROM checkpoints"
_ROWS = (
    "SELECT entry, leaf_hash FROM entries"
    " WHERE position >= :start AND position < :start + :limit ORDER BY position"
)
_FIND = "SELECT position FROM keys WHERE key = ?"
_FIND_EACH = "SELECT (SELECT position FROM keys WHERE key = ?)"
_KEYS_FIRST = "SELECT key, position FROM keys ORDER BY key LIMIT ?"
_KEYS_AFTER = "SELECT key, position FROM keys WHERE key > ? ORDER BY key LIMIT ?"
_NOTE = "SELECT size, note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1"
_NEWEST = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"
_NOTES = "SELECT size, note FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size"
_STRAY = """
WITH head AS MATERIALIZED (SELECT coalesce(max(size), 0) AS covered FROM checkpoints)
SELECT 'entry ' || position FROM entries WHERE position >= (SELECT covered FROM head)
UNION ALL SELECT 'entry ' || position FROM entries WHERE position < 0
UNION ALL SELECT 'the checkpoint of ' || size || ' entries' FROM checkpoints WHERE size < 1
UNION ALL SELECT 'tile ' || number || ' of level ' || level FROM tiles
  WHERE level NOT BETWEEN 0 AND 6 OR number < 0
    OR number >= (SELECT covered FROM head) >> (8 * (level + 1))
LIMIT 1
"""
_TILES = (
    "SELECT number, hashes, root FROM tiles"
    " WHERE level = :level AND number >= :start AND number < :start + :limit ORDER BY number"
)


class SqliteStore:
    """One writer connection and one reader connection on one file."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """Open or make the file.

        Raises:
            Corrupt: it is no database, or a damaged one.
            PermanentError: a newer Tallystick wrote it.
        """
        self._clock = clock or SystemClock()
        self._path = path
        self._watch: Watch | None = None
        try:
            self._writer = _connect(path)
            _migrate(self._writer)
            # A process that was killed may have left a commit that is whole and was never flushed:
            # what is shown from here on must outlive a power cut, so it is flushed first.
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._reader = _connect(path)
        except apsw.Error as error:
            raise _explained(error) from error
        self._writing = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-commit")

    async def append(self, batch: Batch) -> None:
        """Store the batch whole and durably, or raise and store nothing."""
        async with self._writing:
            try:
                await self._write(batch)
            except BaseException as error:
                self._roll_back()
                if isinstance(error, apsw.Error):
                    raise _explained(error) from error
                raise

    async def _write(self, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        give_up_ns = self._clock.monotonic_ns() + BUSY_MS_MAX * 1_000_000
        while True:
            written = loop.run_in_executor(self._thread, _write, self._writer, batch)
            # A caller that gives up must not leave a half-known commit behind.
            if await asyncio.shield(written):
                return
            if self._clock.monotonic_ns() > give_up_ns:
                raise TemporaryError("Another process holds the ledger's lock.")
            await self._clock.sleep(BUSY_RETRY_SECONDS)

    def _roll_back(self) -> None:
        """Undo what was written; after a failed or cancelled COMMIT too."""
        # The one commit thread first finishes what it was given.
        self._thread.submit(_roll_back, self._writer).result()

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` rows from `start` on."""
        return [
            Row(*row)
            for row in self._query(_ROWS, {"start": start, "limit": limit}, (bytes, bytes))
        ]

    def find(self, key: str) -> int | None:
        """The position of the entry with this idempotency key."""
        found = self._query(_FIND, (key,), (int,))
        return found[0][0] if found else None

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """The position for each of these keys, in their order."""
        try:
            found = self._reader.executemany(_FIND_EACH, ((key,) for key in keys))
            return [
                None if position is None else _typed((position,), (int,))[0]
                for (position,) in found
            ]
        except apsw.Error as error:
            raise _explained(error) from error

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """(size, note) of the first checkpoint of at least `size`; -1: the newest."""
        if size < 0:
            found = self._query(_NEWEST, (), (int, str))
        else:
            found = self._query(_NOTE, (size,), (int, str))
        return (int(found[0][0]), str(found[0][1])) if found else None

    def checkpoints(self, start: int, stop: int) -> list[tuple[int, str]]:
        """(size, note) of every checkpoint of `start` <= size < `stop`, in order."""
        return [
            (int(size), str(note)) for size, note in self._query(_NOTES, (start, stop), (int, str))
        ]

    def keys(self, after: str | None, limit: int) -> list[tuple[str, int]]:
        """At most `limit` keys behind `after`, in the order of their bytes."""
        first = self._query(_KEYS_FIRST, (limit,), (str, int)) if after is None else None
        found = self._query(_KEYS_AFTER, (after, limit), (str, int)) if first is None else first
        return [(str(key), int(position)) for key, position in found]

    def stray(self) -> str | None:
        """Something that no checkpoint covers, in words."""
        found = self._query(_STRAY, (), (str,))
        return str(found[0][0]) if found else None

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from `start` on."""
        found = self._query(
            _TILES, {"level": level, "start": start, "limit": limit}, (int, bytes, bytes)
        )
        return [FullTile(level, number, hashes, root) for number, hashes, root in found]

    def follow(self, moved: Callable[[int], None]) -> None:
        """Call `moved(size)` after each commit by whomever, from a thread of its own."""
        if self._watch is None:
            try:
                self._watch = Watch(_connect(self._path), _SIZE)
            except apsw.Error as error:
                raise _explained(error) from error
        self._watch.follow(moved)

    def close(self) -> None:
        """Finish the commit on its way and close all connections."""
        if self._watch is not None:
            self._watch.close()
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def _query(
        self, sql: str, bindings: "apsw.Bindings", types: tuple[type, ...]
    ) -> list[tuple[Any, ...]]:
        try:
            return [_typed(row, types) for row in self._reader.execute(sql, bindings)]
        except apsw.Error as error:
            raise _explained(error) from error
        except UnicodeDecodeError as error:
            raise Corrupt("The ledger's database is damaged: a text in it is none.") from error


def _typed(row: tuple[Any, ...], types: tuple[type, ...]) -> tuple[Any, ...]:
    """The row as it was written: STRICT tables look at the types when they are written only."""
    if tuple(map(type, row)) != types:
        raise Corrupt("The ledger's database is damaged: a column holds another type of value.")
    return row


def _explained(error: apsw.Error) -> TallystickError:
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Corrupt(f"The ledger's database is damaged: {error}")
    if isinstance(error, apsw.FullError):
        return TemporaryError("The ledger's disk is full; nothing was stored.")
    return TemporaryError(f"The ledger's database failed; nothing was stored: {error}")


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), statementcachesize=STATEMENTS_KEPT)
    connection.set_busy_timeout(BUSY_MS_MAX)
    connection.execute(
        f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-{CACHE_KIB};"
        f"PRAGMA trusted_schema=OFF; {UNFOLDED}"
    ).fetchall()  # execute() alone stops at the first statement that answers
    return connection


def _migrate(connection: apsw.Connection) -> None:
    """Bring the schema up to date, one numbered file after the other, in one transaction.

    From then on the connection waits for no lock: `append` does, and lets others run meanwhile.
    """
    found = (file for file in _MIGRATIONS.iterdir() if file.name.endswith(".sql"))
    files = sorted(found, key=lambda file: file.name)
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _version(connection, len(files))
        for number, file in enumerate(files[done:], start=done + 1):
            connection.execute(file.read_text())
            connection.execute(f"PRAGMA user_version={number}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.set_busy_timeout(0)


def _version(connection: apsw.Connection, newest: int) -> int:
    done = int(connection.execute("PRAGMA user_version").get)
    if done > newest:
        raise PermanentError("This ledger was written by a newer Tallystick.")
    return done


def _write(connection: apsw.Connection, batch: Batch) -> bool:
    """The whole transaction; False when somebody else holds the lock, and nothing was done.

    Raises:
        HeadMoved, KeyTaken, apsw.Error: it has to be rolled back.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except apsw.BusyError:
        return False
    first = int(connection.execute(_SIZE).get)
    if first != batch.first:
        raise HeadMoved(f"The ledger holds {first} entries, not {batch.first}.")
    rows = list(enumerate(batch.rows, first))
    try:
        insert(connection, _ENTRIES, [(n, row.entry, row.leaf_hash) for n, row in rows])
        insert(connection, _KEYS, [(key, n) for n, row in rows for key in row.keys])
        tiles = [(t.level, t.index, t.hashes, t.root) for t in batch.tiles]
        insert(connection, _TILES_INTO, tiles)
        connection.execute(_CHECKPOINT, (first + len(rows), batch.note))
    except apsw.ConstraintError as error:
        raise KeyTaken from error
    connection.execute("COMMIT")
    return True


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
