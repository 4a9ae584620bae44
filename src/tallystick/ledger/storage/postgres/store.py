"""The store of the ledger in PostgreSQL: what the port promises, for writers in many processes.

Who appends locks the one row that holds the size, compares it, puts the batch in and commits.
So writers need no leader: the later of two sees that the head moved, and stores nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tallystick.clock import NS_PER_SECOND, Clock, SystemClock
from tallystick.errors import Corrupt, HeadMoved, Refused, TemporaryError
from tallystick.ledger.storage.postgres.faults import FAILURES, explained
from tallystick.ledger.storage.postgres.follow import CHANNEL, Listener
from tallystick.ledger.storage.postgres.loop import PrivateLoop
from tallystick.ledger.storage.postgres.schema import migrate
from tallystick.ledger.storage.postgres.session import (
    CONNECT_SECONDS_MAX,
    PLAIN,
    Connection,
    Line,
    Manners,
)
from tallystick.ledger.storage.postgres.turn import BEGIN, LOCK, leave, take
from tallystick.ledger.store import Batch, Row
from tallystick.ledger.tree import FullTile

READ_SECONDS_MAX = 10.0
"""The longest that a read may take, with connecting."""
OPEN_SECONDS_MAX = 30.0
"""The longest that opening may take, with migrations and waiting for somebody else's."""
CLOSE_SECONDS_MAX = 10.0
RESOLVE_SECONDS_MAX = 15
"""How long to look for the outcome of a COMMIT whose answer was lost."""
RESOLVE_RETRY_SECONDS = 0.1
KEY_BYTES_MAX = 2_000
"""Longest idempotency key: more would not fit into a page of PostgreSQL's index."""

STATEMENT_ROWS_MAX = 256
"""Largest batch that is stored by one statement: one question to the server instead of four. For
larger ones `COPY` is faster."""

_UNTIMED = ", set_config('statement_timeout', '0', true)"
_MOVE = f"""
WITH moved AS (UPDATE ledger_head SET size = $1 RETURNING size),
  signed AS (INSERT INTO ledger_checkpoints (size, note) SELECT size, $2 FROM moved)
SELECT pg_notify({CHANNEL}, size::text){_UNTIMED} FROM moved
"""  # noqa: S608  both parts are constants
"""The last statement before COMMIT, which from here on has no time limit on the server: there, a
COMMIT that is cancelled while it waits for a replica counts as done."""
_STORE = f"""
WITH moved AS (UPDATE ledger_head SET size = $2 WHERE size = $1 RETURNING size),
  signed AS (INSERT INTO ledger_checkpoints (size, note) SELECT size, $3 FROM moved),
  entered AS (INSERT INTO ledger_entries (position, entry, leaf_hash)
    SELECT $1 + number - 1, entry, leaf_hash FROM moved,
      unnest($4::bytea[], $5::bytea[]) WITH ORDINALITY AS new (entry, leaf_hash, number)),
  settled AS (INSERT INTO ledger_keys (key, position)
    SELECT new.* FROM moved, unnest($6::text[], $7::bigint[]) AS new),
  filled AS (INSERT INTO ledger_tiles (level, number, hashes, root)
    SELECT new.* FROM moved, unnest($8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[]) AS new)
SELECT pg_notify({CHANNEL}, size::text){_UNTIMED} FROM moved
"""  # noqa: S608  both parts are constants
"""A whole batch, if the size is $1: then one row comes back, otherwise none. As `_MOVE`, the last
statement before COMMIT."""
_SIZE = "SELECT size FROM ledger_head"
_SIGNED = "SELECT note FROM ledger_checkpoints WHERE size = $1"
_ROWS = """
SELECT entry, leaf_hash FROM ledger_entries
  WHERE position >= $1 AND position < $1 + $2 ORDER BY position
"""
_FIND = "SELECT position FROM ledger_keys WHERE key = $1"
_FIND_ALL = """
SELECT position FROM unnest($1::text[]) WITH ORDINALITY AS wanted (key, number)
  LEFT JOIN ledger_keys USING (key) ORDER BY number
"""
_NOTE = "SELECT size, note FROM ledger_checkpoints WHERE size >= $1 ORDER BY size LIMIT 1"
_NEWEST = "SELECT size, note FROM ledger_checkpoints ORDER BY size DESC LIMIT 1"
_NOTES = "SELECT size, note FROM ledger_checkpoints WHERE size >= $1 AND size < $2 ORDER BY size"
_KEYS_FIRST = "SELECT key, position FROM ledger_keys ORDER BY key LIMIT $1"
_KEYS_AFTER = "SELECT key, position FROM ledger_keys WHERE key > $1 ORDER BY key LIMIT $2"
_STRAY = """
WITH head AS MATERIALIZED (SELECT coalesce(max(size), 0) AS covered FROM ledger_checkpoints)
SELECT 'entry ' || position FROM ledger_entries WHERE position >= (SELECT covered FROM head)
UNION ALL SELECT 'entry ' || position FROM ledger_entries WHERE position < 0
UNION ALL SELECT 'the checkpoint of ' || size || ' entries' FROM ledger_checkpoints WHERE size < 1
UNION ALL SELECT 'tile ' || number || ' of level ' || level FROM ledger_tiles
  WHERE level NOT BETWEEN 0 AND 6 OR number < 0
    OR number >= (SELECT covered FROM head) >> (8 * ((level & 7)::int + 1))
UNION ALL SELECT 'a head of ' || size || ' entries' FROM ledger_head
  WHERE size <> (SELECT covered FROM head)
LIMIT 1
"""
_TILES = """
SELECT number, hashes, root FROM ledger_tiles
  WHERE level = $1 AND number >= $2 AND number < $2 + $3 ORDER BY number
"""


class PostgresStore:
    """A session to read, one to write and one to listen, each opened when it is first needed."""

    def __init__(self, dsn: str, clock: Clock | None = None, manners: Manners = PLAIN) -> None:
        """Open the ledger in the first schema of the search path, or make it there.

        `dsn` is `postgresql://user:password@host:port/database?search_path=schema`; `manners` what
        it does not say about sessions.

        Raises:
            TemporaryError: the server does not answer.
            Misconfigured: it does not let us in, or it promises no durability.
            PermanentError: a newer Tallystick was here, or something that is no ledger.
        """
        self._clock = clock or SystemClock()
        self._loop = PrivateLoop("ledger-postgres")
        self._pooled = manners.pooled
        self._reader = Line(dsn, manners)
        self._writer = Line(dsn, manners)
        self._listener = Listener(dsn, manners)
        self._closed = False
        try:
            self._loop.wait(self._open(), OPEN_SECONDS_MAX)
        except BaseException:
            self.close()
            raise

    async def append(self, batch: Batch) -> None:
        """Store the batch whole and durably, or raise and store nothing."""
        _require_storable(batch)
        appending = asyncio.wrap_future(self._loop.submit(self._append(batch)))
        try:
            await appending
        except asyncio.CancelledError:
            await self._settled()
            raise

    async def take_turn(self) -> None:
        """Wait until no other writer can move the head before our next append; see `turn`.

        Raises:
            TemporaryError: it is not our turn in time, or the server is away.
        """
        await asyncio.wrap_future(self._loop.submit(take(self._writer)))

    async def leave_turn(self) -> None:
        """Give up a turn in which nothing was appended."""
        await asyncio.wrap_future(self._loop.submit(leave(self._writer)))

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` rows from `start` on."""
        return [Row(*row) for row in self._query(_ROWS, start, limit)]

    def find(self, key: str) -> int | None:
        """The position of the entry with this idempotency key."""
        if not _storable(key):
            return None
        found = self._query(_FIND, key)
        return int(found[0][0]) if found else None

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """The position for each of these keys, in their order; one question to the server."""
        storable = [key if _storable(key) else None for key in keys]
        return [position for (position,) in self._query(_FIND_ALL, storable)]

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """(size, note) of the first checkpoint of at least `size`; -1: the newest."""
        found = self._query(_NEWEST) if size < 0 else self._query(_NOTE, size)
        return (int(found[0][0]), str(found[0][1])) if found else None

    def checkpoints(self, start: int, stop: int) -> list[tuple[int, str]]:
        """(size, note) of every checkpoint of `start` <= size < `stop`, in order."""
        return [(size, note) for size, note in self._query(_NOTES, start, stop)]

    def keys(self, after: str | None, limit: int) -> list[tuple[str, int]]:
        """At most `limit` keys behind `after`, in the order of their bytes."""
        first = self._query(_KEYS_FIRST, limit) if after is None else None
        found = self._query(_KEYS_AFTER, after, limit) if first is None else first
        return [(key, position) for key, position in found]

    def stray(self) -> str | None:
        """Something that no checkpoint covers, in words; the head that disagrees with it too."""
        found = self._query(_STRAY)
        return str(found[0][0]) if found else None

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from `start` on."""
        found = self._query(_TILES, level, start, limit)
        return [FullTile(level, number, hashes, root) for number, hashes, root in found]

    def follow(self, moved: Callable[[int], None]) -> None:
        """Call `moved(size)` after each commit by whomever, from the store's own thread."""
        self._loop.call(self._listener.add, moved)

    def renew(self) -> None:
        """Open new sessions at the next use: for a process that stood still for long.

        Somebody between it and the server may have forgotten them; what is sent to such a session
        is not refused, it is never answered.
        """
        self._loop.wait(self._renew(), CLOSE_SECONDS_MAX)

    def close(self) -> None:
        """Finish the commit on its way and end the sessions."""
        if not self._closed:
            self._closed = True
            with suppress(TemporaryError):
                self._loop.wait(self._end(), CLOSE_SECONDS_MAX)
            self._loop.close()

    async def _open(self) -> None:
        try:
            await migrate(await self._reader.connection())
        except FAILURES as error:
            raise explained(error) from error

    async def _renew(self) -> None:
        for line in (self._reader, self._writer):
            async with line.lock:
                line.drop()

    async def _end(self) -> None:
        async with self._writer.lock:
            await self._writer.close()
        await self._listener.close()
        await self._reader.close()

    def _query(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return self._loop.wait(self._read(sql, *arguments), READ_SECONDS_MAX + CONNECT_SECONDS_MAX)

    async def _read(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        async with self._reader.lock:
            try:
                async with asyncio.timeout(READ_SECONDS_MAX):
                    connection = await self._reader.connection()
                    return list(await connection.fetch(sql, *arguments))
            except FAILURES as error:
                if isinstance(error, TimeoutError):
                    self._reader.drop()
                raise explained(error) from error

    async def _append(self, batch: Batch) -> None:
        async with self._writer.lock:
            connection = await self._writer.connection()
            try:
                await self._stage(connection, batch)
            except BaseException as error:
                await self._writer.roll_back()
                if isinstance(error, FAILURES):
                    raise explained(error) from error
                raise
            commit = asyncio.ensure_future(self._commit(connection, batch))
            try:
                await asyncio.shield(commit)
            except asyncio.CancelledError:
                await asyncio.gather(commit, return_exceptions=True)
                raise

    async def _stage(self, connection: Connection, batch: Batch) -> None:
        if not self._writer.in_turn:
            await connection.execute(BEGIN)
        self._writer.in_turn = False  # whatever comes of it, this transaction ends with it
        if len(batch.rows) > STATEMENT_ROWS_MAX:
            await _copy(connection, batch, pooled=self._pooled)
            return
        tiles = [(t.level, t.index, t.hashes, t.root) for t in batch.tiles]
        columns = zip(*tiles, strict=True) if tiles else ([], [], [], [])
        keys = [(key, n) for n, row in enumerate(batch.rows, batch.first) for key in row.keys]
        store = _sent(_STORE, pooled=self._pooled)
        stored = await connection.fetchrow(
            store, batch.first, batch.first + len(batch.rows), batch.note,
            [row.entry for row in batch.rows], [row.leaf_hash for row in batch.rows],
            [key for key, _ in keys], [position for _, position in keys], *columns,
        )  # fmt: skip
        if stored is None:
            raise _moved(await connection.fetchval(_SIZE), batch)

    async def _commit(self, connection: Connection, batch: Batch) -> None:
        """Commit; when it returns the batch is durable, when it raises nothing was stored."""
        try:
            if await _commits_cleanly(connection):
                return
            lost: Exception = TemporaryError("The ledger's PostgreSQL did not commit.")
        except FAILURES as error:
            lost = error
        if not await self._stored_after_all(batch):
            raise explained(lost) from lost

    async def _stored_after_all(self, batch: Batch) -> bool:
        """Find out about a COMMIT whose answer is not known."""
        give_up = self._clock.monotonic_ns() + RESOLVE_SECONDS_MAX * NS_PER_SECOND
        while True:
            self._writer.drop()
            try:
                return await self._stored(await self._writer.connection(), batch)
            except (TemporaryError, *FAILURES) as error:
                if self._clock.monotonic_ns() > give_up:
                    self._writer.drop()
                    raise TemporaryError(
                        "The ledger's PostgreSQL was lost during a commit and is not back: what"
                        " was to be stored may or may not be. Try again with the same key."
                    ) from error
            await self._clock.sleep(RESOLVE_RETRY_SECONDS)

    async def _stored(self, connection: Connection, batch: Batch) -> bool:
        """Whether the batch is there, durably, now and for ever.

        The lost transaction held the lock on the head until its end, so once we have the lock it
        is over. Ours, which is written down as well because it locked a row, comes after it: once
        it is on the disk, and on the replica that the server waits for, so is the other.
        """
        await connection.execute(BEGIN)
        await connection.fetchval(LOCK)
        note = await connection.fetchval(_SIGNED, batch.first + len(batch.rows))
        if not await _commits_cleanly(connection):
            raise TemporaryError
        return bool(note == batch.note)

    async def _settled(self) -> None:
        """Wait until the append that was cancelled has ended, however often we are cancelled."""
        ended = asyncio.wrap_future(self._loop.submit(self._writer_idle()))
        while not ended.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(ended)

    async def _writer_idle(self) -> None:
        async with self._writer.lock:
            pass


def _sent(statement: str, *, pooled: bool) -> str:
    """As it may be sent: in a pooled session nothing is set, not even for a transaction."""
    return statement.replace(_UNTIMED, "") if pooled else statement


async def _copy(connection: Connection, batch: Batch, *, pooled: bool) -> None:
    """Lock the head, compare it, copy the batch in, move the head."""
    size = await connection.fetchval(LOCK)
    if size != batch.first:
        raise _moved(size, batch)
    rows = list(enumerate(batch.rows, start=batch.first))
    entries = [(position, row.entry, row.leaf_hash) for position, row in rows]
    await connection.copy_records_to_table("ledger_entries", records=entries)
    keys = [(key, position) for position, row in rows for key in row.keys]
    if keys:
        await connection.copy_records_to_table("ledger_keys", records=keys)
    if batch.tiles:
        tiles = [(t.level, t.index, t.hashes, t.root) for t in batch.tiles]
        await connection.copy_records_to_table("ledger_tiles", records=tiles)
    await connection.execute(_sent(_MOVE, pooled=pooled), batch.first + len(rows), batch.note)


def _moved(size: int | None, batch: Batch) -> Corrupt | HeadMoved:
    """The store's size is not what the batch was made for."""
    if size is None:
        return Corrupt("The ledger's database lacks the row that holds its size.")
    return HeadMoved(f"The ledger holds {size} entries, not {batch.first}.")


async def _commits_cleanly(connection: Connection) -> bool:
    """COMMIT; False when it became a rollback, or was cut short while it waited for a replica.

    The server reports the latter as a success with a warning.
    """
    warnings: list[str] = []

    def hear(_connection: object, message: Any) -> None:
        if message.severity_en == "WARNING":
            warnings.append(str(message))

    connection.add_log_listener(hear)
    try:
        outcome = await connection.execute("COMMIT")
    finally:
        connection.remove_log_listener(hear)
    return outcome == "COMMIT" and not warnings


def _storable(key: str) -> bool:
    """Whether PostgreSQL can hold this text: no NUL, no half of a surrogate pair, not too long."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return False
    return b"\x00" not in encoded and len(encoded) <= KEY_BYTES_MAX


def _require_storable(batch: Batch) -> None:
    if not all(_storable(key) for row in batch.rows for key in row.keys):
        raise Refused(
            "BAD_KEY",
            f"An idempotency key is text of at most {KEY_BYTES_MAX} bytes without the NUL"
            " character.",
        )
