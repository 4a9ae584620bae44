"""The log relay: follows the log store by `log.seq` and says each line on a stream of its own.

Only where a remote stream is set: in this process whoever wants log lines follows the store.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from tallystick.clock import Clock
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.message import Message
from tallystick.stream.open import Streams

GATHER_SECONDS = 0.2
"""How long lines gather before they are said together."""


class LogLines(Protocol):
    """What is followed: the log store."""

    @property
    def end(self) -> int:
        """The number of the next line."""
        ...

    def read(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Lines with their numbers, from `start` on; those that expired are left out."""
        ...

    def follow(self, told: Callable[[int], None]) -> Callable[[], None]:
        """Call `told` with the new end after each append, in any thread; gives what ends it."""
        ...


class LogRelay:
    """Log store to stream; its place moves when the stream has acknowledged."""

    def __init__(self, lines: LogLines, streams: Streams, clock: Clock) -> None:
        self._lines = lines
        self._streams = streams
        self._clock = clock
        self._place = max(1, streams.cursors.get(streams.log_relay_name))

    @property
    def behind(self) -> int:
        """Lines that are not yet on the stream."""
        return max(0, self._lines.end - self._place) if self._streams.logs else 0

    async def run(self) -> None:
        """Follow for ever; returns at once where there is no stream for log lines.

        Raises:
            TemporaryError: the stream does not take it now; run it again.
        """
        if self._streams.logs is None:
            return
        loop = asyncio.get_running_loop()
        appended = asyncio.Event()

        def told(_end: int) -> None:
            loop.call_soon_threadsafe(appended.set)

        stop = self._lines.follow(told)
        try:
            while True:
                appended.clear()
                await self.publish()
                await appended.wait()
                await self._clock.sleep(GATHER_SECONDS)
        finally:
            stop()

    async def publish(self) -> None:
        """Say every line that is kept and not yet said."""
        stream = self._streams.logs
        while stream is not None and self._place < (end := self._lines.end):
            lines = await asyncio.to_thread(self._lines.read, self._place, STREAM_READ_MAX)
            if lines:
                await stream.append([Message(seq, line) for seq, line in lines])
            self._place = lines[-1][0] + 1 if lines else end
            if not self._streams.cursors.put(self._streams.log_relay_name, self._place):
                self._place = max(1, self._streams.cursors.get(self._streams.log_relay_name))
