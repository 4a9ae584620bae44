"""What archives do to parts: the store reads them there, and keeps what is locked."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Misconfigured, Refused
from tallystick.watch.collect.query import Search, compile_query, parse
from tallystick.watch.collect.store import ColdPartError, Lock, LogStore, Part

OpenStore = Callable[..., LogStore]
FUTURE_NS = 1_800_000_000 * NS_PER_SECOND


class Vault:
    """A folder that plays an archive; some of its parts are cold."""

    def __init__(self, folder: Path, *, near: bool = False) -> None:
        folder.mkdir()
        self.folder = folder
        self.near = near
        self.cold = False
        self.fetched = 0

    def keep(self, part: Part, file: Path) -> None:
        """Copy a part."""
        shutil.copy(file, self.folder / part.sha256)

    def local(self, part: Part) -> Path | None:
        """The copy itself, when it is near."""
        return self.folder / part.sha256 if self.near else None

    def fetch(self, part: Part, target: Path) -> None:
        """Copy it to the target."""
        if self.cold:
            raise ColdPartError(part.path)
        self.fetched += 1
        shutil.copy(self.folder / part.sha256, target)


@pytest.fixture
def store(open_store: OpenStore) -> LogStore:
    """Two parts with a line each: one of January, one of February."""
    store = open_store()
    for month in (1, 2):
        stamp = f"2026-0{month}-03T04:00:00.000000Z"
        store.append([msgspec.json.encode({"timestamp": stamp, "n": month})])
        store.seal()
    return store


def found(store: LogStore, search: Search | None = None) -> tuple[list[int], int]:
    """The numbers on a page, and how many parts were skipped."""
    page = store.page(search or Search(), 9)
    return [msgspec.json.decode(line)["n"] for line in page.logs], len(page.skipped)


def archive(store: LogStore, vault: Vault, lock: Lock | None = None) -> Part:
    """Move the first part."""
    part = store.parts()[0]
    store.attach("vault", vault)
    with store.file(part) as path:
        vault.keep(part, path)
    return store.relocate(part, "vault", lock=lock)


@pytest.mark.parametrize("near", [False, True])
def test_an_archived_part_is_read_where_it_is(
    store: LogStore, tmp_path: Path, *, near: bool
) -> None:
    """The store's own copy is gone; one that is not near is fetched once."""
    vault = Vault(tmp_path / ("logs/vault" if near else "vault"), near=near)
    part = archive(store, vault)
    assert not list((tmp_path / "logs" / "parts").rglob(Path(part.path).name))
    assert (part.state, part.place) == ("archived", "vault")
    for _ in range(2):
        assert found(store) == ([2, 1], 0)
        assert [seq for seq, _ in store.read(1, 9)] == [1, 2]
    assert vault.fetched == (not near)
    assert store.verify() == ()


def test_an_archive_beside_the_store_is_read_in_place(
    store: LogStore, clock: ManualClock, tmp_path: Path
) -> None:
    """When its folder is named to the store; else through a copy."""
    vault = Vault(tmp_path / "vault", near=True)
    archive(store, vault)
    store.close()
    for fetched, folders in enumerate(([vault.folder], [])):
        store = LogStore(tmp_path / "logs", clock, sources={"vault": vault}, folders=folders)
        assert found(store) == ([2, 1], 0)
        assert vault.fetched == fetched
        store.close()


def test_it_is_known_after_a_restart(
    store: LogStore, open_store: OpenStore, tmp_path: Path
) -> None:
    """By its place; an archive that is not set up is said."""
    vault = Vault(tmp_path / "vault")
    archive(store, vault)
    store.close()
    store = open_store()
    with pytest.raises(Misconfigured, match="'vault'"):
        found(store)
    store.attach("vault", vault)
    assert found(store) == ([2, 1], 0)


def test_a_cold_part_is_skipped_and_counted(store: LogStore, tmp_path: Path) -> None:
    """Only where the search would have looked; it is found again when it is restored."""
    vault = Vault(tmp_path / "vault")
    part = store.mark(archive(store, vault), "cold")
    vault.cold = True
    assert found(store) == ([2], 1)
    assert found(store, parse("earliest=2026-02-01T00:00:00Z", FUTURE_NS).search) == ([2], 0)
    with store.rows(compile_query(parse("* | stats count", FUTURE_NS))) as rows:
        assert [row for batch in rows for row in batch] == [(1,)]
        assert rows.skipped == (part,)
    assert [seq for seq, _ in store.read(1, 9)] == [2]
    with pytest.raises(ColdPartError), store.file(part):
        pass
    store.mark(part, "restoring")
    assert found(store) == ([2], 1)
    store.mark(part, "archived")  # so says the manifest; the vault knows better
    assert found(store) == ([2], 1)
    with store.rows(compile_query(parse("* | stats count", FUTURE_NS))) as rows:
        assert [row for batch in rows for row in batch] == [(1,)]
        assert [skipped.path for skipped in rows.skipped] == [part.path]
    vault.cold = False
    store.mark(part, "restored")
    assert found(store) == ([2, 1], 0)


def test_what_comes_back_from_an_archive_is_checked(store: LogStore, tmp_path: Path) -> None:
    """Against the hash that the manifest has; what is not that is named, all else is found."""
    vault = Vault(tmp_path / "vault")
    part = archive(store, vault)
    (vault.folder / part.sha256).write_bytes(b"PAR1 something else")

    page = store.page(Search(), 9)
    assert [msgspec.json.decode(line)["n"] for line in page.logs] == [2]
    assert [(each.path, each.state) for each in page.skipped] == [(part.path, "unreadable")]
    plan = compile_query(parse("| stats count", 0))
    with store.rows(plan) as rows:
        assert [row for batch in rows for row in batch] == [(1,)]
        assert [each.path for each in rows.skipped] == [part.path]
    assert [seq for seq, _ in store.read(1, 9)] == [2]


@pytest.mark.parametrize(
    "lock", [Lock("governance", FUTURE_NS), Lock("compliance", FUTURE_NS), Lock(legal_hold=True)]
)
def test_a_locked_part_is_not_removed(store: LogStore, clock: ManualClock, lock: Lock) -> None:
    """Nor is one that goes with it; until the lock has ended."""
    locked = store.lock(store.parts()[0], lock)
    with pytest.raises(Refused) as refused:
        store.remove(store.parts())
    assert refused.value.code == "PART_LOCKED"
    assert found(store) == ([2, 1], 0)
    if lock.legal_hold:
        store.lock(locked, Lock())
    else:
        clock.advance((FUTURE_NS - clock.now_ns()) / NS_PER_SECOND)
    store.remove([locked])
    assert found(store) == ([2], 0)
    assert store.verify() == ()


@pytest.mark.parametrize(
    "weaker", [Lock(), Lock("governance", FUTURE_NS), Lock("compliance", FUTURE_NS - 1)]
)
def test_a_compliance_lock_only_gets_longer(store: LogStore, weaker: Lock) -> None:
    """Whoever asks; a hold may be put on it and taken off."""
    part = store.lock(store.parts()[0], Lock("compliance", FUTURE_NS))
    with pytest.raises(Refused) as refused:
        store.lock(part, weaker)
    assert refused.value.code == "PART_LOCKED"
    with pytest.raises(Refused):
        store.relocate(part, "vault", lock=weaker)
    for hold in (True, False):
        longer = Lock("compliance", FUTURE_NS + 1, legal_hold=hold)
        assert store.lock(part, longer).lock == longer


def test_a_part_that_is_no_longer_there_is_said(store: LogStore) -> None:
    """It was merged or removed since somebody looked."""
    part = store.parts()[0]
    store.remove([part])
    for change in (
        lambda: store.remove([part]),
        lambda: store.mark(part, "cold"),
        lambda: store.lock(part, Lock()),
        lambda: store.relocate(part, "vault"),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.code == "NO_SUCH_PART"
