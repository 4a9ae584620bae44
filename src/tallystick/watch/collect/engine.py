"""The search engine: DuckDB, kept on a short lead, over Parquet files and hot lines.

DuckDB is imported by the first search or seal, because it takes longer to load than all the
rest of the product.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.errors import Refused
from tallystick.limits import LOG_SEARCH_MEMORY_MIB_MAX, LOG_SEARCH_THREADS_MAX
from tallystick.watch.collect.conditions import Condition

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[int, str]


class Engine:
    """Finds, seals and merges log lines; it may touch nothing outside its folder.

    `find` is for one thread at a time, and so are `seal` and `merge`; the two sides may run
    beside each other.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opening = threading.Lock()
        self._root: DuckDBPyConnection | None = None
        self._searcher: DuckDBPyConnection | None = None
        self._sealer: DuckDBPyConnection | None = None

    def find_in_text(
        self, first: int, text: str, condition: Condition, before: int, limit: int
    ) -> list[Row]:
        """The newest fitting lines of a hot segment."""
        return self._find("rows_of_text", (first, text), condition, before, limit)

    def find_in_file(self, path: Path, condition: Condition, before: int, limit: int) -> list[Row]:
        """The newest fitting lines of a sealed file."""
        return self._find("rows_of_files", ([str(path)],), condition, before, limit)

    def seal(self, first: int, text: str, target: Path) -> int:
        """Write the lines of a hot segment to a Parquet file; how many stand in it."""
        return self._write("rows_of_text", (first, text), target)

    def merge(self, sources: Sequence[Path], target: Path) -> int:
        """Write the lines of these files, oldest first, to one; how many stand in it."""
        return self._write("rows_of_files", ([str(path) for path in sources],), target)

    def count(self, path: Path) -> int:
        """The lines in a Parquet file, by its own footer."""
        connection = self._sealing_connection()
        rows = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
        return int(rows[0][0])

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[Callable[[], None]]:
        """Interrupt the finds within after this time; call what is given between two finds.

        Raises:
            Refused: `QUERY_TOO_SLOW`, or `QUERY_TOO_LARGE` when they need too much memory.
        """
        import duckdb  # noqa: PLC0415  lazily, see the module

        connection = self._searching_connection()
        late = threading.Event()

        def stop() -> None:
            late.set()
            connection.interrupt()

        def check() -> None:
            if late.is_set():
                raise Refused(
                    "QUERY_TOO_SLOW",
                    f"The query took longer than {seconds:g} seconds; make it narrower.",
                )

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            yield check
        except duckdb.InterruptException:
            check()
            raise
        except duckdb.OutOfMemoryException as error:
            raise Refused(
                "QUERY_TOO_LARGE", "The lines found are too long for one page; ask for fewer."
            ) from error
        finally:
            timer.cancel()
            timer.join()  # so that a late interrupt cannot hit the next search

    def close(self) -> None:
        """Let go of everything."""
        with self._opening:
            for connection in (self._searcher, self._sealer, self._root):
                if connection is not None:
                    connection.close()
            self._searcher = self._sealer = self._root = None

    def _find(
        self,
        rows: str,
        row_values: tuple[object, ...],
        condition: Condition,
        before: int,
        limit: int,
    ) -> list[Row]:
        sql = _statement("search").format(rows=_statement(rows), conditions=condition.sql)
        values = [*row_values, before, *condition.values, limit]
        found: list[Row] = self._searching_connection().execute(sql, values).fetchall()
        return found

    def _write(self, rows: str, values: tuple[object, ...], target: Path) -> int:
        relation = self._sealing_connection().sql(_statement(rows), params=list(values))
        relation.write_parquet(str(target), compression="zstd", overwrite=True)
        return self.count(target)

    def _searching_connection(self) -> "DuckDBPyConnection":
        with self._opening:
            if self._searcher is None:
                self._searcher = self._database().cursor()
            return self._searcher

    def _sealing_connection(self) -> "DuckDBPyConnection":
        with self._opening:
            if self._sealer is None:
                self._sealer = self._database().cursor()
            return self._sealer

    def _database(self) -> "DuckDBPyConnection":
        if self._root is None:
            self._root = _open(self._folder)
        return self._root


def _open(folder: Path) -> "DuckDBPyConnection":
    """An in-memory database that reads and writes only in `folder`; the order matters."""
    import duckdb  # noqa: PLC0415  lazily, see the module

    connection = duckdb.connect(":memory:")
    for setting in (
        f"SET memory_limit = '{LOG_SEARCH_MEMORY_MIB_MAX}MiB'",
        f"SET threads = {LOG_SEARCH_THREADS_MAX}",
        "SET temp_directory = ''",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET preserve_insertion_order = true",
    ):
        connection.execute(setting)
    connection.execute("SET allowed_directories = ?", [[str(folder)]])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


@cache
def _statement(name: str) -> str:
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text("utf-8")
