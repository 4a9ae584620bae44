"""Tells when somebody, in whatever process, committed to a SQLite file.

SQLite has no notifications between processes; `PRAGMA data_version` changes when another
connection has committed, and asking costs two microseconds and no lock.
"""

from collections.abc import Callable
from threading import Event, Thread

import apsw
import structlog

LOOK_SECONDS = 0.05
"""Between two looks: how late a commit is heard of at most."""

_VERSION = "PRAGMA data_version"
_log = structlog.get_logger("ledger")


class Watch:
    """A thread that looks every now and then, on a connection of its own, until it is closed."""

    def __init__(self, connection: apsw.Connection, size: str) -> None:
        """Take over the connection; `size` is the SQL that tells how large the ledger is."""
        self._connection = connection
        self._connection.set_busy_timeout(0)  # there is always a next look
        self._size = size
        self._version = self._ask(_VERSION)
        self._told = self._ask(size)
        """The size that followers know of, or could have read before they asked."""
        self._followers: list[Callable[[int], None]] = []
        self._closing = Event()
        self._thread = Thread(target=self._run, name="ledger-watch", daemon=True)
        self._thread.start()

    def follow(self, moved: Callable[[int], None]) -> None:
        """Tell this one of each size that is new from here on."""
        self._followers.append(moved)

    def close(self) -> None:
        """Tell nobody any more."""
        self._closing.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        well = True
        while not self._closing.wait(LOOK_SECONDS):
            try:
                self._look()
                well = True
            except apsw.Error as error:
                if well:
                    _log.warning("ledger.follow_interrupted", reason=str(error))
                well = False

    def _look(self) -> None:
        version = self._ask(_VERSION)
        if version == self._version:
            return
        size = self._ask(self._size)
        self._version = version
        if size != self._told:
            self._told = size
            for moved in self._followers:
                moved(size)

    def _ask(self, sql: str) -> int:
        return int(self._connection.execute(sql).get)
