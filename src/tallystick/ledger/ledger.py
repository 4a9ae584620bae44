"""The ledger: appends batches, signs heads, hands out receipts and proofs."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

from tallystick.errors import Corrupt, Refused
from tallystick.keys import Signer
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, parse_checkpoint, sign_checkpoint
from tallystick.ledger.entry import Receipt, Sealable
from tallystick.ledger.store import Batch, Row, Store
from tallystick.ledger.tree import TILE_WIDTH, FullTile, Tree


class Sealed(msgspec.Struct, frozen=True):
    """What an append gives back: enough to make the receipt of each of its entries."""

    first: int
    rows: Sequence[Row]
    proofs: Sequence[list[bytes]]
    note: str

    def receipt(self, number: int) -> Receipt:
        """The receipt of the `number`-th entry of the batch, from 0."""
        row = self.rows[number]
        return Receipt(
            position=self.first + number,
            entry=row.entry,
            leaf_hash=row.leaf_hash.hex(),
            inclusion=self.proofs[number],
            checkpoint=self.note,
        )


class Ledger:
    """One log under one key. Everything it shows is durable: the head moves after the commit.

    Only one `append` may be under way at a time; the desk sees to that.
    """

    def __init__(self, store: Store, signer: Signer) -> None:
        """Open what the store holds; a new ledger gets its signed empty head.

        Raises:
            Corrupt: the head in the store does not fit its entries.
        """
        self._store = store
        self._signer = signer
        self._vkey = VerifierKey.of(signer.name, signer.public_key)
        self._followers: list[Callable[[int], None]] = []
        self._tree = Tree(0, [], self._read_tile)
        self._note = self._sign(0, self._tree.root())
        self.size = 0
        self._reload()

    @property
    def origin(self) -> str:
        """The name of the log: the first line of its checkpoints."""
        return self._signer.name

    @property
    def vkey(self) -> VerifierKey:
        """What outsiders pin to check this ledger's signatures."""
        return self._vkey

    @property
    def note(self) -> str:
        """The signed checkpoint of the newest durable size."""
        return self._note

    def follow(self, follower: Callable[[int], None]) -> None:
        """Call `follower(size)` after each commit; it must be quick and may not raise."""
        self._followers.append(follower)

    async def append(self, expected_size: int, entries: Sequence[Sealable]) -> Sealed:
        """Make `entries` durable at positions `expected_size`, ... in one transaction.

        Raises:
            HeadMoved: the ledger's size is not `expected_size`; nothing was stored, and the
                ledger has caught up with the store.
            TemporaryError, PermanentError: nothing was stored.
        """
        rows: list[Row] = []
        full: list[FullTile] = []
        try:
            for sealable in entries:
                leaf = sha256(b"\x00" + sealable.entry).digest()
                rows.append(Row(sealable.entry, leaf, sealable.keys))
                full += self._tree.append(leaf)
            size = expected_size + len(rows)
            note = self._sign(size, self._tree.root())
            await self._store.append(Batch(expected_size, rows, full, note))
        except BaseException:
            self._reload()
            raise
        self._note = note
        self.size = size
        proofs = self._tree.inclusion_proofs(range(expected_size, size), size)
        for follower in self._followers:
            follower(size)
        return Sealed(expected_size, rows, proofs, note)

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` durable entries from position `start` on."""
        return self._store.rows(start, max(0, min(limit, self.size - start)))

    def find(self, key: str) -> int | None:
        """The position of the entry that settled this idempotency key."""
        return self._store.find(key)

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from index `start` on, in order."""
        return self._store.tiles(level, start, limit)

    def receipt(self, position: int) -> Receipt:
        """The receipt that the entry's acknowledgement carried, the same bytes again.

        Raises:
            Refused: `UNKNOWN_ENTRY`.
        """
        rows = self.rows(position, 1) if position >= 0 else []
        covering = self._store.checkpoint(position + 1)
        if not rows or covering is None:
            raise Refused("UNKNOWN_ENTRY", f"The ledger has no entry {position} yet.")
        size, note = covering
        proof = self._tree.inclusion_proof(position, size)
        return Receipt(position, rows[0].entry, rows[0].leaf_hash.hex(), proof, note)

    def inclusion_proof(self, position: int, size: int) -> list[bytes]:
        """The path from the entry at `position` in the tree of the first `size` entries.

        Raises:
            Refused: `BAD_RANGE`.
        """
        if not 0 <= position < size <= self.size:
            raise Refused("BAD_RANGE", f"0 <= position < size <= {self.size} does not hold.")
        return self._tree.inclusion_proof(position, size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """That the tree of `new` entries extends the tree of `old`.

        Raises:
            Refused: `BAD_RANGE`.
        """
        if not 0 < old <= new <= self.size:
            raise Refused("BAD_RANGE", f"0 < from <= to <= {self.size} does not hold.")
        return self._tree.consistency_proof(old, new)

    def leaf_hash(self, position: int) -> bytes:
        """The leaf hash of the entry at `position`, which must exist."""
        return self.rows(position, 1)[0].leaf_hash

    def root(self, size: int) -> bytes:
        """The root of the first `size` entries.

        Raises:
            Refused: `BAD_RANGE`.
        """
        if not 0 <= size <= self.size:
            raise Refused("BAD_RANGE", f"0 <= size <= {self.size} does not hold.")
        return self._tree.root(size)

    def close(self) -> None:
        """Let go of the store; nothing may be called afterwards."""
        self._store.close()

    def _sign(self, size: int, root: bytes) -> str:
        checkpoint = Checkpoint(origin=self._signer.name, size=size, root=root)
        return sign_checkpoint(
            checkpoint, name=self._signer.name, key_id=self._vkey.key_id, sign=self._signer.sign
        )

    def _reload(self) -> None:
        """Make the tree what the store holds: at start, and after an append that failed."""
        newest = self._store.checkpoint(-1)
        if newest is None:
            self._tree = Tree(0, [], self._read_tile)
            return
        size, note = newest
        self._tree = Tree(size, self._edges(size), self._read_tile)
        if parse_checkpoint(note).root != self._tree.root():
            raise Corrupt(f"The ledger's {size} entries do not hash to its newest checkpoint.")
        self._note = note
        self.size = size

    def _edges(self, size: int) -> list[list[bytes]]:
        """The hashes of the partial tile of each level, read from the store."""
        edges: list[list[bytes]] = []
        level = 0
        while size >> (8 * level):
            count = size >> (8 * level)
            start = count - count % TILE_WIDTH
            if level == 0:
                edges.append([row.leaf_hash for row in self._store.rows(start, count - start)])
            else:
                tiles = self._store.tiles(level - 1, start, count - start)
                edges.append([tile.root for tile in tiles])
            level += 1
        return edges

    def _read_tile(self, level: int, index: int) -> bytes:
        tiles = self._store.tiles(level, index, 1)
        if not tiles or tiles[0].index != index:
            raise Corrupt(f"Tile {index} of level {level} is missing from the store.")
        return tiles[0].hashes
