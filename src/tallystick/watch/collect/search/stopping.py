"""Stopping a search from outside: its client has left, or its job was cancelled."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tallystick.watch.collect.query import Plan
from tallystick.watch.collect.store import LogStore, Rows


class Stopper:
    """Ends whatever runs for one search; `stop` may be called from any thread, at any time."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self.stopped = False

    def stop(self) -> None:
        """Interrupt the query that runs, and let no other begin."""
        with self._changing:
            self.stopped = True
            if self._interrupt is not None:
                self._interrupt()

    def begun(self, interrupt: Callable[[], None]) -> None:
        """A query begins; `interrupt` ends it from any thread."""
        with self._changing:
            self._interrupt = interrupt
            if self.stopped:
                interrupt()

    def over(self) -> None:
        """The query is over: to interrupt it now would hit the next one."""
        with self._changing:
            self._interrupt = None

    @contextmanager
    def rows(self, store: LogStore, plan: Plan, seconds_max: float) -> Iterator[Rows]:
        """The rows of a plan, for the thread of the block."""
        try:
            with store.rows(plan, seconds_max=seconds_max, begun=self.begun) as rows:
                try:
                    yield rows
                finally:
                    self.over()  # before the rows let go of what could be interrupted
        finally:
            self.over()
