"""What is written through `durable` is there whole or not at all, and flushed in its order."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tallystick.durable import replace_file, sync_file, sync_folder, transaction, write_aside


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """Each flush as it happens: what was flushed, and how long it was then."""
    seen: list[tuple[Path, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        size = 0 if stat.S_ISDIR((found := os.fstat(descriptor)).st_mode) else found.st_size
        seen.append((Path(f"/proc/self/fd/{descriptor}").readlink(), size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A database with one table."""
    made = apsw.Connection(str(tmp_path / "some.db"))
    made.execute("CREATE TABLE rows (body TEXT UNIQUE)")
    yield made
    made.close()


def rows(connection: apsw.Connection) -> list[str]:
    """What the table holds."""
    return [str(body) for (body,) in connection.execute("SELECT body FROM rows ORDER BY body")]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new bytes stand there for their owner only, and nothing is left beside them."""
    path = tmp_path / "some"
    path.write_bytes(b"old and longer")
    path.chmod(0o644)

    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o400, 0o640, 0o666])
def test_the_mode_is_the_one_asked_for(tmp_path: Path, mode: int) -> None:
    """Whatever the process's umask, the file has the mode that its writer named."""
    path = tmp_path / "some"

    replace_file(path, b"", mode)

    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_bytes_are_flushed_before_the_name(
    tmp_path: Path, flushed: list[tuple[Path, int]]
) -> None:
    """First the whole file under its other name, then the folder: a power cut leaves old or new."""
    path = tmp_path / "some"

    replace_file(path, b"new")

    (aside, size), (folder, _) = flushed
    assert (aside.parent, size) == (tmp_path, 3)
    assert aside.name.startswith(".some.")
    assert folder == tmp_path


def test_nothing_is_replaced_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    """The error is the system's own, and nothing was made."""
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "none" / "some", b"new")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_flushed_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or broken disk: the old file stays, and what was written aside is taken away."""
    path = tmp_path / "some"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_aside_never_meet(tmp_path: Path) -> None:
    """Each has a file of its own, so neither tears the other's."""
    path = tmp_path / "some"

    one, two = write_aside(path, b"one"), write_aside(path, b"two")

    assert (one.read_bytes(), two.read_bytes()) == (b"one", b"two")
    assert not path.exists()


def test_a_file_and_a_folder_are_flushed_by_name(
    tmp_path: Path, flushed: list[tuple[Path, int]]
) -> None:
    """What somebody else wrote, such as a Parquet writer, is flushed all the same."""
    path = tmp_path / "some"
    path.write_bytes(b"12345")

    sync_file(path)
    sync_folder(tmp_path)

    assert flushed == [(path, 5), (tmp_path, 0)]
    with pytest.raises(NotADirectoryError):
        sync_folder(path)


def write(connection: apsw.Connection, *statements: str) -> None:
    """The statements in one transaction."""
    with transaction(connection):
        for each in statements:
            connection.execute(each)


INSERT = "INSERT INTO rows VALUES ('a')"


def test_a_transaction_keeps_everything(connection: apsw.Connection) -> None:
    """What was written in the block is there after it, and no transaction is left open."""
    with transaction(connection):
        connection.execute("INSERT INTO rows VALUES ('a'), ('b')")
        assert connection.in_transaction

    assert rows(connection) == ["a", "b"]
    assert not connection.in_transaction


def test_a_transaction_keeps_nothing_that_failed(connection: apsw.Connection) -> None:
    """What went wrong is raised, after all of the block was taken back."""
    with pytest.raises(apsw.ConstraintError):
        write(connection, INSERT, INSERT)

    assert rows(connection) == []
    assert not connection.in_transaction


def test_an_interrupt_takes_it_back_as_well(connection: apsw.Connection) -> None:
    """Ctrl-C in the middle, or a generator that is closed, leaves nothing half done."""

    def interrupted() -> None:
        with transaction(connection):
            connection.execute(INSERT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert rows(connection) == []
    assert not connection.in_transaction


def test_a_transaction_that_sqlite_ended_is_not_ended_twice(connection: apsw.Connection) -> None:
    """SQLite rolls back by itself after some errors; the first error is then the one that is told.

    `OR ROLLBACK` is the plainest of them; a full disk is another.
    """
    with pytest.raises(apsw.ConstraintError):
        write(connection, INSERT, INSERT.replace("INSERT", "INSERT OR ROLLBACK"))

    assert rows(connection) == []


def test_a_transaction_writes_alone(connection: apsw.Connection, tmp_path: Path) -> None:
    """It takes the write lock when it begins, so what was read in it cannot be overtaken."""
    other = apsw.Connection(str(tmp_path / "some.db"))
    with transaction(connection), pytest.raises(apsw.BusyError), transaction(other):
        pytest.fail("two writers at once")
    with transaction(other):
        other.execute("INSERT INTO rows VALUES ('b')")
    other.close()

    assert rows(connection) == ["b"]


def test_who_waits_for_the_lock_lets_others_run(
    connection: apsw.Connection, tmp_path: Path
) -> None:
    """One thread waits for the lock that another holds, which can go on and give it back."""
    holder = apsw.Connection(str(tmp_path / "some.db"))
    connection.set_busy_timeout(20_000)
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        with transaction(connection):
            connection.execute("INSERT INTO rows VALUES ('later')")

    thread = threading.Thread(target=wait)
    with transaction(holder):
        thread.start()
        assert waiting.wait(20)
        holder.execute("INSERT INTO rows VALUES ('first')")
    thread.join(20)
    holder.close()

    assert not thread.is_alive()
    assert rows(connection) == ["first", "later"]
