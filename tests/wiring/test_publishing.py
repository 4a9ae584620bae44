"""Publishing: guard before witnesses before checkpoint, and nobody is waited for too long."""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Forked, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.guard import MemoryGuard
from tallystick.ledger.verify import FolderSource, verify_ledger
from tallystick.ledger.witness import Cosigned
from tallystick.ledger.witness.asking import ConsistencyProof
from tallystick.wiring.publishing import RECOSIGN_SECONDS, Publishing

KEY = FileKeyring("ledger.example/published", b"\x05" * 32)


class Guard(MemoryGuard):
    """Tells when it was made durable."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self._told = told

    def sync(self) -> None:
        """Note the moment."""
        self._told.append("guard")


class Witnesses:
    """Asked like a `Cosigner`; `present` of the two answer, and each asks for a proof."""

    def __init__(self, told: list[str]) -> None:
        self.present = 2
        self.told = told
        self.seen = 0

    async def cosign(self, note: str, proof: ConsistencyProof) -> Cosigned:
        """The note with a line for each that is present."""
        self.told.append("witnesses")
        size = parse_checkpoint(note).size
        if self.seen:
            proof(self.seen, size)
        self.seen = size
        names = ("w1", "w2")
        here, away = names[: self.present], names[self.present :]
        lines = "".join(f"\N{EM DASH} {name} AAAAAAAA\n" for name in here)
        return Cosigned(note + lines, here, dict.fromkeys(away, "away"), not away)

    async def aclose(self) -> None:
        """Nothing is open."""
        self.told.append("closed")


class Site:
    """A ledger in memory with a folder it is published in."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.folder = folder
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, KEY, Guard(self.told))
        self.witnesses = Witnesses(self.told)
        self.publisher = Publisher(self.store, folder)
        self.publishing = Publishing(self.publisher, self.ledger, self.clock, self.witnesses)  # type: ignore[arg-type]  # the two methods it asks

    def append(self, count: int) -> None:
        """Append so many entries."""
        first = self.ledger.size
        entries = [Sealable(b"%d" % n) for n in range(first, first + count)]
        asyncio.run(self.ledger.append(first, entries))

    def publish(self) -> None:
        """Once round."""
        asyncio.run(self.publishing.publish())

    def checkpoint(self) -> str:
        """What anybody sees."""
        return (self.folder / "checkpoint").read_text()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A new one."""
    site = Site(tmp_path)
    yield site
    asyncio.run(site.publishing.close())
    assert site.told[-1] == "closed"


def test_the_guard_is_durable_before_anybody_sees_a_head(site: Site) -> None:
    """Guard, witnesses, checkpoint; and what is published verifies as a whole."""
    show = site.publisher.show

    def shown(size: int, note: str) -> None:
        site.told.append("shown")
        show(size, note)

    site.publisher.show = shown  # type: ignore[method-assign]
    site.append(300)
    site.publish()
    site.append(5)
    site.publish()

    assert site.told == ["guard", "witnesses", "shown"] * 2
    assert parse_checkpoint(site.checkpoint()).size == 305
    assert [line.split()[1] for line in site.checkpoint().splitlines()[5:]] == ["w1", "w2"]
    assert verify_ledger(FolderSource(site.folder), site.ledger.vkey).verdict == "clean"


def test_where_nothing_is_new_nobody_is_asked(site: Site) -> None:
    """An idle ledger costs its witnesses nothing."""
    site.append(3)
    for _ in range(3):
        site.publish()
        site.clock.advance(RECOSIGN_SECONDS)

    assert site.told == ["guard", "witnesses"]


def test_missing_witnesses_are_asked_again(site: Site) -> None:
    """The checkpoint that stays the newest gets its cosignatures when they are back."""
    site.witnesses.present = 0
    site.append(3)
    site.publish()
    alone = site.checkpoint()
    site.publish()
    assert site.told == ["guard", "witnesses"]  # not before its time
    site.clock.advance(RECOSIGN_SECONDS)
    site.publish()
    assert site.checkpoint() == alone
    site.witnesses.present = 2
    site.clock.advance(RECOSIGN_SECONDS)
    site.publish()

    assert site.checkpoint().startswith(alone)
    assert " w2 " in site.checkpoint()


def test_another_writers_head_waits_for_the_ledger(site: Site) -> None:
    """Nothing is shown of which the ledger could not give consistency proofs."""
    other = Ledger(site.store, KEY)
    site.append(2)
    site.publish()
    asyncio.run(other.append(2, [Sealable(b"theirs")]))
    site.publish()
    assert parse_checkpoint(site.checkpoint()).size == 2
    site.ledger.catch_up()
    site.publish()

    assert parse_checkpoint(site.checkpoint()).size == 3


def test_it_tells_whether_the_store_is_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it could not be read, until it can."""
    look = site.store.checkpoint

    def away(_size: int) -> None:
        raise TemporaryError("The database is away.")

    monkeypatch.setattr(site.store, "checkpoint", away)
    with pytest.raises(TemporaryError):
        site.publish()
    assert site.publishing.away == "The database is away."
    monkeypatch.setattr(site.store, "checkpoint", look)
    site.publish()
    assert site.publishing.away is None


def test_what_was_published_is_never_taken_back(site: Site) -> None:
    """An older backup that was put under a running ledger is not published."""
    site.append(2)
    backup = deepcopy(vars(site.store))
    site.append(3)
    site.publish()
    shown = site.checkpoint()
    vars(site.store).update(backup)
    with pytest.raises(Forked, match="holds 2 entries, and 5 were published"):
        site.publish()

    assert site.checkpoint() == shown
