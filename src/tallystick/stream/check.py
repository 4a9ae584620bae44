"""Compares the embedded stream's file with the ledger: each message must be its entry's bytes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import msgspec

from tallystick.errors import Corrupt, TemporaryError
from tallystick.ledger import Ledger

BUSY_MS_MAX = 5_000
"""How long to wait while the server begins the file's write-ahead log anew."""
_BATCHES = "SELECT first, messages, bodies FROM batches ORDER BY first"
_CURSORS = "SELECT consumer, position FROM cursors"
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


def check_stream(path: Path, ledger: Ledger) -> Iterator[int]:
    """Compare what the stream still holds; gives messages compared.

    It may have let go of old messages, and lack the newest; it has no holes in between. Where a
    consumer stands is its own affair, as long as it is not ahead of the messages. A file that is
    not there is no contradiction: the ledger is said again.

    Raises:
        Corrupt: a message is not its entry, or the file is damaged.
        TemporaryError: the file cannot be read.
    """
    if not path.exists():
        return
    with _explained(), closing(_opened(path)) as kept:
        kept.execute("BEGIN")  # one moment of it: a server may run
        cursors = kept.execute(_CURSORS).fetchall()
        end = 0
        for first, messages, bodies in kept.execute(_BATCHES):
            if int(str(first)) != end and end:
                raise Corrupt(f"The stream lacks the message {end}.")
            end = _compare(ledger, int(str(first)), int(str(messages)), bytes(bodies))
            yield end - int(str(first))
    for consumer, position in cursors:
        if not 0 <= int(str(position)) <= end:
            raise Corrupt(f"The consumer {consumer} of the stream stands at {position} of {end}.")


def _compare(ledger: Ledger, first: int, messages: int, data: bytes) -> int:
    """Compare one batch of messages; the position behind it."""
    try:
        bodies = _decode(data)
    except msgspec.DecodeError as error:
        raise Corrupt(f"The stream's messages from {first} on cannot be read.") from error
    end = first + len(bodies)
    if end > ledger.size:
        ledger.catch_up()  # said after it was committed, so it is there
    if len(bodies) != messages or not bodies or not 0 <= first < end <= ledger.size:
        raise Corrupt(f"The stream's messages from {first} on are not of this ledger.")
    rows = ledger.rows(first, len(bodies))
    for position, (body, row) in enumerate(zip(bodies, rows, strict=True), first):
        if body != row.entry:
            raise Corrupt(f"The stream's message {position} is not its entry.")
    return end


def _opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_MS_MAX)
    return connection


@contextmanager
def _explained() -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError) as error:
        raise Corrupt(f"The stream's file is damaged: {error}.") from error
    except apsw.Error as error:
        raise TemporaryError(f"The stream's file cannot be read: {error}.") from error
