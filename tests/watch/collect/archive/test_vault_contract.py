"""The contract of `Vault`, held by every backend; a real S3 server too where one is named."""

from hashlib import sha256
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.errors import Corrupt, Refused
from tallystick.watch.collect.archive.lock import Lock, Mode
from tallystick.watch.collect.archive.vault import Ref, Stat, Vault

DAY_NS = 86_400 * NS_PER_SECOND
NAME = "index=main/dt=2026-01-02/part-7.parquet"
DEADLINE_SECONDS = 15
BEGAN_NS = SystemClock().now_ns()


def until(days: float) -> int:
    """A moment so many days after these tests began, a whole second."""
    return (BEGAN_NS + round(days * DAY_NS)) // NS_PER_SECOND * NS_PER_SECOND


def put(vault: Vault, tmp_path: Path, data: bytes = b"lines", **lock: object) -> Stat:
    """Put some bytes under `NAME`; locked in governance mode for a day unless told otherwise."""
    file = tmp_path / "file"
    file.write_bytes(data)
    given = {"mode": "governance", "until_ns": until(1)} | lock
    return vault.put(NAME, file, sha256(data).hexdigest(), Lock(**given))  # type: ignore[arg-type]


def test_what_is_put_is_read_back(vault: Vault, tmp_path: Path) -> None:
    """The bytes come back, and the stat tells size, hash and lock."""
    lock = Lock("governance", until(2))
    stat = put(vault, tmp_path, b"one line\n", until_ns=lock.until_ns)

    vault.get(stat.ref, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"one line\n"
    assert (stat.size, stat.sha256) == (9, sha256(b"one line\n").hexdigest())
    assert stat.lock == lock
    assert not stat.cold
    assert vault.stat(stat.ref) == stat
    assert vault.stat(Ref(NAME)) == stat
    assert Ref.parse(str(stat.ref)) == stat.ref


def test_a_large_file_goes_in_pieces_and_is_locked(vault: Vault, tmp_path: Path) -> None:
    """12 MiB, in S3 a multipart upload of three pieces: checked, and locked like any other."""
    data = bytes(range(256)) * 4096 * 12
    stat = put(vault, tmp_path, data, mode="compliance", until_ns=until(3))

    assert stat.size == len(data)
    assert stat.lock.mode == "compliance"
    vault.get(stat.ref, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_the_same_bytes_may_be_put_again(vault: Vault, tmp_path: Path) -> None:
    """A repeated put changes nothing but tightens the lock: whoever was cut off just repeats."""
    first = put(vault, tmp_path)
    again = put(vault, tmp_path)
    tighter = put(vault, tmp_path, until_ns=until(5), legal_hold=True)

    assert again == first
    assert tighter.ref == first.ref
    assert tighter.lock == Lock("governance", until(5), legal_hold=True)
    assert put(vault, tmp_path).lock == tighter.lock
    vault.lock(first.ref, Lock("governance", until(5)))


def test_other_bytes_under_the_name_are_refused(vault: Vault, tmp_path: Path) -> None:
    """A name is written once."""
    stat = put(vault, tmp_path)

    with pytest.raises(Corrupt, match="other bytes"):
        put(vault, tmp_path, b"others")
    assert vault.stat(stat.ref) == stat


def test_a_file_that_is_not_what_it_should_be_is_not_put(vault: Vault, tmp_path: Path) -> None:
    """A hash that the file does not have stops the put, and nothing stands under the name."""
    file = tmp_path / "file"
    file.write_bytes(b"damaged")

    with pytest.raises(Corrupt, match="should have"):
        vault.put(NAME, file, sha256(b"whole").hexdigest(), Lock("governance", until(1)))
    assert vault.stat(Ref(NAME)) is None


def test_what_is_not_there(vault: Vault, tmp_path: Path) -> None:
    """A stat says None, reading says that it is gone, deleting is done already."""
    nothing = Ref("index=main/dt=2026-01-02/part-8.parquet")

    assert vault.stat(nothing) is None
    vault.delete(nothing)
    with pytest.raises(Corrupt, match="not in the archive"):
        vault.get(nothing, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_a_lock_keeps_it_from_being_deleted(vault: Vault, tmp_path: Path, mode: Mode) -> None:
    """The refusal names the mode and the date; the object stays."""
    stat = put(vault, tmp_path, mode=mode, until_ns=until(2))

    with pytest.raises(Refused, match=rf"{mode} mode until 20\d\d-\d\d-\d\dT") as refusal:
        vault.delete(stat.ref)
    assert refusal.value.code == "PART_LOCKED"
    assert vault.stat(stat.ref) == stat


def test_governance_can_be_bypassed_and_compliance_cannot(vault: Vault, tmp_path: Path) -> None:
    """`bypass` deletes what is locked in governance mode; in compliance mode nobody does."""
    stat = put(vault, tmp_path)
    vault.delete(stat.ref, bypass=True)
    assert vault.stat(stat.ref) is None

    stat = put(vault, tmp_path, mode="compliance")
    with pytest.raises(Refused, match="nobody may delete it before"):
        vault.delete(stat.ref, bypass=True)
    assert vault.stat(stat.ref) == stat


def test_governance_is_shortened_by_bypass_only(vault: Vault, tmp_path: Path) -> None:
    """Extending is free; shortening needs the bypass."""
    stat = put(vault, tmp_path, until_ns=until(2))
    longer = Lock("governance", until(4))
    assert vault.lock(stat.ref, longer).lock == longer

    with pytest.raises(Refused, match="only who may bypass"):
        vault.lock(stat.ref, Lock("governance", until(3)))
    shorter = Lock("governance", until(3))
    assert vault.lock(stat.ref, shorter, bypass=True).lock == shorter


def test_compliance_can_only_be_extended(vault: Vault, tmp_path: Path) -> None:
    """Neither the date nor the mode is loosened, bypass or not."""
    stat = put(vault, tmp_path, mode="compliance", until_ns=until(2))

    for looser in (Lock("compliance", until(1)), Lock("governance", until(9)), Lock("none")):
        with pytest.raises(Refused, match="can only be extended"):
            vault.lock(stat.ref, looser, bypass=True)
    longer = Lock("compliance", until(3))
    assert vault.lock(stat.ref, longer).lock == longer


def test_nobody_bypasses_a_legal_hold(vault: Vault, tmp_path: Path) -> None:
    """It has no date, and outlasts every right; released, the retention counts again."""
    stat = put(vault, tmp_path)
    held = vault.lock(stat.ref, Lock(stat.lock.mode, stat.lock.until_ns, legal_hold=True))
    assert held.lock.legal_hold

    with pytest.raises(Refused, match="legal hold"):
        vault.delete(stat.ref, bypass=True)
    free = vault.lock(stat.ref, stat.lock)
    assert free.lock == stat.lock
    vault.delete(stat.ref, bypass=True)


def test_a_hold_needs_no_retention(vault: Vault, tmp_path: Path) -> None:
    """Put under hold alone, it is kept until the hold is released."""
    stat = put(vault, tmp_path, mode="none", until_ns=0, legal_hold=True)
    assert stat.lock == Lock("none", 0, legal_hold=True)

    with pytest.raises(Refused, match="legal hold"):
        vault.delete(stat.ref, bypass=True)
    vault.lock(stat.ref, Lock("none"))
    vault.delete(stat.ref)
    assert vault.stat(stat.ref) is None


def test_a_retention_ends(vault: Vault, tmp_path: Path) -> None:
    """After its date the object may be deleted by anybody, and put anew."""
    clock = SystemClock()
    end_ns = (clock.now_ns() // NS_PER_SECOND + 3) * NS_PER_SECOND
    stat = put(vault, tmp_path, mode="compliance", until_ns=end_ns)
    give_up_ns = clock.monotonic_ns() + DEADLINE_SECONDS * NS_PER_SECOND

    while vault.stat(stat.ref) is not None and clock.monotonic_ns() < give_up_ns:
        try:
            vault.delete(stat.ref)
        except Refused:
            clock.pause(0.2)
    assert vault.stat(stat.ref) is None
    assert clock.now_ns() >= end_ns
    assert put(vault, tmp_path, b"anew").size == 4


def test_what_is_readable_needs_no_restore(vault: Vault, tmp_path: Path) -> None:
    """A restore of it is a question with the answer: it is here."""
    stat = put(vault, tmp_path)

    assert vault.restore(stat.ref, 3, "bulk") == stat
