"""Everybody who follows the ledger in this process: who waits for a commit, and how many may."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tallystick.clock import Clock
from tallystick.errors import Overloaded, ShuttingDown
from tallystick.ledger import Ledger
from tallystick.limits import FOLLOWERS_MAX

HEARTBEAT_SECONDS = 5.0
"""Longest silence of a stream."""


class Followers:
    """Told of commits by the ledger, closed at shutdown; owned by the event loop's thread."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        followers_max: int = FOLLOWERS_MAX,
    ) -> None:
        self.clock = clock
        self.heartbeat_seconds = heartbeat_seconds
        self.closed = False
        self._followers_max = followers_max
        self._waiting: set[asyncio.Event] = set()
        ledger.follow(self._moved)

    @property
    def count(self) -> int:
        """How many follow now."""
        return len(self._waiting)

    @contextmanager
    def place(self) -> Iterator[asyncio.Event]:
        """A place among the followers until the end of the block: set at each commit.

        Raises:
            Overloaded: as many follow as may.
            ShuttingDown: no more may begin.
        """
        if self.closed:
            raise ShuttingDown
        if len(self._waiting) >= self._followers_max:
            raise Overloaded(f"Already {self._followers_max} clients follow the ledger.")
        moved = asyncio.Event()
        self._waiting.add(moved)
        try:
            yield moved
        finally:
            self._waiting.discard(moved)

    def close(self) -> None:
        """End every stream; call it before the HTTP server waits for its connections."""
        self.closed = True
        self._moved(0)

    def _moved(self, _size: int) -> None:
        for moved in self._waiting:
            moved.set()
