"""The audit archive of the ledger: locked volumes that a stranger can unpack and verify."""

import asyncio
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, Publisher, Sealable, SqliteStore
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.tiles import TILE_WIDTH
from tallystick.ledger.verify import FolderSource, Trust, verify_ledger
from tallystick.watch.collect.archive import ledger_archive, unpack_ledger, verify_archived, volumes
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.ledger_archive import VOLUME_SECONDS, name_of
from tallystick.watch.collect.archive.vault import Ref
from tallystick.watch.collect.archive.volumes import full_tiles


class Published:
    """A ledger that grows, and the folder in which it is published."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.folder = folder / "published"
        signer = FileKeyring.open(
            folder / "ledger.key", default_name="tallystick.test/archive", seed=bytes(range(32))
        )
        self._store = SqliteStore(folder / "ledger.db", clock)
        self.ledger = Ledger(self._store, signer)
        self.trust = Trust((VerifierKey.parse(signer.vkey),))

    def grow(self, size: int) -> None:
        """Append up to this many short entries, and publish them."""

        async def run() -> None:
            while (first := self.ledger.size) < size:
                positions = range(first, min(size, first + 4_096))
                await self.ledger.append(first, [Sealable(b'{"n":%d}' % n) for n in positions])

        asyncio.run(run())
        Publisher(self._store, self.folder).publish()


@pytest.fixture
def published(tmp_path: Path, clock: ManualClock) -> Published:
    """An empty ledger."""
    return Published(tmp_path, clock)


@pytest.fixture
def kit(tmp_path: Path, clock: ManualClock, kit: Any, published: Published) -> Iterator[Any]:
    """An archive that copies the ledger too."""
    vault = FolderVault(tmp_path / "vault", clock)
    made = type(kit)(
        tmp_path / "kit", vault, clock, published=published.folder, trust=lambda: published.trust
    )
    yield made
    made.close()


def verify(kit: Any, published: Published, tmp_path: Path) -> Any:
    """What the independent verifier says of what is in the vault."""
    return verify_archived(kit.vault, published.trust, tmp_path / "scratch", kit.clock)


def test_nothing_is_archived_before_a_bundle_is_full(kit: Any, published: Published) -> None:
    """255 entries wait; the 256th makes a volume."""
    kit.archive.round()
    published.grow(TILE_WIDTH - 1)
    kit.archive.round()
    assert kit.archive.status().ledger.volumes == 0

    published.grow(TILE_WIDTH)
    kit.archive.round()
    status = kit.archive.status().ledger
    assert (status.volumes, status.bundles, status.entries) == (1, 1, TILE_WIDTH)


@pytest.mark.parametrize("size", [256, 300, 512, 66_000])
def test_the_archived_ledger_verifies(
    kit: Any, published: Published, tmp_path: Path, size: int
) -> None:
    """At each size a stranger with the key finds every entry of the checkpoint."""
    published.grow(size)
    kit.archive.round()

    report = verify(kit, published, tmp_path)
    assert (report.verdict, report.size, report.entries) == ("clean", size, size)
    stat = kit.vault.stat(Ref(name_of(1)))
    assert stat.lock.mode == "governance"


def test_a_volume_a_day_and_each_stands_on_the_last(
    kit: Any, published: Published, tmp_path: Path, clock: ManualClock
) -> None:
    """Grown, the ledger waits for the day to end; then all volumes together are it again."""
    for size in (300, 700, 1_500):
        published.grow(size)
        kit.archive.round()
        published.grow(size + 100)
        kit.archive.round()
        assert verify(kit, published, tmp_path).size == size
        clock.advance(VOLUME_SECONDS)

    into = tmp_path / "into"
    into.mkdir()
    assert unpack_ledger(kit.vault, into) == 3
    assert verify_ledger(FolderSource(into), published.trust).verdict == "clean"
    assert not list(into.glob("tile/0/000.p/*"))


def test_a_backlog_is_copied_in_bounded_volumes(
    kit: Any, published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three bundles a volume: ten bundles take four, at most so many a round."""
    monkeypatch.setattr(volumes, "VOLUME_BUNDLES_MAX", 3)
    monkeypatch.setattr(ledger_archive, "VOLUME_BUNDLES_MAX", 3)
    monkeypatch.setattr(ledger_archive, "VOLUMES_PER_ROUND", 2)
    published.grow(10 * TILE_WIDTH + 7)

    assert kit.archive.round()
    assert kit.archive.status().ledger.bundles == 6
    assert verify(kit, published, tmp_path).verdict == "cannot_tell"
    kit.archive.round()
    status = kit.archive.status().ledger
    assert (status.volumes, status.bundles, status.entries) == (4, 10, 10 * TILE_WIDTH + 7)
    assert verify(kit, published, tmp_path).verdict == "clean"


class KilledError(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("where", ["written", "put"])
def test_a_kill_between_put_and_memory_doubles_nothing(
    kit: Any, published: Published, tmp_path: Path, where: str
) -> None:
    """The next process finds the volume in the vault, and goes on behind it."""

    def step(name: str) -> None:
        if name == where:
            raise KilledError

    published.grow(600)
    kit.reopen(step)
    with pytest.raises(KilledError):
        kit.archive.round()
    published.grow(1_200)
    kit.reopen()
    kit.archive.round()
    kit.archive.round()

    kit.clock.advance(VOLUME_SECONDS)
    kit.archive.round()
    report = verify(kit, published, tmp_path)
    assert (report.verdict, report.size) == ("clean", 1_200)


def test_the_memory_may_be_lost(
    kit: Any, published: Published, tmp_path: Path, clock: ManualClock
) -> None:
    """Without its database the archive takes up the volumes that it finds."""
    for size in (300, 900):
        published.grow(size)
        kit.archive.round()
        clock.advance(VOLUME_SECONDS)
    kit.close()
    shutil.rmtree(tmp_path / "kit" / "archive")
    kit.open()
    published.grow(2_000)
    while kit.archive.round():
        pass

    clock.advance(VOLUME_SECONDS)
    kit.archive.round()
    report = verify(kit, published, tmp_path)
    assert (report.verdict, report.size) == ("clean", 2_000)


def test_another_ledgers_volumes_are_refused(
    kit: Any, published: Published, tmp_path: Path
) -> None:
    """A vault that holds another ledger gets nothing of this one."""
    published.grow(300)
    kit.archive.round()
    kit.close()
    shutil.rmtree(tmp_path / "kit" / "archive")
    note = published.folder / "checkpoint"
    note.write_text(note.read_text().replace("tallystick.test/archive", "tallystick.test/other"))
    kit.open()

    with pytest.raises(Corrupt, match="another ledger"):
        kit.archive.round()


def test_tampering_is_found(kit: Any, published: Published, tmp_path: Path) -> None:
    """One changed byte in a volume fails its hash; a volume of lies fails the verifier."""
    published.grow(600)
    kit.archive.round()
    path = Path(kit.vault.address) / "objects" / name_of(1)
    good = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(good[:5_000] + b"X" + good[5_001:])
    report = verify(kit, published, tmp_path)
    assert (report.verdict, "should have" in report.reason) == ("tampered", True)

    forged = bytearray(good)
    forged[good.index(b'{"n":17}') + 5 : good.index(b'{"n":17}') + 7] = b"18"
    lies = FolderVault(tmp_path / "lies", kit.clock)
    file = tmp_path / "forged.tar"
    file.write_bytes(forged)
    lock = kit.vault.stat(Ref(name_of(1))).lock
    lies.put(name_of(1), file, ledger_archive.hash_of(file), lock)
    report = verify_archived(lies, published.trust, tmp_path / "scratch", kit.clock)
    assert report.verdict == "tampered"


def test_a_volume_leads_nowhere_else(tmp_path: Path) -> None:
    """A member with any other name than a tile's is refused, and nothing is written."""
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as tar:
        manifest = tmp_path / "volume.json"
        manifest.write_text('{"n":1,"prev":"","origin":"","first":0,"end":1,"size":null,"v":1}')
        tar.add(manifest, "volume.json")
        tar.add(manifest, "../outside")
    into = tmp_path / "into"
    into.mkdir()

    with pytest.raises(Corrupt, match="not the path of a tile"):
        volumes.unpack_volume(file, into)
    assert not (tmp_path / "outside").exists()


def test_full_tiles_of_a_range() -> None:
    """Each bundle, its hashes, and the tiles of higher levels that became full in it."""
    paths = [tile.path for tile in full_tiles(255, 257)]

    assert paths == [
        "tile/entries/255", "tile/entries/256", "tile/0/255", "tile/0/256", "tile/1/000",
    ]  # fmt: skip


def test_an_empty_vault_tells_nothing(kit: Any, published: Published, tmp_path: Path) -> None:
    """No volume is no evidence."""
    report = verify(kit, published, tmp_path)
    assert (report.verdict, report.exit_code) == ("cannot_tell", 2)
