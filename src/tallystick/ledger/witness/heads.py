"""A witness's memory in one SQLite file: what was cosigned is on disk before it is signed.

A log's head is looked at and replaced in one transaction that keeps every other connection off,
in this process or another, and is flushed (`synchronous=FULL`) when it ends.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from tallystick.durable import sync_folder, transaction
from tallystick.errors import Corrupt, Misconfigured, TallystickError, TemporaryError
from tallystick.ledger.vkey import VerifierKey
from tallystick.ledger.witness.core import Head, Slot

BUSY_MS_MAX = 5_000
"""How long to wait for another process's transaction."""
VERSION = 1

_SCHEMA = resources.files(__package__) / "heads.sql"
_HEAD = "SELECT size, root, note FROM heads WHERE origin = ?"
_SIZES = "SELECT origin, size FROM heads ORDER BY origin"
_PUT = (
    "INSERT INTO heads (origin, size, root, note) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,"
    " note = excluded.note"
)
_OWNER = "SELECT vkey FROM owner"
_OWN = "INSERT INTO owner (one, vkey) VALUES (1, ?)"


class SqliteHeads:
    """One connection on one file; several threads and processes may use it at once."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, in a folder that is there.

        Raises:
            Corrupt: it is no database, or a damaged one.
            Misconfigured: it is the file of something else, or of a newer Tallystick.
            TemporaryError: it cannot be opened.
        """
        self._lock = threading.Lock()
        try:
            self._connection = apsw.Connection(str(path))
        except apsw.Error as error:
            raise _explained(error) from error
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise
        sync_folder(path.parent)

    def _prepare(self, path: Path) -> None:
        connection = self._connection
        connection.set_busy_timeout(BUSY_MS_MAX)
        try:
            connection.execute(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF"
            ).fetchall()
            with self._transaction():
                version = int(connection.execute("PRAGMA user_version").get)
                if version not in (0, VERSION):
                    raise Misconfigured(f"{path} was written by a newer Tallystick.")
                if version == 0:
                    connection.execute(f"{_SCHEMA.read_text()}; PRAGMA user_version={VERSION}")
        except apsw.Error as error:
            raise _explained(error) from error

    def owner(self) -> str | None:
        """The verifier key line of the witness whose memory this is; none yet at first."""
        with self._lock:
            rows = self._connection.execute(_OWNER).fetchall()
        return str(rows[0][0]) if rows else None

    def belong_to(self, key: VerifierKey) -> None:
        """This memory is of the witness with this key, now and for ever.

        Raises:
            Misconfigured: it is another witness's.
        """
        with self._lock, self._transaction():
            rows = self._connection.execute(_OWNER).fetchall()
            if rows and rows[0][0] != str(key):
                raise Misconfigured(
                    f"This is the memory of the witness {rows[0][0]}, not of {key}."
                    " Each witness key needs a folder of its own."
                )
            if not rows:
                self._connection.execute(_OWN, (str(key),))

    @contextmanager
    def locked(self, origin: str) -> Iterator[Slot]:
        """One transaction; see `core.Heads`."""
        with self._lock, self._transaction():
            rows: list[Any] = self._connection.execute(_HEAD, (origin,)).fetchall()
            head = _head(*rows[0]) if rows else None
            slot = Slot(head)
            yield slot
            if slot.head is not None and slot.head != head:
                new = slot.head
                self._connection.execute(_PUT, (origin, str(new.size), new.root, new.note))

    def sizes(self) -> dict[str, int]:
        """The size of the head of each log that has one."""
        with self._lock:
            try:
                return {str(origin): int(size) for origin, size in self._connection.execute(_SIZES)}
            except apsw.Error as error:
                raise _explained(error) from error

    def close(self) -> None:
        """Let go of the file; nothing may be called afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything or nothing, alone on the file; durable when the block has ended."""
        try:
            with transaction(self._connection):
                yield
        except apsw.Error as error:
            raise _explained(error) from error


def _head(size: str, root: bytes, note: str) -> Head:
    return Head(int(size), root, note)


def _explained(error: apsw.Error) -> TallystickError:
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Corrupt(f"The witness's memory is damaged: {error}")
    return TemporaryError(f"The witness's memory cannot be used; nothing was signed: {error}")
