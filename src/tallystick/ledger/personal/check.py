"""Compares what is kept of natural persons with the entries about them; wants no key.

Each sealed value belongs to a commitment in an entry, each commitment still has its value, and of
whoever was erased nothing is left, neither value nor key. What the values are is not looked at.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import asyncpg  # type: ignore[import-untyped]  # it ships none

from tallystick.errors import Corrupt, TemporaryError
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.notices import SubjectErased, SubjectRecorded
from tallystick.ledger.personal.folding import decode_subject

STEP_ROWS = 4_096
"""Entries, or rows of a table, read at once."""
BUSY_MS_MAX = 5_000
CONNECT_SECONDS_MAX = 5
STATEMENT_SECONDS_MAX = 30

Rows = Iterator[tuple[Any, ...]]
Read = Callable[[str], Rows]
"""Answers a query about tables as they stood at one moment; nothing where they were never made."""

_SCRATCH = """
CREATE TABLE recorded (subject TEXT, commitment BLOB, position INTEGER,
  PRIMARY KEY (subject, commitment)) STRICT, WITHOUT ROWID;
CREATE TABLE recordings (subject TEXT, position INTEGER,
  PRIMARY KEY (subject, position)) STRICT, WITHOUT ROWID;
CREATE TABLE erased (subject TEXT PRIMARY KEY, position INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE kept (subject TEXT, commitment BLOB,
  PRIMARY KEY (subject, commitment)) STRICT, WITHOUT ROWID;
"""
_RECORDED = "INSERT INTO recorded VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_RECORDING = "INSERT INTO recordings VALUES (?, ?)"
_ERASED = "INSERT INTO erased VALUES (?, ?) ON CONFLICT DO NOTHING"
_KEPT = "INSERT INTO kept VALUES (?, ?)"
_LEFT = "SELECT subject, erased.position FROM kept JOIN erased USING (subject) LIMIT 1"
_UNWANTED = (
    "SELECT subject FROM kept WHERE NOT EXISTS (SELECT 1 FROM recorded"
    " WHERE recorded.subject = kept.subject AND recorded.commitment = kept.commitment) LIMIT 1"
)
_LACKING = (
    "SELECT subject, position FROM recorded WHERE position < ?"
    " AND subject NOT IN (SELECT subject FROM erased) AND NOT EXISTS (SELECT 1 FROM kept"
    " WHERE recorded.subject = kept.subject AND recorded.commitment = kept.commitment) LIMIT 1"
)
_RECORDINGS_BEFORE = "SELECT subject, position FROM recordings WHERE position < ? ORDER BY 1, 2"
_ERASED_BEFORE = "SELECT subject, position FROM erased WHERE position < ? ORDER BY 1, 2"

_PROGRESS = "SELECT position FROM personal_progress"
_FIELDS = "SELECT subject, commitment, pending_ns FROM personal_fields"
_RECORDINGS = "SELECT subject, position FROM personal_recordings ORDER BY subject, position"
_ERASURES = "SELECT subject, position FROM personal_erasures ORDER BY subject, position"
_KEYS_PROGRESS = "SELECT position FROM progress"
_LIVING_KEYS = "SELECT subject FROM subject_keys WHERE wrapped <> zeroblob(length(wrapped))"


def check_personal(vault: Read, keys: Read, ledger: Ledger) -> Iterator[int]:
    """Compare vault and keys with the entries; gives entries read.

    Raises:
        Corrupt: a value, a key or an index is there that no entry accounts for, or lacks.
        TemporaryError: an erasure is not carried out yet, or something cannot be read.
    """
    ledger.catch_up()
    certain = ledger.size
    """What was recorded before this was kept before the vault was read."""
    vaulted = [int(position) for (position,) in vault(_PROGRESS)]
    folded = vaulted[0] if vaulted else 0
    ledger.catch_up()
    if folded > ledger.size:
        raise TemporaryError(
            "The vault of personal data followed a longer ledger; the next start of the server"
            " reads this one."
        )
    with closing(apsw.Connection("")) as scratch:  # a temporary file of SQLite's, gone with it
        scratch.execute(_SCRATCH)
        yield from _read_entries(ledger, scratch)
        _compare_values(vault, scratch, certain, folded)
        for query, wanted in ((_RECORDINGS, _RECORDINGS_BEFORE), (_ERASURES, _ERASED_BEFORE)):
            _compare_index(vault(query), scratch.execute(wanted, (folded,)))
        _compare_keys(keys, scratch)


def _read_entries(ledger: Ledger, scratch: apsw.Connection) -> Iterator[int]:
    position, size = 0, ledger.size
    while position < size:
        rows = ledger.rows(position, min(STEP_ROWS, size - position))
        with scratch:
            for at, row in enumerate(rows, position):
                entry = decode_subject(row.entry)
                if isinstance(entry, SubjectRecorded):
                    scratch.execute(_RECORDING, (entry.subject, at))
                    fields = map(bytes.fromhex, entry.fields.values())
                    scratch.executemany(_RECORDED, [(entry.subject, c, at) for c in fields])
                elif isinstance(entry, SubjectErased):
                    scratch.execute(_ERASED, (entry.subject, at))
        position += len(rows)
        yield len(rows)


def _compare_values(vault: Read, scratch: apsw.Connection, certain: int, folded: int) -> None:
    """A value whose entry is still on its way belongs to none yet."""
    pending: list[tuple[str, bytes]] = []
    with scratch:
        for subject, commitment, pending_ns in vault(_FIELDS):
            field = (str(subject), bytes(commitment))
            if pending_ns is None:
                scratch.execute(_KEPT, field)
            else:
                pending.append(field)
    for (subject,) in scratch.execute(_UNWANTED):
        raise Corrupt(f"The vault holds a value of {subject} that no entry committed to.")
    with scratch:
        scratch.executemany(_KEPT, pending)
    for subject, position in scratch.execute(_LEFT):
        _refuse_left(f"A value of {subject}", int(str(position)), folded)
    for subject, position in scratch.execute(_LACKING, (certain,)):
        raise Corrupt(f"The vault lacks a value of {subject} that entry {position} committed to.")


def _compare_index(kept: Rows, made: Rows) -> None:
    found, wanted = {*kept}, {*made}
    for subject, position in found ^ wanted:
        what = "lists" if (subject, position) in found else "does not list"
        raise Corrupt(f"The vault {what} entry {position} about {subject}; the ledger differs.")


def _compare_keys(keys: Read, scratch: apsw.Connection) -> None:
    done = [int(position) for (position,) in keys(_KEYS_PROGRESS)]
    erased = "SELECT position FROM erased WHERE subject = ?"
    for (subject,) in keys(_LIVING_KEYS):
        for (position,) in scratch.execute(erased, (subject,)):
            _refuse_left(f"The key of {subject}", int(str(position)), done[0] if done else 0)


def _refuse_left(what: str, position: int, folded: int) -> None:
    if position < folded:
        raise Corrupt(f"{what}, who was erased at position {position}, is there.")
    raise TemporaryError(
        f"{what}, who was erased at position {position}, is still there; the server's next start"
        " destroys it."
    )


@contextmanager
def sqlite_tables(path: Path) -> Iterator[Read]:
    """The tables of a SQLite file, as it stands now.

    Raises:
        Corrupt: it is damaged.
        TemporaryError: it cannot be read.
    """
    if not path.exists():
        yield lambda _query: iter(())
        return
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(BUSY_MS_MAX)
            connection.execute("BEGIN")
            yield lambda query: iter(connection.execute(query))
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError) as error:
        raise Corrupt(f"{path} is damaged: {error}.") from error
    except apsw.Error as error:
        raise TemporaryError(f"{path} cannot be read: {error}.") from error


@contextmanager
def postgres_tables(dsn: str) -> Iterator[Read]:
    """The tables of a schema in PostgreSQL, as they stand now; blocking.

    Raises:
        Corrupt: a table is not as it was made.
        TemporaryError: they cannot be read.
    """
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            connection = runner.run(_connect(dsn))
            try:
                there = runner.run(connection.fetchval("SELECT to_regclass('personal_progress')"))
                yield lambda query: _pages(runner, connection, query) if there else iter(())
            finally:
                runner.run(connection.close())
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
            raise Corrupt(f"The vault of personal data is damaged: {error}.") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            kind = type(error).__name__
            raise TemporaryError(f"The vault of personal data cannot be read ({kind}).") from error


async def _connect(dsn: str) -> Any:
    connection = await asyncpg.connect(
        dsn, timeout=CONNECT_SECONDS_MAX, command_timeout=STATEMENT_SECONDS_MAX
    )
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return connection


def _pages(runner: asyncio.Runner, connection: Any, query: str) -> Rows:
    cursor = runner.run(_cursor(connection, query))
    while page := runner.run(cursor.fetch(STEP_ROWS)):
        yield from (tuple(row) for row in page)


async def _cursor(connection: Any, query: str) -> Any:
    return await connection.cursor(query)
