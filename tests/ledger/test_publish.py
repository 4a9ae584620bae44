"""The published folder stays provable to strangers through growth, crashes and mix-ups."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from shutil import copy, copytree, move
from typing import Any

import pytest

from tallystick.errors import Corrupt
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable, SqliteStore
from tallystick.ledger.store import Row, Store
from tallystick.ledger.tiles import TILE_WIDTH, Tile, tiles_of
from tallystick.ledger.verify import FolderSource, Report, verify_ledger

BORDERS = (1, 2, 255, 256, 257, 300, 511, 512, 513, 700)
LARGE = 66_000
"""More than 256 * 256, so that there are three levels of tiles."""


def grow(ledger: Ledger, size: int, step: int = 8_192) -> None:
    """Append short canonical entries up to this size."""

    async def run() -> None:
        while (first := ledger.size) < size:
            positions = range(first, min(size, first + step))
            await ledger.append(first, [Sealable(b'{"n":%d}' % n) for n in positions])

    asyncio.run(run())


def publish(store: Store, folder: Path) -> int:
    """Publish as the next process would; the size that the folder proves."""
    return Publisher(store, folder).publish()


def audit(ledger: Ledger, folder: Path) -> Report:
    """Verify the folder; it must be clean and as large as the ledger."""
    report = verify_ledger(FolderSource(folder), ledger.vkey, canonical_json=True)
    assert (report.verdict, report.size) == ("clean", ledger.size), report.reason
    return report


def files(folder: Path) -> dict[str, bytes]:
    """Every file in the folder by its path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def present(folder: Path, tiles: Iterable[Tile]) -> bool:
    """Whether each of these tiles is there, or the full one in its place; bundles likewise."""
    found = files(folder)
    for tile in tiles:
        kinds = (False, True) if tile.level == 0 else (False,)
        for entries in kinds:
            partial = Tile(tile.level, tile.index, tile.width, entries).path
            full = Tile(tile.level, tile.index, TILE_WIDTH, entries).path
            if partial not in found and full not in found:
                return False
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the ledger is published; not made yet."""
    return tmp_path / "public" / "ledger"


def test_an_empty_ledger_publishes_nothing(place: Any, folder: Path) -> None:
    """There is no checkpoint before the first entry."""
    place.ledger()
    publisher = Publisher(place.store(), folder)
    assert (publisher.publish(), publisher.size, files(folder)) == (0, 0, {})


def test_the_folder_is_clean_at_every_size(place: Any, folder: Path) -> None:
    """One publisher follows the ledger; at each size a stranger verifies all of it."""
    ledger = place.ledger()
    publisher = Publisher(place.store(), folder)
    seen: list[int] = []
    for size in BORDERS:
        grow(ledger, size)
        assert publisher.publish() == publisher.size == size
        assert (folder / "checkpoint").read_text() == ledger.note
        assert audit(ledger, folder).notes == ()
        seen.append(size)
        for older in seen:
            assert present(folder, tiles_of(older)), older


def test_a_large_ledger_is_clean(signer: FileKeyring, folder: Path) -> None:
    """Three levels of tiles, published in steps that end anywhere."""
    store = MemoryStore()
    ledger = Ledger(store, signer)
    publisher = Publisher(store, folder)
    for size in (40_000, 65_535, 65_536, LARGE):
        grow(ledger, size)
        publisher.publish()
    report = audit(ledger, folder)
    assert (report.entries, report.notes) == (LARGE, ())
    assert {path.name for path in (folder / "tile").iterdir()} == {"0", "1", "2", "entries"}


def test_step_by_step_is_the_same_as_at_once(place: Any, folder: Path, tmp_path: Path) -> None:
    """But for partial tiles of older sizes, the files are those of one publication at the end."""
    ledger = place.ledger()
    for size in BORDERS:
        grow(ledger, size)
        publish(place.store(), folder)
    publish(place.store(), tmp_path / "at once")
    step_by_step, at_once = files(folder), files(tmp_path / "at once")
    assert at_once.items() <= step_by_step.items()
    assert all(".p/" in path for path in step_by_step.keys() - at_once.keys())
    assert not any("/000.p/" in path for path in step_by_step if "tile/1" not in path)


def test_publishing_again_writes_nothing(place: Any, folder: Path) -> None:
    """Without growth nothing is touched, by the same publisher or by the next."""
    grow(place.ledger(), 300)
    publisher = Publisher(place.store(), folder)
    publisher.publish()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    publisher.publish()
    publish(place.store(), folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


class Crash(Exception):  # noqa: N818  it is one
    """The process dies here."""


class Dying(Publisher):
    """Writes so many files, then dies beside the next: written aside, not renamed."""

    writes = 0

    def _write(self, path: str, data: bytes) -> None:
        if self.writes == 0:
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.with_name(f".{target.name}.new").write_bytes(data[:-1])
            raise Crash
        self.writes -= 1
        super()._write(path, data)


def test_a_crash_between_any_two_files_heals(place: Any, folder: Path, tmp_path: Path) -> None:
    """Whatever was written, readers still have the old tree, and the next process completes it."""
    ledger = place.ledger()
    grow(ledger, 300)
    old_note = ledger.note
    publish(place.store(), folder)
    grow(ledger, 900)
    writes = 0
    while True:
        crashed = copytree(folder, tmp_path / f"after {writes} writes")
        dying = Dying(place.store(), crashed)
        dying.writes = writes
        try:
            dying.publish()
        except Crash:
            writes += 1
        else:
            break
        assert (crashed / "checkpoint").read_text() == old_note
        report = verify_ledger(FolderSource(crashed), ledger.vkey, canonical_json=True)
        assert (report.verdict, report.size) == ("clean", 300), report.reason
        assert publish(place.store(), crashed) == 900
        assert audit(ledger, crashed).notes == ()
    assert writes == 8  # three bundles and their tiles, the tile above them, the checkpoint


def test_missing_files_are_written_again(place: Any, folder: Path, tmp_path: Path) -> None:
    """Whichever file is lost, the next process notices, and writes it as it was."""
    grow(place.ledger(), 700)
    publish(place.store(), folder)
    whole = files(folder)
    for number, path in enumerate(whole):
        damaged = copytree(folder, tmp_path / str(number))
        (damaged / path).unlink()
        publisher = Publisher(place.store(), damaged)
        assert publisher.publish() == publisher.size == 700
        assert files(damaged) == whole


def test_an_older_backup_is_refused(sqlite_place: Any, folder: Path, tmp_path: Path) -> None:
    """The database is put back as it was: publishing would fork history, so nothing is written."""
    grow(sqlite_place.ledger(), 200)
    sqlite_place.close()
    copy(sqlite_place.file, tmp_path / "backup")
    grow(sqlite_place.ledger(), 300)
    publish(sqlite_place.store(), folder)
    sqlite_place.close()
    before = files(folder)
    move(tmp_path / "backup", sqlite_place.file)
    ledger = sqlite_place.ledger()
    for size in (200, 300, 400):  # smaller than the folder's, as large with others, larger
        grow(ledger, size)
        with pytest.raises(Corrupt, match=r"proves 300 entries .* an older backup may have been"):
            Publisher(sqlite_place.store(), folder)
        asyncio.run(ledger.append(size, [Sealable(b'{"other":1}')]))
    assert files(folder) == before


def test_another_ledgers_folder_is_refused(place: Any, folder: Path, tmp_path: Path) -> None:
    """A folder of another log, or of another key's, is not written into."""
    grow(place.ledger(), 20)
    publish(place.store(), folder)
    before = files(folder)
    stranger = FileKeyring("ledger.example/other", b"\x07" * 32)
    other = SqliteStore(tmp_path / "other.db")
    grow(Ledger(other, stranger), 20)
    with pytest.raises(Corrupt, match=r"of 'ledger\.example/test' that the ledger"):
        Publisher(other, folder)
    assert files(folder) == before
    other.close()


class Holed(MemoryStore):
    """Lacks its newest entry."""

    def rows(self, start: int, limit: int) -> list[Row]:
        """As always, but for the one."""
        return super().rows(start, min(limit, len(self._rows) - 1 - start))


def test_a_store_with_a_hole_is_not_published(signer: FileKeyring, folder: Path) -> None:
    """What is missing in the store is said; the checkpoint in the folder stays what it was."""
    store = Holed()
    ledger = Ledger(store, signer)
    grow(ledger, 600)
    with pytest.raises(Corrupt, match="The store lacks entries from 512 on: 88 were expected, 87"):
        publish(store, folder)
    assert not (folder / "checkpoint").exists()
