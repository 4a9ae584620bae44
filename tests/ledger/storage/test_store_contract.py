"""What every ledger store promises (`ledger/store.py`), held against each backend there is."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from tallystick.errors import HeadMoved, KeyTaken
from tallystick.ledger.storage import BACKENDS, MemoryStore, PostgresStore, SqliteStore
from tallystick.ledger.store import Batch, Row, Store
from tallystick.ledger.tree import FullTile
from tallystick.limits import ENTRY_BYTES_MAX

MakeBatch = Callable[..., Batch]
HEARD_SECONDS_MAX = 30.0
"""A busy machine may be late; a follower that was forgotten never hears."""


Open = Callable[[], Store]


class Backend(msgspec.Struct, frozen=True):
    """How the suite makes an empty place; `survives`: a store opened there again holds all."""

    place: Callable[[pytest.FixtureRequest], Open]
    survives: bool


def sqlite(request: pytest.FixtureRequest) -> Open:
    """A file in the test's folder."""
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: SqliteStore(folder / "ledger.db")


def postgres(request: pytest.FixtureRequest) -> Open:
    """A schema of its own."""
    dsn: str = request.getfixturevalue("postgres").schema()
    return lambda: PostgresStore(dsn)


SUITE = {
    "memory": Backend(lambda _request: MemoryStore, survives=False),
    "postgres": Backend(postgres, survives=True),
    "sqlite": Backend(sqlite, survives=True),
}
SURVIVORS = [name for name, backend in SUITE.items() if backend.survives]


@pytest.fixture(params=sorted(BACKENDS))
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each backend; one that the suite does not know fails it."""
    with closing(SUITE[request.param].place(request)()) as opened:
        yield opened


@pytest.fixture(params=SURVIVORS)
def again(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens one place, empty at first, again and again; what is open is closed with the test."""
    place = SUITE[request.param].place(request)
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(place()))


def append(store: Store, *batches: Batch) -> None:
    """Append the batches one after the other."""

    async def run() -> None:
        for batch in batches:
            await store.append(batch)

    asyncio.run(run())


def contents(store: Store) -> tuple[object, ...]:
    """All that a store shows."""
    return store.rows(0, 1_000), store.checkpoint(-1), store.tiles(0, 0, 9), store.tiles(1, 0, 9)


def bare(batch: Batch) -> list[Row]:
    """The batch's rows as a store gives them back: keys are not read with the row."""
    return [Row(row.entry, row.leaf_hash) for row in batch.rows]


def tile(level: int, index: int) -> FullTile:
    """A tile of recognisable bytes."""
    return FullTile(level, index, bytes([level, index]) * 4_096, bytes([index]) * 32)


def test_every_backend_is_in_the_suite() -> None:
    """A backend in the registry without a row here, or the other way round, is an error."""
    assert SUITE.keys() == BACKENDS.keys()


def test_an_empty_store_holds_nothing(store: Store) -> None:
    """Nothing was appended: there is no row, no key, no tile and no checkpoint."""
    assert contents(store) == ([], None, [], [])
    assert store.find("key 0") is None
    assert store.checkpoint(0) is None


@pytest.mark.parametrize("count", [1, 63, 64, 65, 256, 257, 600])
def test_a_batch_of_any_size_is_stored_whole(store: Store, batch: MakeBatch, count: int) -> None:
    """However a backend cuts it up: rows, keys, tiles and checkpoint, and the refusals as well."""
    made = batch(0, count, tiles=[tile(0, n) for n in range(count // 256)])
    append(store, made)

    assert store.rows(0, 1_000) == bare(made)
    assert store.find_all([f"key {n}" for n in range(count + 1)]) == [*range(count), None]
    assert store.tiles(0, 0, 9) == list(made.tiles)
    assert store.checkpoint(-1) == (count, f"note {count}")
    before = contents(store)
    with pytest.raises(HeadMoved):
        append(store, batch(count - 1, count, name="other "))
    taken = batch(count, count, name="other ")
    last = Row(b"last", b"h" * 32, ("new key", f"key {count - 1}"))
    with pytest.raises(KeyTaken):
        append(store, Batch(count, [*taken.rows, last], [], "note"))
    assert contents(store) == before
    append(store, taken)
    assert store.rows(count, 1_000) == bare(taken)


def test_rows_come_back_in_order_page_by_page(store: Store, batch: MakeBatch) -> None:
    """Pages start anywhere, cross batches, and end with the store."""
    batches = batch(0, 3), batch(3, 5)
    append(store, *batches)
    rows = bare(batches[0]) + bare(batches[1])
    assert store.rows(0, 1_000) == rows
    assert store.rows(2, 3) == rows[2:5]
    assert store.rows(7, 10) == rows[7:]
    assert store.rows(8, 10) == store.rows(0, 0) == []


@pytest.mark.parametrize("entry", [b"", b"\x00\xff\n'", bytes(ENTRY_BYTES_MAX)])
def test_entries_are_kept_byte_for_byte(store: Store, entry: bytes) -> None:
    """No byte of an entry is special, and the longest fits."""
    append(store, Batch(0, [Row(entry, b"h" * 32)], [], "note"))
    assert store.rows(0, 1) == [Row(entry, b"h" * 32)]


def test_every_key_of_a_row_finds_it(store: Store) -> None:
    """A row may settle several keys, or none."""
    keys = [("one", "two"), (), ("3",)]
    rows = [Row(b"entry", bytes([n]) * 32, of_row) for n, of_row in enumerate(keys)]
    append(store, Batch(0, rows, [], "note"))
    wanted, found = ["one", "two", "3", "One", "", "one"], [0, 0, 2, None, None, 0]
    assert [store.find(key) for key in wanted] == store.find_all(wanted) == found
    assert store.find_all([]) == []


def test_a_checkpoint_is_the_first_that_covers_a_size(store: Store, batch: MakeBatch) -> None:
    """The first of at least the size asked for; -1 is the newest; beyond it there is none."""
    append(store, batch(0, 3), batch(3, 1), batch(4, 6))
    first, middle, newest = (3, "note 3"), (4, "note 4"), (10, "note 10")
    assert [store.checkpoint(size) for size in (0, 1, 3)] == [first] * 3
    assert [store.checkpoint(size) for size in (4, 5, 10)] == [middle, newest, newest]
    assert store.checkpoint(-1) == newest
    assert store.checkpoint(11) is None


def test_checkpoints_of_a_range_come_back_in_order(store: Any, batch: MakeBatch) -> None:
    """Each whose size is in the range, its end excluded; not those that only cover it."""
    append(store, batch(0, 3), batch(3, 1), batch(4, 6))
    every = [(3, "note 3"), (4, "note 4"), (10, "note 10")]
    assert store.checkpoints(-(2**63), 2**63 - 1) == store.checkpoints(3, 11) == every
    assert store.checkpoints(4, 10) == every[1:2]
    assert store.checkpoints(5, 10) == store.checkpoints(11, 99) == store.checkpoints(4, 4) == []


def test_keys_are_listed_page_by_page(store: Any, batch: MakeBatch) -> None:
    """Every key once, with its position, wherever the pages end; the empty key is one too."""
    append(
        store, batch(0, 7), Batch(7, [Row(b"x", b"x" * 32, ("", "\u00e9", "\U0001f600"))], [], "n")
    )
    every = store.keys(None, 100)
    assert sorted(every) == sorted(
        [(f"key {n}", n) for n in range(7)] + [("", 7), ("\u00e9", 7), ("\U0001f600", 7)]
    )
    for limit in (1, 3, 10):
        listed = store.keys(None, limit)
        while page := store.keys(listed[-1][0], limit):
            assert len(page) <= limit
            listed += page
        assert listed == every


def test_nothing_strays(store: Any, batch: MakeBatch) -> None:
    """What was appended is covered by its checkpoint, the tiles included."""
    assert store.stray() is None
    append(store, batch(0, 256, tiles=[tile(0, 0)]), batch(256, 1))
    assert store.stray() is None


def test_tiles_come_back_in_order_by_level(store: Store, batch: MakeBatch) -> None:
    """Each level has its own numbering and its own pages."""
    tiles = [tile(0, 0), tile(0, 1), tile(1, 0), tile(0, 2)]
    append(store, batch(0, 1, tiles=tiles[:3]), batch(1, 1, tiles=tiles[3:]))
    assert store.tiles(0, 0, 10) == [tile(0, 0), tile(0, 1), tile(0, 2)]
    assert store.tiles(0, 1, 1) == [tile(0, 1)]
    assert store.tiles(1, 0, 10) == [tile(1, 0)]
    assert store.tiles(1, 1, 10) == store.tiles(2, 0, 10) == store.tiles(0, 0, 0) == []


@pytest.mark.parametrize("first", [0, 2, 4, 100])
def test_a_batch_for_another_size_is_refused(store: Store, batch: MakeBatch, first: int) -> None:
    """Compare-and-swap: `first` must be the store's size; otherwise nothing is stored."""
    append(store, batch(0, 3))
    before = contents(store)
    with pytest.raises(HeadMoved, match="3 entries, not"):
        append(store, batch(first, 2, name="other ", tiles=[tile(0, 0)]))
    assert contents(store) == before
    assert store.find(f"other key {first}") is None


@pytest.mark.parametrize(
    "keys",
    [[("new",), ("key 1",)], [("new",), ("new",)], [("new", "new"), ()]],
    ids=["taken", "twice in the batch", "twice in the row"],
)
def test_a_key_is_in_the_ledger_at_most_once(
    store: Store, batch: MakeBatch, keys: list[tuple[str, ...]]
) -> None:
    """A batch with a taken key is refused whole, and the next one finds the place free."""
    append(store, batch(0, 3))
    before = contents(store)
    rows = [Row(b"x", b"x" * 32, of_row) for of_row in keys]
    with pytest.raises(KeyTaken):
        append(store, Batch(3, rows, [tile(0, 0)], "note 5"))
    assert contents(store) == before
    assert store.find("new") is None
    append(store, batch(3, 2, tiles=[tile(0, 0)]))
    assert store.checkpoint(-1) == (5, "note 5")


def test_readers_see_whole_batches_only(store: Store, batch: MakeBatch) -> None:
    """Whenever a reader looks while batches of 7 are written, it sees some batches whole."""
    writing = True

    async def write() -> None:
        nonlocal writing
        for first in range(0, 210, 7):
            await store.append(batch(first, 7))
        writing = False

    async def read() -> None:
        while writing:
            size, note = store.checkpoint(-1) or (0, "note 0")
            rows = store.rows(0, 1_000)
            assert len(rows) >= size
            assert (size % 7, len(rows) % 7, note) == (0, 0, f"note {size}")
            assert size == 0 or store.find(f"key {size - 1}") == size - 1
            await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(write(), read())

    asyncio.run(run())
    assert store.checkpoint(-1) == (210, "note 210")


@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_append_is_whole_or_nothing(store: Store, batch: MakeBatch, turns: int) -> None:
    """Wherever the caller gave up, the store is at a batch's border and takes the next one."""

    async def run() -> None:
        task = asyncio.create_task(store.append(batch(0, 5)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        size, _ = store.checkpoint(-1) or (0, "")
        assert len(store.rows(0, 100)) == size
        assert size in {0, 5}
        await store.append(batch(size, 2))
        assert store.checkpoint(-1) == (size + 2, f"note {size + 2}")

    asyncio.run(run())


def test_appends_of_two_callers_do_not_mix(store: Store, batch: MakeBatch) -> None:
    """Of two batches for one place, one is stored and the other told that the head moved."""

    async def run() -> list[BaseException | None]:
        one, other = batch(0, 3, name="a "), batch(0, 4, name="b ")
        appends = store.append(one), store.append(other)
        return list(await asyncio.gather(*appends, return_exceptions=True))

    outcomes = asyncio.run(run())
    assert sorted(type(outcome) is HeadMoved for outcome in outcomes) == [False, True]
    winner = batch(0, 3, name="a ") if outcomes[0] is None else batch(0, 4, name="b ")
    assert store.rows(0, 100) == bare(winner)


def test_a_store_opened_again_holds_all(again: Open, batch: MakeBatch) -> None:
    """What was appended is there for the next process, and its place is taken."""
    first = again()
    append(first, batch(0, 3, tiles=[tile(0, 0), tile(1, 0)]), batch(3, 4))
    before = contents(first)
    first.close()
    second = again()
    assert contents(second) == before
    assert second.find("key 6") == 6
    with pytest.raises(HeadMoved):
        append(second, batch(3, 1))
    append(second, batch(7, 1))


def test_two_writers_make_one_log_without_gaps(again: Open) -> None:
    """Writers that know nothing of each other append by compare-and-swap: no gap, none twice."""
    stores = [again() for _ in range(2)]

    async def write(store: Store, writer: str) -> None:
        for number in range(40):
            while True:
                size, _ = store.checkpoint(-1) or (0, "")
                row = Row(f"{writer} {number}".encode(), b"h" * 32, (f"{writer} {number}",))
                try:
                    await store.append(Batch(size, [row], [], f"note {size + 1}"))
                    break
                except HeadMoved:
                    await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(write(stores[0], "a"), write(stores[1], "b"))

    asyncio.run(run())
    entries = [row.entry.decode() for row in stores[0].rows(0, 1_000)]
    assert len(entries) == 80
    for writer in "ab":
        own = [entry for entry in entries if entry.startswith(writer)]
        assert own == [f"{writer} {number}" for number in range(40)]
    assert [stores[1].find(entry) for entry in entries] == list(range(80))
    assert contents(stores[0]) == contents(stores[1])


class Heard:
    """A follower that writes down what it is told."""

    def __init__(self, store: Store) -> None:
        self.sizes: list[int] = []
        self._news = Event()
        store.follow(self.hear)

    def hear(self, size: int) -> None:
        """Take the size down, from whatever thread."""
        self.sizes.append(size)
        self._news.set()

    def wait_for(self, size: int) -> None:
        """Until this size was told; fails when it never is."""
        while size not in self.sizes[-1:]:
            assert self._news.wait(HEARD_SECONDS_MAX), (size, self.sizes)
            self._news.clear()


def test_followers_hear_of_commits(store: Store, batch: MakeBatch) -> None:
    """Each follower is told the newest size; sizes may be passed over, and never go back."""
    append(store, batch(0, 2))
    followers = [Heard(store), Heard(store)]
    for first, size in ((2, 5), (5, 6), (6, 9)):
        append(store, batch(first, size - first))
        for heard in followers:
            heard.wait_for(size)
    for heard in followers:
        assert heard.sizes == sorted(heard.sizes)


def test_followers_hear_of_other_writers(again: Open, batch: MakeBatch) -> None:
    """A commit through another store is told, too; a refused append is not."""
    heard, writer = Heard(again()), again()
    append(writer, batch(0, 3))
    heard.wait_for(3)
    with pytest.raises(HeadMoved):
        append(writer, batch(0, 9))
    append(writer, batch(3, 1))
    heard.wait_for(4)
    assert set(heard.sizes) <= {0, 3, 4}


def test_who_closed_hears_no_more(again: Open, batch: MakeBatch) -> None:
    """After `close` nobody is called."""
    reader, writer = again(), again()
    heard = Heard(reader)
    append(writer, batch(0, 1))
    heard.wait_for(1)
    reader.close()
    append(writer, batch(1, 1))
    other = Heard(writer)
    append(writer, batch(2, 1))
    other.wait_for(3)
    assert heard.sizes[-1] == 1
