"""How long an acknowledged entry waits: for its proof, and for a checkpoint that outsiders see.

The product's own publisher runs beside the appends, in the same process and on the real clock. The
published file is watched from outside: what counts is when it can be read.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ledger_entries import Orders
from ledger_figures import Latency, Spread
from ledger_tracks import LedgerTrack, open_track
from tallystick.clock import SystemClock
from tallystick.errors import Corrupt
from tallystick.ledger import Publisher, Receipt
from tallystick.ledger.checkpoint import VerifierKey, parse_body, parse_checkpoint, verify_note
from tallystick.ledger.merkle import leaf_hash, verify_inclusion
from tallystick.ledger.publish import CHECKPOINT
from tallystick.wiring.ledger import PUBLISHED, store_of
from tallystick.wiring.publishing import Publishing

LOOK_SECONDS = 0.002
"""Between two looks at the published checkpoint: how exactly its time is known."""
LAST_SECONDS_MAX = 30.0
"""How long the last checkpoint is waited for."""


class Load(NamedTuple):
    """Batches of this size, one begun each `every` seconds (0: one after the other)."""

    name: str
    batch: int
    every: float


LOADS = (
    Load("1 entry every 50 ms", 1, 0.05),
    Load("64 every 12.8 ms: what `POST /v1/orders` takes", 64, 0.0128),
    Load("256 every 12.8 ms", 256, 0.0128),
    Load("1,024, one batch after the other", 1_024, 0.0),
)


class Acknowledged(NamedTuple):
    """One acknowledged batch: the size it made, and when; how long append and proof took."""

    size: int
    at: float
    append: float
    proof: float


def waiting(
    orders: Orders, folder: Path, seconds: float, say: Callable[[str], None]
) -> list[Latency]:
    """Every load for so many seconds, each on a new ledger in a folder of its own."""
    found = []
    for number, load in enumerate(LOADS):
        say(f"waiting, {load.name}")
        with open_track(folder / str(number)) as track:
            found.append(asyncio.run(_measure(track, load, orders, seconds)))
    return found


async def _measure(track: LedgerTrack, load: Load, orders: Orders, seconds: float) -> Latency:
    clock = SystemClock()
    publisher = Publisher(store_of(track.settings, clock), track.folder / PUBLISHED)
    publishing = Publishing(publisher, track.ledger, clock)
    seen: list[tuple[int, float]] = []
    running = [
        asyncio.create_task(publishing.run()),
        asyncio.create_task(_watch(track.folder / PUBLISHED / CHECKPOINT, seen)),
    ]
    try:
        start = time.perf_counter()
        batches = await _append(track, load, orders, start + seconds)
        took = time.perf_counter() - start
        await _until(seen, track.ledger.size, running)
    finally:
        for task in running:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*running)
        await publishing.close()
        publisher.close()
    return Latency(
        load=load.name,
        paced=load.every > 0,
        entries_per_second=round(len(batches) * load.batch / took, 1),
        batches=len(batches),
        acknowledged=Spread.of(one.append for one in batches),
        proof=Spread.of(one.proof for one in batches),
        checkpoint=Spread.of(waits(batches, seen)),
    )


async def _append(track: LedgerTrack, load: Load, orders: Orders, end: float) -> list[Acknowledged]:
    ledger, done = track.ledger, []
    due = time.perf_counter()
    while due < end:
        entries = orders.batch(ledger.size, load.batch)
        begun = time.perf_counter()
        sealed = await ledger.append(ledger.size, entries)
        at = time.perf_counter()
        receipt = sealed.receipt(load.batch - 1)
        proof = time.perf_counter() - at
        _require_proved(receipt, entries[-1].entry, ledger.vkey)
        done.append(Acknowledged(ledger.size, at, at - begun, proof))
        due = max(due + load.every, at)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return done


def _require_proved(receipt: Receipt, entry: bytes, key: VerifierKey) -> None:
    """The acknowledgement alone proves the entry; raises `Corrupt` if not."""
    head = parse_body(verify_note(receipt.checkpoint, [key]).text)
    verify_inclusion(
        index=receipt.position,
        size=head.size,
        leaf=leaf_hash(entry),
        proof=receipt.inclusion,
        root=head.root,
    )


async def _watch(path: Path, seen: list[tuple[int, float]]) -> None:
    """Write down when each published size could first be read."""
    last = 0
    while True:
        with suppress(FileNotFoundError):
            text = path.read_text()  # noqa: ASYNC240  a small file, and the time is the point
            size = parse_checkpoint(text).size
            if size > last:
                last = size
                seen.append((size, time.perf_counter()))
        await asyncio.sleep(LOOK_SECONDS)


async def _until(
    seen: list[tuple[int, float]], size: int, running: Sequence[asyncio.Task[None]]
) -> None:
    """Wait until this size is published."""
    give_up = time.perf_counter() + LAST_SECONDS_MAX
    while not seen or seen[-1][0] < size:
        for task in running:
            if task.done():
                task.result()
        if time.perf_counter() > give_up:
            raise Corrupt(f"Size {size} was never published.")
        await asyncio.sleep(LOOK_SECONDS)


def waits(batches: Sequence[Acknowledged], seen: Sequence[tuple[int, float]]) -> list[float]:
    """Per batch: seconds from its acknowledgement to the first checkpoint that covers it."""
    checkpoints = iter(seen)
    size, at = next(checkpoints)
    found = []
    for batch in batches:
        while size < batch.size:
            size, at = next(checkpoints)
        found.append(max(0.0, at - batch.at))
    return found
