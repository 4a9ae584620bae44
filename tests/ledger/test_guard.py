"""The guard: it holds what was signed, whoever writes, and refuses what does not belong to it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from tallystick.errors import Corrupt, Forked, Misconfigured
from tallystick.keys import FileKeyring, Signer
from tallystick.ledger import Ledger, MemoryStore, Sealable, SqliteStore
from tallystick.ledger.guard import SLOT_BYTES, Agrees, FileGuard, Guard, Head, MemoryGuard

KEY = FileKeyring("ledger.example/guarded", b"\x09" * 32)


def head(size: int, name: str = "") -> Head:
    """A head of this size; another for each name."""
    return Head(size, sha256(f"{name}{size}".encode()).digest())


def everything(_head: Head) -> bool:
    """Agrees with any head."""
    return True


def nothing(_head: Head) -> bool:
    """Agrees with no head."""
    return False


@pytest.fixture(params=["file", "memory"])
def guard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guard]:
    """A new guard of each kind."""
    if request.param == "memory":
        yield MemoryGuard()
        return
    guard = FileGuard(tmp_path / "guard" / "a.head")
    yield guard
    guard.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., FileGuard]]:
    """Opens guards on files; they are closed with the test."""
    guards: list[FileGuard] = []

    def make(path: Path, **options: Any) -> FileGuard:
        guards.append(FileGuard(path, **options))
        return guards[-1]

    yield make
    for each in guards:
        each.close()


def test_it_holds_the_newest_head(guard: Guard) -> None:
    """Larger heads take its place, smaller ones that agree do not."""
    assert guard.head() is None
    guard.advance(head(3), nothing)
    guard.advance(head(5), everything)
    guard.advance(head(4), everything)
    guard.sync()

    assert guard.head() == head(5)


def test_the_same_head_again_is_no_question(guard: Guard) -> None:
    """Whoever signed it may say it again."""
    guard.advance(head(3), nothing)
    guard.advance(head(3), nothing)

    assert guard.head() == head(3)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_what_does_not_agree_is_a_fork(guard: Guard, size: int) -> None:
    """Behind, beside or ahead: another history than the one that was signed is refused."""
    guard.advance(head(3), nothing)

    with pytest.raises(Forked, match="A head of 3 entries was signed"):
        guard.advance(head(size, "other"), nothing)
    assert guard.head() == head(3)


def test_an_operator_may_reset_it(guard: Guard) -> None:
    """Also to a smaller head, and it goes on from there."""
    guard.advance(head(9), everything)
    guard.reset(head(4, "other"))
    guard.advance(head(5, "other"), everything)

    assert guard.head() == head(5, "other")


def test_it_is_found_again(tmp_path: Path, opened: Callable[..., FileGuard]) -> None:
    """Another process reads what this one held, and both see each other's heads."""
    one = opened(tmp_path / "a.head")
    one.advance(head(1), everything)
    other = opened(tmp_path / "a.head", expected=True)
    for size in range(2, 9):
        (one if size % 2 else other).advance(head(size), lambda held, n=size: held == head(n - 1))

    assert one.head() == other.head() == head(8)


def test_a_guard_that_was_there_must_be_there(tmp_path: Path) -> None:
    """Its absence says that the ledger was carried elsewhere."""
    with pytest.raises(Misconfigured, match="may be a copy of a ledger that is signed elsewhere"):
        FileGuard(tmp_path / "a.head", expected=True)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """With the setting that names another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="TALLYSTICK_GUARD"):
        FileGuard(tmp_path / "file" / "a.head")


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_write_leaves_the_head_before_it(
    tmp_path: Path, slot: int, opened: Callable[..., FileGuard]
) -> None:
    """Whichever of its bytes a crash left: one of both slots is whole."""
    path = tmp_path / "a.head"
    guard = opened(path)
    for size in range(1, 3 + slot):
        guard.advance(head(size), everything)
    before, after = head(1 + slot), head(2 + slot)
    whole = path.read_bytes()
    newest = ((1 + slot) % 2) * SLOT_BYTES
    for cut in range(SLOT_BYTES):
        torn = whole[:newest] + whole[newest : newest + cut].ljust(SLOT_BYTES, b"?")
        path.write_bytes(torn + whole[newest + SLOT_BYTES :])
        assert opened(path).head() in {before, after}


def test_every_flipped_byte_is_found_or_harmless(
    tmp_path: Path, opened: Callable[..., FileGuard]
) -> None:
    """No damaged slot passes for another head; two damaged ones are said to be."""
    path = tmp_path / "a.head"
    guard = opened(path)
    guard.advance(head(1), everything)
    guard.advance(head(2), everything)
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(_flipped(whole, position))
        assert guard.head() in {head(1), head(2)}
    path.write_bytes(_flipped(_flipped(whole, 20), SLOT_BYTES + 20))
    with pytest.raises(Corrupt, match="cannot be read"):
        guard.head()


def _flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def test_many_processes_advance_one_file(tmp_path: Path, opened: Callable[..., FileGuard]) -> None:
    """The lock makes one line of them: the largest head stays."""
    path = tmp_path / "a.head"

    def climb(first: int) -> None:
        mine = opened(path)
        for size in range(first, 400, 4):
            mine.advance(head(size), everything)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(climb, range(1, 5)))

    assert opened(path).head() == head(399)


# The ledger behind its guard.


def append(ledger: Ledger, *names: str) -> None:
    """Append one entry a name."""
    sealables = [Sealable(b'{"n":"%s"}' % name.encode(), (name,)) for name in names]
    asyncio.run(ledger.append(ledger.size, sealables))


def test_the_guard_follows_the_ledger(guard: Guard) -> None:
    """After each append it holds what was signed."""
    ledger = Ledger(MemoryStore(), KEY, guard)
    append(ledger, "a")
    append(ledger, "b", "c")

    assert guard.head() == Head(3, ledger.root(3))


def test_a_ledger_that_had_no_guard_gets_one(guard: Guard) -> None:
    """What was written before there was a guard is taken over as it is."""
    store = MemoryStore()
    append(Ledger(store, KEY), "a", "b")
    ledger = Ledger(store, KEY, guard)

    assert guard.head() == Head(2, ledger.root(2))


def test_a_crash_between_commit_and_guard_is_no_fork(guard: Guard) -> None:
    """The database is ahead of the guard then, and of the same history."""
    store = MemoryStore()
    append(Ledger(store, KEY, guard), "a")
    append(Ledger(store, KEY), "b")  # committed, and the guard never heard of it

    assert Ledger(store, KEY, guard).size == 2
    assert guard.head() == Head(2, Ledger(store, KEY).root(2))


class Disk:
    """Ledgers in files of one folder, which can be copied; all are closed at the end."""

    def __init__(self, folder: Path, guard: FileGuard) -> None:
        self.folder = folder
        self.guard = guard
        self._ledgers: list[Ledger] = []

    def open(self, name: str) -> Ledger:
        """The ledger in this file, behind the one guard."""
        store = SqliteStore(self.folder / name)
        try:
            self._ledgers.append(Ledger(store, KEY, self.guard))
        except BaseException:
            store.close()
            raise
        return self._ledgers[-1]

    def close(self) -> None:
        """Close all that is open."""
        while self._ledgers:
            self._ledgers.pop().close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A folder and a guard beside it."""
    guard = FileGuard(tmp_path / "guard" / "a.head")
    disk = Disk(tmp_path, guard)
    yield disk
    disk.close()
    guard.close()


def test_an_older_backup_is_refused(disk: Disk) -> None:
    """A database that lacks what was signed is not opened, and nothing in it is changed."""
    ledger = disk.open("ledger.db")
    append(ledger, "a")
    disk.close()
    copyfile(disk.folder / "ledger.db", disk.folder / "backup.db")
    append(disk.open("ledger.db"), "b")
    disk.close()
    before = (disk.folder / "backup.db").read_bytes()

    with pytest.raises(Forked, match="an older backup was put back"):
        disk.open("backup.db")
    assert (disk.folder / "backup.db").read_bytes() == before
    assert disk.open("ledger.db").size == 2


def test_of_a_database_and_its_copy_only_one_is_signed(disk: Disk) -> None:
    """Both are open when they part: the second to append is refused, for ever."""
    append(disk.open("ledger.db"), "a")
    disk.close()
    copyfile(disk.folder / "ledger.db", disk.folder / "copy.db")
    original, copy = disk.open("ledger.db"), disk.open("copy.db")
    append(original, "b")

    for name in "cd":
        with pytest.raises(Forked):
            append(copy, name)
    assert copy.size == 1
    append(original, "c")
    assert disk.guard.head() == Head(3, original.root(3))
    with pytest.raises(Forked):
        disk.open("copy.db")


def test_a_copy_that_commits_at_the_same_moment_shows_nothing(disk: Disk) -> None:
    """Where both pass the first look, the second to reach the guard keeps its signature back."""
    append(disk.open("ledger.db"), "a")
    disk.close()
    copyfile(disk.folder / "ledger.db", disk.folder / "copy.db")
    original, copy = disk.open("ledger.db"), disk.open("copy.db")
    store = copy._store
    commit = store.append

    async def both(batch: Any) -> None:
        """The original commits while the copy's commit is on its way."""
        await original.append(1, [Sealable(b'{"n":"b"}', ("b",))])
        await commit(batch)

    store.append = both  # type: ignore[method-assign]
    with pytest.raises(Forked):
        append(copy, "c")
    assert disk.guard.head() == Head(2, original.root(2))


def test_two_writers_of_one_database_agree(disk: Disk) -> None:
    """Each takes in what the other wrote; the guard serves both."""
    one, other = disk.open("ledger.db"), disk.open("ledger.db")
    for name in "abcdef":
        writer = one if name in "abe" else other
        writer.catch_up()
        append(writer, name)

    assert one.catch_up()
    assert not one.catch_up()
    assert one.note == other.note
    assert disk.guard.head() == Head(6, one.root(6))


WRITER = """
import asyncio, sys
from pathlib import Path
from tallystick.errors import HeadMoved
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, Sealable, SqliteStore
from tallystick.ledger.guard import FileGuard

async def run(folder, name):
    guard = FileGuard(folder / "guard" / "a.head")
    signer = FileKeyring("ledger.example/guarded", b"\\x09" * 32)
    ledger = Ledger(SqliteStore(folder / "ledger.db"), signer, guard)
    done = 0
    while done < 40:
        entry = Sealable(b'{"n":"%s%d"}' % (name.encode(), done), (f"{name}{done}",))
        try:
            await ledger.append(ledger.size, [entry])
        except HeadMoved:
            continue
        done += 1
    ledger.close()
    guard.close()

asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
"""


def test_two_processes_on_one_database_make_one_log(disk: Disk) -> None:
    """Neither is ahead of the guard nor behind it for long, and nothing is lost."""
    disk.open("ledger.db")
    source = str(Path(__file__).resolve().parents[2] / "src")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(disk.folder), name],
            env=os.environ | {"PYTHONPATH": source},
            stderr=subprocess.PIPE,
        )
        for name in "pq"
    ]
    for writer in writers:
        _, stderr = writer.communicate(timeout=60)
        assert writer.returncode == 0, stderr.decode()

    ledger = disk.open("ledger.db")
    assert ledger.size == 80
    assert {ledger.find(f"{name}{n}") for name in "pq" for n in range(40)} == set(range(80))
    assert disk.guard.head() == Head(80, ledger.root(80))


def test_another_key_on_the_same_database_is_not_a_fork_but_a_stranger(disk: Disk) -> None:
    """A ledger is signed by its own key only."""
    append(disk.open("ledger.db"), "a")
    stranger: Signer = FileKeyring("ledger.example/guarded", b"\x01" * 32)
    store = SqliteStore(disk.folder / "ledger.db")
    with pytest.raises(Corrupt, match="not this key's"):
        Ledger(store, stranger, disk.guard)
    store.close()


def test_a_start_asks_the_guard_once() -> None:
    """A ledger that opens advances its guard once, new or not; each append does so once."""

    class Counting(MemoryGuard):
        """Counts how often it is advanced."""

        advanced = 0

        def advance(self, head: Head, agrees: Agrees) -> None:
            """As always."""
            self.advanced += 1
            super().advance(head, agrees)

    guard, store = Counting(), MemoryStore()
    for opened in range(1, 4):
        ledger = Ledger(store, KEY, guard)
        assert guard.advanced == 2 * opened - 1
        assert guard.head() == Head(ledger.size, ledger.root(ledger.size))
        asyncio.run(ledger.append(ledger.size, [Sealable(b"%d" % ledger.size)]))
        assert guard.advanced == 2 * opened
