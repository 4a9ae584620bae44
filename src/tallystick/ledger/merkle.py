"""The Merkle tree's arithmetic: bytes in, bytes out (RFC 6962 section 2.1, RFC 9162 section 2.1).

A leaf is hashed as SHA-256(0x00 || entry), an inner node as SHA-256(0x01 || left || right); a lone
right node is never duplicated. Everything here is pure: who stores the hashes is no matter.

A proof binds a leaf to a root; that the root belongs to a tree of this size is promised by the
signed checkpoint that names both, never by the proof alone.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from tallystick.errors import Corrupt

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without entries."""

_LEAF = b"\x00"
_NODE = b"\x01"


class ProofError(Corrupt):
    """The proof does not lead to the root."""


def leaf_hash(entry: bytes) -> bytes:
    """The 32-byte hash of an entry's exact bytes."""
    return sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of two neighbouring subtrees."""
    return sha256(_NODE + left + right).digest()


class CompactRange:
    """A tree of any size in O(log n) memory: the roots of its perfect subtrees, left to right.

    `nodes` has one hash for every one-bit of `size`, largest subtree first.
    """

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """Start empty, or resume from the nodes of a tree of `size` leaves.

        Raises:
            Corrupt: these cannot be the nodes of a tree of this size.
        """
        _require_hashes(nodes)
        if size < 0 or len(nodes) != size.bit_count():
            raise Corrupt(f"A tree of {size} entries does not have {len(nodes)} subtrees.")
        self.size = size
        self.nodes = list(nodes)

    def copy(self) -> "CompactRange":
        """The same tree, to be grown apart from this one."""
        return CompactRange(self.size, self.nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        self.append_subtree(leaf, 0)

    def append_subtree(self, root: bytes, height: int) -> None:
        """Add the root of a perfect subtree of 2**height leaves at the right.

        The size so far must be a multiple of 2**height: the programmer's promise.
        """
        position = self.size >> height
        assert position << height == self.size, "a subtree must be aligned"  # noqa: S101
        while position & 1:
            root = node_hash(self.nodes.pop(), root)
            position >>= 1
        self.nodes.append(root)
        self.size += 1 << height

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        if not self.nodes:
            return EMPTY_ROOT
        right = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            right = node_hash(left, right)
        return right


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes: MTH of RFC 6962 section 2.1, given the leaves' hashes."""
    tree = CompactRange()
    for leaf in leaf_hashes:
        tree.append(leaf)
    return tree.root()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes: `tree_root` for a full tile, but faster."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """The leaf hash stands at `index` (from 0) of the tree of `size` entries (RFC 9162 2.1.3.2).

    `proof` runs from the leaf upwards.

    Raises:
        ProofError: it does not, or a hash is not 32 bytes long.
    """
    _require_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise ProofError(f"Position {index} is outside a tree of {size} entries.")
    first, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("The inclusion proof is too long.")
        if first & 1 or first == last:
            computed = node_hash(sibling, computed)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise ProofError("The inclusion proof is too short.")
    if computed != root:
        raise ProofError("The inclusion proof does not lead from the leaf to the root.")


def verify_consistency(
    *, size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """The tree of `size1` entries is the beginning of the one of `size2` (RFC 9162 2.1.4.2).

    A proof from the empty tree says nothing and is refused. Roots of equal sizes are compared and
    never hashed, so their length is not looked at.

    Raises:
        ProofError: it is not, or a hash is not 32 bytes long.
    """
    if not 0 < size1 <= size2:
        raise ProofError(f"Consistency from size {size1} to size {size2} cannot be proved.")
    if size1 == size2:
        if proof or root1 != root2:
            raise ProofError("Trees of equal size must have equal roots and an empty proof.")
        return
    _require_hashes((root1, root2, *proof))
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    if not path:
        raise ProofError("The consistency proof is empty.")
    first, last = size1 - 1, size2 - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old, new = _fold_consistency(first, last, path)
    if old != root1:
        raise ProofError("The consistency proof does not lead to the old root.")
    if new != root2:
        raise ProofError("The consistency proof does not lead to the new root.")


def _fold_consistency(first: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("The consistency proof is too long.")
        if first & 1 or first == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise ProofError("The consistency proof is too short.")
    return old, new


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, D[n]) of RFC 6962 section 2.1.1, leaf upwards; O(n), the definition itself."""
    if len(leaf_hashes) == 1:
        return []
    split = _split(len(leaf_hashes))
    left, right = leaf_hashes[:split], leaf_hashes[split:]
    if index < split:
        return [*inclusion_proof(left, index), tree_root(right)]
    return [*inclusion_proof(right, index - split), tree_root(left)]


def consistency_proof(leaf_hashes: Sequence[bytes], size1: int) -> list[bytes]:
    """PROOF(size1, D[n]) of RFC 6962 section 2.1.2, 0 < size1 <= n; O(n), the definition itself."""
    return _subproof(leaf_hashes, size1, whole=True)


def _subproof(leaf_hashes: Sequence[bytes], size1: int, *, whole: bool) -> list[bytes]:
    if size1 == len(leaf_hashes):
        return [] if whole else [tree_root(leaf_hashes)]
    split = _split(len(leaf_hashes))
    left, right = leaf_hashes[:split], leaf_hashes[split:]
    if size1 <= split:
        return [*_subproof(left, size1, whole=whole), tree_root(right)]
    return [*_subproof(right, size1 - split, whole=False), tree_root(left)]


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _require_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError(f"A hash is not {HASH_BYTES} bytes long.")
