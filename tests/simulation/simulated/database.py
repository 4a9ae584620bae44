"""Databases that keep the store's contract while everything around them fails; and some that lie.

A `Database` is what is on a server's disk; a `Connection` is one process's way to it and the
store that its ledger sees.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulated.network import Process
from tallystick.errors import TemporaryError
from tallystick.ledger import MemoryStore
from tallystick.ledger.store import Batch, Row
from tallystick.ledger.tree import FullTile

REFUSED, UNFLUSHED, CUT_OFF = 0.06, 0.03, 0.06
"""Shares of the appends that fail before they are sent, fail while they are flushed, or lose the
answer to their commit."""


@dataclass(frozen=True)
class Lies:
    """What a broken store does against its contract."""

    says_early: bool = False
    """Acknowledges before the commit."""
    buffers: bool = False
    """Commits into memory, and flushes later."""
    compares_nothing: bool = False
    """Takes a batch at whatever size, over what is there."""


@dataclass
class Database:
    """Batches on a disk; whoever reads sees whole ones only."""

    name: str
    batches: list[Batch] = field(default_factory=list)
    lies: Lies = Lies()
    flushed: int = 0
    """Batches that outlive a power cut; of an honest database all of them do."""
    limbo: Batch | None = None
    """Written, and not flushed because the disk failed: nobody sees it, a crash may revive it."""

    def __post_init__(self) -> None:
        """Read what is there."""
        self._load(self.batches)

    def _load(self, batches: list[Batch]) -> None:
        self.batches, self.store = [], MemoryStore()
        for batch in batches:
            self._keep(batch)
        self.flushed = len(batches)

    def _keep(self, batch: Batch) -> None:
        _at_once(self.store, batch)
        self.batches.append(batch)

    @property
    def size(self) -> int:
        """How many entries it holds."""
        return (self.store.checkpoint(-1) or (0, ""))[0]

    def leaves(self, size: int) -> list[bytes]:
        """The leaf hashes of its first entries."""
        return [row.leaf_hash for row in self.store.rows(0, size)]

    def commit(self, batch: Batch) -> None:
        """Compare and store, in no time."""
        self.limbo = None
        if self.lies.compares_nothing and batch.first != self.size:
            self._load([each for each in self.batches if each.first < batch.first])
        self._keep(batch)
        if not self.lies.buffers:
            self.flushed = len(self.batches)

    def flush(self) -> None:
        """What is buffered is durable from now on."""
        self.flushed = len(self.batches)

    def lose_power(self, chance: random.Random) -> None:
        """What was not flushed is gone; what is in limbo may be there."""
        self._load(self.batches[: self.flushed])
        limbo, self.limbo = self.limbo, None
        if limbo is not None and limbo.first == self.size and chance.random() < 0.5:
            self.commit(limbo)

    def copy(self, name: str) -> "Database":
        """As it is now: a backup, or a clone of the machine."""
        return Database(name, list(self.batches), self.lies)


def _at_once(store: MemoryStore, batch: Batch) -> None:
    """The memory store awaits nothing: its append is over at the first step."""
    append = store.append(batch)
    try:
        append.send(None)
    except StopIteration:
        return
    raise AssertionError("the memory store waits for something")


class Connection:
    """A process's store: what it sends may be refused, be slow, or lose its answer."""

    def __init__(
        self, database: Database, process: Process, chance: random.Random, bad: Callable[[], bool]
    ) -> None:
        self._database = database
        self._process = process
        self._chance = chance
        self._bad = bad

    async def append(self, batch: Batch) -> None:
        """Store the batch whole, or raise and store nothing; it takes a while, twice."""
        self._process.require_alive()
        fate = self._chance.random() if self._bad() else 0.5
        if self._database.lies.says_early:
            loop = asyncio.get_running_loop()
            loop.call_later(self._chance.uniform(0.001, 0.05), self._late, batch)
            return
        await self._wait()
        if fate < REFUSED:
            raise TemporaryError("The database is not there.")
        if fate < REFUSED + UNFLUSHED and batch.first == self._database.size:
            self._database.limbo = batch
            raise TemporaryError("The database's disk failed; nothing was stored.")
        self._database.commit(batch)
        await self._wait()
        if fate > 1 - CUT_OFF:
            await self._find_out(batch)

    def _late(self, batch: Batch) -> None:
        if self._process.alive and batch.first == self._database.size:
            self._database.commit(batch)

    async def _find_out(self, batch: Batch) -> None:
        """The connection broke under COMMIT: ask for the checkpoint before saying anything."""
        await self._wait()
        size = batch.first + len(batch.rows)
        if self.checkpoint(size) != (size, batch.note):
            raise TemporaryError("The connection was lost; nothing was stored.")

    async def _wait(self) -> None:
        slow = self._bad() and self._chance.random() < 0.1
        await asyncio.sleep(self._chance.uniform(0.001, 1.0 if slow else 0.02))
        self._process.require_alive()

    def follow(self, moved: Callable[[int], None]) -> None:
        """Nobody is told; whoever wants to know asks."""

    def rows(self, start: int, limit: int) -> list[Row]:
        """As the database has them now."""
        return self._here().rows(start, limit)

    def find(self, key: str) -> int | None:
        """As the database has it now."""
        return self._here().find(key)

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """As the database has them now."""
        return self._here().find_all(keys)

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """As the database has it now."""
        return self._here().checkpoint(size)

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """As the database has them now."""
        return self._here().tiles(level, start, limit)

    def close(self) -> None:
        """Nothing is held."""

    def _here(self) -> MemoryStore:
        self._process.require_alive()
        return self._database.store
