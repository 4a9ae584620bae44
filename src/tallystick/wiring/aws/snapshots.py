"""The book as it was at some position, beside the ledger: a cold start folds only the rest.

It may be lost or old: entries are then folded from further back. It is held against the ledger's
root before it is used, as every projection is, and against the ledger's signature (`seal`): who
may write to this table must not say what an account has.
"""

from importlib import resources
from typing import Any

from tallystick.errors import TemporaryError
from tallystick.ledger.storage.postgres.faults import FAILURES, explained
from tallystick.ledger.storage.postgres.loop import PrivateLoop
from tallystick.ledger.storage.postgres.session import Line, Manners

SECONDS_MAX = 15.0
"""The longest that a call may take, with connecting."""
_SCHEMA = (resources.files(__package__) / "sql" / "snapshot.sql").read_text()
_KEPT = "SELECT position, root, book FROM book_snapshot"
_KEEP = (
    "INSERT INTO book_snapshot (position, root, book) VALUES ($1, $2, $3)"
    " ON CONFLICT (only_row) DO UPDATE SET position = excluded.position, root = excluded.root,"
    " book = excluded.book WHERE book_snapshot.position < excluded.position"
)


class Snapshots:
    """One row; a session is opened for a call and closed after it, for calls are seldom."""

    def __init__(self, dsn: str, manners: Manners) -> None:
        self._line = Line(dsn, manners)
        self._loop = PrivateLoop("snapshots")

    def prepare(self) -> None:
        """Make the table where it is not there: for who owns the schema, at a deployment.

        Raises:
            TemporaryError, Misconfigured: the database cannot be used.
        """
        self._ask("execute", _SCHEMA)

    def kept(self) -> tuple[int, bytes, bytes] | None:
        """(position, root, book) of the snapshot.

        Raises:
            TemporaryError, Misconfigured: the database cannot be used.
        """
        row = self._ask("fetchrow", _KEPT)
        return None if row is None else (int(row[0]), bytes(row[1]), bytes(row[2]))

    def keep(self, position: int, root: bytes, book: bytes) -> None:
        """Keep this one, unless a newer one is kept.

        Raises:
            TemporaryError, Misconfigured: the database cannot be used.
        """
        self._ask("execute", _KEEP, position, root, book)

    def close(self) -> None:
        """Nothing may be called afterwards."""
        self._loop.close()

    def _ask(self, method: str, sql: str, *arguments: object) -> Any:
        return self._loop.wait(self._asked(method, sql, *arguments), SECONDS_MAX)

    async def _asked(self, method: str, sql: str, *arguments: object) -> Any:
        try:
            connection = await self._line.connection()
            return await getattr(connection, method)(sql, *arguments)
        except (TemporaryError, *FAILURES) as error:
            raise explained(error) from error
        finally:
            await self._line.close()
