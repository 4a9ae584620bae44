"""Vaults to test with: a folder, moto's S3, and a real S3-compatible server where one is named."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from tallystick.clock import NS_PER_SECOND, Clock, ManualClock, SystemClock, rfc3339
from tallystick.errors import Refused
from tallystick.ledger.verify import Trust
from tallystick.watch.collect.archive import Archive, ArchiveRules
from tallystick.watch.collect.archive.copying import hash_of
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.parts import Lock, Part, State
from tallystick.watch.collect.archive.rules import NS_PER_DAY
from tallystick.watch.collect.archive.s3 import S3Vault
from tallystick.watch.collect.archive.s3_client import connect
from tallystick.watch.collect.archive.s3_place import S3Place
from tallystick.watch.collect.archive.vault import Vault

REAL = "TALLYSTICK_TEST_S3"
"""Names a real S3-compatible server with Object Lock, such as http://127.0.0.1:7070; its
credentials stand in the variables that every AWS tool reads. conformance/s3.py starts one."""
PART_BYTES = 5 * 1_048_576
"""The smallest piece of a multipart upload that S3 takes."""


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Moto's server, for this process's tests."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    admin(f"http://{host}:{port}").close()
    server.stop()


@pytest.fixture
def moto_s3(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    """A new bucket with Object Lock in moto's S3."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return new_bucket(moto_url)


@cache
def admin(endpoint: str) -> Any:
    """A client that makes buckets; one a server, for making a client takes a while."""
    return connect(S3Place("any", "", "us-east-1", endpoint, path_style=True))


def new_bucket(endpoint: str) -> S3Place:
    """A new bucket with Object Lock."""
    place = S3Place(f"vault-{uuid4().hex[:12]}", "logs/", "us-east-1", endpoint, path_style=True)
    admin(endpoint).create_bucket(Bucket=place.bucket, ObjectLockEnabledForBucket=True)
    return place


@pytest.fixture
def real_s3() -> S3Place:
    """A new bucket with Object Lock on the real server, where one is named."""
    if not os.environ.get(REAL):
        pytest.skip(f"{REAL} names no server")
    return new_bucket(os.environ[REAL])


@pytest.fixture(params=["folder", "s3 (moto)", "s3 (real)"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    """Every kind of vault in turn, on the real clock: an S3 server has its own."""
    clock = SystemClock()
    if request.param == "folder":
        yield FolderVault(tmp_path / "vault", clock)
        return
    kind = "moto_s3" if request.param == "s3 (moto)" else "real_s3"
    s3 = S3Vault(request.getfixturevalue(kind), clock, part_bytes=PART_BYTES)
    yield s3
    s3.close()


class StoreOfParts:
    """What the archive needs of a log store, and no more of it: parts of any bytes, kept in a file.

    test_with_the_store.py does the same with the store itself.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)
        self._kept = folder / "parts.json"
        self._parts: dict[str, Part] = {}
        if self._kept.exists():
            parts = msgspec.json.decode(self._kept.read_bytes(), type=list[Part])
            self._parts = {part.path: part for part in parts}

    def add(self, name: str, *, index: str = "main", days_ago: int = 40) -> Part:
        """Seal a new part, of a day so many days ago."""
        at_ns = self._clock.now_ns() - days_ago * NS_PER_DAY
        file = self.folder / name
        file.write_bytes(f"lines of {name}".encode() * 100)
        part = Part(
            f"index={index}/dt={rfc3339(at_ns)[:10]}/part-{name}.parquet", index,
            rfc3339(at_ns)[:10], None, 10, file.stat().st_size, 1_000, 1, 10,
            at_ns - 1_000_000, at_ns, {}, hash_of(file),
        )  # fmt: skip
        file.rename(self.own(part))
        return self._keep(part)

    def own(self, part: Part) -> Path:
        """Where the store's own copy is."""
        return self.folder / f"{part.sha256}.own"

    def now(self, part: Part) -> Part:
        """The part as it is now."""
        return self._parts[part.path]

    def parts(self) -> tuple[Part, ...]:
        """All of them."""
        return tuple(self._parts.values())

    def compact(self) -> bool:
        """There is nothing to merge."""
        return False

    @contextmanager
    def file(self, part: Part) -> Iterator[Path]:
        """The own copy."""
        yield self.own(part)

    def relocate(
        self, part: Part, place: str, *, state: State = "archived", lock: Lock | None = None
    ) -> Part:
        """First the manifest, then the own copy goes."""
        moved = self._change(part, place=place, state=state, lock=lock or Lock())
        self.own(part).unlink(missing_ok=True)
        return moved

    def mark(self, part: Part, state: State) -> Part:
        """One record."""
        return self._change(part, state=state)

    def lock(self, part: Part, lock: Lock) -> Part:
        """One record."""
        return self._change(part, lock=lock)

    def remove(self, parts: Sequence[Part]) -> None:
        """Refused for what is locked."""
        for part in map(self.now, parts):
            if part.lock.holds(self._clock.now_ns()):
                raise Refused("PART_LOCKED", f"{part.path} is locked.")
        for part in parts:
            del self._parts[part.path]
        self._save()

    def _change(self, part: Part, **changes: Any) -> Part:
        return self._keep(replace(self.now(part), **changes))

    def _keep(self, part: Part) -> Part:
        self._parts[part.path] = part
        self._save()
        return part

    def _save(self) -> None:
        self._kept.write_bytes(msgspec.json.encode(list(self._parts.values())))


class Kit:
    """An archive over a store and a vault, and the ledger that its deeds are said in."""

    def __init__(self, folder: Path, vault: Vault, clock: Clock, **more: Any) -> None:
        self.clock = clock
        self.vault = vault
        self.entries: list[Any] = []
        """What the ledger says of the archive, in order."""
        self._keys: dict[str | None, int] = {}
        self._folder = folder
        self._more = more
        self.open()

    def open(self, step: Callable[[str], None] = lambda _name: None) -> None:
        """Open everything, as a new process would."""
        self.store = StoreOfParts(self._folder / "logs", self.clock)
        self.archive = Archive(
            self.store, self.vault, self._more.get("rules", ArchiveRules()), self.clock,
            folder=self._folder / "archive", append=self._append, step=step,
            published=self._more.get("published"), trust=self._more.get("trust", Trust),
        )  # fmt: skip

    def reopen(self, step: Callable[[str], None] = lambda _name: None) -> None:
        """End the process, and start the next."""
        self.close()
        self.open(step)

    def close(self) -> None:
        """Close everything."""
        self.archive.close()

    async def _append(self, make: Callable[[str], Any], key: str | None) -> int:
        """A ledger that knows keys: once is once."""
        if key not in self._keys:
            self.entries.append(make(rfc3339(self.clock.now_ns())))
            self._keys[key] = len(self.entries) - 1
        return self._keys[key]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves when it is told to."""
    return ManualClock(1_790_000_000 * NS_PER_SECOND)


@pytest.fixture
def kit(tmp_path: Path, clock: ManualClock) -> Iterator[Kit]:
    """An archive in a local folder."""
    made = Kit(tmp_path, FolderVault(tmp_path / "vault", clock), clock)
    yield made
    made.close()


@pytest.fixture
def cold_kit(tmp_path: Path, moto_s3: S3Place) -> Iterator[Kit]:
    """An archive in moto's S3 whose objects are in Glacier from the first moment."""
    clock = SystemClock()
    vault = S3Vault(replace(moto_s3, storage_class="GLACIER"), clock)
    made = Kit(tmp_path, vault, clock)
    yield made
    made.close()
    vault.close()
