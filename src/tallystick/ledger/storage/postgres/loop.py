"""A private event loop in a thread: it owns every connection of one store.

A connection of the driver belongs to one event loop, but a store is read by synchronous code and
appended to from whichever loop the caller runs. Here both meet the database's own loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from threading import Thread, current_thread
from typing import TypeVar

from tallystick.errors import ShuttingDown, TemporaryError

T = TypeVar("T")


class PrivateLoop:
    """Runs coroutines for other threads until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[object, object, T]) -> "Future[T]":
        """Start the work; its end is told to the future, whose cancelling cancels the work."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[object, object, T], seconds_max: float) -> T:
        """Block until the work has ended.

        Raises:
            TemporaryError: it has not, in this time.
            ShuttingDown: the loop was closed meanwhile.
        """
        # Waiting for oneself would never end: a follower hands over, it does not read.
        assert current_thread() is not self._thread, "read from inside the store's own thread"  # noqa: S101
        future = self.submit(work)
        try:
            return future.result(seconds_max)
        except TimeoutError as error:
            if not future.cancel():
                raise
            raise TemporaryError("The ledger's database did not answer in time.") from error
        except CancelledError as error:
            raise ShuttingDown from error

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call the function in the loop's thread, soon."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """End the thread; what still runs there is given up."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_give_up())
        self._loop.close()


async def _give_up() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
