"""The audit archive of the ledger: its published files, volume by volume, locked in the vault.

A volume is made as soon as enough bundles are full, and once a day where fewer are. Their names
count up, and each names the hash of the one before: whoever has the vault needs nothing else to
unpack the ledger and verify it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt
from tallystick.ledger.tiles import CHECKPOINT_PATH
from tallystick.ledger.verify import FolderSource, Report, Trust, verify_ledger
from tallystick.watch.collect.archive.copying import hash_of
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.parts import Lock
from tallystick.watch.collect.archive.vault import Ref, Stat, Vault
from tallystick.watch.collect.archive.volumes import (
    FIRST,
    VOLUME_BUNDLES_MAX,
    VolumeManifest,
    plan_volume,
    read_manifest,
    unpack_volume,
    write_volume,
)

LEDGER = "ledger/"
VOLUME_SECONDS = 86_400
"""A volume is made this long after the last one, though it is not full."""
VOLUMES_PER_ROUND = 4
_LAST = """
SELECT n, sha256, bundles, entries, archived_ns FROM volumes ORDER BY n DESC LIMIT 1
"""
_KEEP = """
INSERT OR REPLACE INTO volumes VALUES (:n, :sha256, :size, :bundles, :entries, :archived_ns)
"""
_SUM = """
SELECT count(*), coalesce(sum(size), 0), coalesce(max(bundles), 0), max(entries) FROM volumes
"""
Step = Callable[[str], None]
Advance = Callable[[int, int], None]
_log = structlog.get_logger("archive")


class LedgerArchived(msgspec.Struct, frozen=True):
    """How much of the ledger is in the vault.

    `entries` is what its newest checkpoint there covers; None before there is one.
    """

    volumes: int
    size: int
    bundles: int
    entries: int | None


class _Last(NamedTuple):
    """The newest volume in the vault, as the database knows it."""

    n: int
    sha256: str
    bundles: int
    entries: int | None
    archived_ns: int


class LedgerArchive:
    """Copies what is published; called from one thread at a time."""

    def __init__(
        self,
        published: Path,
        vault: Vault,
        database: Database,
        lock: Callable[[int], Lock],
        scratch: Path,
        clock: Clock,
        step: Step = lambda _name: None,
    ) -> None:
        """`lock` says what locks a volume that is put at a moment."""
        self._published = published
        self._vault = vault
        self._database = database
        self._lock = lock
        self._scratch = scratch
        self._clock = clock
        self._step = step
        self._at_end = False
        """Whether the vault was seen to have no further volume."""

    def copy(self) -> bool:
        """Put the volumes that are due; whether more are.

        Raises:
            Corrupt: the vault holds volumes of another ledger, or the folder lacks files.
        """
        return all(self._next() for _ in range(VOLUMES_PER_ROUND))

    def archived(self) -> LedgerArchived:
        """How much is there."""
        return LedgerArchived(*cast("tuple[int, int, int, int]", self._database.rows(_SUM)[0]))

    def _next(self) -> bool:
        """Put one volume; whether another may be due."""
        last = _Last(*(self._database.rows(_LAST) or [(0, FIRST, 0, None, 0)])[0])
        planned = plan_volume(self._published, last.n + 1, last.sha256, last.bundles)
        if planned is None:
            return False
        due = self._due(planned[0], last)
        if self._at_end and not due:
            return False
        there = self._vault.stat(Ref(name_of(last.n + 1)))
        self._at_end = there is None
        if there is not None:  # put before, and the kill came before it was written down
            self._adopt(planned[0], there)
            return True
        if due:
            self._put(*planned)
        return due and _is_full(planned[0])

    def _due(self, manifest: VolumeManifest, last: "_Last") -> bool:
        """What is full goes at once, and so does what brings a checkpoint where there is none."""
        unproved = last.n > 0 and last.entries is None
        waited = self._clock.now_ns() >= last.archived_ns + VOLUME_SECONDS * NS_PER_SECOND
        return waited or unproved or _is_full(manifest)

    def _put(self, manifest: VolumeManifest, note: bytes) -> None:
        with self._scratch_file() as file:
            write_volume(file, self._published, manifest, note)
            self._step("written")
            lock = self._lock(self._clock.now_ns())
            stat = self._vault.put(name_of(manifest.n), file, hash_of(file), lock)
        self._step("put")
        self._keep(manifest, stat)

    @contextmanager
    def _scratch_file(self) -> Iterator[Path]:
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(dir=self._scratch) as scratch:
            yield Path(scratch) / "volume"

    def _adopt(self, wanted: VolumeManifest, stat: Stat) -> None:
        with self._scratch_file() as file:
            self._vault.get(stat.ref, file)
            found = read_manifest(file)
        same = ("n", "prev", "first", "origin")
        if any(getattr(found, name) != getattr(wanted, name) for name in same):
            raise Corrupt(
                f"{stat.ref.name} in {self._vault.address} does not follow from what this ledger"
                " put there before: it belongs to another ledger, or this data folder is older."
            )
        self._keep(found, stat)

    def _keep(self, manifest: VolumeManifest, stat: Stat) -> None:
        self._database.do(
            _KEEP,
            n=manifest.n,
            sha256=stat.sha256,
            size=stat.size,
            bundles=manifest.end,
            entries=manifest.size,
            archived_ns=self._clock.now_ns(),
        )
        _log.info("archive.ledger_archived", volume=manifest.n, bundles=manifest.end)


def _is_full(manifest: VolumeManifest) -> bool:
    return manifest.end - manifest.first == VOLUME_BUNDLES_MAX


def name_of(n: int) -> str:
    """The name of a volume, from 1 on."""
    return f"{LEDGER}volume-{n:06}.tar"


def unpack_ledger(vault: Vault, folder: Path, advance: Advance = lambda _done, _all: None) -> int:
    """Unpack every volume of a vault into an empty folder; how many there were.

    The folder is then a published ledger, up to the checkpoint of the newest volume that has one.

    Raises:
        Corrupt: a volume is not what was put, or does not follow from the one before.
        ColdObjectError: a volume has to be restored first.
    """
    n, prev, end = 0, FIRST, 0
    with TemporaryDirectory(dir=folder.parent) as scratch:
        while (stat := vault.stat(Ref(name_of(n + 1)))) is not None:
            file = Path(scratch) / "volume"
            vault.get(stat.ref, file)
            manifest = unpack_volume(file, folder)
            if (manifest.n, manifest.prev, manifest.first) != (n + 1, prev, end):
                raise Corrupt(f"{stat.ref.name} does not follow from the volume before it.")
            n, prev, end = n + 1, stat.sha256, manifest.end
            file.unlink()
            advance(n, n)
    return n


def verify_archived(
    vault: Vault, trust: Trust, scratch: Path, clock: Clock, advance: Advance | None = None
) -> Report:
    """Unpack the ledger into `scratch` and verify it there, trusting nothing but these keys.

    What cannot be unpacked is no evidence either way: the verdict says so.
    """
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(dir=scratch) as made:
        folder = Path(made) / "published"
        folder.mkdir()
        try:
            volumes = unpack_ledger(vault, folder)
        except Corrupt as error:
            return Report(verdict="tampered", reason=str(error))
        if not volumes:
            return Report(verdict="cannot_tell", reason="No volume of the ledger is archived yet.")
        if not (folder / CHECKPOINT_PATH).exists():
            reason = "The newest volume has no checkpoint yet: the archive is still catching up."
            return Report(verdict="cannot_tell", reason=reason)
        return verify_ledger(FolderSource(folder), trust, advance, canonical_json=True, clock=clock)
