"""The bus in one SQLite file: the default.

Many messages stand in one row, so a burst costs few inserts. `synchronous=NORMAL`: a power cut
may take the newest rows with it, never leave holes; the relay then says them again from the
ledger, and a cursor is never ahead of its messages because both are in one file.
"""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import apsw
import msgspec

from tallystick.stream.message import Message
from tallystick.wal import UNFOLDED

TAIL_MESSAGES = 4_096
"""Newest messages kept in memory, at least, at most twice as many: consumers that keep up never
wait for the file."""
BUSY_MS_MAX = 5_000
"""How long to wait while the write-ahead log is begun anew."""
KEEP_MESSAGES = 1_000_000
"""How many messages stay readable behind the slowest consumer; the ledger has them all."""

_SCHEMA = (resources.files(__package__) / "embedded.sql").read_text()
_PUBLISH = "INSERT INTO batches (first, messages, bodies) VALUES (?, ?, ?)"
_READ = (
    "SELECT first, bodies FROM batches WHERE first >= coalesce("
    "(SELECT max(first) FROM batches WHERE first <= ?), 0) ORDER BY first"
)
_END = "SELECT first + messages FROM batches ORDER BY first DESC LIMIT 1"
_COMMIT = (
    "INSERT INTO cursors (consumer, position) VALUES (?, ?)"
    " ON CONFLICT (consumer) DO UPDATE SET position = excluded.position"
)
_CURSOR = "SELECT position FROM cursors WHERE consumer = ?"
_TRIM = "DELETE FROM batches WHERE first + messages <= (SELECT min(position) FROM cursors) - :keep"


class EmbeddedBus:
    """One file, one connection; to be used from one thread."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(BUSY_MS_MAX)
        # execute() alone stops at the first statement that answers.
        self._connection.execute(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {UNFOLDED}"
        ).fetchall()
        self._connection.execute(_SCHEMA)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[bytes]).decode
        self._end = int(self._connection.execute(_END).get or 0)
        self._published = 0
        self._tail: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """Append; what was published before is dropped by its position."""
        fresh = [message for message in messages if message.position >= self._end]
        if not fresh:
            return
        positions = [message.position for message in fresh]
        expected = list(range(self._end, self._end + len(fresh)))
        assert positions == expected, "the stream follows the ledger without gaps"  # noqa: S101
        bodies = self._encode([message.body for message in fresh])
        self._connection.execute(_PUBLISH, (self._end, len(fresh), bodies))
        self._end += len(fresh)
        self._tail += fresh
        if len(self._tail) > 2 * TAIL_MESSAGES:
            del self._tail[:-TAIL_MESSAGES]
        self._published += len(fresh)
        if self._published > KEEP_MESSAGES // 10:
            self._published = 0
            self._connection.execute(_TRIM, {"keep": KEEP_MESSAGES})

    def read(self, start: int, limit: int) -> list[Message]:
        """Messages from position `start`, in order, at most `limit`."""
        if self._tail and start >= self._tail[0].position:
            offset = start - self._tail[0].position
            return self._tail[offset : offset + limit]
        messages: list[Message] = []
        for first, bodies in self._connection.execute(_READ, (start,)):
            for position, body in enumerate(self._decode(bodies), start=first):
                if position >= start:
                    messages.append(Message(position, body))
            if len(messages) >= limit:
                break
        return messages[:limit]

    def end(self) -> int:
        """The position after the last message."""
        return self._end

    def commit(self, consumer: str, position: int) -> None:
        """Keep where `consumer` goes on."""
        self._connection.execute(_COMMIT, (consumer, position))

    def cursor(self, consumer: str) -> int:
        """Where `consumer` goes on; 0 for a new one."""
        return int(self._connection.execute(_CURSOR, (consumer,)).get or 0)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
