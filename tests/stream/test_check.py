"""The stream's file compared with the ledger: each message is its entry, and none is missing."""

import asyncio
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import open_stream
from tallystick.stream.check import check_stream
from tallystick.stream.relay import Relay

SIZE = 30
SIGNER = FileKeyring("tallystick.test/stream", bytes(32))


def append(ledger: Ledger, count: int) -> None:
    """So many more entries."""
    entries = [Sealable(b"entry %d" % n) for n in range(ledger.size, ledger.size + count)]
    asyncio.run(ledger.append(ledger.size, entries))


@pytest.fixture
def ledger() -> Ledger:
    """A ledger of some entries."""
    ledger = Ledger(MemoryStore(), SIGNER)
    append(ledger, SIZE)
    return ledger


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a bus that says the same ten entries at a time."""
    ledger = Ledger(MemoryStore(), SIGNER)
    clock = ManualClock()

    async def say() -> None:
        streams = open_stream("embedded", tmp_path, clock, ledger.origin)
        relay = Relay(ledger, streams, clock)
        for _ in range(3):
            entries = [Sealable(b"entry %d" % n) for n in range(ledger.size, ledger.size + 10)]
            await ledger.append(ledger.size, entries)
            await relay.publish()
        streams.cursors.put("detect", 20)
        await streams.close()

    asyncio.run(say())
    return tmp_path / "stream.db"


def run(path: Path, statement: str) -> None:
    """Change something behind everybody's back."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(statement)


def test_clean(file: Path, ledger: Ledger) -> None:
    """Every message is its entry; none is missing but those at either end."""
    assert sum(check_stream(file, ledger)) == SIZE
    run(file, "DELETE FROM batches WHERE first = 0")
    assert sum(check_stream(file, ledger)) == 20
    assert sum(check_stream(file.with_name("none.db"), ledger)) == 0


def test_what_was_committed_since_is_taken_in(file: Path) -> None:
    """A server says entries that the ledger, as it was opened, had not seen."""
    store = MemoryStore()
    ledger, server = Ledger(store, SIGNER), Ledger(store, SIGNER)
    append(server, SIZE)
    assert ledger.size == 0
    assert sum(check_stream(file, ledger)) == SIZE


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE batches SET bodies = CAST(replace(bodies || '', 'y 13', 'y 14') AS BLOB)",
            "message 13 is not its entry",
        ),
        ("UPDATE batches SET bodies = x'ff' WHERE first = 10", "from 10 on cannot be read"),
        ("UPDATE batches SET bodies = x'90' WHERE first = 10", "from 10 on are not of this ledger"),
        ("UPDATE batches SET messages = 9 WHERE first = 10", "from 10 on are not of this ledger"),
        ("UPDATE batches SET first = 11 WHERE first = 10", "lacks the message 10"),
        ("DELETE FROM batches WHERE first = 10", "lacks the message 10"),
        ("UPDATE batches SET first = 100 WHERE first = 20", "lacks the message 20"),
        ("INSERT INTO batches VALUES (30, 1, x'91c400', 0)", "from 30 on are not of this ledger"),
        ("INSERT INTO batches VALUES (-1, 1, x'91c400', 0)", "from -1 on are not of this ledger"),
        ("UPDATE cursors SET position = 31", "consumer detect of the stream stands at 31 of 30"),
        ("UPDATE cursors SET position = -1", "consumer detect of the stream stands at -1 of 30"),
        ("DELETE FROM batches", "consumer detect of the stream stands at 20 of 0"),
        ("DROP TABLE cursors", "damaged: .*cursors"),
        ("ALTER TABLE batches RENAME COLUMN bodies TO b", "damaged: .*bodies"),
    ],
)
def test_whatever_is_changed_is_found(
    file: Path, ledger: Ledger, statement: str, sentence: str
) -> None:
    """One statement, and the sentence that says what it changed."""
    run(file, statement)
    with pytest.raises(Corrupt, match=sentence):
        sum(check_stream(file, ledger))


def test_noise_and_no_file_at_all(file: Path, ledger: Ledger, tmp_path: Path) -> None:
    """A sentence for each."""
    file.write_bytes(b"\xa5" * 8_192)
    with pytest.raises(Corrupt, match="The stream's file is damaged"):
        sum(check_stream(file, ledger))
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(TemporaryError, match="cannot be read"):
        sum(check_stream(tmp_path / "folder.db", ledger))
