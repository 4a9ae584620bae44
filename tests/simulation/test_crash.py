"""Power cut and kill -9 at every write and every flush that SQLite makes for an append.

A scripted run is recorded once, write by write, on a modelled disk with a page cache. Then the
machine dies after each step, in each way in which a disk can let go of what was not flushed, and
the next process opens what is left as it always does. No repair, no second chance.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from simulated.machine import CUTS, Disk, Machine, MachineGuard, Said, Step

from tallystick.keys import FileKeyring, Signer
from tallystick.ledger import Ledger, Sealable, SqliteStore
from tallystick.ledger.checkpoint import parse_body, parse_checkpoint, verify_note
from tallystick.ledger.merkle import verify_consistency, verify_inclusion
from tallystick.wal import fold_wal

FILE, GUARD = "ledger.db", "ledger.head"
SCRIPT: tuple[int | str, ...] = (
    *("open", 1, 3, "fold", "sync", 300, 3, "fold", 1, "close"),
    *("open", 3, "fold", 300, "sync", "fold", 1, 3, "sync", "close"),
)
"""Batches of so many entries; two tiles fill up; the log is folded, begun anew and deleted, and
the guard is flushed now and then, as it is before a checkpoint is published."""
SEED = 1
SEEDS_LONG = range(2, 12)
SAMPLE = 3
"""First crashes after which the machine crashes once more, in the quick version."""


def entry(position: int) -> Sealable:
    """The entry at this position in every run."""
    text = b'{"n":%d,"pad":"%s"}' % (position, b"x" * (position * 37 % 200))
    return Sealable(text, (f"key {position}",))


@cache
def root(first: int, size: int) -> bytes:
    """RFC 6962 section 2.1 as it is written there: MTH of the entries [first, first + size)."""
    if size == 0:
        return sha256().digest()
    if size == 1:
        return sha256(b"\x00" + entry(first).entry).digest()
    k = 1 << ((size - 1).bit_length() - 1)
    return sha256(b"\x01" + root(first, k) + root(first + k, size - k)).digest()


def append(ledger: Ledger, count: int, steps: list[Step]) -> None:
    """Append the next entries, and say into `steps` what was promised when."""
    first, size = ledger.size, ledger.size + count
    steps.append(Said(size, acknowledged=False))
    asyncio.run(ledger.append(first, [entry(n) for n in range(first, size)]))
    steps.append(Said(size, acknowledged=True))


@contextmanager
def opened(folder: Path, signer: Signer, machine: Machine) -> Iterator[Ledger]:
    """The ledger in this folder as the next process opens it, guard and all."""
    with (
        closing(SqliteStore(folder / FILE)) as store,
        closing(MachineGuard(machine, folder / GUARD)) as guard,
    ):
        yield Ledger(store, signer, guard)


def play(folder: Path, signer: Signer, machine: Machine, script: Sequence[int | str]) -> list[Step]:
    """Run the script from what is in the folder on; the steps that the machine made."""
    scenes = iter(script)
    while next(scenes, None) == "open":
        with opened(folder, signer, machine) as ledger:
            for scene in iter(lambda: next(scenes), "close"):
                if scene == "fold":
                    fold_wal(folder / FILE)
                elif scene == "sync":
                    ledger.sync()
                else:
                    append(ledger, int(scene), machine.steps)
    return list(machine.steps)


@dataclass(frozen=True)
class Promise:
    """What clients were told before the crash, and what was on its way."""

    sizes: tuple[int, ...] = ()
    """Every size whose checkpoint was acknowledged, in order."""
    begun: int = 0
    """The size that the last append would have made."""

    def and_then(self, steps: Sequence[Step]) -> "Promise":
        """With the promises among these steps."""
        said = [step for step in steps if isinstance(step, Said)]
        sizes = self.sizes + tuple(step.size for step in said if step.acknowledged)
        return Promise(sizes, said[-1].size if said else self.begun)


def require_kept(folder: Path, signer: Signer, machine: Machine, promise: Promise) -> list[Step]:
    """The next process finds what was promised, whole, and goes on; the steps that this took.

    What it finds it shows to everybody: that is a promise too.
    """
    with opened(folder, signer, machine) as ledger:
        store, size = ledger._store, ledger.size
        assert size in {max(promise.sizes, default=0), promise.begun}
        machine.steps.append(Said(size, acknowledged=True))
        head = parse_body(verify_note(ledger.note, [ledger.vkey]).text)
        assert (head.size, head.root) == (size, root(0, size))
        assert [row.entry for row in store.rows(0, size + 1)] == [
            entry(n).entry for n in range(size)
        ]
        assert [ledger.find(f"key {n}") for n in range(size + 1)] == [*range(size), None]
        assert isinstance(store, SqliteStore)
        assert store._reader.execute("PRAGMA integrity_check").get == "ok"
        append(ledger, 2, machine.steps)
        for old in filter(None, promise.sizes):
            note = (store.checkpoint(old) or (0, ""))[1]
            assert parse_checkpoint(note).root == root(0, old)
            proof = ledger.consistency_proof(old, ledger.size)
            verify_consistency(
                size1=old, size2=ledger.size, proof=proof,
                root1=root(0, old), root2=root(0, ledger.size),
            )  # fmt: skip
        receipt = ledger.receipt(size)
        verify_inclusion(
            index=size, size=size + 2, leaf=bytes.fromhex(receipt.leaf_hash),
            proof=receipt.inclusion, root=root(0, size + 2),
        )  # fmt: skip
    return list(machine.steps)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """The machine under every store that the test opens."""
    machine = Machine()
    yield machine
    machine.unregister()


@pytest.fixture(scope="module")
def signer() -> Signer:
    """The key of the ledger; its signatures are the same in each run."""
    return FileKeyring("ledger.example/test", b"\x07" * 32)


@dataclass(frozen=True)
class Crash:
    """The machine died after so many steps, and this is what its disk holds."""

    after: int
    promise: Promise
    disk: Disk


def crashes(
    steps: Sequence[Step],
    disk: Disk,
    cut: str,
    chance: random.Random,
    before: Promise = Promise(),
) -> Iterator[Crash]:
    """A crash after each step, from none to all; those that leave the same are told once."""
    told: set[tuple[Promise, bytes]] = set()
    disk = disk.copy()
    for now in range(len(steps) + 1):
        if now:
            disk.take(now - 1, steps[now - 1])
        promise = before.and_then(steps[:now])
        # Only the process dies: the page cache lives on, and may be lost the next time.
        left = disk.copy() if cut == "keeps_all" else disk.after(CUTS[cut](now, chance))
        if (promise, digest := left.digest()) not in told:
            told.add((promise, digest))
            yield Crash(now, promise, left)


def recorded(folder: Path, signer: Signer, machine: Machine) -> list[Step]:
    """The steps of the script on an empty disk."""
    machine.boot(folder, Disk())
    return play(folder, signer, machine, SCRIPT)


def crash_everywhere(
    folder: Path, signer: Signer, machine: Machine, cut: str, seed: int
) -> Counter[str]:
    """Crash after each step of the script, and require everything each time; what was crashed."""
    steps = recorded(folder / "before", signer, machine)
    for crash in crashes(steps, Disk(), cut, random.Random(seed)):  # noqa: S311  no secret
        machine.boot(folder / "after", crash.disk)
        require_kept(folder / "after", signer, machine, crash.promise)
    return Counter(type(step).__name__ for step in steps)


def crash_twice(
    folder: Path, signer: Signer, machine: Machine, cuts: tuple[str, str], seed: int
) -> None:
    """Crash somewhere, and then after each step that the next process makes."""
    chance = random.Random(seed)  # noqa: S311  no secret
    first, then = cuts
    steps = recorded(folder / "before", signer, machine)
    firsts = list(crashes(steps, Disk(), first, chance))
    for crash in chance.sample(firsts, SAMPLE):
        machine.boot(folder / "after", crash.disk)
        again = require_kept(folder / "after", signer, machine, crash.promise)
        for second in crashes(again, crash.disk, then, chance, crash.promise):
            machine.boot(folder / "after that", second.disk)
            require_kept(folder / "after that", signer, machine, second.promise)


@pytest.mark.parametrize("cut", CUTS)
def test_a_crash_at_any_step_loses_nothing(
    tmp_path: Path, machine: Machine, signer: Signer, cut: str
) -> None:
    """Whatever the disk lets go of: what was acknowledged is there, nothing is there by half.

    The tree is RFC 6962's, the head verifies, every acknowledged checkpoint is consistent with
    it, the guard agrees, and the next append goes in.
    """
    steps = crash_everywhere(tmp_path, signer, machine, cut, SEED)
    assert steps["Write"] > 200
    assert steps["Sync"] > 30


@pytest.mark.parametrize("then", CUTS)
@pytest.mark.parametrize("first", ["keeps_all", "keeps_some"])
def test_a_crash_while_recovering_loses_nothing(
    tmp_path: Path, machine: Machine, signer: Signer, first: str, then: str
) -> None:
    """The machine dies again under the next process: what that one has shown is kept as well."""
    crash_twice(tmp_path, signer, machine, (first, then), SEED)


@pytest.mark.slow
@pytest.mark.usefixtures("asked_for")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("cut", CUTS)
def test_many_more_crashes_lose_nothing(
    tmp_path: Path, machine: Machine, signer: Signer, cut: str
) -> None:
    """The same with more seeds, for whoever has the time."""
    for seed in SEEDS_LONG:
        crash_everywhere(tmp_path, signer, machine, cut, seed)
        for first in ("keeps_all", "keeps_some", "keeps_the_last"):
            crash_twice(tmp_path, signer, machine, (first, cut), seed)


@pytest.mark.parametrize("unsafe", ["synchronous=NORMAL", "synchronous=OFF"])
def test_a_store_that_does_not_flush_is_found(
    tmp_path: Path, machine: Machine, signer: Signer, unsafe: str
) -> None:
    """The disk is cruel enough: without a flush for each commit, acknowledged entries are lost."""
    machine.boot(tmp_path / "before", Disk())
    with opened(tmp_path / "before", signer, machine) as ledger:
        store = ledger._store
        assert isinstance(store, SqliteStore)
        store._writer.execute(f"PRAGMA {unsafe}")
        append(ledger, 1, machine.steps)
        steps = list(machine.steps)
    *_, last = crashes(steps, Disk(), "keeps_none", random.Random(SEED))  # noqa: S311
    machine.boot(tmp_path / "after", last.disk)
    with pytest.raises(AssertionError, match=r"assert 0 in \{1\}"):
        require_kept(tmp_path / "after", signer, machine, last.promise)
