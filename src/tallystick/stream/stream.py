"""The stream: ordered, durable, replayable, with a place for each group of consumers.

The contract of the port (tests/stream/test_stream_contract.py holds every backend to it). It is
what SQLite, Kafka and Kinesis can all keep:

- A stream has **partitions** (the embedded one has one; Kinesis calls them shards, and their set
  may change). Messages with the same partition key are in one partition, in the order in which
  they were appended. Between partitions there is no order.
- An **offset** is an integer that grows within its partition and means nothing else.
- `append` returns when all messages are durable and acknowledged. When it fails, some may have
  been appended, of each partition the first ones; whoever appends them all again loses nothing,
  and keeps the order of each key but for repeats. It holds a bounded number of messages; what it
  cannot take in time is a `TemporaryError`.
- `read` gives the group's next messages and remembers how far it read. A new group begins at the
  oldest message. What was read and not committed comes again for the next process (**at least
  once**), never again for this one unless it seeks. A group that nobody reads costs nothing.
- `commit` keeps durably that the group has dealt with everything up to these offsets, inclusive.
- `seek` moves the group, durably, to the oldest message, to the end, to the first message appended
  at or after a time, or behind given offsets; forwards or backwards (replay). Partitions that are
  not named in offsets go back to what was committed: `{}` gives everything uncommitted again.
- The group `""` (`NOBODY`) is for looking: its place is kept nowhere but in this object.
- `trim` allows the stream to let go of everything before these offsets; it may keep it longer.
  Reading then begins at the oldest message that is left.
- One object is used by one event loop, and by one task for each group. Everything may raise
  `TemporaryError` (the peer is away: try again) and, at first use, `Misconfigured`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from tallystick.stream.message import Message

BEGIN: Literal["begin"] = "begin"
"""Seeks to the oldest message that is kept."""
END: Literal["end"] = "end"
"""Seeks behind the newest message."""


@dataclass(frozen=True)
class At:
    """Seeks to the first message appended at or after this time, nanoseconds since the epoch."""

    time_ns: int


Offsets = Mapping[str, int]
"""The offset last dealt with, by partition."""
Target = Literal["begin", "end"] | At | Offsets
"""Where a group can be moved to."""
NOBODY = ""
"""The group whose place is not kept."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Messages of one partition, in order, each with its offset."""

    partition: str
    messages: Sequence[Message]
    offsets: Sequence[int]


class Lag(msgspec.Struct, frozen=True):
    """How far a group is behind in one partition.

    `committed` is the offset last dealt with, None at the oldest message. `messages` not dealt
    with yet, or None where the backend cannot count them (Kinesis); then `behind_ms`, the age of
    what was read last, is known once something was read.
    """

    partition: str
    committed: int | None
    messages: int | None
    behind_ms: int | None = None


class Stream(Protocol):
    """Seven methods; see the module for what they promise."""

    async def append(self, messages: Sequence[Message]) -> None:
        """Append; durable when it returns."""
        ...

    async def read(self, group: str, limit: int, wait_seconds: float = 0.0) -> list[Batch]:
        """The group's next messages, at most `limit`; waits this long for the first of them."""
        ...

    async def commit(self, group: str, offsets: Offsets) -> None:
        """The group has dealt with everything up to these offsets."""
        ...

    async def seek(self, group: str, target: Target) -> None:
        """Move the group."""
        ...

    async def lag(self, group: str) -> list[Lag]:
        """How far the group is behind, by partition."""
        ...

    async def trim(self, before: Offsets) -> None:
        """Nobody needs what is before these offsets."""
        ...

    async def close(self) -> None:
        """Let go of everything; nothing more is appended or read."""
        ...
