"""The vault in tables of the ledger's PostgreSQL database.

Calls are blocking and come from one thread, which is not the event loop's: an event loop of the
vault's own carries each of them out. Every statement may be repeated, so a call whose connection
breaks is made once more on a new one. Rows that were deleted stay in PostgreSQL's files until they
are vacuumed, and in its archives as long as those are kept: as ciphertext without a key.
"""

from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships none

from tallystick.errors import PermanentError, TemporaryError
from tallystick.ledger.personal.vault import Held, SealedField, Step
from tallystick.ledger.storage.postgres.faults import FAILURES
from tallystick.ledger.storage.postgres.loop import PrivateLoop

if TYPE_CHECKING:
    from asyncpg import Connection

T = TypeVar("T")
CONNECT_SECONDS_MAX = 5
STATEMENT_SECONDS_MAX = 30
CALL_SECONDS_MAX = 2 * (CONNECT_SECONDS_MAX + STATEMENT_SECONDS_MAX)
"""The longest that a call may take: it is made twice when its connection breaks."""

_VERSION = 1
_SCHEMA = resources.files(__package__) / "sql" / "postgres" / "0001_vault.sql"
_LOCK_SCHEMA = "SELECT pg_advisory_xact_lock(hashtext('tallystick personal ' || current_schema()))"
_HAS_SCHEMA = "SELECT to_regclass('personal_progress') IS NOT NULL"
_SCHEMA_VERSION = "SELECT schema_version FROM personal_progress"
_KEEP = (
    "INSERT INTO personal_fields (subject, commitment, sealed, pending_ns)"
    " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
)
_FORGET = (
    "DELETE FROM personal_recordings; DELETE FROM personal_erasures;"
    "UPDATE personal_progress SET position = 0"
)
_RECORD = (
    "INSERT INTO personal_recordings (subject, position) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
_STANDS = "UPDATE personal_fields SET pending_ns = NULL WHERE subject = $1 AND commitment = $2"
_ERASE = "INSERT INTO personal_erasures (subject, position) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_DROP = (
    "DELETE FROM personal_fields WHERE subject = ANY($1)"
    " AND subject IN (SELECT subject FROM personal_erasures)"
)
_DROP_PENDING = "DELETE FROM personal_fields WHERE pending_ns < $1"
_ADVANCE = "UPDATE personal_progress SET position = greatest(position, $1)"
_POSITION = "SELECT position FROM personal_progress"
_FIND = (
    "SELECT array(SELECT position FROM personal_recordings WHERE subject = $1 ORDER BY position),"
    " (SELECT position FROM personal_erasures WHERE subject = $1)"
)
_SEALED = (
    "SELECT commitment, sealed FROM personal_fields WHERE subject = $1 AND commitment = ANY($2)"
)


class PostgresVault:
    """One connection, opened when it is needed and again when it broke."""

    def __init__(self, dsn: str) -> None:
        """Connect and bring the tables of the connection's schema up to date.

        Raises:
            TemporaryError: the database cannot be reached.
            PermanentError: a newer Tallystick wrote the tables.
        """
        self._dsn = dsn
        self._connection: Connection | None = None
        self._loop = PrivateLoop("personal-postgres")
        try:
            self._run(_migrate)
        except BaseException:
            self.close()
            raise

    def position(self) -> int:
        """Entries before this position are folded."""

        async def read(connection: "Connection") -> int:
            return int(await connection.fetchval(_POSITION))

        return self._run(read)

    def keep(self, subject: str, fields: Sequence[SealedField], at_ns: int) -> None:
        """Keep values whose entry is about to be appended."""
        rows = [(subject, field.commitment, field.sealed, at_ns) for field in fields]

        async def write(connection: "Connection") -> None:
            async with connection.transaction():
                await connection.executemany(_KEEP, rows)

        self._run(write)

    def settle(self, step: Step, pending_before_ns: int) -> None:
        """Fold a step, in one transaction."""
        stands = [(each.subject, c) for each in step.recorded for c in each.commitments]

        async def write(connection: "Connection") -> None:
            async with connection.transaction():
                # First the one row that every process writes: they take turns from here on.
                await connection.execute(_ADVANCE, 0 if step.anew else step.upto)
                if step.anew:
                    await connection.execute(_FORGET)
                recorded = [(each.subject, each.position) for each in step.recorded]
                await connection.executemany(_RECORD, recorded)
                await connection.executemany(_STANDS, stands)
                erased = [(each.subject, each.position) for each in step.erased]
                await connection.executemany(_ERASE, erased)
                await connection.execute(_DROP, step.subjects)
                await connection.execute(_DROP_PENDING, pending_before_ns)
                await connection.execute(_ADVANCE, step.upto)

        self._run(write)

    def find(self, subject: str) -> Held:
        """What the folded entries say of a subject."""

        async def read(connection: "Connection") -> Held:
            positions, erased = await connection.fetchrow(_FIND, subject)
            return Held(tuple(positions), erased)

        return self._run(read)

    def sealed(self, subject: str, commitments: Sequence[bytes]) -> dict[bytes, bytes]:
        """The sealed values of these commitments, as far as they are there."""

        async def read(connection: "Connection") -> dict[bytes, bytes]:
            rows = await connection.fetch(_SEALED, subject, list(commitments))
            return {row["commitment"]: row["sealed"] for row in rows}

        return self._run(read)

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._loop.call(connection.terminate)  # nothing is under way: every call waited
        self._loop.close()

    def _run(self, work: Callable[["Connection"], Awaitable[T]]) -> T:
        try:
            return self._loop.wait(self._twice(work), CALL_SECONDS_MAX)
        except asyncpg.PostgresError as error:
            sentence = f"The vault of personal data cannot be used right now: {error}."
            raise TemporaryError(sentence) from error
        except FAILURES as error:
            kind = type(error).__name__
            sentence = f"The database of personal data cannot be reached right now ({kind})."
            raise TemporaryError(sentence) from error

    async def _twice(self, work: Callable[["Connection"], Awaitable[T]]) -> T:
        """The work, and again on a new connection when the kept one turns out to be broken."""
        kept = self._connection
        try:
            return await work(kept or await self._connect())
        except FAILURES as error:
            # The driver may say "another operation is in progress" of one that has just broken.
            broken = isinstance(error, asyncpg.InternalClientError)
            if kept is None or not (broken or kept.is_closed()):
                raise
            kept.terminate()
        return await work(await self._connect())

    async def _connect(self) -> "Connection":
        self._connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=STATEMENT_SECONDS_MAX,
            server_settings={"synchronous_commit": "on"},
        )
        return self._connection


async def _migrate(connection: "Connection") -> None:
    async with connection.transaction():
        await connection.execute(_LOCK_SCHEMA)
        if not await connection.fetchval(_HAS_SCHEMA):
            await connection.execute(_SCHEMA.read_text())
        if await connection.fetchval(_SCHEMA_VERSION) > _VERSION:
            raise PermanentError("The vault of personal data was written by a newer Tallystick.")
