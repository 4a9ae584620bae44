"""Puts messages of several partitions back into the ledger's order, in bounded memory."""

from collections import deque
from collections.abc import Iterable

from tallystick.stream.message import Message
from tallystick.stream.stream import Batch

HELD_MESSAGES_MAX = 8_192
"""Most messages that wait for one that comes before them; one read may go beyond it."""


class LedgerOrder:
    """Takes batches as they are read, gives messages by position without gaps or repeats.

    `next` is the position that is given next.
    """

    def __init__(self, start: int) -> None:
        self.next = start
        self._held: dict[int, Message] = {}  # bounded by: HELD_MESSAGES_MAX and one read
        self._read: dict[str, deque[tuple[int, int]]] = {}  # bounded by: what was not dealt with

    @property
    def held(self) -> int:
        """How many messages wait."""
        return len(self._held)

    @property
    def first(self) -> int | None:
        """The lowest position that is held."""
        return min(self._held, default=None)

    def take(self, batch: Batch) -> None:
        """Hold what was not given yet."""
        read = self._read.setdefault(batch.partition, deque())  # bounded by: what is held
        for message, offset in zip(batch.messages, batch.offsets, strict=True):
            read.append((offset, message.position))
            if message.position >= self.next:
                self._held.setdefault(message.position, message)

    def give(self, limit: int) -> list[Message]:
        """The next messages that follow one another, at most `limit`."""
        given: list[Message] = []
        while len(given) < limit and (message := self._held.pop(self.next, None)) is not None:
            given.append(message)
            self.next += 1
        return given

    def take_back(self, messages: list[Message]) -> None:
        """These were given last, and too early."""
        if messages:
            self.next = messages[0].position
            self._held.update((message.position, message) for message in messages)

    def skip(self, messages: Iterable[Message]) -> None:
        """These were given from elsewhere."""
        for message in messages:
            self._held.pop(message.position, None)
            self.next = message.position + 1

    def dealt_with(self, position: int) -> dict[str, int]:
        """By partition, the last offset up to which all is before `position`; each is told once."""
        offsets: dict[str, int] = {}
        for partition, read in self._read.items():
            while read and read[0][1] < position:
                offsets[partition] = read.popleft()[0]
        return offsets
