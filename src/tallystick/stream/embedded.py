"""The stream in one SQLite file: the default.

Many messages stand in one row, so a burst costs few inserts. `synchronous=NORMAL`: a power cut
may take the newest rows with it, never leave holes; the relay then says them again from the
ledger, and a cursor is never ahead of its messages because both are in one file.
"""

import asyncio
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import apsw
import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.durable import transaction
from tallystick.stream.cursors import Cursors
from tallystick.stream.event import Event
from tallystick.stream.message import Message
from tallystick.stream.stream import BEGIN, NOBODY, At, Batch, Lag, Offsets, Target
from tallystick.wal import UNFOLDED

PARTITION = "0"
"""The only one."""
TAIL_MESSAGES = 4_096
"""Newest messages kept in memory, at least, at most twice as many: consumers that keep up never
wait for the file."""
BUSY_MS_MAX = 5_000
"""How long to wait while the write-ahead log is begun anew."""
KEEP_MESSAGES = 1_000_000
"""How many messages stay readable behind the slowest consumer; the ledger has them all."""

_SCHEMA = (resources.files(__package__) / "sql" / "embedded.sql").read_text()
_APPEND = "INSERT INTO batches (first, messages, bodies, at_ns) VALUES (?, ?, ?, ?)"
_READ = (
    "SELECT first, bodies FROM batches WHERE first >= coalesce("
    "(SELECT max(first) FROM batches WHERE first <= ?), 0) ORDER BY first"
)
_OLDEST = "SELECT first FROM batches ORDER BY first LIMIT 1"
_END = "SELECT first + messages FROM batches ORDER BY first DESC LIMIT 1"
_AT = "SELECT min(first) FROM batches WHERE at_ns >= ?"
_TRIM = "DELETE FROM batches WHERE first + messages <= ?"
_VERSION = "PRAGMA data_version"
_NEWEST = "SELECT max(first) FROM batches"


class _Whole(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A message that its offset and bytes alone do not say."""

    position: int
    body: bytes
    event: Event | None


class EmbeddedStream:
    """One file, one connection; to be used from one thread. Nothing in it waits but for the disk.

    With `numbered`, positions are offsets: each message follows the one before, or it is a
    programmer's error.
    """

    def __init__(self, path: Path, clock: Clock, *, numbered: bool = False) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(BUSY_MS_MAX)
        # execute() alone stops at the first statement that answers.
        self._connection.execute(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {UNFOLDED}"
        ).fetchall()
        self._connection.execute(_SCHEMA)
        if len(list(self._connection.execute("PRAGMA table_info(batches)"))) == 3:  # the first form
            self._connection.execute(
                "ALTER TABLE batches ADD COLUMN at_ns INTEGER NOT NULL DEFAULT 0"
            )
        self.cursors = Cursors(self._connection, clock)
        self._clock = clock
        self._numbered = numbered
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[bytes | _Whole]).decode
        self._end = int(self._connection.execute(_END).get or 0)
        self._version = int(self._connection.execute(_VERSION).get or 0)
        self._since_trim = 0
        self._tail: list[Message] = []
        self._next: dict[str, int] = {}  # bounded by: the names of groups
        self._appended = asyncio.Event()

    @property
    def end(self) -> int:
        """The offset of the next message."""
        return self._end

    async def append(self, messages: Sequence[Message]) -> None:
        """Append in one row; the file has it when this returns."""
        if not messages:
            return
        if self._numbered:  # only the relay appends, in one process
            self._insert(messages)
        else:
            with transaction(self._connection):
                self._catch_up()
                self._insert(messages)
        self._tail += messages
        if len(self._tail) > 2 * TAIL_MESSAGES:
            del self._tail[:-TAIL_MESSAGES]
        self._appended.set()
        self._since_trim += len(messages)
        if self._since_trim > KEEP_MESSAGES // 10:
            self._since_trim = 0
            self._let_go()

    async def read(self, group: str, limit: int, wait_seconds: float = 0.0) -> list[Batch]:
        """The group's next messages; at the end it is seen whether the group was moved."""
        start = self._place(group)
        if start >= self._end:
            if group != NOBODY and self.cursors.was_moved(group):
                start = self._next[group] = self.cursors.get(group)
            elif not self._catch_up() and wait_seconds > 0:
                await self._wait(wait_seconds)
                self._catch_up()
        first, messages = self.at(start, limit)
        if not messages:
            return []
        self._next[group] = first + len(messages)
        return [Batch(PARTITION, messages, range(first, first + len(messages)))]

    async def commit(self, group: str, offsets: Offsets) -> None:
        """Keep where the group goes on, unless somebody has moved it: then it goes on there."""
        if PARTITION not in offsets or group == NOBODY:
            return
        self._place(group)
        if not self.cursors.put(group, offsets[PARTITION] + 1):
            self._next[group] = self.cursors.get(group)

    async def seek(self, group: str, target: Target) -> None:
        """Move the group; one that another process reads is moved there as well."""
        self._catch_up()
        if isinstance(target, At):
            found = self._connection.execute(_AT, (target.time_ns,)).get
            place = self._end if found is None else int(str(found))
        elif isinstance(target, str):
            place = 0 if target == BEGIN else self._end
        elif PARTITION in target:
            place = target[PARTITION] + 1
        else:
            self._next.pop(group, None)
            return
        self._next[group] = place
        if group != NOBODY:
            self.cursors.move(group, place)
            self.cursors.get(group)

    async def lag(self, group: str) -> list[Lag]:
        """Counted from what is kept."""
        self._catch_up()
        place = self.cursors.peek(group)
        oldest = int(self._connection.execute(_OLDEST).get or 0)
        behind = max(0, self._end - max(place, oldest))
        return [Lag(PARTITION, place - 1 if place else None, behind)]

    async def trim(self, before: Offsets) -> None:
        """Whole rows go; the newest stays, so that the end is known."""
        self._delete(before.get(PARTITION, 0))

    async def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _insert(self, messages: Sequence[Message]) -> None:
        first, end = self._end, self._end + len(messages)
        if self._numbered:
            positions = [message.position for message in messages]
            assert positions == list(range(first, end)), (  # noqa: S101  programmer error
                "the stream follows the ledger without gaps"
            )
        kept = [_kept(message, offset) for offset, message in enumerate(messages, first)]
        row = (first, len(messages), self._encode(kept), self._clock.now_ns())
        self._connection.execute(_APPEND, row)
        self._end = end

    def _catch_up(self) -> bool:
        """Take in what another process appended; whether there was anything.

        It reads the end only where the file says that somebody else wrote it.
        """
        version = int(self._connection.execute(_VERSION).get or 0)
        if version == self._version:
            return False
        self._version = version
        end = int(self._connection.execute(_END).get or 0)
        if end == self._end:
            return False
        self._end = end
        self._tail = []
        return True

    def _place(self, group: str) -> int:
        if group not in self._next:
            self._next[group] = 0 if group == NOBODY else self.cursors.get(group)
        return self._next[group]

    def at(self, start: int, limit: int) -> tuple[int, Sequence[Message]]:
        """The offset of the first message from `start` on, and at most `limit` of them."""
        tail_first = self._end - len(self._tail)
        if self._tail and start >= tail_first:
            offset = start - tail_first
            return start, self._tail[offset : offset + limit]
        found: list[Message] = []
        begin = start
        for row_first, bodies in self._connection.execute(_READ, (start,)):
            first = int(str(row_first))
            kept = self._decode(bytes(bodies))
            skip = max(0, start - first)
            if not found:
                begin = first + skip
            found += [_said(one, at) for at, one in enumerate(kept[skip:], first + skip)]
            if len(found) >= limit:
                break
        return begin, found[:limit]

    async def _wait(self, seconds: float) -> None:
        """Until something is appended, or so long."""
        self._appended.clear()
        until_ns = self._clock.now_ns() + round(seconds * NS_PER_SECOND)
        await rest(self._appended, self._clock, until_ns)

    def _let_go(self) -> None:
        """Of what every consumer that is still heard of has dealt with, but for the newest."""
        slowest = self.cursors.slowest(set(self._next))
        if slowest is not None:
            self._delete(slowest - KEEP_MESSAGES)

    def _delete(self, before: int) -> None:
        newest = int(self._connection.execute(_NEWEST).get or 0)
        self._connection.execute(_TRIM, (min(before, newest),))


def _kept(message: Message, offset: int) -> bytes | _Whole:
    if message.event is None and message.position == offset:
        return message.body
    return _Whole(message.position, message.body, message.event)


def _said(kept: bytes | _Whole, offset: int) -> Message:
    if isinstance(kept, bytes):
        return Message(offset, kept)
    return Message(kept.position, kept.body, kept.event)
