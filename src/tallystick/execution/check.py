"""Makes the projections again from the entries and compares: a wrong screen is found here.

The file is read as it stood at one moment, so a server may fold meanwhile. What is made again is
made by the very code that made it, in the same steps, so both are equal row for row.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tallystick.errors import Corrupt, PermanentError, TemporaryError
from tallystick.execution.book import Book, snapshot
from tallystick.execution.entries import decode_known
from tallystick.execution.projection import FOLD_ROWS, VERSION, Projection
from tallystick.ledger import Ledger
from tallystick.ledger.store import Row

BUSY_MS_MAX = 5_000
"""How long to wait while the server begins the file's write-ahead log anew."""
_CONTENT = {
    "times": "SELECT position, at FROM {db}.times",
    "orders": "SELECT position, account, pair, type, state, settled FROM {db}.orders",
    "steps": "SELECT decided, position FROM {db}.steps",
    "trades": "SELECT position, account, pair FROM {db}.trades",
    "names": "SELECT number, name FROM {db}.names",
    "entries": "SELECT position, account, pair, kind FROM {db}.entries",
    "holdings": "SELECT account, position, balances FROM {db}.holdings",
    "documents": "SELECT document, position FROM {db}.documents",
    "progress": "SELECT one, position, root FROM {db}.progress",
    "sqlite_schema": "SELECT type, name, tbl_name, sql FROM {db}.sqlite_schema",
}
"""Every table but the snapshot, which is no fold of rows; and the schema itself."""
_STOPS = "SELECT position FROM main.times ORDER BY position"
_SNAPSHOT = "SELECT position, root, book FROM snapshot"


class _Beginning:
    """The first `size` entries of a ledger, as a projection asks for them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.size = 0

    def rows(self, start: int, limit: int) -> list[Row]:
        """Rows from `start` on, none behind the beginning."""
        return self._ledger.rows(start, min(limit, self.size - start))

    def root(self, size: int) -> bytes:
        """The root of the first `size` entries."""
        return self._ledger.root(size)


def check_projection(path: Path, ledger: Ledger, scratch: Path) -> Iterator[int]:
    """Fold everything again into `scratch`, and compare table by table; gives entries folded.

    A file that is not there is no contradiction: it is made at the next start.

    Raises:
        Corrupt: a table says something else than the entries.
        TemporaryError, PermanentError: the file cannot be read, or is of another version.
    """
    if not path.exists():
        return
    with closing(_opened(path)) as kept, _explained():
        _require_version(kept)
        scratch.touch()
        kept.execute("ATTACH ? AS fresh", (str(scratch),))
        kept.execute("BEGIN")  # from the next read on, `main` stands still
        stops = [int(str(stop)) for (stop,) in kept.execute(_STOPS)]
        # Committed before it was folded, so the ledger holds it; it may not have looked since.
        ledger.catch_up()
        yield from _fold(scratch, ledger, stops)
        for table, content in _CONTENT.items():
            _compare(kept, table, content)
            yield 0
        # Of the indexes too: a look-up that goes through a damaged one would miss rows.
        for (said,) in kept.execute("PRAGMA main.integrity_check(1)"):
            if said != "ok":
                raise Corrupt(f"The projections' file is damaged: {said}.")


def _fold(scratch: Path, ledger: Ledger, stops: list[int]) -> Iterator[int]:
    """Make a projection in `scratch` in the same steps."""
    beginning = _Beginning(ledger)
    with closing(Projection(scratch, beginning)) as fresh:  # type: ignore[arg-type]  # as asked
        fresh.connection.execute("PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=1000")
        for stop in stops:
            folded = stop - beginning.size
            if not 0 < folded <= FOLD_ROWS or stop > ledger.size:
                raise Corrupt(f"The projections' table times has a row {stop} that no fold makes.")
            beginning.size = stop
            fresh.fold()
            yield folded


def check_snapshot(path: Path, ledger: Ledger) -> Iterator[int]:
    """Fold the book up to the kept snapshot and compare; gives entries folded.

    Raises:
        Corrupt: the snapshot is another book than the entries make.
        TemporaryError, PermanentError: the file cannot be read, or is of another version.
    """
    if not path.exists():
        return
    with closing(_opened(path)) as kept, _explained():
        _require_version(kept)
        found = list(kept.execute(_SNAPSHOT))
    ledger.catch_up()
    for position, root, data in found:
        stop = int(str(position))
        if not 0 <= stop <= ledger.size or ledger.root(stop) != root:
            raise Corrupt(f"The snapshot at position {stop} is not one of this ledger.")
        book = Book()
        yield from _fold_book(book, ledger, stop)
        if not _is_book(book, data):
            raise Corrupt(f"The snapshot at position {stop} is not the book that its entries make.")


def _fold_book(book: Book, ledger: Ledger, stop: int) -> Iterator[int]:
    while book.size < stop:
        rows = ledger.rows(book.size, min(FOLD_ROWS, stop - book.size))
        for row in rows:
            book.apply(decode_known(book.size, row.entry))
        book.cut()
        yield len(rows)


def _is_book(book: Book, data: Any) -> bool:
    """Whether a snapshot's bytes are this book; the order of members is no matter."""
    try:
        return bool(msgspec.json.decode(snapshot(book)) == msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return False


def _opened(path: Path) -> apsw.Connection:
    """The file; its write-ahead log may have to be brought in order before it is read."""
    with _explained():
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_MS_MAX)
        return connection


def _require_version(connection: apsw.Connection) -> None:
    found = connection.pragma("user_version")
    if found != VERSION:
        raise PermanentError(
            f"The projections are of version {found}, not {VERSION}: the next start of the server"
            " makes them again."
        )


@contextmanager
def _explained() -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
        raise Corrupt(f"The projections' file is damaged: {error}.") from error
    except apsw.SQLError as error:  # a table or a column that is not there
        raise Corrupt(f"The projections' tables are not as they were made: {error}.") from error
    except apsw.Error as error:
        raise TemporaryError(f"The projections cannot be read: {error}.") from error


def _compare(connection: apsw.Connection, table: str, content: str) -> None:
    """Both have the same rows, to the last; a row too many is there for everybody to see."""
    kept, fresh = content.format(db="main"), content.format(db="fresh")
    for row in connection.execute(f"{kept} EXCEPT {fresh} LIMIT 1"):
        raise Corrupt(f"The projections' table {table} says {_words(row)}; the entries do not.")
    for row in connection.execute(f"{fresh} EXCEPT {kept} LIMIT 1"):
        raise Corrupt(f"The entries make {_words(row)}; the projections' table {table} lacks it.")


def _words(row: tuple[Any, ...]) -> str:
    values = (value.hex() if isinstance(value, bytes) else str(value) for value in row)
    return "(" + ", ".join(values) + ")"
