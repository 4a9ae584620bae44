"""The archive job: parts leave the disk once they are locked elsewhere, whatever is killed."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, TemporaryError
from tallystick.ledger.notices import LegalHoldSet
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.parts import PLACE
from tallystick.watch.collect.archive.rules import (
    NS_PER_DAY,
    ArchiveRules,
    Days,
    parse_days,
)
from tallystick.watch.collect.archive.shelf import name_of
from tallystick.watch.collect.archive.vault import Ref


class KilledError(BaseException):
    """The process ended here."""


def test_parts_are_archived_when_their_time_has_come(kit: Any) -> None:
    """After 30 days a part is in the vault, locked for 7 years, and not on the disk any more."""
    old, young = kit.store.add("1", days_ago=31), kit.store.add("2", days_ago=29)

    kit.archive.round()

    moved = kit.store.now(old)
    assert (moved.place, moved.state, moved.lock.mode) == (PLACE, "archived", "governance")
    assert abs(moved.lock.until_ns - (old.max_time + 7 * 365.2425 * NS_PER_DAY)) <= 1e9
    assert not kit.store.own(old).exists()
    stat = kit.vault.stat(Ref(name_of(old)))
    assert (stat.sha256, stat.lock) == (old.sha256, moved.lock)
    assert kit.store.now(young) == young
    assert kit.store.own(young).exists()


def test_archived_parts_are_read_back(kit: Any, tmp_path: Path) -> None:
    """The store's source gives the bytes back."""
    part = kit.store.add("1")
    data = kit.store.own(part).read_bytes()
    kit.archive.round()

    kit.archive.source.fetch(part, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_each_index_has_its_own_time(tmp_path: Path, clock: ManualClock, kit: Any) -> None:
    """`30 audit=90 debug=2` counts for each index by itself."""
    rules = ArchiveRules(parse_days("30 audit=90, debug=2"))
    more = type(kit)(tmp_path / "more", FolderVault(tmp_path / "v", clock), clock, rules=rules)
    ages = {"main": 40, "audit": 40, "debug": 3}
    parts = {i: more.store.add(i, index=i, days_ago=days) for i, days in ages.items()}

    more.archive.round()
    places = {index: more.store.now(part).place for index, part in parts.items()}
    assert places == {"main": PLACE, "audit": "", "debug": PLACE}
    assert rules.after == Days(30, {"audit": 90, "debug": 2})
    more.close()


def test_a_round_is_bounded_and_the_next_goes_on(kit: Any) -> None:
    """17 parts need two rounds, oldest first."""
    parts = [kit.store.add(str(n), days_ago=100 - n) for n in range(17)]

    assert kit.archive.round()
    assert [kit.store.now(part).place for part in parts] == [PLACE] * 16 + [""]
    assert not kit.archive.round()
    assert kit.store.now(parts[16]).place == PLACE


@pytest.mark.parametrize("kills", range(1, 8))
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(kit: Any, kills: int) -> None:
    """Killed after its n-th step, the job is taken up by the next process."""
    parts = [kit.store.add(str(n)) for n in range(2)]
    left = kills

    def step(_name: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KilledError

    kit.reopen(step)
    try:
        kit.archive.round()
    except KilledError:
        for part in parts:
            there = kit.vault.stat(Ref(name_of(part))) is not None
            assert there or kit.store.own(part).exists()
    kit.reopen()
    kit.archive.round()

    for part in parts:
        assert kit.store.now(part).place == PLACE
        assert not kit.store.own(part).exists()
        assert kit.vault.stat(Ref(name_of(part))).sha256 == part.sha256
    objects = [path for path in (Path(kit.vault.address) / "objects").rglob("*") if path.is_file()]
    assert len(objects) == 2


def test_what_is_damaged_is_not_archived(kit: Any) -> None:
    """A part whose bytes are not what was sealed stays where it is, and is told; others go."""
    part, younger = kit.store.add("1"), kit.store.add("2", days_ago=35)
    kit.store.own(part).write_bytes(b"other bytes")

    with pytest.raises(Corrupt, match="should have"):
        kit.archive.round()
    assert kit.store.now(part) == part
    assert kit.store.own(part).exists()
    assert kit.store.now(younger).place == PLACE
    assert "should have" in kit.archive.status().problem


def test_it_runs_by_itself_and_a_ledger_that_is_away_stops_nothing(kit: Any) -> None:
    """Round after round: parts go though a deed cannot be said yet, which is said once it can."""
    part = kit.store.add("1")
    kit.archive._holds.set(LegalHoldSet("", "H-7", "other", None, None, "ann", "case 12"))
    away = True
    append = kit.archive._deeds._append

    async def sometimes(make: Any, key: str | None) -> int:
        if away:
            raise TemporaryError("The ledger is away.")
        return int(await append(make, key))

    async def run() -> None:
        nonlocal away
        kit.archive._deeds._append = sometimes
        running = asyncio.create_task(kit.archive.run())
        while kit.store.now(part).place != PLACE:  # noqa: ASYNC110  a thread moves it
            await asyncio.sleep(0)
        assert kit.entries == []
        away = False
        while not kit.entries:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(run())
    assert kit.entries[0].hold == "H-7"
