"""A store checked against itself: whatever was changed in its tables is found and named."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt
from tallystick.keys import FileKeyring, Signer
from tallystick.ledger import Ledger, MemoryStore, PostgresStore, Sealable, SqliteStore
from tallystick.ledger import check as check_module
from tallystick.ledger.check import Auditable, Passed, StoreCheck, check_store
from tallystick.ledger.checkpoint import VerifierKey

BATCHES = (1, 3, 253, 300, 20)
SIZE = sum(BATCHES)
"""577: the statements below say so in digits."""
TILES = SIZE // 256


def entry(position: int) -> bytes:
    """The entry at this position."""
    return b"entry %d" % position


def key(position: int) -> str:
    """The key that it settles."""
    return f"key {position}"


def keys_of(data: bytes) -> Sequence[str] | None:
    """The keys of an entry; one that begins otherwise is of a kind that nobody knows."""
    return (data.decode().replace("entry", "key"),) if data.startswith(b"entry") else None


def append(store: Any, signer: Signer, *batches: int) -> Ledger:
    """Append batches of so many entries."""
    ledger = Ledger(store, signer)

    async def run() -> None:
        for count in batches:
            positions = range(ledger.size, ledger.size + count)
            await ledger.append(ledger.size, [Sealable(entry(n), (key(n),)) for n in positions])

    asyncio.run(run())
    return ledger


def check(store: Auditable, signer: Signer) -> Passed:
    """The whole store."""
    return check_store(store, signer.name, [vkey(signer)], keys_of)


def vkey(signer: Signer) -> VerifierKey:
    """What outsiders pin."""
    return VerifierKey.of(signer.name, signer.public_key)


class Tables:
    """One ledger's tables, and how to change them behind everybody's back."""

    def __init__(self, store: SqliteStore | PostgresStore, run: Callable[[str], object]) -> None:
        self.store = store
        self.sql = run


@pytest.fixture(params=["postgres", "sqlite"])
def tables(request: pytest.FixtureRequest, tmp_path: Path, signer: Signer) -> Iterator[Tables]:
    """A ledger of two full tiles and a bit, in each database."""
    store: SqliteStore | PostgresStore
    if request.param == "sqlite":
        store, run = SqliteStore(tmp_path / "ledger.db"), in_sqlite(tmp_path / "ledger.db")
    else:
        postgres: Any = request.getfixturevalue("postgres")
        dsn = postgres.schema()
        store, run = PostgresStore(dsn), lambda sql: postgres.run(in_postgres(sql), dsn=dsn)
    with closing(store):
        append(store, signer, *BATCHES)
        yield Tables(store, run)


def in_sqlite(path: Path) -> Callable[[str], object]:
    """Runs a statement on the file."""

    def run(sql: str) -> object:
        with closing(apsw.Connection(str(path))) as connection:
            return connection.execute(sql).fetchall()

    return run


def in_postgres(sql: str) -> str:
    """The statement in PostgreSQL's dialect, and on its tables."""
    for table in ("entries", "keys", "tiles", "checkpoints"):
        for before in ("UPDATE", "INTO", "FROM"):
            sql = sql.replace(f"{before} {table}", f"{before} ledger_{table}")
    return re.sub("x'(?=[0-9a-f]+')", r"'\\x", sql).replace(
        "zeroblob(32)", "decode(repeat('00', 32), 'hex')"
    )


TAMPERED = {
    "an entry's byte": (
        "UPDATE entries SET entry = x'656e74727920' WHERE position = 17",
        "Entry 17 does not hash to the leaf hash beside it",
    ),
    "a leaf hash": (
        "UPDATE entries SET leaf_hash = zeroblob(32) WHERE position = 300",
        "Entry 300 does not hash to the leaf hash beside it",
    ),
    "a missing entry": ("DELETE FROM entries WHERE position = 400", "Entry 400 is missing"),
    "the last entry missing": (
        "DELETE FROM entries WHERE position = 576", f"Entry {SIZE - 1} is missing",
    ),
    "an entry elsewhere": (
        "UPDATE entries SET position = 9999 WHERE position = 5", "Entry 5 is missing",
    ),
    "an entry behind": (
        "INSERT INTO entries VALUES (577, x'00', x'00')", f"the store holds entry {SIZE}",
    ),
    "an entry far behind": (
        "INSERT INTO entries VALUES (1000000, x'00', x'00')", "the store holds entry 1000000",
    ),
    "a key's text": (
        "UPDATE keys SET key = 'key x' WHERE key = 'key 8'", "key 8' of entry 8 is missing",
    ),
    "a key's position": (
        "UPDATE keys SET position = 9 WHERE key = 'key 8'", "key 8' of entry 8 leads to entry 9",
    ),
    "a missing key": ("DELETE FROM keys WHERE key = 'key 500'", "key 500' of entry 500 is missing"),
    "an extra key": ("INSERT INTO keys VALUES ('key x', 8)", "key x' leads to 8, which has no"),
    "an extra empty key": ("INSERT INTO keys VALUES ('', 8)", "'' leads to 8, which has no such"),
    "an extra key before": ("INSERT INTO keys VALUES ('key x', -1)", "key x' leads to -1"),
    "an extra key behind": (
        "INSERT INTO keys VALUES ('key x', 9999)", "key x' leads to no entry",
    ),
    "a tile's hash": (
        "UPDATE tiles SET hashes = x'0011' WHERE number = 1",
        "Tile 1 of level 0 holds other hashes than its entries make",
    ),
    "a tile's root": (
        "UPDATE tiles SET root = zeroblob(32) WHERE number = 1",
        "Tile 1 of level 0 holds other root than its entries make",
    ),
    "a missing tile": ("DELETE FROM tiles WHERE number = 0", "Tile 0 of level 0 is missing"),
    "a tile elsewhere": ("UPDATE tiles SET number = 7 WHERE number = 1", "Tile 1 of level 0 is"),
    "a tile of another level": (
        "UPDATE tiles SET level = 1 WHERE number = 1", "Tile 1 of level 0 is missing",
    ),
    "an extra tile": (
        "INSERT INTO tiles VALUES (0, 2, x'00', x'00')", f"holds tile {TILES} of level 0",
    ),
    "an extra tile far behind": (
        "INSERT INTO tiles VALUES (3, 1000000, x'00', x'00')", "holds tile 1000000 of level 3",
    ),
    "an extra tile of no level": (
        "INSERT INTO tiles VALUES (-1, 0, x'00', x'00')", "holds tile 0 of level -1",
    ),
    "an extra tile of a level too high": (
        "INSERT INTO tiles VALUES (63, 0, x'00', x'00')", "holds tile 0 of level 63",
    ),
    "a checkpoint's text": (
        "UPDATE checkpoints SET note = replace(note, 'ledger', 'Ledger') WHERE size = 257",
        "The checkpoint of 257 entries fails",
    ),
    "a checkpoint's size": (
        "UPDATE checkpoints SET size = 5 WHERE size = 4",
        "The first 5 entries do not hash to the checkpoint of that size",
    ),
    "a checkpoint without a signature": (
        "UPDATE checkpoints SET note = substr(note, 1, 60) WHERE size = 257",
        "The checkpoint of 257 entries fails",
    ),
    "the newest checkpoint missing": (
        "DELETE FROM checkpoints WHERE size = 577", "the store holds entry|leads to no entry",
    ),
    "an extra checkpoint": (
        "INSERT INTO checkpoints SELECT 100, note FROM checkpoints WHERE size = 257",
        "The first 100 entries do not hash to the checkpoint of that size",
    ),
    "an extra checkpoint of nothing": (
        "INSERT INTO checkpoints SELECT 0, note FROM checkpoints WHERE size = 4",
        "the store holds the checkpoint of 0 entries",
    ),
    "an extra checkpoint behind": (
        "INSERT INTO checkpoints SELECT 700, note FROM checkpoints WHERE size = 257",
        f"Entry {SIZE} is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
def test_whatever_is_changed_is_found_and_named(tables: Tables, signer: Signer, case: str) -> None:
    """Each table and column: one statement, and the sentence that says what it changed."""
    statement, sentence = TAMPERED[case]
    check(tables.store, signer)
    tables.sql(statement)
    with pytest.raises(Corrupt, match=sentence):
        check(tables.store, signer)


def test_a_checkpoint_in_between_proves_nothing_that_the_next_does_not(
    tables: Tables, signer: Signer
) -> None:
    """No entry says where batches ended: without it all is proved by the next one."""
    tables.sql("DELETE FROM checkpoints WHERE size = 257")
    assert check(tables.store, signer).checkpoints == len(BATCHES) - 1


def test_postgres_head(postgres: Any, signer: Signer) -> None:
    """The row that holds the size there must hold it."""
    dsn = postgres.schema()
    with closing(PostgresStore(dsn)) as store:
        append(store, signer, 3)
        postgres.run("UPDATE ledger_head SET size = 4", dsn=dsn)
        with pytest.raises(Corrupt, match="a head of 4 entries"):
            check(store, signer)


def test_what_is_no_text_is_damage(sqlite_place: Any, signer: Signer) -> None:
    """Bytes that are not UTF-8 where a note or a key should be: a sentence, no traceback."""
    store = sqlite_place.store()
    append(store, signer, 3)
    run = in_sqlite(sqlite_place.file)
    run("INSERT INTO keys VALUES (CAST(x'ff' AS TEXT), 1)")
    with pytest.raises(Corrupt, match="a text in it is none"):
        check(store, signer)
    run("UPDATE checkpoints SET note = CAST(x'ff' AS TEXT)")
    with pytest.raises(Corrupt, match="a text in it is none"):
        check(store, signer)


@pytest.mark.parametrize("batches", [(), (1,), (256,), (255, 1, 1), (4096, 1), (5000, 4000, 300)])
def test_clean(tables: Tables, signer: Signer, batches: tuple[int, ...]) -> None:
    """Whatever the batches, all is counted and nothing is wrong, in each database."""
    append(tables.store, signer, *batches)
    size = SIZE + sum(batches)
    passed = check(tables.store, signer)
    assert (passed.position, passed.keys, passed.tiles) == (size, size, size // 256)
    assert passed.checkpoints == len(BATCHES) + len(batches)
    assert passed.bytes_hashed == sum(len(entry(n)) for n in range(size))


def test_an_empty_store_is_clean(place: Any, signer: Signer) -> None:
    """Nothing was ever appended."""
    assert check(place.store(), signer) == Passed(signer.name)


def test_tiles_above_tiles(signer: Signer) -> None:
    """65,536 entries fill a tile of level 1; a check may go on before, in and after it."""
    store = MemoryStore()
    append(store, signer, 30_000, 30_000, 10_000)
    passed = check(store, signer)
    assert passed.tiles == 70_000 // 256 + 1
    run = StoreCheck(store, [vkey(signer)], keys_of, Passed(signer.name))
    for steps, _ in enumerate(run.run()):
        if steps in (3, 15, 16):
            again = StoreCheck(store, [vkey(signer)], keys_of, run.resumable)
            assert sum(again.run()) == 70_000 - run.resumable.position
            assert again.passed == passed


def test_a_tile_above_that_is_wrong_is_named(sqlite_place: Any, signer: Signer) -> None:
    """Its hashes are the roots of 256 tiles."""
    store = sqlite_place.store()
    append(store, signer, 65_536)
    run = in_sqlite(sqlite_place.file)
    run("UPDATE tiles SET root = zeroblob(32) WHERE level = 1")
    with pytest.raises(Corrupt, match="Tile 0 of level 1 holds other root"):
        check(store, signer)
    run("DELETE FROM tiles WHERE level = 1")
    with pytest.raises(Corrupt, match="Tile 0 of level 1 is missing"):
        check(store, signer)


def test_others_may_append_meanwhile(tables: Tables, signer: Signer) -> None:
    """The size is taken once; what comes after it is neither checked nor in the way."""
    run = StoreCheck(tables.store, [vkey(signer)], keys_of, Passed(signer.name))
    append(tables.store, signer, 700, 1)
    for _ in run.run():
        append(tables.store, signer, 1)
    assert run.passed.position == run.size == SIZE
    assert check(tables.store, signer).position > SIZE + 700


def test_an_entry_of_an_unknown_kind_hides_nothing_else(signer: Signer) -> None:
    """It is hashed and counted; the keys of the others are found as ever."""
    store = MemoryStore()
    ledger = append(store, signer, 5)
    asyncio.run(ledger.append(5, [Sealable(b"from tomorrow", ("its key",)), Sealable(b"and")]))
    passed = check(store, signer)
    assert (passed.unknown, passed.unknown_first, passed.keys) == (2, 5, 5)


def test_another_key_signed(tables: Tables, signer: Signer) -> None:
    """A ledger that is right in itself, and not ours."""
    stranger = FileKeyring(signer.name, b"\x08" * 32)
    with pytest.raises(Corrupt, match="The checkpoint of 1 entries fails"):
        check(tables.store, stranger)


def test_keys_are_listed_page_by_page(
    tables: Tables, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a page ends exactly with the last key."""
    monkeypatch.setattr(check_module, "STEP_KEYS", SIZE // 7)
    assert check(tables.store, signer).keys == SIZE
    monkeypatch.setattr(check_module, "STEP_KEYS", SIZE)
    assert check(tables.store, signer).keys == SIZE


def test_time_is_told_apart(signer: Signer) -> None:
    """Each kind of work has its own account; with a clock that stands still it is empty."""
    store = MemoryStore()
    append(store, signer, 300)
    run = StoreCheck(store, [vkey(signer)], keys_of, Passed(signer.name), ManualClock())
    assert sum(run.run()) == 300
    assert run.spent_ns == {"hashes": 0, "checkpoints": 0, "tiles": 0, "keys": 0}
