"""A ledger with subjects in it, in a folder that is closed and opened as processes come and go."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from tallystick.clock import ManualClock, rfc3339
from tallystick.execution.entries import AccountOpened, LimitsText, encode
from tallystick.keys import FileKeyring
from tallystick.keys.subjects import SubjectKeys
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable, SqliteStore
from tallystick.ledger.notices import Notice
from tallystick.ledger.personal import MemoryVault, Retention, SqliteVault, Subjects, Vault
from tallystick.ledger.personal.postgres import PostgresVault
from tallystick.ledger.store import Store

T = TypeVar("T")
ACCOUNT = AccountOpened("2026-11-22T00:00:00.000000Z", "demo", LimitsText("1", "1", 1, 1, 1))


class House:
    """The data folder of one ledger and whoever works in it; `open` is a new process."""

    def __init__(self, folder: Path, make_vault: Callable[[], Vault], *, memory: bool) -> None:
        """`memory`: the ledger's entries are kept in memory, for tests with many of them."""
        self.folder = folder
        self.clock = ManualClock()
        self.signer = FileKeyring("ledger.example/subjects", b"\x09" * 32)
        self.retention = Retention()
        self.traded: dict[str, int] = {}
        self._make_vault = make_vault
        self._memory = MemoryStore() if memory else None
        self._open: list[Callable[[], None]] = []
        self.appending = asyncio.Lock()
        self.open()

    def open(self) -> None:
        """Open everything anew, as the next process would; the old one's files are closed."""
        self.close()
        store = self.store()
        self.ledger = Ledger(store, self.signer)
        self.keys = SubjectKeys(self.folder / "keys")
        self.vault = self._make_vault()
        self.subjects = Subjects(
            self.ledger, self.append, self.keys, self.vault, self.clock,
            retention=self.retention, last_activity=self.traded.get,
        )  # fmt: skip
        self.appending = asyncio.Lock()
        self._open = [self.subjects.close, self.ledger.close]

    def store(self) -> Store:
        """The ledger's store, once more."""
        return self._memory or SqliteStore(self.folder / "ledger.db")

    async def append(self, make: Callable[[str], Notice], key: str | None = None) -> int:
        """As the desk does it: in order, and once a key."""
        async with self.appending:
            settled = None if key is None else self.ledger.find(key)
            if settled is not None:
                return settled
            entry = encode(make(rfc3339(self.clock.now_ns())))
            position = self.ledger.size
            await self.ledger.append(position, [Sealable(entry, (key,) if key else ())])
            return position

    async def trade(self, count: int = 1) -> None:
        """Entries that have nothing to do with subjects."""
        async with self.appending:
            await self.ledger.append(self.ledger.size, [Sealable(encode(ACCOUNT))] * count)

    def publish(self) -> Path:
        """The ledger as tlog-tiles files."""
        with closing(Publisher(self.store(), self.folder / "ledger")) as publisher:
            publisher.publish()
        return self.folder / "ledger"

    def run(self, work: Callable[[Subjects], Awaitable[T]]) -> T:
        """Start the subjects, do the work, all in one event loop."""

        async def whole() -> T:
            await self.subjects.start()
            return await work(self.subjects)

        return asyncio.run(whole())

    def close(self) -> None:
        """Close what is open."""
        while self._open:
            self._open.pop(0)()


@pytest.fixture(params=["memory", "postgres", "sqlite"])
def make_vault(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Vault]:
    """Opens the same vault again and again, for each kind there is."""
    if request.param == "sqlite":
        return lambda: SqliteVault(tmp_path / "personal.db")
    if request.param == "postgres":
        dsn = request.getfixturevalue("postgres").schema()
        return lambda: PostgresVault(dsn)
    vault = MemoryVault()
    return lambda: vault


@pytest.fixture
def house(make_vault: Callable[[], Vault], tmp_path: Path) -> Iterator[House]:
    """A house on each kind of vault."""
    house = House(tmp_path, make_vault, memory=False)
    yield house
    house.close()


@pytest.fixture
def sqlite_house(tmp_path: Path) -> Iterator[House]:
    """A house whose every byte is a file in its folder."""
    house = House(tmp_path, lambda: SqliteVault(tmp_path / "personal.db"), memory=False)
    yield house
    house.close()


@pytest.fixture
def many_house() -> Iterator[House]:
    """A house for many subjects: no disk is waited for where there is a folder in memory."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of our own in it
    parent = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="tallystick-many-", dir=parent) as name:
        folder = Path(name)
        house = House(folder, lambda: SqliteVault(folder / "personal.db"), memory=True)
        yield house
        house.close()
