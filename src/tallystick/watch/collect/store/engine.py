"""The search engine: DuckDB, kept on a short lead, with a few searchers beside one sealer.

DuckDB is imported by the first search or seal, because it takes longer to load than all the
rest of the product.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick.errors import Corrupt, Overloaded, Refused, ShuttingDown, TemporaryError
from tallystick.limits import (
    LOG_SEARCH_MEMORY_MIB_MAX,
    LOG_SEARCH_THREADS_MAX,
    LOG_SEARCHES_MAX,
    LOG_SPILL_MIB_MAX,
    QUERY_SECONDS_MAX,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[Any, ...]
"""A row as DuckDB gives it: its statement knows what is in it."""


class Searcher:
    """A connection that one search has for itself, and the moment when it must be done."""

    def __init__(self, connection: "DuckDBPyConnection", seconds: float) -> None:
        self.connection = connection
        self._seconds = seconds
        self._over = threading.Event()
        self._ending = threading.Lock()
        self._ended = False
        self._timer = threading.Timer(seconds, self.interrupt)
        self._timer.daemon = True
        self._timer.start()

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        """All rows of a statement.

        Raises:
            Refused: `QUERY_TOO_SLOW`, `QUERY_TOO_LARGE`, or `BAD_QUERY` where it makes no sense.
            TemporaryError, Corrupt: what it reads cannot be read.
        """
        with self.refusals():
            return self.connection.execute(sql, list(values)).fetchall()

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """What DuckDB raises within, as the refusals that people understand."""
        import duckdb  # noqa: PLC0415  lazily, see the module

        if self._over.is_set():
            raise self._too_slow()
        try:
            yield
        except duckdb.InterruptException as error:
            raise self._too_slow() from error
        except duckdb.OutOfMemoryException as error:
            raise Refused(
                "QUERY_TOO_LARGE", "The query needs too much memory; make it narrower."
            ) from error
        except duckdb.IOException as error:
            raise TemporaryError(f"Log parts cannot be read: {_first_line(error)}") from error
        except duckdb.Error as error:
            if ".parquet" in str(error):
                raise Corrupt(f"A log part cannot be read: {_first_line(error)}") from error
            raise Refused("BAD_QUERY", f"The query cannot be run: {_first_line(error)}") from error

    def interrupt(self) -> None:
        """Stop what runs, from any thread; nothing else will run. Too late is no harm."""
        with self._ending:
            self._over.set()
            if not self._ended:
                self.connection.interrupt()

    def end(self) -> None:
        """The search is over, and so is its connection."""
        self._timer.cancel()
        with self._ending:
            self._ended = True
            self.connection.close()  # with whatever of its rows nobody has read

    def _too_slow(self) -> Refused:
        return Refused(
            "QUERY_TOO_SLOW",
            f"The query took longer than {self._seconds:g} seconds; make it narrower.",
        )


class Engine:
    """Hands out connections of one database in memory; it may touch only the folders named."""

    def __init__(self, spill: Path, folders: Sequence[Path]) -> None:
        self._spill = spill
        self._folders = [str(folder) for folder in (*folders, spill)]
        self._opening = threading.Lock()
        self._root: DuckDBPyConnection | None = None
        self._sealer: DuckDBPyConnection | None = None
        self._free = threading.BoundedSemaphore(LOG_SEARCHES_MAX)
        self._running: set[Searcher] = set()
        self._closed = False

    def searcher(self, seconds: float) -> Searcher:
        """A searcher; give it back with `release`.

        Raises:
            Overloaded: as many searches as may run at once took too long.
        """
        if not self._free.acquire(timeout=QUERY_SECONDS_MAX):
            raise Overloaded("Other log searches are still running; try again in a moment.")
        try:
            with self._opening:
                searcher = Searcher(self._database().cursor(), seconds)
                self._running.add(searcher)
        except BaseException:
            self._free.release()
            raise
        return searcher

    def release(self, searcher: Searcher) -> None:
        """The search is over."""
        searcher.end()
        with self._opening:
            self._running.discard(searcher)
        self._free.release()

    @contextmanager
    def searching(self, seconds: float) -> Iterator[Searcher]:
        """A searcher for the block."""
        searcher = self.searcher(seconds)
        try:
            yield searcher
        finally:
            self.release(searcher)

    def sealer(self) -> "DuckDBPyConnection":
        """The connection of whoever seals and merges."""
        with self._opening:
            if self._sealer is None:
                self._sealer = self._database().cursor()
            return self._sealer

    def drop_table(self, name: str) -> None:
        """Drop a table that nobody reads."""
        with self._opening:
            if self._root is not None:
                with self._root.cursor() as connection:
                    connection.execute(f"DROP TABLE IF EXISTS {name}")

    def close(self) -> None:
        """Let go of everything; searches that still run are stopped."""
        with self._opening:
            self._closed = True
            for searcher in self._running:
                searcher.interrupt()
            for connection in (self._sealer, self._root):
                if connection is not None:
                    connection.close()
            self._sealer = self._root = None

    def _database(self) -> "DuckDBPyConnection":
        if self._closed:
            raise ShuttingDown("The log store is closed.")
        if self._root is None:
            self._root = _open(self._spill, self._folders)
        return self._root


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _open(spill: Path, folders: list[str]) -> "DuckDBPyConnection":
    """An in-memory database that reads and writes only in these folders; the order matters."""
    import duckdb  # noqa: PLC0415  lazily, see the module

    connection = duckdb.connect(":memory:")
    for setting in (
        f"SET memory_limit = '{LOG_SEARCH_MEMORY_MIB_MAX}MiB'",
        f"SET threads = {LOG_SEARCH_THREADS_MAX}",
        f"SET max_temp_directory_size = '{LOG_SPILL_MIB_MAX}MiB'",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET preserve_insertion_order = true",
        "SET parquet_metadata_cache = true",
        "SET TimeZone = 'UTC'",
    ):
        connection.execute(setting)
    connection.execute("SET temp_directory = ?", [str(spill)])
    connection.execute("SET allowed_directories = ?", [folders])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
