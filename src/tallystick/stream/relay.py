"""The relay: follows the ledger by position and says each entry on the bus.

The position is the message's id and the relay's own cursor (`bus.end()`), so nothing can fall
between commit and publish: whatever the bus does not hold yet is read from the ledger again.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Protocol

from tallystick.clock import Clock
from tallystick.errors import Corrupt
from tallystick.ledger import Ledger
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.bus import Bus
from tallystick.stream.message import Message

GATHER_SECONDS = 0.05
"""How long the relay lets entries gather: one message row for many of them."""
FEED_MESSAGES_MAX = STREAM_READ_MAX // 8
"""Most messages handed to a consumer at once: about a millisecond of the slowest one's work."""
COMMIT_NS = 1_000_000_000
"""A consumer's cursor is kept this often: what came after it is said again after a crash."""


class Consumer(Protocol):
    """Whoever deals with messages; it may see one again and knows it by its position."""

    def __call__(self, messages: list[Message]) -> Awaitable[None]:
        """Deal with these; when it returns the cursor moves past them."""
        ...


class Relay:
    """Ledger to bus, and bus to each consumer, woken by commits."""

    def __init__(self, ledger: Ledger, bus: Bus, clock: Clock) -> None:
        """Nothing is said yet.

        Raises:
            Corrupt: the bus is ahead of the ledger, so it does not follow this one.
        """
        if bus.end() > ledger.size:
            raise Corrupt(
                f"The stream has {bus.end()} entries and the ledger only {ledger.size}: an older"
                " backup may have been put back, or another ledger's stream. Put the right ledger"
                " back, or move the stream's file away."
            )
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._committed = asyncio.Event()
        self._published: list[asyncio.Event] = []
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
            self._bus.publish(self._from_ledger(start, STREAM_READ_MAX))
            for event in self._published:
                event.set()

    async def feed(self, name: str, consumer: Consumer, start: int | None = None) -> None:
        """Hand messages to `consumer` in order for ever.

        It begins at the consumer's cursor, or at `start` for one that keeps its own place.
        """
        woken = asyncio.Event()
        self._published.append(woken)
        position = self._bus.cursor(name) if start is None else start
        due_ns = 0
        try:
            while True:
                woken.clear()
                while messages := self._read(position):
                    for piece in _pieces(messages):
                        await consumer(piece)
                        position = piece[-1].position + 1
                        if self._clock.monotonic_ns() >= due_ns:
                            self._bus.commit(name, position)
                            due_ns = self._clock.monotonic_ns() + COMMIT_NS
                        await asyncio.sleep(0)
                await woken.wait()
        finally:
            self._published.remove(woken)
            self._bus.commit(name, position)

    def _read(self, start: int) -> list[Message]:
        """The next messages; those that the bus has let go of come from the ledger again."""
        messages = self._bus.read(start, STREAM_READ_MAX)
        gone = messages[0].position - start if messages else 0
        return self._from_ledger(start, min(gone, STREAM_READ_MAX)) if gone else messages

    def _from_ledger(self, start: int, limit: int) -> list[Message]:
        rows = self._ledger.rows(start, limit)
        return [Message(position, row.entry) for position, row in enumerate(rows, start)]


def _pieces(messages: list[Message]) -> Iterator[list[Message]]:
    """The same messages, few at a time."""
    for start in range(0, len(messages), FEED_MESSAGES_MAX):
        yield messages[start : start + FEED_MESSAGES_MAX]
