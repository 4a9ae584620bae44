"""What people do with the archive: holds, retention, deletion; refused as a whole or an entry."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import ManualClock, rfc3339
from tallystick.errors import Refused
from tallystick.ledger.notices import (
    ArchiveDeleted,
    LegalHoldReleased,
    LegalHoldSet,
    RetentionChanged,
)
from tallystick.watch.collect.archive import Covered
from tallystick.watch.collect.archive.covered import hash_of
from tallystick.watch.collect.archive.rules import NS_PER_DAY
from tallystick.watch.collect.archive.shelf import name_of
from tallystick.watch.collect.archive.vault import Ref

ALL = Covered()
BY = {"by": "ann", "reason": "case 12"}


def archived(kit: Any, *names: str, **more: Any) -> list[Any]:
    """Parts that are in the vault."""
    parts = [kit.store.add(name, **more) for name in names]
    kit.archive.round()
    return [kit.store.now(part) for part in parts]


def delete(kit: Any, covered: Covered = ALL, *, bypass: bool = False) -> Any:
    """Delete a range."""
    return asyncio.run(kit.archive.desk.delete(covered, bypass=bypass, **BY))


def hold(kit: Any, covered: Covered = ALL) -> Any:
    """Hold a range."""
    return asyncio.run(kit.archive.desk.hold(covered, **BY))


def test_what_is_locked_is_not_deleted(kit: Any) -> None:
    """The sentence names part, mode and date; nothing is done and nothing is said."""
    parts = archived(kit, "1", "2")

    with pytest.raises(Refused, match=r"part-1.* governance mode until 2033-") as refusal:
        delete(kit)
    assert refusal.value.code == "PART_LOCKED"
    assert kit.store.parts() == tuple(parts)
    assert kit.entries == []


def test_a_bypass_deletes_and_is_an_entry(kit: Any) -> None:
    """The right to bypass governance mode is used in the open."""
    (part,) = archived(kit, "1")

    done = delete(kit, bypass=True)
    (entry,) = kit.entries
    assert entry == ArchiveDeleted(
        entry.at, done.id, None, None, None, 1, part.size, hash_of([part]), True, "ann", "case 12"
    )
    assert kit.store.parts() == ()
    assert kit.vault.stat(Ref(name_of(part))) is None
    with pytest.raises(Refused, match="No archived part"):
        delete(kit, bypass=True)


class KilledError(BaseException):
    """The process ended here."""


def test_a_deletion_that_was_cut_off_is_ended(kit: Any) -> None:
    """Said in the ledger and half done: the next process does the rest."""
    archived(kit, "1", "2", "3")
    left = 2

    def step(name: str) -> None:
        nonlocal left
        left -= name == "deleting"
        if not left:
            raise KilledError

    kit.reopen(step)
    with pytest.raises(KilledError):
        delete(kit, bypass=True)
    assert len(kit.store.parts()) == 2
    kit.reopen()
    kit.archive.round()
    assert kit.store.parts() == ()
    assert not [path for path in Path(kit.vault.address).rglob("*.parquet") if path.is_file()]
    assert len(kit.entries) == 1


def test_a_lock_that_came_meanwhile_wins_over_a_deletion(kit: Any) -> None:
    """Written down, and then held: the part stays."""
    (part,) = archived(kit, "1")
    notice = ArchiveDeleted("", "D-7", None, None, None, 1, part.size, "", True, "ann", "case 12")
    kit.archive._keeping.delete([(part, kit.vault.stat(Ref(name_of(part))))], notice)
    hold(kit)
    asyncio.run(kit.archive.desk.settle())
    kit.archive.round()
    assert kit.store.now(part).lock.legal_hold
    assert kit.vault.stat(Ref(name_of(part))) is not None


def test_after_its_date_it_may_be_deleted(kit: Any, clock: ManualClock) -> None:
    """Eight years later nothing keeps it."""
    archived(kit, "1")
    clock.advance(8 * 366 * 86_400)

    assert delete(kit).parts == 1
    assert kit.entries[0].bypass is False


def test_a_hold_covers_archived_hot_and_later_parts(kit: Any) -> None:
    """From its return on nobody deletes what it covers, the store itself included."""
    (old,) = archived(kit, "1", days_ago=50)
    young = kit.store.add("2", days_ago=5)
    outside = kit.store.add("3", index="other", days_ago=5)
    held = hold(kit, Covered("main"))

    assert held.active
    assert kit.store.now(old).lock.legal_hold
    assert kit.vault.stat(Ref(name_of(old))).lock.legal_hold
    assert kit.store.now(young).lock.legal_hold
    assert kit.store.now(outside) == outside
    later = kit.store.add("4", days_ago=45)
    kit.archive.round()
    assert kit.vault.stat(Ref(name_of(later))).lock.legal_hold
    with pytest.raises(Refused, match="legal hold"):
        delete(kit, bypass=True)
    assert kit.entries == [LegalHoldSet(held.set_at, held.id, "main", None, None, "ann", "case 12")]


def test_a_released_hold_holds_no_more(kit: Any) -> None:
    """What another hold covers stays held; released twice is released once."""
    first, second = archived(kit, "1", days_ago=50), archived(kit, "2", days_ago=40)
    border = Covered(None, None, kit.clock.now_ns() - 45 * NS_PER_DAY)
    everything, early = hold(kit), hold(kit, border)

    freed = asyncio.run(kit.archive.desk.release(everything.id, by="bob", reason="over"))
    again = asyncio.run(kit.archive.desk.release(everything.id, by="eve", reason="again"))
    assert (freed.active, freed.released_by, freed.released_reason) == (False, "bob", "over")
    assert again == freed
    assert kit.store.now(first[0]).lock.legal_hold
    assert not kit.store.now(second[0]).lock.legal_hold
    assert not kit.vault.stat(Ref(name_of(second[0]))).lock.legal_hold
    assert isinstance(kit.entries[-1], LegalHoldReleased)
    assert [each.id for each in kit.archive.desk.holds()] == [early.id, everything.id]
    with pytest.raises(Refused, match="no legal hold") as refusal:
        asyncio.run(kit.archive.desk.release("H-1", by="bob", reason="over"))
    assert refusal.value.code == "UNKNOWN_HOLD"


def test_a_hold_set_before_a_kill_counts(kit: Any) -> None:
    """Written down and neither applied nor said: it refuses at once, and the next round applies."""
    (part,) = archived(kit, "1")
    kit.archive._holds.set(LegalHoldSet("", "H-7", None, None, None, "ann", "case 12"))
    kit.reopen()

    with pytest.raises(Refused, match="legal hold"):
        delete(kit, bypass=True)
    kit.archive.round()
    asyncio.run(kit.archive.desk.settle())
    assert kit.store.now(part).lock.legal_hold
    assert [entry.hold for entry in kit.entries] == ["H-7"]


def test_retention_is_extended_and_told(kit: Any) -> None:
    """Governance becomes compliance, for longer; from then on nothing shortens it."""
    (part,) = archived(kit, "1")
    until_ns = kit.clock.now_ns() + 4_000 * NS_PER_DAY

    done = asyncio.run(
        kit.archive.desk.retain(ALL, mode="compliance", until_ns=until_ns, bypass=False, **BY)
    )
    (entry,) = kit.entries
    assert entry == RetentionChanged(
        entry.at, done.id, None, None, None, 1, hash_of([part]), "compliance",
        rfc3339(until_ns), False, "ann", "case 12",
    )  # fmt: skip
    lock = kit.vault.stat(Ref(name_of(part))).lock
    assert (lock.mode, lock.until_ns) == ("compliance", until_ns)
    assert kit.store.now(part).lock == lock
    for mode, end_ns in (("compliance", until_ns - NS_PER_DAY), ("governance", until_ns)):
        with pytest.raises(Refused, match="can only be extended"):
            asyncio.run(kit.archive.desk.retain(ALL, mode=mode, until_ns=end_ns, bypass=True, **BY))


def test_retention_is_shortened_by_bypass_only(kit: Any) -> None:
    """Without the right the whole request is refused."""
    archived(kit, "1")
    sooner = {"mode": "governance", "until_ns": kit.clock.now_ns() + NS_PER_DAY}

    with pytest.raises(Refused, match="only who may bypass"):
        asyncio.run(kit.archive.desk.retain(ALL, bypass=False, **sooner, **BY))
    asyncio.run(kit.archive.desk.retain(ALL, bypass=True, **sooner, **BY))
    assert kit.entries[0].bypass is True
    with pytest.raises(Refused, match="in the future"):
        asyncio.run(kit.archive.desk.retain(ALL, mode="governance", until_ns=0, bypass=True, **BY))


def test_a_range_has_a_beginning_before_its_end(kit: Any) -> None:
    """Else the request is refused."""
    backwards = Covered(None, 20, 10)

    for asked in (hold, delete):
        with pytest.raises(Refused, match="is not before") as refusal:
            asked(kit, backwards)
        assert refusal.value.code == "BAD_TIME"


def test_parts_are_listed_in_pages(kit: Any) -> None:
    """By path, from behind the last one told."""
    parts = archived(kit, "1", "2", "3")

    first = kit.archive.desk.parts(ALL, limit=2)
    assert first == parts[:2]
    assert kit.archive.desk.parts(ALL, limit=2, after=first[-1].path) == parts[2:]
    assert kit.archive.desk.parts(Covered("other"), limit=2) == []


def test_the_status_counts(kit: Any) -> None:
    """Parts and bytes by state, holds, and what is due."""
    (part,) = archived(kit, "1")
    kit.store.add("2", days_ago=3)
    kit.store.add("3", days_ago=33)
    hold(kit)

    status = kit.archive.status()
    assert status.states["archived"].size == part.size
    assert status.states["hot"].parts == 2
    assert status.due.parts == 1
    assert (status.holds_active, status.restores_running) == (1, 0)
    assert (status.after_days, status.mode, status.years) == (30, "governance", 7)
    assert status.problem is None
