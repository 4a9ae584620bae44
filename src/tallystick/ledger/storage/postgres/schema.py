"""Brings a PostgreSQL schema up to date, one numbered file after the other."""

from importlib import resources

import asyncpg  # type: ignore[import-untyped]  # it ships none

from tallystick.errors import PermanentError
from tallystick.ledger.storage.postgres.faults import unlike_a_ledger
from tallystick.ledger.storage.postgres.session import Connection

_FILES = resources.files(__package__) / "migrations"
_IS_THERE = """
SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'ledger_schema' AND relnamespace =
  (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))
"""
"""Asked of the catalogue: `to_regclass` answers from a memory that may be older than the lock."""
_VERSION = "SELECT version FROM ledger_schema"
_SET_VERSION = "UPDATE ledger_schema SET version = $1"
_ALONE = """
SELECT pg_advisory_xact_lock(x'7461'::bigint << 48 | oid::bigint)
  FROM pg_namespace WHERE nspname = current_schema()
"""
"""Of all who open this schema at once, one migrates; the number is ours and the schema's."""
_UNLIKE = (
    asyncpg.DuplicateTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.WrongObjectTypeError,
)


async def migrate(connection: Connection) -> None:
    """Run what was not run here yet; nothing is locked or written when that is nothing.

    Raises:
        PermanentError: a newer Tallystick was here, or it is no ledger at all.
    """
    files = [file.read_text() for file in sorted(_FILES.iterdir(), key=lambda file: file.name)]
    try:
        if await _done(connection, len(files)) == len(files):
            return
        async with connection.transaction():
            await connection.execute(_ALONE)
            done = await _done(connection, len(files))
            for number, statements in enumerate(files[done:], start=done + 1):
                await connection.execute(statements)
                await connection.execute(_SET_VERSION, number)
    except _UNLIKE as error:
        raise unlike_a_ledger(error) from error


async def _done(connection: Connection, newest: int) -> int:
    if not await connection.fetchval(_IS_THERE):
        return 0
    done = int(await connection.fetchval(_VERSION) or 0)
    if done > newest:
        raise PermanentError("This ledger was written by a newer Tallystick.")
    return done
