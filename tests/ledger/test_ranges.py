"""The proof of a range: with its leaves it leads to the root, and with any others it does not."""

import asyncio
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.compact import heights
from tallystick.ledger.merkle import CompactRange, leaf_hash, tree_root
from tallystick.ledger.ranges import range_proof

LARGE = 70_000
"""Entries of a ledger with full tiles of two levels."""


def ledger_of(size: int) -> Ledger:
    """A ledger of so many entries, each its own position."""
    ledger = Ledger(MemoryStore(), FileKeyring("tallystick.test/ranges", bytes(32)))
    for first in range(0, size, 8_192):
        some = [Sealable(b"%d" % n) for n in range(first, min(size, first + 8_192))]
        asyncio.run(ledger.append(first, some))
    return ledger


@pytest.fixture(scope="module")
def large() -> Ledger:
    """One for all: it only is read."""
    return ledger_of(LARGE)


def root_of(ledger: Ledger, start: int, stop: int, size: int) -> bytes:
    """As a verifier gets it: from the entries and the proof alone."""
    proof = range_proof(ledger, start, stop, size)
    tree = CompactRange(start, proof.left)
    for row in ledger.rows(start, stop - start):
        tree.append(leaf_hash(row.entry))
    for node, height in zip(proof.right, heights(stop, size), strict=True):
        tree.append_subtree(node, height)
    assert tree.size == size
    return tree.root()


def test_every_range_of_every_small_tree() -> None:
    """All of [start, stop) in all trees up to 20 entries, against the definition of the root."""
    ledger = ledger_of(20)
    leaves = [row.leaf_hash for row in ledger.rows(0, 20)]
    for size in range(21):
        for stop in range(size + 1):
            for start in range(stop + 1):
                assert root_of(ledger, start, stop, size) == tree_root(leaves[:size])


@given(st.tuples(*[st.integers(0, LARGE)] * 2, st.integers(0, 300)).map(lambda t: t))
def test_ranges_across_tiles(large: Ledger, numbers: tuple[int, int, int]) -> None:
    """Anywhere in a tree whose hashes are in tiles of several levels; O(log n) of them."""
    one, two, length = numbers
    start, size = sorted((one, two))
    stop = min(size, start + length)
    assert root_of(large, start, stop, size) == large.root(size)
    proof = range_proof(large, start, stop, size)
    assert len(proof.left) + len(proof.right) <= 2 * LARGE.bit_length()


def test_heights_tile_the_range() -> None:
    """Perfect subtrees, each at a multiple of its width, from `start` exactly to `stop`."""
    for start in range(40):
        for stop in range(start, 70):
            at = start
            for height in heights(start, stop):
                assert at % (1 << height) == 0
                at += 1 << height
            assert at == stop


def test_a_range_with_one_entry_changed_leads_elsewhere(large: Ledger) -> None:
    """Nothing inside it can be exchanged, left out or doubled."""
    proof = range_proof(large, 100, 110, 1_000)
    leaves = [row.leaf_hash for row in large.rows(100, 10)]
    forged = [
        [*leaves[:4], sha256(b"forged").digest(), *leaves[5:]],
        [*leaves[:4], leaves[5], leaves[4], *leaves[6:]],
    ]
    for some in forged:
        tree = CompactRange(100, proof.left)
        for leaf in some:
            tree.append(leaf)
        for node, height in zip(proof.right, heights(110, 1_000), strict=True):
            tree.append_subtree(node, height)
        assert tree.root() != large.root(1_000)


@pytest.mark.parametrize(
    ("start", "stop", "size"), [(2, 1, 3), (0, 4, 3), (0, 1, LARGE + 1), (-1, 1, 2)], ids=str
)
def test_ranges_that_are_none_are_refused(large: Ledger, start: int, stop: int, size: int) -> None:
    """Turned round, or beyond the tree."""
    with pytest.raises(Refused) as caught:
        range_proof(large, start, stop, size)
    assert caught.value.code == "BAD_RANGE"
