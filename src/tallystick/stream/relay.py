"""The relay: follows the ledger by position and says each entry on the stream.

The position is the message's id. The relay's own cursor never gets ahead of what the stream has
acknowledged, so nothing can fall between commit and publish: whatever is not acknowledged is read
from the ledger again, and said again under the same id.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Protocol

from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.errors import Corrupt
from tallystick.ledger import Ledger
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.feed import feed_of
from tallystick.stream.message import Message
from tallystick.stream.open import Streams

GATHER_SECONDS = 0.05
"""How long the relay lets entries gather: one message row for many of them."""
FEED_MESSAGES_MAX = STREAM_READ_MAX // 8
"""Most messages handed to a consumer at once: about a millisecond of the slowest one's work."""
COMMIT_NS = 1_000_000_000
"""A consumer's cursor is kept this often: what came after it is said again after a crash."""


LOOK_SECONDS = 1.0
"""How often a consumer that has nothing to do looks whether somebody moved it."""


class Consumer(Protocol):
    """Whoever deals with messages; it may see one again and knows it by its position."""

    def __call__(self, messages: list[Message]) -> Awaitable[None]:
        """Deal with these; when it returns the cursor moves past them."""
        ...


class Relay:
    """Ledger to stream, and stream to each consumer of this process, in the ledger's order."""

    def __init__(self, ledger: Ledger, streams: Streams, clock: Clock) -> None:
        """Nothing is said yet.

        Raises:
            Corrupt: the stream is ahead of the ledger, so it does not follow this one.
        """
        if streams.said > ledger.size:
            raise Corrupt(
                f"The stream has {streams.said} entries and the ledger only {ledger.size}: an older"
                " backup may have been put back, or another ledger's stream. Put the right ledger"
                " back, or move the stream's file away."
            )
        self._ledger = ledger
        self._streams = streams
        self._clock = clock
        self._committed = asyncio.Event()
        self._saying = asyncio.Lock()
        self._published: list[asyncio.Event] = []
        ledger.follow(lambda _size: self._committed.set())

    @property
    def behind(self) -> int:
        """Entries that are not yet on the stream."""
        return self._ledger.size - self._streams.said

    async def run(self) -> None:
        """Follow for ever; cancelled at shutdown after which `publish` says the rest."""
        while True:
            await self.publish()
            await self._committed.wait()
            await self._clock.sleep(GATHER_SECONDS)

    async def publish(self) -> None:
        """Say everything that is durable and not yet said.

        Raises:
            TemporaryError: the stream does not take it now; it stays to be said.
        """
        async with self._saying:
            self._committed.clear()
            while (start := self._streams.said) < self._ledger.size:
                messages = self._from_ledger(start, STREAM_READ_MAX)
                await self._streams.entries.append(messages)
                self._streams.acknowledged(start + len(messages))
                for event in self._published:
                    event.set()

    async def feed(self, name: str, consumer: Consumer, start: int | None = None) -> None:
        """Hand messages to `consumer` in order for ever.

        It begins at the consumer's cursor, or at `start` for one that keeps its own place. What
        the stream has let go of, or does not bring in time, comes from the ledger.
        """
        woken = asyncio.Event()
        self._published.append(woken)
        feed = feed_of(name, self._streams, self._from_ledger, self._clock)
        await feed.begin(start)
        dealt_with = start
        due_ns = 0
        try:
            while True:
                woken.clear()
                messages = await feed.read()
                for piece in _pieces(messages):
                    await consumer(piece)
                    dealt_with = piece[-1].position + 1
                    if self._clock.monotonic_ns() >= due_ns:
                        due_ns = self._clock.monotonic_ns() + COMMIT_NS
                        if not await feed.keep(dealt_with):
                            break
                    await asyncio.sleep(0)
                if messages or self._streams.local is None:
                    continue
                look_ns = self._clock.now_ns() + round(LOOK_SECONDS * NS_PER_SECOND)
                await rest(woken, self._clock, look_ns)
                if not woken.is_set() and dealt_with is not None:
                    await feed.keep(dealt_with)
        finally:
            self._published.remove(woken)
            if dealt_with is not None:
                await feed.keep(dealt_with)

    def _from_ledger(self, start: int, limit: int) -> list[Message]:
        rows = self._ledger.rows(start, limit)
        return [Message(position, row.entry) for position, row in enumerate(rows, start)]


def _pieces(messages: list[Message]) -> Iterator[list[Message]]:
    """The same messages, few at a time."""
    for start in range(0, len(messages), FEED_MESSAGES_MAX):
        yield messages[start : start + FEED_MESSAGES_MAX]
