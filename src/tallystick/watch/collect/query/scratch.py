"""A database with nothing in it, to ask DuckDB what it thinks of a piece of a query."""

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SETTINGS: Final = (
    "SET threads = 1",
    "SET memory_limit = '64MiB'",
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_lock = threading.Lock()


@contextmanager
def scratch() -> "Iterator[DuckDBPyConnection]":
    """A connection for the block alone; it reaches no file.

    One is opened by the first query that needs it and kept, because opening takes longer than
    compiling; it is closed when the process ends.
    """
    with _lock:
        yield _connection()


@cache
def _connection() -> "DuckDBPyConnection":
    import duckdb  # noqa: PLC0415  it takes longer to load than all the rest

    connection = duckdb.connect(":memory:")
    for setting in _SETTINGS:
        connection.execute(setting)
    atexit.register(_close)
    return connection


def _close() -> None:
    """DuckDB complains on standard error of connections that are left to the interpreter."""
    _connection().close()
    _connection.cache_clear()
