"""The growing Merkle tree: C2SP tiles in memory at its right edge, older ones read on demand.

A tile of level L holds 256 hashes, each of a perfect subtree of 256**L leaves; in memory it also
holds the seven rows of nodes above them, so a proof is a handful of look-ups. Only the right-most
tile of each level changes; it is all that a restart has to read. Pure but for `read_tile`.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

TILE_WIDTH = 256
_ROWS = 8
"""Rows of nodes inside a tile: 256, 128, ... 2."""
SHARED_HEIGHT = 4
"""Proofs of neighbours differ only below this height: what is above is worked out once."""
CACHED_TILES_MAX = 512
"""Full tiles kept in memory for proofs about older entries: about 37 KiB each."""

ReadTile = Callable[[int, int], bytes]


class FullTile(msgspec.Struct, frozen=True, gc=False):
    """A tile that will never change: 256 hashes, and the hash of the subtree above them."""

    level: int
    index: int
    hashes: bytes
    root: bytes


class _Tile:
    """The rows of one tile; `rows[0]` are its hashes, `rows[r]` the nodes r rows above."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[list[bytes]] = [[] for _ in range(_ROWS)]

    def extend(self, nodes: Sequence[bytes]) -> bytes | None:
        """Take more hashes, at most as many as there is room; the root of the tile once full."""
        added = nodes
        for row in self.rows:
            start = len(row) & ~1
            row.extend(added)
            if len(row) - start < 2:
                return None
            pairs = iter(row[start:])
            added = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(pairs, pairs, strict=False)
            ]
        return added[0]


class Tree:
    """An RFC 6962 tree that only grows; makes proofs for any entry against any size up to it."""

    def __init__(self, size: int, edges: Sequence[Sequence[bytes]], read_tile: ReadTile) -> None:
        """`edges[L]`: the hashes of the partial tile of level L; `read_tile(L, n)`: a full one."""
        self._read_tile = read_tile
        self._cache: OrderedDict[tuple[int, int], _Tile] = OrderedDict()
        self._edges: list[_Tile] = []
        self.size = size
        for hashes in edges:
            tile = _Tile()
            tile.extend(hashes)
            self._edges.append(tile)

    def append(self, leaf: bytes) -> list[FullTile]:
        """Add a leaf hash; the tiles that it filled (mostly none)."""
        return self.extend([leaf])

    def extend(self, leaves: Sequence[bytes]) -> list[FullTile]:
        """Add leaf hashes; the tiles that they filled, each before those above it."""
        full: list[FullTile] = []
        start = 0
        while start < len(leaves):
            room = TILE_WIDTH - (self.size & (TILE_WIDTH - 1))
            nodes = leaves[start : start + room]
            start += room
            self.size += len(nodes)
            self._add(nodes, full)
        return full

    def _add(self, nodes: Sequence[bytes], full: list[FullTile]) -> None:
        """Add hashes that fit into the tile at the right edge of level 0."""
        level = 0
        while nodes:
            if level == len(self._edges):
                self._edges.append(_Tile())
            tile = self._edges[level]
            root = tile.extend(nodes)
            if root is None:
                return
            index = (self.size >> (8 * (level + 1))) - 1
            full.append(FullTile(level, index, b"".join(tile.rows[0]), root))
            self._remember(level, index, tile)
            self._edges[level] = _Tile()
            nodes = [root]
            level += 1

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves (all of them by default)."""
        size = self.size if size is None else size
        if size == 0:
            return sha256().digest()
        return self._ragged(size)[-1][1]

    def inclusion_proof(self, position: int, size: int) -> list[bytes]:
        """RFC 9162 section 2.1.3.1: the path from leaf `position` in the tree of `size` leaves."""
        return self.inclusion_proofs([position], size)[0]

    def inclusion_proofs(self, positions: Sequence[int], size: int) -> list[list[bytes]]:
        """The proofs of several leaves in one tree; what they share is worked out once."""
        ragged = dict(self._ragged(size))
        proofs: list[list[bytes]] = []
        index = group = -1
        for position in positions:
            if position >> 8 != index:
                index, group = position >> 8, -1
                rows = self._tile(0, index).rows
                above = self._climb(_ROWS, index, size, ragged)
            if position >> SHARED_HEIGHT != group:
                group = position >> SHARED_HEIGHT
                tail = self._climb(SHARED_HEIGHT, group, size, ragged, _ROWS) + above
            if (group + 1) << SHARED_HEIGHT <= size:
                at = position & (TILE_WIDTH - 1)
                siblings = [rows[0][at ^ 1], rows[1][at >> 1 ^ 1]]
                siblings += rows[2][at >> 2 ^ 1], rows[3][at >> 3 ^ 1]
            else:
                siblings = self._climb(0, position, size, ragged, SHARED_HEIGHT)
            proofs.append(siblings + tail)
        return proofs

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """RFC 9162 section 2.1.4.1: that the tree of `new` leaves extends that of `old` > 0."""
        if old == new:
            return []
        ragged = dict(self._ragged(new))
        # The largest perfect subtree that ends at `old`: known to the verifier when it is all.
        height = (old & -old).bit_length() - 1
        index = (old >> height) - 1
        proof = [] if index == 0 else [self._node(height, index)]
        return proof + self._climb(height, index, new, ragged)

    def _climb(
        self, height: int, index: int, size: int, ragged: dict[int, bytes], top: int = 64
    ) -> list[bytes]:
        """Siblings of the node (height, index) up to the root, or up to the height `top`."""
        proof: list[bytes] = []
        last = (size - 1) >> height
        while last and height < top:
            sibling = index ^ 1
            if sibling <= last:
                whole = (sibling + 1) << height <= size
                proof.append(self._node(height, sibling) if whole else ragged[height])
            height += 1
            index >>= 1
            last >>= 1
        return proof

    def _ragged(self, size: int) -> list[tuple[int, bytes]]:
        """(height, hash) of the right edge of the tree of `size` leaves, upwards to the root.

        The hash at `height` covers the leaves from the last multiple of 2**height to `size`;
        where `size` is such a multiple there is none.
        """
        found: list[tuple[int, bytes]] = []
        node: bytes | None = None
        height = 0
        top = (size - 1).bit_length()
        while height <= top:
            if size >> height & 1:
                whole = self._node(height, (size >> height) - 1)
                node = whole if node is None else sha256(b"\x01" + whole + node).digest()
            if node is not None:
                found.append((height + 1, node))
            height += 1
        return found

    def _node(self, height: int, index: int) -> bytes:
        """The hash of the perfect subtree of 2**height leaves with this index."""
        level, row = divmod(height, _ROWS)
        tile_index, offset = divmod(index, TILE_WIDTH >> row)
        return self._tile(level, tile_index).rows[row][offset]

    def _tile(self, level: int, index: int) -> _Tile:
        """A tile of this level: the one at the right edge, or a full one."""
        if level < len(self._edges) and index == self.size >> (8 * (level + 1)):
            return self._edges[level]
        return self._full(level, index)

    def _full(self, level: int, index: int) -> _Tile:
        tile = self._cache.get((level, index))
        if tile is None:
            tile = _Tile()
            hashes = self._read_tile(level, index)
            tile.extend([hashes[start : start + 32] for start in range(0, len(hashes), 32)])
            self._remember(level, index, tile)
        else:
            self._cache.move_to_end((level, index))
        return tile

    def _remember(self, level: int, index: int, tile: _Tile) -> None:
        self._cache[level, index] = tile
        if len(self._cache) > CACHED_TILES_MAX:
            self._cache.popitem(last=False)
