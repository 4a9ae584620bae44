"""What survives a power cut: flushed files and names, and transactions that are all or nothing."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

PRIVATE = 0o600
"""Readable and writable by the file's owner only."""


class Connection(Protocol):
    """What a transaction needs of an SQLite connection; `apsw.Connection` has it."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: SQLite ends some by itself when they fail."""
        ...

    def execute(self, statements: str, /) -> object:
        """Run the statements."""
        ...


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Everything or nothing, and nobody else writes meanwhile; durable when the block has ended.

    apsw's own `with connection` would hold the interpreter while it waits for the lock.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def sync_file(path: Path) -> None:
    """Flush what was written to a file, by whomever."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder: what was made, renamed or removed there stays so."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def replace_file(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Put `data` in the place of what was there, whole or not at all; durable on return."""
    write_aside(path, data, mode).replace(path)
    sync_folder(path.parent)


def write_aside(path: Path, data: bytes, mode: int = PRIVATE) -> Path:
    """A flushed file beside `path`, for its place; it has a name that nobody else takes."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink()
        raise
    return aside


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
