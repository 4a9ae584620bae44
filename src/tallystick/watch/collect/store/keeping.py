"""Keeping: the thread in which the keeper works while lines go on coming."""

import threading
from collections.abc import Mapping

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.limits import LOG_SEAL_RETRY_SECONDS, SHUTDOWN_SECONDS_MAX
from tallystick.watch.collect.store.keeper import Keeper
from tallystick.watch.collect.store.tail import Tail

_EXPIRE_SECONDS = 60
_BUSY = 0.25  # of the room for unsealed lines: above it there is no time for merging


class Keeping:
    """Wakes when it is told to; what it could not do, `tend` tells."""

    def __init__(
        self,
        keeper: Keeper,
        tail: Tail,
        clock: Clock,
        small_files: int,
        retention_days: Mapping[str, int],
    ) -> None:
        self._keeper = keeper
        self._tail = tail
        self._clock = clock
        self._small_files = small_files
        self._retention_days = retention_days
        self._woken = threading.Event()
        self._closing = False
        self._failure: Exception | None = None
        self._retry_ns = 0
        self._expire_ns = 0
        self._thread: threading.Thread | None = None

    @property
    def failed(self) -> bool:
        """Whether the last time went wrong."""
        return self._failure is not None

    def wake(self) -> None:
        """There is something to seal.

        Raises:
            TemporaryError, PermanentError: what went wrong last time; it is tried again.
        """
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._retry_ns:
            return
        failure, self._failure = self._failure, None
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="log-keeper", daemon=True)
            self._thread.start()
        self._woken.set()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End the thread after the step it is at."""
        self._closing = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(SHUTDOWN_SECONDS_MAX)

    def _work(self) -> None:
        while not self._closing:
            self._woken.wait()
            self._woken.clear()
            try:
                self.keep()
            except Exception as error:  # noqa: BLE001  outermost loop of a thread
                self._failure = error
                self._retry_ns = self._clock.monotonic_ns() + LOG_SEAL_RETRY_SECONDS * NS_PER_SECOND

    def keep(self) -> None:
        """Everything that is due, most urgent first."""
        self._keeper.seal()
        now_ns = self._clock.monotonic_ns()
        if self._retention_days and now_ns >= self._expire_ns:
            self._expire_ns = now_ns + _EXPIRE_SECONDS * NS_PER_SECOND
            self._keeper.expire(self._retention_days)
        while not self._closing and self._tail.pressure() < _BUSY:
            if not self._keeper.merge(self._small_files):
                return
            self._keeper.seal()
