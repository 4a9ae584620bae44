"""What a request becomes on its way into the store: encoded lines, and what tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.errors import Refused
from tallystick.limits import INGEST_EVENTS_MAX, INGEST_LINES_BYTES_MAX
from tallystick.watch.collect.columns import DEFAULT_INDEX, OWN_INDEX

INDEX_CHARACTERS_MAX = 80
"""Longest name of an index."""
_INDEX_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True)
class Writer:
    """Whoever sends lines, and the indexes that they may stand in."""

    name: str = ""
    """Names the token without showing it."""
    indexes: tuple[str, ...] | None = None
    """The only ones, the one for lines that name none first; None: any but our own."""

    @property
    def index(self) -> str:
        """The index of lines that do not name one."""
        return self.indexes[0] if self.indexes else DEFAULT_INDEX

    def may_write(self, index: str) -> bool:
        """Whether a line may stand there; in our own index only where that is on the list."""
        if self.indexes is not None:
            return index in self.indexes
        return index != OWN_INDEX and is_index(index)


def is_index(name: str) -> bool:
    """Whether an index can be called so: small letters, digits, `_` and `-`, these two not first.

    Source: Splunk "Create custom indexes".
    """
    return (
        0 < len(name) <= INDEX_CHARACTERS_MAX
        and name[0] not in "_-"
        and _INDEX_CHARACTERS.issuperset(name)
    )


@dataclass(frozen=True)
class Batch:
    """Lines that are stored together."""

    lines: Sequence[bytes] = ()
    keys: Sequence[int | None] | None = None
    """`event_key` of each line, None for a line without an id; None: no line has one."""
    request: bytes | None = None
    """Names the request, where a second one of this name is the first one sent again."""


def event_key(index: str, event_id: str) -> int:
    """What tells an event from others: its id within its index, in 64 bits for this process."""
    return hash((index, event_id))


class Gathering:
    """Lines of one request as they are made, with a limit on their number and size."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._keys: dict[int, int] = {}
        self._size = 0
        self.events = 0
        """Taken or not."""

    def count(self) -> int:
        """The number of an event, from 0.

        Raises:
            Refused: `BODY_TOO_LARGE`, the request becomes too much.
        """
        if self.events >= INGEST_EVENTS_MAX:
            sentence = f"One request may bring at most {INGEST_EVENTS_MAX} events."
            raise Refused("BODY_TOO_LARGE", sentence)
        self.events += 1
        return self.events - 1

    def add(self, line: bytes, key: int | None = None) -> None:
        """Take the encoded line of an event.

        Raises:
            Refused: `BODY_TOO_LARGE`, the request becomes too much.
        """
        self.count()
        self.keep(line, key)

    def keep(self, line: bytes, key: int | None = None) -> None:
        """Take the line of an event that is counted already.

        Raises:
            Refused: `BODY_TOO_LARGE`, the request becomes too much.
        """
        if key is not None:
            self._keys[len(self.lines)] = key
        self.lines.append(line)
        self._size += len(line)
        if self._size > INGEST_LINES_BYTES_MAX:
            sentence = f"The events of one request may fill at most {INGEST_LINES_BYTES_MAX} bytes."
            raise Refused("BODY_TOO_LARGE", sentence)

    def batch(self, request: bytes | None = None) -> Batch:
        """All that was taken."""
        keys = None
        if self._keys:
            keys = [self._keys.get(number) for number in range(len(self.lines))]
        return Batch(self.lines, keys, request)
