"""An event loop whose time is virtual: where everybody waits, the clock jumps to the next event."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tallystick.clock import NS_PER_SECOND

T = TypeVar("T")
EPOCH_NS = 1_700_000_000 * NS_PER_SECOND


class Stuck(Exception):  # noqa: N818  a name says what happened
    """Everybody waits for somebody else, and nothing is left that could happen."""


class _Leap:
    """In the place where a loop waits for sockets: nothing is waited for."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        """Let this much time pass at once."""
        if timeout is None:
            raise Stuck
        self.now += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Callbacks in order of their virtual time; those of one moment in the order of their asking.

    The four methods and the attribute are what `BaseEventLoop` asks of whoever derives from it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._leap = _Leap()
        self._selector = self._leap

    def time(self) -> float:
        """Seconds since the beginning of this world."""
        return self._leap.now

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """There are no other threads."""


class VirtualClock:
    """The product's clock on a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return EPOCH_NS + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since the beginning of this world."""
        return round(self._loop.time() * NS_PER_SECOND)

    async def sleep(self, seconds: float) -> None:
        """Wait for this many virtual seconds."""
        await asyncio.sleep(seconds)


def run(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run to the end; whoever is still about then is dropped."""
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
