"""The witness's memory on disk: durable before it is signed, alone while it is changed."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tallystick.errors import Corrupt, Misconfigured, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger.witness import heads as module
from tallystick.ledger.witness.core import Head
from tallystick.ledger.witness.cosignature import witness_key
from tallystick.ledger.witness.heads import SqliteHeads

HEAD = Head(2**64 - 1, b"\x07" * 32, "a note")


@pytest.fixture
def heads(tmp_path: Path) -> Iterator[SqliteHeads]:
    """An empty memory."""
    memory = SqliteHeads(tmp_path / "witness.db")
    yield memory
    memory.close()


def put(memory: SqliteHeads, origin: str, head: Head) -> None:
    """Remember a head."""
    with memory.locked(origin) as slot:
        slot.head = head


def test_what_is_put_is_there_for_the_next_process(heads: SqliteHeads, tmp_path: Path) -> None:
    """Size, root and note come back from the file, each log with its own."""
    put(heads, "one", HEAD)
    put(heads, "two", Head(0, b"\x01" * 32))
    other = SqliteHeads(tmp_path / "witness.db")
    assert other.sizes() == {"one": 2**64 - 1, "two": 0}
    with other.locked("one") as slot:
        assert slot.head == HEAD
    with other.locked("three") as slot:
        assert slot.head is None
    other.close()


def test_an_error_in_the_block_stores_nothing(heads: SqliteHeads) -> None:
    """What was put into the slot is forgotten, and the next one gets the lock."""
    put(heads, "one", Head(1, b"\x01" * 32))

    def fail() -> None:
        with heads.locked("one") as slot:
            slot.head = HEAD
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with heads.locked("one") as slot:
        assert slot.head == Head(1, b"\x01" * 32)


def test_another_process_waits_its_turn(
    heads: SqliteHeads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one has a log's head nobody changes it; who waits too long is told to come back."""
    monkeypatch.setitem(vars(module), "BUSY_MS_MAX", 10)
    other = SqliteHeads(tmp_path / "witness.db")
    with heads.locked("one") as slot:
        with pytest.raises(TemporaryError, match="nothing was signed"), other.locked("one"):
            pytest.fail("two hold the lock")
        slot.head = HEAD
    with other.locked("one") as slot:
        assert slot.head == HEAD
    other.close()


def test_threads_count_without_loss(heads: SqliteHeads) -> None:
    """Eight threads that each look and add one lose nothing."""

    def count() -> None:
        for _ in range(20):
            with heads.locked("one") as slot:
                slot.head = Head((slot.head.size if slot.head else 0) + 1, b"")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heads.sizes() == {"one": 160}


def test_it_flushes_before_it_says_so(heads: SqliteHeads) -> None:
    """The connection waits for the disk with every commit."""
    assert heads._connection.execute("PRAGMA synchronous").get == 2
    assert heads._connection.execute("PRAGMA journal_mode").get == "wal"


def test_a_memory_has_one_owner(heads: SqliteHeads) -> None:
    """A second key may not sign by what the first one remembers."""
    mine, other = (witness_key(FileKeyring("w", bytes([n]) * 32)) for n in (1, 2))
    assert heads.owner() is None
    heads.belong_to(mine)
    heads.belong_to(mine)
    assert heads.owner() == str(mine)
    with pytest.raises(Misconfigured, match="Each witness key needs a folder of its own"):
        heads.belong_to(other)


def test_a_damaged_memory_is_not_used(tmp_path: Path) -> None:
    """A file that is no database, or that a newer version wrote, is refused with a sentence."""
    (tmp_path / "junk.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(Corrupt, match="damaged"):
        SqliteHeads(tmp_path / "junk.db")
    newer = apsw.Connection(str(tmp_path / "newer.db"))
    newer.execute("PRAGMA user_version=9")
    newer.close()
    with pytest.raises(Misconfigured, match="newer Tallystick"):
        SqliteHeads(tmp_path / "newer.db")
    with pytest.raises(TemporaryError):
        SqliteHeads(tmp_path / "nowhere" / "witness.db")
