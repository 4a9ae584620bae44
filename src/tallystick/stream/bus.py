"""The bus: an ordered, durable, replayable stream with a cursor for each consumer.

The contract of the port (tests/stream/test_bus_contract.py holds every backend to it):

- `publish` takes messages whose positions follow one another and the last published one. It
  returns when they are durable. Publishing a position again is harmless: it is dropped.
- `read` gives messages in order of position from `start` on, at most `limit`; an empty list means
  that there is none yet. A bus may let go of old messages; reading then begins at the oldest that
  it still holds, which the reader sees by its position.
- `commit` keeps a consumer's next position durably; `cursor` is 0 for one never heard of.
  Delivery is at least once: a consumer that stops between work and `commit` sees the messages
  again, and knows them by their position.
"""

from collections.abc import Sequence
from typing import Protocol

from tallystick.stream.message import Message


class Bus(Protocol):
    """Five methods and no more; see the module for what they promise."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Append; durable when it returns."""
        ...

    def read(self, start: int, limit: int) -> list[Message]:
        """Messages from position `start`, in order, at most `limit`."""
        ...

    def end(self) -> int:
        """The position after the last message."""
        ...

    def commit(self, consumer: str, position: int) -> None:
        """`consumer` has dealt with everything before `position`."""
        ...

    def cursor(self, consumer: str) -> int:
        """Where `consumer` goes on."""
        ...
