"""The proof of a whole range of entries, made from what the ledger holds."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tallystick.errors import Corrupt, Refused
from tallystick.ledger.compact import heights
from tallystick.ledger.merkle import perfect_root
from tallystick.ledger.store import Row
from tallystick.ledger.tree import FullTile

_ROWS = 8
"""Rows of nodes inside a tile."""


class RangeProof(msgspec.Struct, frozen=True):
    """The perfect subtrees of [0, start), and those of [stop, size), both from left to right.

    `left` are the nodes of `merkle.CompactRange(start)`; the heights of `right` are
    `heights(stop, size)`.
    """

    left: list[bytes]
    right: list[bytes]


class Hashes(Protocol):
    """Where hashes come from; the ledger is one."""

    @property
    def size(self) -> int:
        """How many entries there are."""
        ...

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` rows from position `start` on."""
        ...

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from index `start` on."""
        ...


def range_proof(hashes: Hashes, start: int, stop: int, size: int) -> RangeProof:
    """The proof of the entries [start, stop) in the tree of the first `size`.

    Raises:
        Refused: `BAD_RANGE`.
        Corrupt: entries or tiles are missing from the store.
    """
    if not 0 <= start <= stop <= size <= hashes.size:
        raise Refused("BAD_RANGE", f"0 <= from <= to <= size <= {hashes.size} does not hold.")
    return RangeProof(_subtrees(hashes, 0, start), _subtrees(hashes, stop, size))


def _subtrees(hashes: Hashes, start: int, stop: int) -> list[bytes]:
    found: list[bytes] = []
    for height in heights(start, stop):
        found.append(_subtree(hashes, height, start >> height))
        start += 1 << height
    return found


def _subtree(hashes: Hashes, height: int, index: int) -> bytes:
    """The root of a perfect subtree, from the hashes of the level of tiles below it."""
    level, row = divmod(height, _ROWS)
    start, count = index << row, 1 << row
    below: Sequence[bytes]
    if level == 0:
        below = [each.leaf_hash for each in hashes.rows(start, count)]
    else:
        below = [tile.root for tile in hashes.tiles(level - 1, start, count)]
    if len(below) != count:
        raise Corrupt(f"Level {level} of the ledger's tree is not whole in the store.")
    return perfect_root(below)
