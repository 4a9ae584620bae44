"""How a consumer of this process hears the entries: in the ledger's order, whatever the stream is.

The consumer's place is a ledger position in a table beside the data, so it is the same whichever
stream is set, and may be moved there beside a running server.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from tallystick.clock import Clock
from tallystick.errors import Refused, TemporaryError
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.embedded import EmbeddedStream
from tallystick.stream.message import NO_POSITION, Message
from tallystick.stream.open import Streams
from tallystick.stream.order import HELD_MESSAGES_MAX, LedgerOrder
from tallystick.stream.stream import END, Batch

POLL_SECONDS = 0.25
"""How long one read of a remote stream waits for the first message."""
PATIENCE_NS = 500_000_000
"""How long an entry may keep its followers waiting for a remote stream before it is read from the
ledger."""
STRANGE = "It is no message of this ledger."
FromLedger = Callable[[int, int], list[Message]]
"""The entries from a position on, at most so many, as messages."""

_log = structlog.get_logger("stream")


class Feed(Protocol):
    """One consumer's way to the entries."""

    async def begin(self, start: int | None) -> None:
        """Go to the consumer's place, or to `start`."""
        ...

    async def read(self) -> list[Message]:
        """The next messages, without gaps; none: there is nothing more for now."""
        ...

    async def keep(self, position: int) -> bool:
        """Everything before `position` was dealt with; False: the consumer was moved meanwhile."""
        ...


def feed_of(name: str, streams: Streams, from_ledger: FromLedger, clock: Clock) -> Feed:
    """The feed that fits the stream."""
    if streams.local is not None:
        return LocalFeed(name, streams.local, from_ledger)
    return RemoteFeed(name, streams, from_ledger, clock)


class LocalFeed:
    """From the embedded stream, where offsets are positions."""

    def __init__(self, name: str, stream: EmbeddedStream, from_ledger: FromLedger) -> None:
        self._name = name
        self._stream = stream
        self._from_ledger = from_ledger
        self._position = 0

    async def begin(self, start: int | None) -> None:
        """Go to the consumer's place, or to `start`."""
        place = self._stream.cursors.get(self._name)
        self._position = place if start is None else start

    async def read(self) -> list[Message]:
        """The next messages; those that the stream has let go of come from the ledger again."""
        first, found = self._stream.at(self._position, STREAM_READ_MAX)
        if not found and self._stream.cursors.was_moved(self._name):
            self._position = self._stream.cursors.get(self._name)
            first, found = self._stream.at(self._position, STREAM_READ_MAX)
        gone = first - self._position if found else 0
        if gone:
            found = self._from_ledger(self._position, min(gone, STREAM_READ_MAX))
        self._position += len(found)
        return list(found)

    async def keep(self, position: int) -> bool:
        """Keep the place, unless somebody has moved it: then go on there."""
        kept = self._stream.cursors.put(self._name, position)
        if not kept:
            self._position = self._stream.cursors.get(self._name)
        return kept


class RemoteFeed:
    """From all partitions of a remote stream, put back in order.

    What another process of the same group reads, what was trimmed, and what is late comes from
    the ledger. Each message is compared with its entry: whoever owns the brokers can delay, and
    show nothing false. What is not of this ledger goes to the dead letters.
    """

    def __init__(self, name: str, streams: Streams, from_ledger: FromLedger, clock: Clock) -> None:
        self._name = name
        self._streams = streams
        self._from_ledger = from_ledger
        self._clock = clock
        self._order = LedgerOrder(0)
        self._moved_ns = 0
        self._filling = False

    async def begin(self, start: int | None) -> None:
        """Go to the consumer's place, or to `start`; from the end, the past is not read again."""
        place = self._streams.cursors.get(self._name)
        self._order = LedgerOrder(place if start is None else start)
        self._moved_ns = self._clock.monotonic_ns()
        if start is not None and start > place and start >= self._streams.said:
            try:
                await self._streams.entries.seek(self._name, END)
            except (Refused, TemporaryError) as error:  # then it reads more than it needs
                _log.info("stream.seek_left_out", body=str(error))

    async def read(self) -> list[Message]:
        """The next messages in order; while some are late, none.

        What does not come in time, because it is gone or the brokers are away, is the ledger's.
        """
        if self._filling:
            found = self._filled()
            self._filling = bool(found)
            if found:
                return found
        if self._streams.cursors.was_moved(self._name):
            await self.begin(None)
        if self._order.held < HELD_MESSAGES_MAX:
            await self._take()
        found = self._compared(self._order.give(STREAM_READ_MAX))
        now_ns = self._clock.monotonic_ns()
        if found or not self._from_ledger(self._order.next, 1):
            self._moved_ns = now_ns
            return found
        far = (self._order.first or 0) - self._order.next > HELD_MESSAGES_MAX
        late = now_ns - self._moved_ns > PATIENCE_NS
        if far or late or self._order.held >= HELD_MESSAGES_MAX:
            self._filling = True
        return []

    async def keep(self, position: int) -> bool:
        """Keep the place, and the group's offsets with the stream.

        The offsets only spare a restart reading what it has seen: where they cannot be kept now,
        nothing is lost.
        """
        kept = self._streams.cursors.put(self._name, position)
        offsets = self._order.dealt_with(position)
        if offsets:
            try:
                await self._streams.entries.commit(self._name, offsets)
            except TemporaryError as error:
                _log.info("stream.commit_left_out", body=str(error))
        return kept

    def _compared(self, messages: list[Message]) -> list[Message]:
        """The ledger's own; those that it does not have yet wait."""
        if not messages:
            return messages
        first = messages[0].position
        ours = self._from_ledger(first, len(messages))
        self._order.take_back(messages[len(ours) :])
        for message, own in zip(messages, ours, strict=False):
            if message.body != own.body:
                _log.warning("stream.message_differs", **{"ledger.position": own.position})
        return ours

    async def _take(self) -> None:
        try:
            batches = await self._streams.entries.read(self._name, STREAM_READ_MAX, POLL_SECONDS)
        except TemporaryError as error:
            _log.info("stream.read_left_out", body=str(error))
            await self._clock.sleep(POLL_SECONDS)
            return
        for batch in batches:
            strange = [self._is_strange(message) for message in batch.messages]
            if any(strange):
                batch = await self._buried(batch, strange)  # noqa: PLW2901  without them
            self._order.take(batch)

    def _is_strange(self, message: Message) -> bool:
        """Whether it is not of this ledger, or so far ahead that it never was."""
        event, position = message.event, message.position
        if position == NO_POSITION or (event and event.source != self._streams.origin):
            return True
        far = position >= self._order.next + HELD_MESSAGES_MAX
        return far and not self._from_ledger(position, 1)

    async def _buried(self, batch: Batch, strange: list[bool]) -> Batch:
        """The batch, with nothing in the place of what went to the dead letters."""
        messages = list(batch.messages)
        for number, offset in enumerate(batch.offsets):
            if strange[number]:
                where = (batch.partition, offset)
                await self._streams.bury(messages[number], self._name, STRANGE, 0, where)
                messages[number] = Message(NO_POSITION, b"")
        return Batch(batch.partition, messages, batch.offsets)

    def _filled(self) -> list[Message]:
        """From the ledger, up to what came from the stream already."""
        first = self._order.first
        gap = STREAM_READ_MAX if first is None else first - self._order.next
        found = self._from_ledger(self._order.next, min(gap, STREAM_READ_MAX))
        self._order.skip(found)
        self._moved_ns = self._clock.monotonic_ns()
        return found
