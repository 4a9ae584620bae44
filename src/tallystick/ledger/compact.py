"""Compact ranges: which perfect subtrees tile a range of leaves; pure, for writer and verifier.

With all leaves of positions [start, stop), the subtrees left of them and the subtrees right of
them anybody gets the root of the tree, so O(log n) hashes prove of a whole range that nothing is
missing, added, changed or out of order
(https://github.com/transparency-dev/merkle/blob/main/docs/compact_ranges.md).
"""

from collections.abc import Iterator


def heights(start: int, stop: int) -> Iterator[int]:
    """The heights of the perfect subtrees that tile the leaves [start, stop), left to right."""
    while start < stop:
        room = (stop - start).bit_length() - 1
        height = min(room, (start & -start).bit_length() - 1) if start else room
        yield height
        start += 1 << height
