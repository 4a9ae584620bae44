"""Batches for stores: a store looks at none of the bytes, so these are the simplest there are."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest

from tallystick.ledger.store import Batch, Row
from tallystick.ledger.tree import FullTile

MakeBatch = Callable[..., Batch]


def make(first: int, count: int, *, name: str = "", tiles: Sequence[FullTile] = ()) -> Batch:
    """Entries `first` to `first + count - 1`, each with one key that says its position."""
    entries = [f"{name}entry {position}".encode() for position in range(first, first + count)]
    rows = [
        Row(entry, sha256(entry).digest(), (f"{name}key {position}",))
        for position, entry in enumerate(entries, start=first)
    ]
    return Batch(first, rows, tiles, f"note {first + count}")


@pytest.fixture(scope="session")
def batch() -> MakeBatch:
    """Makes a batch of plain entries."""
    return make
