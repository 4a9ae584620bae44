"""Cost at growing sizes: appending to, and opening, ledgers that hold thousands to millions.

Large ledgers are grown once and kept in a folder, where a run that was broken off goes on; small
ones are made anew for every round, as appending changes their size. In each round all sizes take
the same batches, one after the other, and beside each an empty bare journal does.
"""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from journals import journal
from ledger_entries import KeyForm, Orders
from ledger_figures import ScaleRound
from ledger_open import Opened
from ledger_race import alternate, scratch
from ledger_tracks import LedgerTrack, open_track
from tallystick.clock import SystemClock
from tallystick.execution import Book, History
from tallystick.execution.book import restore, snapshot
from tallystick.execution.entries import decode
from tallystick.ledger import Ledger, Publisher
from tallystick.wiring.ledger import PUBLISHED, store_of

HERE = Path(__file__).resolve().parent
GROW_BATCH = 4_096
"""Entries a batch while a ledger is grown."""
GROW_FOLD = 16
"""Batches between two foldings of the write-ahead log while it is grown."""
BATCH = 1_024
ENTRIES_A_ROUND = 16_384
ANEW_ENTRIES_MAX = 100_000
"""Ledgers up to this size are made anew for every round."""
FOLD_ROWS = 4_096
PRODUCT_KEYS: KeyForm = "sequential"
"""Ledgers with these keys are published and folded too, so that the whole product can be opened."""
OPEN_SECONDS_MAX = 600
BYTES_OVER_ENTRY = 400
"""Row, leaf hash, key, tiles, published files: what an entry takes on disk beside itself."""
DISK_SHARE_MAX = 0.8
"""Of the free disk."""

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""What is grown, how far it is, and how far it goes."""
_WARM_UP = 0
"""The number of the round that is not counted."""


class Plan(msgspec.Struct, frozen=True):
    """Which ledgers: of each size, with each form of keys."""

    sizes: tuple[int, ...]
    keys: tuple[KeyForm, ...]
    rounds: int
    folder: Path
    share: float = 1.0

    @property
    def bytes_needed(self) -> int:
        """What the large ones take on disk, with entries of full size."""
        kept = sum(size for size in self.sizes if size > ANEW_ENTRIES_MAX) * len(self.keys)
        return kept * (Orders("sequential", "scale").entry_bytes + BYTES_OVER_ENTRY)

    def orders(self, keys: KeyForm) -> Orders:
        """Entries as large as the disk allows: filled orders, else rejected ones, half as long."""
        room = shutil.disk_usage(self.folder).free * DISK_SHARE_MAX
        there = any(self.folder.glob("sqlite-*"))
        return Orders(keys, "scale", filled=there or self.bytes_needed < room)


def scale(plan: Plan, progress: Progress, say: Say) -> list[ScaleRound]:
    """Grow what is missing, then go round."""
    orders = {keys: plan.orders(keys) for keys in plan.keys}
    large = [size for size in plan.sizes if size > ANEW_ENTRIES_MAX]
    for keys in plan.keys:
        for size in large:
            grow(_place(plan, keys, size), orders[keys], size, progress)
    found: list[ScaleRound] = []
    for number in range(plan.rounds + 1):
        for keys in plan.keys:
            turn = number % len(plan.sizes)
            for size in plan.sizes[turn:] + plan.sizes[:turn]:
                say(f"{size:,} entries, {keys} keys")
                one = _round(plan, keys, size, orders[keys], number)
                found += [one] if number != _WARM_UP else []
    return found


def _place(plan: Plan, keys: KeyForm, size: int) -> Path:
    return plan.folder / f"sqlite-{keys}-{size}"


def grow(folder: Path, orders: Orders, size: int, progress: Progress) -> None:
    """Append what is missing and let the product's projections catch up, from wherever it is."""
    with open_track(folder) as track:
        asyncio.run(_fill(track, orders, size, lambda at: progress(folder.name, at, size)))
        if orders.keys == PRODUCT_KEYS:
            name = f"{folder.name}, projections"
            _settle(track, lambda at: progress(name, at, track.ledger.size))


async def _fill(track: LedgerTrack, orders: Orders, size: int, tell: Callable[[int], None]) -> None:
    number = 0
    while (at := track.ledger.size) < size:
        await track.append(orders.batch(at, min(GROW_BATCH, size - at)))
        number += 1
        if number % GROW_FOLD == 0:
            track.fold()
            tell(at)
    track.fold()


def _settle(track: LedgerTrack, tell: Callable[[int], None]) -> None:
    """Publish everything and keep a snapshot of the book, as a server that ran on has done."""
    store = store_of(track.settings, SystemClock())
    with closing(Publisher(store, track.folder / PUBLISHED)) as publisher:
        publisher.publish()
    with closing(History(track.folder / "projections.db", track.ledger)) as history:
        kept = history.kept()
        book = _folded(Book() if kept is None else restore(kept[2]), track.ledger, tell)
        history.keep(book.size, track.ledger.root(book.size), snapshot(book))


def _folded(book: Book, ledger: Ledger, tell: Callable[[int], None]) -> Book:
    while rows := ledger.rows(book.size, FOLD_ROWS):
        for row in rows:
            book.apply(decode(row.entry))
        book.cut()
        tell(book.size)
    return book


def _round(plan: Plan, keys: KeyForm, size: int, orders: Orders, number: int) -> ScaleRound:
    with _ledger(plan, keys, size, orders) as folder, scratch(plan.folder) as aside:
        opened = open_product(folder, product=keys == PRODUCT_KEYS)
        count = max(BATCH, round(ENTRIES_A_ROUND * plan.share / BATCH) * BATCH)
        with open_track(folder) as track:
            took = asyncio.run(_compare(track, aside, orders, count))
            if keys == PRODUCT_KEYS:
                _settle(track, lambda _at: None)
    return ScaleRound("sqlite", keys, size, number, count, *took, opened.ledger, opened.product)


@contextmanager
def _ledger(plan: Plan, keys: KeyForm, size: int, orders: Orders) -> Iterator[Path]:
    """The data folder of a ledger of this size, whose folder is the product's to open."""
    if size > ANEW_ENTRIES_MAX:
        yield _place(plan, keys, size)
        return
    with scratch(plan.folder) as made:
        grow(made / "data", orders, size, lambda *_: None)
        yield made / "data"


async def _compare(
    track: LedgerTrack, aside: Path, orders: Orders, count: int
) -> tuple[float, float, float]:
    """Seconds to append, to fold, and for the bare journal."""
    batches = orders.batches(track.ledger.size, count, BATCH)
    async with journal(aside, None) as bare:
        seconds, bare_seconds = await alternate(track, bare, batches)
    start = time.perf_counter()
    track.fold()
    return seconds, time.perf_counter() - start, bare_seconds


def open_product(folder: Path, *, product: bool) -> Opened:
    """A start in a process of its own."""
    what = ["product"] if product else []
    done = subprocess.run(
        [sys.executable, str(HERE / "ledger_open.py"), str(folder), *what],
        capture_output=True, timeout=OPEN_SECONDS_MAX, check=True,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Opened)
