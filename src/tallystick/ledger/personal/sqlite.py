"""The vault in one SQLite file, `personal.db` in the data folder; the default.

Old pages may stay in its write-ahead log for a while, as in every backup: as ciphertext. What makes
a value unreadable, wherever it was copied to, is that its key is destroyed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import cast

import apsw

from tallystick.durable import transaction
from tallystick.errors import Corrupt, PermanentError, TallystickError, TemporaryError
from tallystick.ledger.personal.vault import Held, SealedField, Step

BUSY_MS_MAX = 5_000
"""How long to wait for another process's transaction."""

_VERSION = 1
_SCHEMA = resources.files(__package__) / "sql" / "sqlite" / "0001_vault.sql"
_KEEP = (
    "INSERT INTO personal_fields (subject, commitment, sealed, pending_ns) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_FORGET = (
    "DELETE FROM personal_recordings; DELETE FROM personal_erasures;"
    "UPDATE personal_progress SET position = 0"
)
_RECORD = "INSERT INTO personal_recordings (subject, position) VALUES (?, ?) ON CONFLICT DO NOTHING"
_STANDS = "UPDATE personal_fields SET pending_ns = NULL WHERE subject = ? AND commitment = ?"
_ERASE = "INSERT INTO personal_erasures (subject, position) VALUES (?, ?) ON CONFLICT DO NOTHING"
_DROP = (
    "DELETE FROM personal_fields WHERE subject = :subject"
    " AND EXISTS (SELECT 1 FROM personal_erasures WHERE subject = :subject)"
)
_DROP_PENDING = "DELETE FROM personal_fields WHERE pending_ns < ?"
_ADVANCE = "UPDATE personal_progress SET position = max(position, ?)"
_POSITION = "SELECT position FROM personal_progress"
_RECORDINGS = "SELECT position FROM personal_recordings WHERE subject = ? ORDER BY position"
_ERASURE = "SELECT position FROM personal_erasures WHERE subject = ?"
_SEALED = "SELECT sealed FROM personal_fields WHERE subject = ? AND commitment = ?"


class SqliteVault:
    """One connection on one file."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, readable by its owner only.

        Raises:
            Corrupt: it is no database, or a damaged one.
            PermanentError: a newer Tallystick wrote it.
        """
        path.touch(mode=0o600)
        with _explained():
            self._connection = _connect(path)
            with transaction(self._connection):
                self._migrate()

    def position(self) -> int:
        """Entries before this position are folded."""
        with _explained():
            return int(self._connection.execute(_POSITION).get)

    def keep(self, subject: str, fields: Sequence[SealedField], at_ns: int) -> None:
        """Keep values whose entry is about to be appended."""
        rows = [(subject, field.commitment, field.sealed, at_ns) for field in fields]
        with _explained(), transaction(self._connection):
            self._connection.executemany(_KEEP, rows)

    def settle(self, step: Step, pending_before_ns: int) -> None:
        """Fold a step, in one transaction."""
        run = self._connection
        stands = [(each.subject, c) for each in step.recorded for c in each.commitments]
        with _explained(), transaction(run):
            if step.anew:
                run.execute(_FORGET)
            run.executemany(_RECORD, [(each.subject, each.position) for each in step.recorded])
            run.executemany(_STANDS, stands)
            run.executemany(_ERASE, [(each.subject, each.position) for each in step.erased])
            run.executemany(_DROP, [{"subject": subject} for subject in step.subjects])
            run.execute(_DROP_PENDING, (pending_before_ns,))
            run.execute(_ADVANCE, (step.upto,))

    def find(self, subject: str) -> Held:
        """What the folded entries say of a subject."""
        with _explained():
            found = self._connection.execute(_RECORDINGS, (subject,)).fetchall()
            erased = self._connection.execute(_ERASURE, (subject,)).get
        positions = tuple(cast("int", row[0]) for row in found)
        return Held(positions, None if erased is None else int(erased))

    def sealed(self, subject: str, commitments: Sequence[bytes]) -> dict[bytes, bytes]:
        """The sealed values of these commitments, as far as they are there."""
        with _explained():
            found = {
                each: self._connection.execute(_SEALED, (subject, each)).get for each in commitments
            }
        return {each: bytes(sealed) for each, sealed in found.items() if sealed is not None}

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _migrate(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").get)
        if version > _VERSION:
            raise PermanentError("The vault of personal data was written by a newer Tallystick.")
        if version == 0:
            self._connection.execute(_SCHEMA.read_text())
            self._connection.execute(f"PRAGMA user_version={_VERSION}")


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MS_MAX)
    connection.execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
        "PRAGMA trusted_schema=OFF;"
    ).fetchall()
    return connection


@contextmanager
def _explained() -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except apsw.Error as error:
        raise _told(error) from error


def _told(error: apsw.Error) -> TallystickError:
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Corrupt(f"The vault of personal data is damaged: {error}.")
    return TemporaryError(f"The vault of personal data cannot be used right now: {error}.")
