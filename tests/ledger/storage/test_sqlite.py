"""The SQLite store against what disks, operators and kill -9 do to it."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from shutil import copytree
from threading import Event
from threading import enumerate as enumerate_threads

import apsw
import pytest

from tallystick import wal
from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, PermanentError, TallystickError, TemporaryError
from tallystick.ledger.storage import SqliteStore
from tallystick.ledger.storage.sqlite import CACHE_KIB
from tallystick.ledger.store import Batch, Row
from tallystick.wal import fold_wal

FILE = "ledger.db"
BATCH_ROWS = 3
HEARD_SECONDS_MAX = 30.0
"""A busy machine may be late; a follower that was forgotten never hears."""
APPEND_FOR_EVER = """
import asyncio, sys
from hashlib import sha256
from pathlib import Path
from tallystick.ledger.storage import SqliteStore
from tallystick.ledger.store import Batch, Row

async def run():
    store = SqliteStore(Path(sys.argv[1]))
    size = (store.checkpoint(-1) or (0, ""))[0]
    while True:
        names = [str(position) for position in range(size, size + 3)]
        rows = [Row(n.encode() * 99, sha256(n.encode()).digest(), (f"key {n}",)) for n in names]
        await store.append(Batch(size, rows, [], f"note {size + 3}"))
        size += 3
        print(size, flush=True)

asyncio.run(run())
"""


class Disk(apsw.VFS):
    """The machine's disk, which can break, and knows what a power cut would leave."""

    def __init__(self) -> None:
        self.base = apsw.vfs_names()[0]
        super().__init__("tallystick-test", self.base, makedefault=True)
        self.broken: dict[str, apsw.Error] = {}
        self.synced: dict[str, bytes] = {}

    def xOpen(  # noqa: N802  the name is SQLite's
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "DiskFile":
        """Open a file of this disk."""
        return DiskFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  the name is SQLite's
        """Delete; the folder is flushed when SQLite makes its next file there."""
        super().xDelete(filename, syncdir)
        self.synced.pop(Path(filename).name, None)

    def fail(self, call: str) -> None:
        """Raise what was planned for this call."""
        if call in self.broken:
            raise self.broken[call]


class DiskFile(apsw.VFSFile):
    """A file on the disk above."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(disk.base, name, flags)
        self._disk = disk
        self._path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  the name is SQLite's
        """Write, unless the disk is full."""
        self._disk.fail("xWrite")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802  the name is SQLite's
        """Make durable, unless the disk fails; only what was synced outlives a power cut."""
        self._disk.fail("xSync")
        super().xSync(flags)
        self._disk.synced[self._path.name] = self._path.read_bytes()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """The disk under every store that the test opens."""
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store of three entries."""
    with closing(SqliteStore(tmp_path / FILE)) as opened:
        asyncio.run(opened.append(Batch(0, rows(0, 3), [], "note 3")))
        yield opened


def rows(first: int, count: int) -> list[Row]:
    """Rows whose every part says the position."""
    names = [str(position) for position in range(first, first + count)]
    return [Row(name.encode(), name.encode().zfill(32), (f"key {name}",)) for name in names]


def require_whole(store: SqliteStore) -> int:
    """No part of a batch is there without the others; the size."""
    size, note = store.checkpoint(-1) or (0, "note 0")
    assert note == f"note {size}"
    assert len(store.rows(0, 1_000_000)) == size
    assert [store.find(f"key {position}") for position in range(size)] == list(range(size))
    assert store.find(f"key {size}") is None
    assert store._reader.execute("PRAGMA integrity_check").get == "ok"
    return size


def test_the_settings_take_hold(store: SqliteStore) -> None:
    """The promise of durability hangs on the first two, for each connection on its own."""
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "cache_size": -CACHE_KIB,
        "wal_autocheckpoint": 0,
        "trusted_schema": 0,
    }
    for connection in (store._writer, store._reader):
        found = {name: connection.execute(f"PRAGMA {name}").get for name in wanted}
        assert found == wanted


def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path, disk: Disk) -> None:
    """After each append, the bytes that were synced by then hold everything up to it."""
    images: dict[int, dict[str, bytes]] = {}
    with closing(SqliteStore(tmp_path / FILE)) as store:
        for first in range(0, 30, BATCH_ROWS):
            size = first + BATCH_ROWS
            asyncio.run(store.append(Batch(first, rows(first, BATCH_ROWS), [], f"note {size}")))
            images[size] = dict(disk.synced)
    for size, files in images.items():
        folder = tmp_path / f"after {size}"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        with closing(SqliteStore(folder / FILE)) as after:
            assert require_whole(after) == size


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_takes_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    """Killed at a random moment, twice: what was acknowledged is there, nothing is there by half.

    The next process goes on without repair.
    """
    chance = random.Random(seed)  # noqa: S311  no secret
    for _ in range(2):
        command = [sys.executable, "-c", APPEND_FOR_EVER, str(tmp_path / FILE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 60))]
            child.kill()
            lines += child.stdout.readlines()
        acknowledged = int([line for line in lines if line.endswith("\n")][-1])
        with closing(SqliteStore(tmp_path / FILE)) as store:
            size = require_whole(store)
            assert size - acknowledged in {0, BATCH_ROWS}
            assert size % BATCH_ROWS == 0
            assert [row.entry for row in store.rows(0, size)] == [
                str(position).encode() * 99 for position in range(size)
            ]


def test_a_file_that_may_not_grow_stores_nothing(store: SqliteStore) -> None:
    """Full while the batch is staged: a temporary error; the batch goes in when there is room."""
    pages = store._writer.execute("PRAGMA page_count").get
    store._writer.execute(f"PRAGMA max_page_count={pages}")
    large = Batch(3, [Row(bytes(60_000), b"h" * 32, ("key 3",))], [], "note 4")
    with pytest.raises(TemporaryError, match="disk is full; nothing was stored"):
        asyncio.run(store.append(large))
    assert require_whole(store) == 3
    store._writer.execute("PRAGMA max_page_count=1000000")
    asyncio.run(store.append(large))
    assert require_whole(store) == 4


@pytest.mark.parametrize(
    ("call", "error"),
    [("xWrite", apsw.FullError("full")), ("xSync", apsw.IOError("input/output error"))],
)
def test_a_commit_that_fails_stores_nothing(
    tmp_path: Path, disk: Disk, call: str, error: apsw.Error
) -> None:
    """The disk breaks under COMMIT: nobody sees the batch, and it goes in once the disk is well."""
    with closing(SqliteStore(tmp_path / FILE)) as store:
        asyncio.run(store.append(Batch(0, rows(0, 3), [], "note 3")))
        disk.broken[call] = error
        for _ in range(2):
            with pytest.raises(TemporaryError, match="nothing was stored"):
                asyncio.run(store.append(Batch(3, rows(3, 2), [], "note 5")))
            assert require_whole(store) == 3
        disk.broken.clear()
        asyncio.run(store.append(Batch(3, rows(3, 4), [], "note 7")))
        assert require_whole(store) == 7
    with closing(SqliteStore(tmp_path / FILE)) as again:
        assert require_whole(again) == 7


@pytest.mark.parametrize("call", ["xWrite", "xSync"])
def test_a_crash_after_a_failed_commit_leaves_whole_batches(
    tmp_path: Path, disk: Disk, call: str
) -> None:
    """Killed before the next append, the store is at a batch's border.

    It is without the batch, or (it was written, only not flushed) with all of it.
    """
    folder = tmp_path / "before"
    folder.mkdir()
    with closing(SqliteStore(folder / FILE)) as store:
        asyncio.run(store.append(Batch(0, rows(0, 3), [], "note 3")))
        disk.broken[call] = apsw.IOError("input/output error")
        with pytest.raises(TemporaryError):
            asyncio.run(store.append(Batch(3, rows(3, 2), [], "note 5")))
        copytree(folder, tmp_path / "crashed")
        disk.broken.clear()
    with closing(SqliteStore(tmp_path / "crashed" / FILE)) as crashed:
        size = require_whole(crashed)
        assert size == (3 if call == "xWrite" else 5)
        asyncio.run(crashed.append(Batch(size, rows(size, 1), [], f"note {size + 1}")))


def test_a_lock_held_too_long_is_a_temporary_error(tmp_path: Path, store: SqliteStore) -> None:
    """Another writer that does not let go: the append gives up, stores nothing, and works later."""
    with closing(SqliteStore(tmp_path / FILE, ManualClock())) as other:
        store._writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(TemporaryError, match="holds the ledger's lock"):
            asyncio.run(other.append(Batch(3, rows(3, 1), [], "note 4")))
        store._writer.execute("ROLLBACK")
        assert require_whole(other) == 3
        asyncio.run(other.append(Batch(3, rows(3, 1), [], "note 4")))
        assert require_whole(store) == 4


def test_folding_the_log_disturbs_nobody(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write-ahead log is folded back, and begun anew, while batches are written and read."""
    monkeypatch.setattr(wal, "WAL_BYTES_MAX", 0)

    async def write() -> None:
        for first in range(3, 63, BATCH_ROWS):
            size = first + BATCH_ROWS
            await store.append(Batch(first, rows(first, BATCH_ROWS), [], f"note {size}"))
            assert require_whole(store) == size

    async def run() -> None:
        fold = asyncio.to_thread(lambda: [fold_wal(tmp_path / FILE) for _ in range(20)])
        await asyncio.gather(fold, write())

    asyncio.run(run())
    fold_wal(tmp_path / FILE)
    assert (tmp_path / f"{FILE}-wal").stat().st_size == 0
    assert require_whole(store) == 63


def test_followers_hear_of_another_process(tmp_path: Path) -> None:
    """A thread looks, from the first follower on and no earlier, and each follower is told."""
    news = Event()
    heard: tuple[list[int], list[int]] = ([], [])

    def hear(size: int) -> None:
        heard[1].append(size)
        news.set()

    with closing(SqliteStore(tmp_path / FILE)) as store:
        assert not [thread for thread in enumerate_threads() if thread.name == "ledger-watch"]
        store.follow(heard[0].append)
        store.follow(hear)
        command = [sys.executable, "-c", APPEND_FOR_EVER, str(tmp_path / FILE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for _ in range(3):
                assert news.wait(HEARD_SECONDS_MAX)
                news.clear()
            child.kill()
    assert heard[0] == heard[1] == sorted(set(heard[0]))
    assert all(size % BATCH_ROWS == 0 for size in heard[0])
    assert not [thread for thread in enumerate_threads() if thread.name == "ledger-watch"]


def test_opening_at_once_works(tmp_path: Path, store: SqliteStore) -> None:
    """Many that open the file at the same moment wait for one another."""
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(lambda _: SqliteStore(tmp_path / FILE), range(8)))
    asyncio.run(store.append(Batch(3, rows(3, 2), [], "note 5")))
    for opened in stores:
        assert require_whole(opened) == 5
        opened.close()


def test_the_schema_is_made_once(tmp_path: Path, store: SqliteStore) -> None:
    """A file of the newest version is opened as it is."""
    schema = (
        "SELECT group_concat(sql) FROM sqlite_schema; PRAGMA user_version; PRAGMA schema_version"
    )
    before = store._reader.execute(schema).get
    with closing(SqliteStore(tmp_path / FILE)) as again:
        assert again._reader.execute(schema).get == before
    assert store._reader.execute("PRAGMA user_version").get == 1


def test_a_newer_file_is_refused(tmp_path: Path, store: SqliteStore) -> None:
    """What a newer Tallystick wrote is not touched by an older one."""
    store._writer.execute("PRAGMA user_version=99")
    with pytest.raises(PermanentError, match="newer Tallystick"):
        SqliteStore(tmp_path / FILE)
    assert require_whole(store) == 3


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is refused at open, and left as it is."""
    (tmp_path / FILE).write_bytes(b"no database" * 1_000)
    with pytest.raises(Corrupt, match="database is damaged"):
        SqliteStore(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == b"no database" * 1_000


def test_a_file_that_cannot_be_opened_is_an_error_of_ours(tmp_path: Path) -> None:
    """No driver's error reaches who opens the store."""
    with pytest.raises(TallystickError, match="unable to open"):
        SqliteStore(tmp_path / "missing" / FILE)


def test_damaged_pages_are_an_error_of_ours(tmp_path: Path, store: SqliteStore) -> None:
    """Bytes overwritten inside the file are found when they are read, and named as damage."""
    asyncio.run(store.append(Batch(3, rows(3, 2_000), [], "note 2003")))
    store.close()
    data = bytearray((tmp_path / FILE).read_bytes())
    data[8_192:-4_096] = b"\xee" * (len(data) - 12_288)
    (tmp_path / FILE).write_bytes(data)
    with closing(SqliteStore(tmp_path / FILE)) as damaged, pytest.raises(Corrupt, match="damaged"):
        damaged.rows(0, 2_000)
