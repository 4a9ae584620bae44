"""Every byte that somebody could change: each change is found, or provably changes nothing.

A small ledger is built, then one byte after the other is changed in its database, its write-ahead
log and its published files. Harmless is a change only when everything that can be read is equal
to what it was (free pages, unused bytes of a page); none may pass as clean with other content.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from tallystick.errors import TallystickError
from tallystick.keys import FileKeyring, Signer
from tallystick.ledger import Ledger, Publisher, Sealable, SqliteStore
from tallystick.ledger.check import check_store
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.guard import MemoryGuard
from tallystick.ledger.store import Row
from tallystick.ledger.tree import FullTile
from tallystick.ledger.verify import verify_ledger

BATCHES = (1, 3, 253, 20)
SIZE = sum(BATCHES)
PARTS = 4
POSITIONS = 20_000
"""Bytes that are changed of the database and of its log each, all parts together."""
SEED = 1


def keys(position: int) -> tuple[str, ...]:
    """The idempotency key that the entry at this position settles; some settle none."""
    return () if position % 4 else (f"key {position}",)


class Entry(msgspec.Struct):
    """What an entry says about itself."""

    n: int


def entry(position: int) -> bytes:
    """The entry at this position."""
    return b'{"kind":"test","n":%d,"pad":"%s"}' % (position, b"x" * (position % 40))


KEYS = {key: position for position in range(SIZE) for key in keys(position)}


@dataclass(frozen=True)
class Content:
    """All that a database holds, as the store reads it."""

    rows: Sequence[Row]
    tiles: Sequence[Sequence[FullTile]]
    checkpoints: Sequence[tuple[int, str]]
    found: Sequence[int | None]
    keys: Sequence[tuple[str, int]]

    @classmethod
    def of(cls, store: SqliteStore) -> "Content":
        """Read it all; more of everything than there should be is read as well."""
        return cls(
            rows=store.rows(-9, 2 * SIZE),
            tiles=[store.tiles(level, -9, SIZE) for level in range(3)],
            checkpoints=store.checkpoints(-9, 2 * SIZE),
            found=store.find_all([*KEYS, "no key"]),
            keys=store.keys(None, 2 * SIZE),
        )


@dataclass(frozen=True)
class Built:
    """A ledger's database and its guard, and what was in it before anybody came."""

    file: Path
    signer: Signer
    guard: MemoryGuard
    database: bytes
    """The whole database, when its log was folded and gone."""
    unfolded: bytes
    """The database before that, and"""
    log: bytes
    """its write-ahead log, in which most of it was."""

    @cached_property
    def vkey(self) -> VerifierKey:
        """What outsiders pin."""
        return VerifierKey.of(self.signer.name, self.signer.public_key)

    def restore(self, database: bytes, log: bytes) -> None:
        """Put these files in place, and nothing else."""
        self.file.with_name(f"{self.file.name}-shm").unlink(missing_ok=True)
        beside = self.file.with_name(f"{self.file.name}-wal")
        overwrite(self.file, database)
        if log:
            overwrite(beside, log)
        else:
            beside.unlink(missing_ok=True)

    def look(self, whole: Content) -> str:
        """What becomes of the files as they are: harmless, or how it is found out."""
        try:
            with closing(SqliteStore(self.file)) as store:
                Ledger(store, self.signer, self.guard)
                if Content.of(store) == whole:
                    return "harmless"
                self.check(store)
        except TallystickError as error:
            return type(error).__name__
        return "clean"

    def content(self) -> Content:
        """What the files hold, once it is seen to be right."""
        with closing(SqliteStore(self.file)) as store:
            self.check(store)
            return Content.of(store)

    def check(self, store: SqliteStore) -> None:
        """What `tallystick check` asks of a store."""
        passed = check_store(store, self.signer.name, [self.vkey], keys_of)
        assert (passed.position, passed.keys, passed.checkpoints) == (SIZE, len(KEYS), len(BATCHES))


def keys_of(data: bytes) -> tuple[str, ...]:
    """The keys that an entry of these bytes settled."""
    return keys(msgspec.json.decode(data, type=Entry).n)


def overwrite(file: Path, data: bytes) -> None:
    """Put this in the file; in place, which costs the disk nothing."""
    file.touch()
    with file.open("r+b") as opened:
        opened.write(data)
        opened.truncate()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """In memory where the machine has such a place: thousands of recoveries flush nothing."""
    memory = Path("/dev/shm")  # noqa: S108  the folder inside it is of our own
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def built(folder: Path) -> Built:
    """A ledger of one full tile and a bit, in one file; and what its log held before it went."""
    file = folder / "ledger.db"
    signer = FileKeyring("ledger.example/test", b"\x07" * 32)
    guard = MemoryGuard()
    with closing(SqliteStore(file)) as store:
        ledger = Ledger(store, signer, guard)
        for count in BATCHES:
            first = ledger.size
            batch = [Sealable(entry(n), keys(n)) for n in range(first, first + count)]
            asyncio.run(ledger.append(first, batch))
        unfolded, log = file.read_bytes(), file.with_name(f"{file.name}-wal").read_bytes()
    return Built(file, signer, guard, file.read_bytes(), unfolded, log)


def flips(data: bytes, positions: Sequence[int], chance: random.Random) -> Iterator[bytes]:
    """The data with the byte at one of the positions changed to another, in turn."""
    changed = bytearray(data)
    for position in positions:
        changed[position] ^= chance.randrange(1, 256)
        yield bytes(changed)
        changed[position] = data[position]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_changed_byte_of_the_database_is_found(built: Built, part: int) -> None:
    """Opened, read and audited after each: nothing but equal content passes as clean."""
    verdicts = flip_all(built, sample(built.database)[part::PARTS], [])
    assert verdicts["clean"] == 0
    assert verdicts["Corrupt"] > POSITIONS // PARTS // 2


@pytest.mark.parametrize("part", range(PARTS))
def test_a_changed_byte_of_the_log_is_found(built: Built, part: int) -> None:
    """SQLite takes a damaged log for a shorter one; the guard does not."""
    verdicts = flip_all(built, [], sample(built.log)[part::PARTS])
    assert verdicts["clean"] == 0
    assert verdicts["Forked"] > POSITIONS // PARTS // 2


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_every_changed_byte_of_both_is_found(built: Built, request: pytest.FixtureRequest) -> None:
    """All of them, for whoever has the time."""
    if "slow" not in str(request.config.getoption("markexpr")):
        pytest.skip("takes minutes; run it with: pytest -m slow")
    verdicts = flip_all(built, range(len(built.database)), range(len(built.log)))
    assert verdicts["clean"] == 0


def sample(data: bytes) -> list[int]:
    """As many positions in the data as are wanted, in no order."""
    chance = random.Random(SEED)  # noqa: S311  no secret
    return chance.sample(range(len(data)), min(POSITIONS, len(data)))


def flip_all(built: Built, in_database: Sequence[int], in_log: Sequence[int]) -> Counter[str]:
    """What became of the files when each of these bytes was changed."""
    chance = random.Random(SEED)  # noqa: S311  no secret
    verdicts: Counter[str] = Counter()
    for data, log, positions in (
        (built.database, b"", in_database),
        (built.unfolded, built.log, in_log),
    ):
        built.restore(data, log)
        whole = built.content()
        for changed in flips(log or data, positions, chance):
            built.restore(data if log else changed, changed if log else b"")
            verdicts[built.look(whole)] += 1
        built.restore(data, log)
        assert built.look(whole) == "harmless"
    return verdicts


class Files:
    """A published ledger in memory: what the verifier reads it from."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def fetch(self, path: str) -> bytes | None:
        """The file, if there is one."""
        return self._files.get(path)

    def versions(self, path: str) -> list[int]:
        """The widths of a tile's versions."""
        partial = [int(p.rpartition("/")[2]) for p in self._files if p.startswith(f"{path}.p/")]
        return sorted(partial) + [256] * (path in self._files)

    def files(self) -> Iterator[str]:
        """All of them."""
        return iter(self._files)

    def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture(scope="module")
def published(built: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The ledger's published files by their paths."""
    folder = tmp_path_factory.mktemp("published")
    built.restore(built.database, b"")
    with closing(SqliteStore(built.file)) as store:
        Publisher(store, folder).publish()
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


PUBLISHED = (
    "checkpoint", "tile/0/000", "tile/0/001.p/21", "tile/1/000.p/1",
    "tile/entries/000", "tile/entries/001.p/21",
)  # fmt: skip


def test_these_files_are_published(built: Built, published: dict[str, bytes]) -> None:
    """The tests below leave none of them out; as they are they are clean."""
    assert tuple(sorted(published)) == PUBLISHED
    assert verify_ledger(Files(published), built.vkey).verdict == "clean"


@pytest.mark.parametrize("path", PUBLISHED)
def test_every_changed_byte_of_a_published_file_is_found(
    built: Built, published: dict[str, bytes], path: str
) -> None:
    """Each byte of tiles, bundles and checkpoint is changed: the verifier is never content."""
    data = published[path]
    chance = random.Random(SEED)  # noqa: S311  no secret
    for changed in flips(data, range(len(data)), chance):
        report = verify_ledger(Files(published | {path: changed}), built.vkey)
        assert report.verdict != "clean", (path, changed)


@pytest.mark.parametrize("path", PUBLISHED)
def test_a_published_file_cut_or_grown_is_found(
    built: Built, published: dict[str, bytes], path: str
) -> None:
    """Shorter by any number of bytes up to forty, or longer by one: the verifier is not content."""
    data = published[path]
    for other in (*(data[:-cut] for cut in range(1, 41)), data + b"\0", data + b"\n", b""):
        report = verify_ledger(Files(published | {path: other}), built.vkey)
        assert report.verdict != "clean", (path, other)
