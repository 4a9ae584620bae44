"""The growing tree against the RFC's recursive definition, restarts, and published vectors."""

import base64
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger import tree as tree_module
from tallystick.ledger.merkle import (
    EMPTY_ROOT,
    CompactRange,
    leaf_hash,
    node_hash,
    perfect_root,
    verify_consistency,
    verify_inclusion,
)
from tallystick.ledger.tree import TILE_WIDTH, FullTile, Tree

SMALL = 600
LARGE = 70_000
"""More than 256 * 256, so that there are three levels of tiles."""
BORDERS = (1, 2, 255, 256, 257, 511, 512, 513, 599, 600)


class Grown:
    """A tree grown leaf by leaf, the tiles that it filled, and its root at every size."""

    def __init__(self, size: int) -> None:
        self.leaves = [leaf_hash(str(position).encode()) for position in range(size)]
        self.tiles: dict[tuple[int, int], FullTile] = {}
        self.filled_at: dict[tuple[int, int], int] = {}
        self.roots = [EMPTY_ROOT]
        self.tree = Tree(0, [], lambda level, index: self.tiles[level, index].hashes)
        reference = CompactRange()
        for leaf in self.leaves:
            for tile in self.tree.append(leaf):
                self.tiles[tile.level, tile.index] = tile
                self.filled_at[tile.level, tile.index] = self.tree.size
            reference.append(leaf)
            self.roots.append(reference.root())

    def restarted(self, size: int) -> Tree:
        """The tree as it was at `size`, made of what a store would hold by then."""
        edges: list[list[bytes]] = []
        while count := size >> (8 * len(edges)):
            level, start = len(edges), count - count % TILE_WIDTH
            below = [self.tiles[level - 1, index].root for index in range(start, count) if level]
            edges.append(below if level else self.leaves[start:count])
        return Tree(size, edges, lambda level, index: self._tile_at(size, level, index))

    def _tile_at(self, size: int, level: int, index: int) -> bytes:
        assert self.filled_at[level, index] <= size, "the tile was not full yet"
        return self.tiles[level, index].hashes


@pytest.fixture(scope="module")
def small() -> Grown:
    """A tree with a few tiles of two levels."""
    return Grown(SMALL)


@pytest.fixture(scope="module")
def large() -> Grown:
    """A tree with tiles of three levels."""
    return Grown(LARGE)


@cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962 section 2.1, word for word; the leaves are those of `Grown`."""
    if end - start == 1:
        return leaf_hash(str(start).encode())
    split = start + power_below(end - start)
    return node_hash(mth(start, split), mth(split, end))


def path(position: int, start: int, end: int) -> list[bytes]:
    """PATH(position - start, D[start:end]) of RFC 6962 section 2.1.1."""
    if end - start == 1:
        return []
    split = start + power_below(end - start)
    if position < split:
        return [*path(position, start, split), mth(split, end)]
    return [*path(position, split, end), mth(start, split)]


def subproof(old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF(old - start, D[start:end], whole) of RFC 6962 section 2.1.2."""
    if old == end:
        return [] if whole else [mth(start, end)]
    split = start + power_below(end - start)
    if old <= split:
        return [*subproof(old, start, split, whole=whole), mth(split, end)]
    return [*subproof(old, split, end, whole=False), mth(start, split)]


def power_below(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def test_roots_are_the_definition_at_every_size(small: Grown) -> None:
    """While it grows, and looked back at from the end."""
    growing = Tree(0, [], lambda _level, _index: b"")
    assert growing.root() == small.tree.root(0) == EMPTY_ROOT
    for size in range(1, SMALL + 1):
        growing.append(small.leaves[size - 1])
        assert growing.root() == small.tree.root(size) == mth(0, size), size


def test_inclusion_proofs_are_the_definition(small: Grown) -> None:
    """Every position at every size."""
    for size in range(1, SMALL + 1):
        proofs = small.tree.inclusion_proofs(range(size), size)
        assert proofs == [path(position, 0, size) for position in range(size)], size


def test_single_proofs_are_those_of_many(small: Grown) -> None:
    """What neighbours share makes no difference, in whatever order they are asked for."""
    for size in BORDERS:
        positions = Random(size).sample(range(size), min(size, 40))  # noqa: S311  no secret
        single = [small.tree.inclusion_proof(position, size) for position in positions]
        assert small.tree.inclusion_proofs(positions, size) == single


def test_consistency_proofs_are_the_definition(small: Grown) -> None:
    """Every pair of sizes."""
    for new in range(1, SMALL + 1):
        proofs = [small.tree.consistency_proof(old, new) for old in range(1, new + 1)]
        assert proofs == [subproof(old, 0, new, whole=True) for old in range(1, new + 1)], new


def test_every_size_proves_itself_to_the_verifier(small: Grown) -> None:
    """For all sizes: the first, a middle and the last leaf, and the size before, verify."""
    for size in range(1, SMALL + 1):
        root = small.roots[size]
        for position in {0, size // 2, size - 1}:
            verify_inclusion(
                index=position,
                size=size,
                leaf=small.leaves[position],
                proof=small.tree.inclusion_proof(position, size),
                root=root,
            )
        old = max(1, size - 1)
        proof = small.tree.consistency_proof(old, size)
        verify_consistency(size1=old, size2=size, proof=proof, root1=small.roots[old], root2=root)


def test_full_tiles_hold_the_tree(large: Grown) -> None:
    """Each tile is emitted once, when it is full: 256 hashes of its level, and their root."""
    counts = [LARGE // 256, LARGE // 256**2]
    assert large.tiles.keys() == {
        (level, index) for level, count in enumerate(counts) for index in range(count)
    }
    for (level, index), tile in large.tiles.items():
        first = index * TILE_WIDTH
        below = [large.tiles[0, first + row].root for row in range(TILE_WIDTH) if level]
        hashes = below or large.leaves[first : first + TILE_WIDTH]
        assert tile.hashes == b"".join(hashes)
        assert tile.root == perfect_root(hashes)
        assert large.filled_at[level, index] == (index + 1) * 256 ** (level + 1)


def sizes(at_least: int = 1) -> st.SearchStrategy[int]:
    """Sizes of the large tree, the tiles' borders among them."""
    near = st.integers(0, LARGE // 256).flatmap(lambda n: st.integers(n * 256 - 2, n * 256 + 2))
    top = st.integers(65_534, 65_538)
    drawn = st.one_of(st.integers(at_least, LARGE), near, top)
    return drawn.filter(lambda size: at_least <= size <= LARGE)


@given(size=sizes(), data=st.data())
def test_large_trees_prove_themselves(large: Grown, size: int, data: st.DataObject) -> None:
    """Whatever the size and the position, proofs lead to the root of that size."""
    position = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    assert large.tree.root(size) == large.roots[size]
    verify_inclusion(
        index=position,
        size=size,
        leaf=large.leaves[position],
        proof=large.tree.inclusion_proof(position, size),
        root=large.roots[size],
    )
    verify_consistency(
        size1=old,
        size2=size,
        proof=large.tree.consistency_proof(old, size),
        root1=large.roots[old],
        root2=large.roots[size],
    )


@given(size=sizes(), data=st.data())
def test_a_restart_changes_nothing(large: Grown, size: int, data: st.DataObject) -> None:
    """From the edges at any size: the same roots and proofs, and the same tiles from there on."""
    tree = large.restarted(size)
    earlier = data.draw(st.integers(1, size))
    position = data.draw(st.integers(0, earlier - 1))
    assert tree.root() == large.roots[size]
    assert tree.root(earlier) == large.roots[earlier]
    proof = tree.inclusion_proof(position, earlier)
    assert proof == large.tree.inclusion_proof(position, earlier)
    assert tree.consistency_proof(earlier, size) == large.tree.consistency_proof(earlier, size)
    filled = [tile for leaf in large.leaves[size : size + 300] for tile in tree.append(leaf)]
    assert filled == [large.tiles[tile.level, tile.index] for tile in filled]
    assert tree.root() == large.roots[tree.size]


def test_tiles_that_left_the_cache_are_read_again(
    large: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: with a cache of two tiles the proofs are the same."""
    monkeypatch.setattr(tree_module, "CACHED_TILES_MAX", 2)
    tree = large.restarted(LARGE)
    for position in range(0, LARGE, 997):
        proof = tree.inclusion_proof(position, LARGE)
        assert proof == large.tree.inclusion_proof(position, LARGE)
    assert len(tree._cache) == 2


def test_vector_b_roots_of_the_reference_tree() -> None:
    """The RFC 6962 reference tree of transparency-dev/merkle, at each of its sizes."""
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    entries.append("606162636465666768696a6b6c6d6e6f")
    roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    assert roots_of([bytes.fromhex(entry) for entry in entries]) == roots


def roots_of(entries: Sequence[bytes]) -> list[str]:
    """The root in hex at each size from 0, as the tree grows."""
    tree = Tree(0, [], lambda _level, _index: b"")
    roots = [tree.root().hex()]
    for entry in entries:
        tree.append(leaf_hash(entry))
        roots.append(tree.root().hex())
    return roots


def test_vector_i_the_border_of_a_tile(small: Grown) -> None:
    """257 entries, the decimal numbers from 0: the full tile, the hash above it, the root."""
    full = small.tiles[0, 0]
    leaf = "42ae86a77cad11f2565e05cffb735f46025d40a379a52eba4209c26273138008"
    above = "828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1"
    assert sha256(full.hashes).hexdigest() == (
        "b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b"
    )
    assert (small.leaves[256].hex(), full.root.hex()) == (leaf, above)
    assert base64.b64encode(small.tree.root(257)) == b"HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ="
