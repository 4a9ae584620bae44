"""Proofs made and verified, audits and bytes on disk; each rate beside that of its bare hashes.

The bare hashes of a piece of work are the SHA-256 calls that it cannot do without, on the same
bytes in the same loop: what is left is reading, checking forms and signatures.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from ledger_entries import Orders
from ledger_figures import Footprint, Work
from ledger_tracks import DATABASE, LedgerTrack, open_track
from tallystick.execution.entries import decode, keys_of
from tallystick.ledger import Ledger, Publisher, SqliteStore
from tallystick.ledger.check import Passed, StoreCheck
from tallystick.ledger.merkle import verify_consistency, verify_inclusion
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt
from tallystick.wiring.ledger import PUBLISHED

PROOFS = 4_000
"""Proofs of each sort; receipts are a quarter of it."""
NODE = bytes(65)
"""What is hashed for an inner node: the prefix and two hashes."""
BATCH = 1_024

Say = Callable[[str], None]
T = TypeVar("T")


def measure(
    orders: Orders, folder: Path, size: int, say: Say
) -> tuple[list[Work], list[Footprint]]:
    """Grow a new ledger to this size and do everything with it once."""
    with open_track(folder / "data") as track:
        say(f"proofs, growing {size:,} entries")
        asyncio.run(_grow(track, orders, size))
        published = track.folder / PUBLISHED
        with closing(Publisher(SqliteStore(track.folder / DATABASE), published)) as publisher:
            publisher.publish()
        say("proofs, making")
        works = [*_making(track.ledger), *_verifying(track.ledger)]
        say("proofs, auditing")
        works += [_audit(track), _check(track)]
        return works, [_footprint(track, orders)]


async def _grow(track: LedgerTrack, orders: Orders, size: int) -> None:
    while (at := track.ledger.size) < size:
        await track.append(orders.batch(at, min(BATCH, size - at)))
    track.fold()


def _making(ledger: Ledger) -> list[Work]:
    """Proofs made on demand; those of an append came with it."""
    size, nodes = ledger.size, _height(ledger.size)
    newest = range(max(1, size - PROOFS), size)
    some, few = _some(size, 1), _some(size, 1)[: PROOFS // 4]

    def include(at: int) -> None:
        ledger.inclusion_proof(at, size)

    def extend(at: int) -> None:
        ledger.consistency_proof(at, size)

    return [
        _work("inclusion proof made, newest entries", nodes, newest, include),
        _work("inclusion proof made, any entry", nodes, some, include),
        _work("consistency proof made, any size", nodes, some, extend),
        _work("receipt read, verified, handed out", nodes, few, ledger.receipt),
    ]


def _verifying(ledger: Ledger) -> list[Work]:
    """What a client does with what it was given."""
    size, nodes = ledger.size, _height(ledger.size)
    root, positions = ledger.root(size), _some(ledger.size, 2)

    def include(one: tuple[int, bytes, list[bytes]]) -> None:
        verify_inclusion(index=one[0], size=size, leaf=one[1], proof=one[2], root=root)

    def extend(one: tuple[int, bytes, list[bytes]]) -> None:
        verify_consistency(size1=one[0], size2=size, proof=one[2], root1=one[1], root2=root)

    def receive(one: bytes) -> None:
        _require_clean(verify_receipt(one, ledger.vkey).exit_code)

    leaves = [ledger.rows(at, 1)[0].leaf_hash for at in positions]
    paths = [ledger.inclusion_proof(at, size) for at in positions]
    roots = [(at, ledger.root(at), ledger.consistency_proof(at, size)) for at in positions]
    receipts = [msgspec.json.encode(ledger.receipt(at)) for at in positions[: PROOFS // 4]]
    return [
        _work(
            "inclusion proof verified", nodes, zip(positions, leaves, paths, strict=True), include
        ),
        _work("consistency proof verified", nodes, roots, extend),
        _work("JSON receipt verified, with signature", nodes, receipts, receive),
    ]


def _some(size: int, seed: int) -> list[int]:
    """Positions anywhere in a ledger of this size."""
    chance = random.Random(seed)
    return [chance.randrange(1, size) for _ in range(PROOFS)]


def _height(size: int) -> int:
    return (size - 1).bit_length()


def _work(name: str, nodes: int, items: Iterable[T], do: Callable[[T], object]) -> Work:
    """Do it for every item; `nodes` hashes of inner nodes are its bare part."""
    ready = list(items)
    start = time.perf_counter()
    for item in ready:
        do(item)
    took = time.perf_counter() - start
    return Work(name, len(ready) / took, len(ready) / _hashing(NODE, nodes * len(ready)))


def _hashing(data: bytes, times: int) -> float:
    """Seconds that so many SHA-256 of these bytes take here and now."""
    start = time.perf_counter()
    for _ in range(times):
        sha256(data).digest()
    return time.perf_counter() - start


def _audit(track: LedgerTrack) -> Work:
    """The outsider's: the whole published folder."""
    source = FolderSource(track.folder / PUBLISHED)
    start = time.perf_counter()
    report = verify_ledger(source, track.ledger.vkey)
    took = time.perf_counter() - start
    _require_clean(report.exit_code)
    return _whole("full audit of the published folder", track, report.bytes_hashed, took)


def _check(track: LedgerTrack) -> Work:
    """The operator's: the whole database, its keys and every checkpoint that was ever signed."""
    with closing(SqliteStore(track.folder / DATABASE)) as store:
        check = StoreCheck(store, track.ledger.vkeys, _keys_in, Passed(track.ledger.origin))
        start = time.perf_counter()
        checked = sum(check.run())
        took = time.perf_counter() - start
    assert checked == track.ledger.size, "everything was checked"
    return _whole("full check of the database", track, check.passed.bytes_hashed, took)


def _keys_in(entry: bytes) -> Sequence[str]:
    return keys_of(decode(entry))


def _whole(name: str, track: LedgerTrack, bytes_hashed: int, took: float) -> Work:
    """A rate in entries/s; bare are one leaf and one node an entry."""
    size = track.ledger.size
    leaf = bytes(bytes_hashed // size + 1)
    bare = _hashing(leaf, size) + _hashing(NODE, size)
    return Work(name, size / took, size / bare, round(bytes_hashed / took / 1e6, 1))


def _require_clean(exit_code: int) -> None:
    assert exit_code == 0, "what was just made verifies"


def _footprint(track: LedgerTrack, orders: Orders) -> Footprint:
    """The database is folded; the files of tiles count with the blocks that they take."""
    track.fold()
    size = track.ledger.size
    tiles = sum(
        (Path(folder) / name).stat().st_blocks * 512
        for folder, _, names in os.walk(track.folder / PUBLISHED)
        for name in names
    )
    database = (track.folder / DATABASE).stat().st_size
    return Footprint(
        backend="sqlite",
        batch=BATCH,
        entries=size,
        entry_bytes=orders.entry_bytes,
        database=round(database / size, 1),
        tiles=round(tiles / size, 1),
    )
