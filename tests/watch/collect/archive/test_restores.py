"""Restores: cold parts become readable for some days, in jobs that everybody can see."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Refused
from tallystick.ledger.notices import ArchiveRestored
from tallystick.watch.collect.archive import Covered
from tallystick.watch.collect.archive.covered import hash_of
from tallystick.watch.collect.archive.parts import ColdPartError
from tallystick.watch.collect.archive.restores import wait_seconds
from tallystick.watch.collect.archive.rules import NS_PER_DAY
from tallystick.watch.collect.archive.shelf import name_of
from tallystick.watch.collect.archive.vault import WAIT_SECONDS, Ref


def ask(kit: Any, covered: Covered = Covered(), **more: Any) -> Any:  # noqa: B008  frozen
    """Ask for a restore, ordinarily with the tier standard and for three days."""
    asked = {"tier": "standard", "days": 3, "by": "ann", "reason": "audit"} | more
    return asyncio.run(kit.archive.desk.restore(covered, **asked))


@pytest.fixture
def slow_glacier(moto_url: str) -> Any:
    """Moto's Glacier takes four looks until a restored object is there."""
    state_manager = pytest.importorskip("moto.moto_api").state_manager
    state_manager.set_transition("s3::keyrestore", {"progression": "manual", "times": 4})
    yield moto_url
    state_manager.unset_transition("s3::keyrestore")


def test_a_cold_part_is_restored(cold_kit: Any, slow_glacier: str, tmp_path: Path) -> None:
    """Cold, asked for, on its way, readable: the part's state follows, and so does the job."""
    del slow_glacier
    kit = cold_kit
    part = kit.store.add("1")
    data = kit.store.own(part).read_bytes()
    kit.archive.round()
    assert kit.store.now(part).state == "cold"
    with pytest.raises(ColdPartError, match="restore it first"):
        kit.archive.source.fetch(part, tmp_path / "back")

    asked = ask(kit)
    assert (asked.state, asked.parts, asked.parts_readable) == ("running", 1, 0)
    assert kit.store.now(part).state == "restoring"
    while kit.archive.desk.find_restore(asked.id).state == "running":
        kit.archive.round()

    done = kit.archive.desk.find_restore(asked.id)
    assert (done.state, done.parts_readable) == ("readable", 1)
    assert done.expires_at > done.readable_at
    assert kit.store.now(part).state == "restored"
    kit.archive.source.fetch(part, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_the_ledger_says_who_asked_and_why(cold_kit: Any) -> None:
    """The entry names the range and the hash of the parts that it covers."""
    kit = cold_kit
    part = kit.store.add("1")
    kit.store.add("2", index="other")
    kit.archive.round()

    asked = ask(kit, Covered("main"), tier="bulk", days=9, reason="case 12")
    (entry,) = kit.entries
    assert entry == ArchiveRestored(
        at=entry.at, restore=asked.id, index="main", earliest=None, latest=None, parts=1,
        size=part.size, parts_hash=hash_of([part]), tier="bulk", days=9, by="ann",
        reason="case 12",
    )  # fmt: skip
    assert asked.position == 0
    assert asked.eta > asked.asked_at
    assert kit.archive.desk.restores() == [kit.archive.desk.find_restore(asked.id)]


def test_what_is_not_cold_needs_no_restore(kit: Any) -> None:
    """It can be searched as it is."""
    kit.store.add("1")
    kit.archive.round()

    with pytest.raises(Refused, match="all of it can be searched") as refusal:
        ask(kit)
    assert refusal.value.code == "NOTHING_TO_RESTORE"
    assert kit.entries == []


def test_deep_archive_has_no_expedited_tier() -> None:
    """The refusal names the tiers there are; waits are the documented ones."""
    with pytest.raises(Refused, match="standard and bulk") as refusal:
        wait_seconds("DEEP_ARCHIVE", "expedited")
    assert refusal.value.code == "BAD_TIER"
    assert wait_seconds("GLACIER", "expedited") == 300
    assert wait_seconds("INTELLIGENT_TIERING", "bulk") == 0
    assert set(WAIT_SECONDS) == {"GLACIER", "DEEP_ARCHIVE"}


def test_a_restore_asked_for_before_a_kill_goes_on(cold_kit: Any) -> None:
    """Written down and not said: the next process says it once, and asks the vault."""
    kit = cold_kit
    part = kit.store.add("1")
    kit.archive.round()
    desk = kit.archive.desk
    notice = desk._ask(Covered(), "standard", 3, "ann", "audit")

    kit.reopen()
    kit.archive.round()
    assert kit.archive.desk.find_restore(notice.restore).state == "asked"
    asyncio.run(kit.archive.desk.settle())
    for _ in range(3):
        kit.archive.round()
    assert kit.archive.desk.find_restore(notice.restore).state == "readable"
    assert kit.store.now(part).state == "restored"
    assert len(kit.entries) == 1


def test_when_the_days_are_over_parts_are_cold_again(cold_kit: Any) -> None:
    """What the vault says decides: at the expiry it is asked, and the part marked cold."""
    kit = cold_kit
    part = kit.store.add("1")
    kit.archive.round()
    asked = ask(kit)
    kit.archive.round()
    assert kit.archive.desk.find_restore(asked.id).state == "readable"

    later = ManualClock(kit.clock.now_ns() + 4 * NS_PER_DAY)
    kit.archive._restores._clock = later
    kit.archive._shelf._clock = later
    kit.archive.round()
    assert kit.archive.desk.find_restore(asked.id).state == "expired"
    assert kit.store.now(part).state == "cold"


def test_a_part_that_went_cold_unseen_is_found(kit: Any, moto_s3: Any, tmp_path: Path) -> None:
    """A lifecycle rule moves an object without a word: a round, or a restore, sees it."""
    from tallystick.watch.collect.archive.s3 import S3Vault  # noqa: PLC0415  needs the bucket
    from tallystick.watch.collect.archive.s3_client import connect  # noqa: PLC0415

    vault = S3Vault(moto_s3, kit.clock)
    warm = type(kit)(tmp_path / "warm", vault, kit.clock)
    part = warm.store.add("1")
    warm.archive.round()
    assert warm.store.now(part).state == "archived"

    client, name = connect(moto_s3), f"{moto_s3.prefix}{name_of(part)}"
    client.copy_object(
        Bucket=moto_s3.bucket, Key=name, StorageClass="GLACIER",
        CopySource={"Bucket": moto_s3.bucket, "Key": name},
    )  # fmt: skip
    newest = vault.stat(Ref(name_of(part)))
    assert newest is not None
    warm.archive._database.do(
        "UPDATE objects SET ref = :ref", ref=str(newest.ref)
    )  # moto moves no version by itself: the copy stands for it
    assert ask(warm).parts == 1
    for closed in (client, vault, warm):
        closed.close()
