"""Compact ranges and the tiles that grow: against the definitions, worked out slowly."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger.compact import Levels, heights
from tallystick.ledger.merkle import perfect_root, tree_root
from tallystick.ledger.tiles import TILE_WIDTH


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_range_is_tiled_by_aligned_subtrees(one: int, other: int) -> None:
    """Left to right, without a gap, each where a subtree of its height may begin."""
    start, stop = sorted((one, other))
    at = start
    for height in heights(start, stop):
        assert at % (1 << height) == 0
        at += 1 << height
    assert at == stop


@pytest.mark.parametrize("resumed", [False, True])
def test_levels_fill_as_the_tree_grows(resumed: bool) -> None:
    """Every tile comes once, in order, with its hashes and root, also where somebody goes on."""
    roots = [sha256(b"%d" % number).digest() for number in range(2 * TILE_WIDTH**2 + 300)]
    levels = Levels()
    filled: list[tuple[int, list[bytes], bytes]] = []
    for root in roots:
        if resumed and len(levels.hashes) > 1:
            levels = Levels(tuple(map(tuple, levels.hashes)))
        filled += levels.add(root)
    first = [roots[n : n + TILE_WIDTH] for n in range(0, len(roots), TILE_WIDTH)]
    whole = [hashes for hashes in first if len(hashes) == TILE_WIDTH]
    above = [perfect_root(hashes) for hashes in whole]

    assert [hashes for level, hashes, _ in filled if level == 1] == whole
    assert [root for level, _, root in filled if level == 1] == above
    assert [hashes for level, hashes, _ in filled if level == 2] == [above[:256], above[256:512]]
    assert [root for level, _, root in filled if level == 2] == [
        tree_root(above[:256]), tree_root(above[256:512]),
    ]  # fmt: skip
    assert levels.hashes[0] == first[-1]
    assert levels.hashes[1] == above[512:]
