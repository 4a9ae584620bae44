"""Places for searches: so many at once, each in a thread of a bounded pool, and no queue."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from tallystick.errors import Crowded, ShuttingDown

T = TypeVar("T")


class Places:
    """A pool that takes so many pieces of work and refuses the next; for any thread."""

    def __init__(self, places_max: int, what: str) -> None:
        """`what` runs there, in the plural: `searches`."""
        self._what = what
        self._places_max = places_max
        self._pool = ThreadPoolExecutor(places_max, thread_name_prefix=f"log-{what}")
        self._counting = threading.Lock()
        self._taken = 0
        self._closed = False

    @property
    def taken(self) -> int:
        """How many places are taken now."""
        return self._taken

    def take(self) -> None:
        """Take a place, to be given back with `give_back`.

        Raises:
            Crowded: none is free.
            ShuttingDown: no more may begin.
        """
        with self._counting:
            if self._closed:
                raise ShuttingDown
            if self._taken >= self._places_max:
                sentence = f"{self._places_max} {self._what} are running already; try again soon."
                raise Crowded(sentence)
            self._taken += 1

    def give_back(self) -> None:
        """Give a place back."""
        with self._counting:
            self._taken -= 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place until the end of the block, for work that comes in pieces."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Do the work in a thread; it holds a place until it is over, whoever waits for it.

        Raises:
            Crowded: no place is free.
            ShuttingDown: no more may begin.
        """
        self.take()
        try:
            future = self._pool.submit(work)
        except BaseException:
            self.give_back()
            raise
        future.add_done_callback(lambda _done: self.give_back())
        return future

    def piece(self, work: Callable[[], T]) -> "Future[T]":
        """Do a piece of the work of a place that the caller holds.

        Raises:
            ShuttingDown: no more may begin.
        """
        if self._closed:
            raise ShuttingDown
        return self._pool.submit(work)

    def close(self) -> None:
        """Let nobody begin, and wait for those that run."""
        with self._counting:
            self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
