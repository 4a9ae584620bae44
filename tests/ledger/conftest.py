"""A signer, and a place where a ledger is kept and opened again, for each store there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.keys import FileKeyring, Signer
from tallystick.ledger import Ledger, MemoryStore, SqliteStore
from tallystick.ledger.storage import BACKENDS, PostgresStore
from tallystick.ledger.store import Store


class Place:
    """Where one ledger is kept. What is open is closed with the test."""

    def __init__(self, backend: str, folder: Path, signer: Signer, dsn: str = "") -> None:
        self.file = folder / "ledger.db"
        self.signer = signer
        self._kept = MemoryStore() if backend == "memory" else None
        self._dsn = dsn
        self._opened: list[Store] = []

    def store(self) -> Store:
        """The store, once more."""
        store = self._kept or (PostgresStore(self._dsn) if self._dsn else SqliteStore(self.file))
        self._opened.append(store)
        return store

    def ledger(self, signer: Signer | None = None) -> Ledger:
        """The ledger, as the next process would open it."""
        return Ledger(self.store(), signer or self.signer)

    def close(self) -> None:
        """Close every store that is open."""
        while self._opened:
            self._opened.pop().close()


@pytest.fixture(scope="session")
def signer() -> Signer:
    """The key of the ledger under test."""
    return FileKeyring("ledger.example/test", b"\x07" * 32)


@pytest.fixture(params=sorted(BACKENDS))
def place(request: pytest.FixtureRequest, tmp_path: Path, signer: Signer) -> Iterator[Place]:
    """An empty place of each kind; PostgreSQL is started for the first test that wants it."""
    postgres: Any = request.getfixturevalue("postgres") if request.param == "postgres" else None
    place = Place(request.param, tmp_path, signer, postgres.schema() if postgres else "")
    yield place
    place.close()


@pytest.fixture
def sqlite_place(tmp_path: Path, signer: Signer) -> Iterator[Place]:
    """An empty place on disk, where files can be swapped and bytes changed."""
    place = Place("sqlite", tmp_path, signer)
    yield place
    place.close()
