"""Durable queues: receive, acknowledge, and a time in which a received message is hidden.

As Amazon SQS does it: a received message comes again when its visibility timeout is over and
nobody has acknowledged it; the receipt of an older receive is worth nothing then. Ids of
messages that were dealt with are remembered a while, so that one delivered twice is there once.
"""

import re
from collections.abc import Sequence

import msgspec

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Overloaded, Refused
from tallystick.ids import new_secret
from tallystick.stream.rules.database import Database

RECEIVE_MAX = 100
"""Most messages in one receive."""
VISIBILITY_SECONDS_DEFAULT = 30
"""How long a received message is hidden; SQS's default too."""
VISIBILITY_SECONDS_MAX = 43_200
"""SQS's limit too: twelve hours."""
MESSAGES_MAX = 1_000_000
"""Most messages in one queue; its target waits then."""
SETTLED_KEPT_MAX = 100_000
"""Ids of messages dealt with that are remembered."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,79}")


class QueueMessage(msgspec.Struct, frozen=True):
    """A received message. `receives` counts this one; `receipt` acknowledges it."""

    id: str
    receipt: str
    body: msgspec.Raw
    sent_at: str
    receives: int


class QueueItem(msgspec.Struct, frozen=True):
    """A queue: how many messages wait, how many of them are hidden, and how old the oldest is."""

    name: str
    messages: int
    hidden: int
    oldest_at: str


class Queues:
    """Of one database; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def send(self, queue: str, key: str, body: bytes, now_ns: int) -> None:
        """Put a message into a queue, durably; once under its key.

        Raises:
            Overloaded: the queue is full.
        """
        with self._db.writing():
            row = self._db.one("count_messages", queue=queue)
            if row is not None and row[0] >= MESSAGES_MAX:
                raise Overloaded(f"The queue {queue} is full.")
            self._db.run("send", queue=queue, key=key, body=body, now_ns=now_ns)

    def receive(
        self, queue: str, now_ns: int, limit: int = 1,
        visibility_seconds: float = VISIBILITY_SECONDS_DEFAULT,
    ) -> list[QueueMessage]:  # fmt: skip
        """The oldest visible messages, hidden from others until the timeout is over."""
        until_ns = now_ns + round(visibility_seconds * NS_PER_SECOND)
        received = []
        with self._db.writing():
            rows = self._db.run(
                "visible", queue=checked_name(queue), now_ns=now_ns, limit=min(limit, RECEIVE_MAX)
            )
            for seq, key, body, sent_at_ns, receives in rows:
                receipt = new_secret("rcpt")
                self._db.run("received", seq=seq, until_ns=until_ns, receipt=receipt)
                received.append(
                    QueueMessage(key, receipt, msgspec.Raw(body), rfc3339(sent_at_ns), receives + 1)
                )
        return received

    def acknowledge(self, queue: str, receipts: Sequence[str]) -> int:
        """These were dealt with; gives how many were still held under their receipts."""
        with self._db.writing():
            count = sum(
                len(self._db.run("acknowledge", queue=queue, receipt=each)) for each in receipts
            )
            self._db.run("forget_messages", kept=SETTLED_KEPT_MAX)
        return count

    def hide(self, queue: str, receipts: Sequence[str], now_ns: int, seconds: float) -> int:
        """Hide these for so long from now; 0 gives them back at once."""
        until_ns = now_ns + round(seconds * NS_PER_SECOND)
        with self._db.writing():
            return sum(
                len(self._db.run("change_visibility", queue=queue, receipt=each, until_ns=until_ns))
                for each in receipts
            )

    def all(self, now_ns: int) -> list[QueueItem]:
        """Queues that hold messages."""
        with self._db.reading():
            return [
                QueueItem(name, number, hidden, rfc3339(oldest_ns))
                for name, number, hidden, oldest_ns in self._db.run("queues", now_ns=now_ns)
            ]


def checked_name(name: str) -> str:
    """The name, if a queue can have it.

    Raises:
        Refused: `BAD_QUEUE`.
    """
    if _NAME.fullmatch(name) is None:
        sentence = "A queue's name has 1 to 80 letters, digits, dashes, underscores."
        raise Refused("BAD_QUEUE", sentence, field="name")
    return name
