"""What an interrupted check keeps: used when it fits, and never believed when it does not."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.check import Passed
from tallystick.ledger.merkle import CompactRange, leaf_hash
from tallystick.wiring.check_state import RESUME_SECONDS_MAX, CheckState

SIGNER = FileKeyring("tallystick.test/state", bytes(32))


def ledger_of(word: bytes) -> Ledger:
    """A ledger of 600 entries."""
    ledger = Ledger(MemoryStore(), SIGNER)
    asyncio.run(ledger.append(0, [Sealable(word + b" %d" % n) for n in range(600)]))
    return ledger


@pytest.fixture
def ledger() -> Ledger:
    """The ledger that is checked."""
    return ledger_of(b"entry")


def passed_of(ledger: Ledger, position: int = 512) -> Passed:
    """What a check of it comes to at a position."""
    tree = CompactRange()
    for row in ledger.rows(0, position):
        tree.append(leaf_hash(row.entry))
    return Passed(ledger.origin, position, tuple(tree.nodes), ((b"r" * 32,) * 2,), keys=9)


def test_what_is_kept_is_resumed_until_it_is_forgotten(tmp_path: Path, ledger: Ledger) -> None:
    """The same to the last count; a check that ended leaves nothing."""
    clock = ManualClock()
    state = CheckState(tmp_path, clock)
    assert state.resume(ledger) is None
    state.keep(passed_of(ledger))
    clock.advance(RESUME_SECONDS_MAX)
    assert CheckState(tmp_path, clock).resume(ledger) == passed_of(ledger)
    state.forget()
    state.forget()
    assert list(tmp_path.iterdir()) == []


def test_nothing_checked_is_nothing_kept(tmp_path: Path, ledger: Ledger) -> None:
    """At the beginning there is no place to go on from."""
    CheckState(tmp_path, ManualClock()).keep(Passed(ledger.origin))
    assert list(tmp_path.iterdir()) == []


def test_another_ledgers(tmp_path: Path, ledger: Ledger) -> None:
    """Of another name, of other entries under the same name, or longer than this one."""
    state = CheckState(tmp_path, ManualClock())
    passed = passed_of(ledger)
    for other in (
        msgspec.structs.replace(passed, origin="another"),
        passed_of(ledger_of(b"other")),
        msgspec.structs.replace(passed, position=513),
        msgspec.structs.replace(passed, position=1_024),
    ):
        state.keep(other)
        assert state.resume(ledger) is None


def test_old(tmp_path: Path, ledger: Ledger) -> None:
    """What was right yesterday is looked at again; so is what will be checked tomorrow."""
    clock = ManualClock()
    CheckState(tmp_path, clock).keep(passed_of(ledger))
    clock.advance(RESUME_SECONDS_MAX + 1)
    assert CheckState(tmp_path, clock).resume(ledger) is None
    assert CheckState(tmp_path, ManualClock(0)).resume(ledger) is None


def test_damaged(tmp_path: Path, ledger: Ledger) -> None:
    """Every byte of the file: one that was changed, one that is missing, none at all."""
    state = CheckState(tmp_path, ManualClock())
    state.keep(passed_of(ledger))
    path = tmp_path / "check.state"
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert state.resume(ledger) is None
        path.write_bytes(whole[:position])
        assert state.resume(ledger) is None
    path.write_bytes(whole)
    assert state.resume(ledger) == passed_of(ledger)
