"""Compact ranges: which perfect subtrees tile a range of leaves, and which tiles their roots fill.

Pure, for writer and verifier.

With all leaves of positions [start, stop), the subtrees left of them and the subtrees right of
them anybody gets the root of the tree, so O(log n) hashes prove of a whole range that nothing is
missing, added, changed or out of order
(https://github.com/transparency-dev/merkle/blob/main/docs/compact_ranges.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from tallystick.ledger.merkle import perfect_root
from tallystick.ledger.tiles import TILE_WIDTH


def heights(start: int, stop: int) -> Iterator[int]:
    """The heights of the perfect subtrees that tile the leaves [start, stop), left to right."""
    while start < stop:
        room = (stop - start).bit_length() - 1
        height = min(room, (start & -start).bit_length() - 1) if start else room
        yield height
        start += 1 << height


class Levels:
    """The tiles above level 0 that are being filled, one a level, as full tiles come along."""

    __slots__ = ("hashes",)

    def __init__(self, hashes: Iterable[Sequence[bytes]] = ()) -> None:
        """`hashes`: those of each level's tile so far, from level 1 on."""
        self.hashes = [list(of) for of in hashes]

    def add(self, root: bytes) -> Iterator[tuple[int, list[bytes], bytes]]:
        """Add the root of the next full tile of level 0: (level, hashes, root) of each it fills.

        It has to be walked to its end.
        """
        for level in count(1):
            if len(self.hashes) < level:
                self.hashes.append([])
            filling = self.hashes[level - 1]
            filling.append(root)
            if len(filling) < TILE_WIDTH:
                return
            self.hashes[level - 1] = []
            root = perfect_root(filling)
            yield level, filling, root
