"""The relay: follows the ledger by position and says each entry on the bus.

The position is the message's id and the relay's own cursor (`bus.end()`), so nothing can fall
between commit and publish: whatever the bus does not hold yet is read from the ledger again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from tallystick.clock import Clock
from tallystick.ledger import Ledger
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.bus import Bus
from tallystick.stream.message import Message

GATHER_SECONDS = 0.02
"""How long the relay lets entries gather: one message row for many of them."""


class Consumer(Protocol):
    """Whoever deals with messages; it may see one again and knows it by its position."""

    def __call__(self, messages: list[Message]) -> Awaitable[None]:
        """Deal with these; when it returns the cursor moves past them."""
        ...


class Relay:
    """Ledger to bus, and bus to each consumer, woken by commits."""

    def __init__(self, ledger: Ledger, bus: Bus, clock: Clock) -> None:
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._committed = asyncio.Event()
        self._published: list[asyncio.Event] = []
        self.on_progress: Callable[[str, int], None] = lambda _consumer, _position: None
        ledger.follow(lambda _size: self._committed.set())

    async def run(self) -> None:
        """Follow for ever; cancelled at shutdown after `drain`."""
        while True:
            self.publish()
            await self._committed.wait()
            await self._clock.sleep(GATHER_SECONDS)

    def publish(self) -> None:
        """Say everything that is durable and not yet said."""
        self._committed.clear()
        while (start := self._bus.end()) < self._ledger.size:
            rows = self._ledger.rows(start, STREAM_READ_MAX)
            self._bus.publish([Message(start + n, row.entry) for n, row in enumerate(rows)])
            for event in self._published:
                event.set()

    async def feed(self, name: str, consumer: Consumer, start: int | None = None) -> None:
        """Hand messages to `consumer` in order for ever.

        It begins at the consumer's cursor, or at `start` for one that keeps its own place.
        """
        woken = asyncio.Event()
        self._published.append(woken)
        position = self._bus.cursor(name) if start is None else start
        while True:
            woken.clear()
            while messages := self._bus.read(position, STREAM_READ_MAX // 4):
                await consumer(messages)
                position = messages[-1].position + 1
                self._bus.commit(name, position)
                self.on_progress(name, position)
                await asyncio.sleep(0)
            await woken.wait()
