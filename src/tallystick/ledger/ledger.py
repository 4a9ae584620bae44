"""The ledger: appends batches, signs heads, hands out receipts and proofs."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256

from tallystick.errors import Corrupt, Forked, HeadMoved, Refused
from tallystick.keys import Signer
from tallystick.ledger.checkpoint import (
    Checkpoint,
    VerifierKey,
    body,
    note_text,
    parse_body,
    parse_checkpoint,
    signature_line,
    verify_note,
)
from tallystick.ledger.entry import Receipt, Sealable
from tallystick.ledger.guard import Guard, Head
from tallystick.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from tallystick.ledger.sealed import Sealed
from tallystick.ledger.store import Batch, Row, Store
from tallystick.ledger.tail import TAIL_ROWS, Tail
from tallystick.ledger.tree import TILE_WIDTH, FullTile, Tree

STEP_ROWS = 1_024
"""Rows of another writer that are read at once."""


class Ledger:
    """One log under one name. Everything it shows is durable, and held by the guard.

    Only one `append` may be under way at a time; the desk sees to that.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        guard: Guard | None = None,
        *,
        others: Sequence[Signer] = (),
        retired: Sequence[VerifierKey] = (),
    ) -> None:
        """Open what the store holds; a new ledger gets its signed empty head.

        `others` sign beside `signer` while keys are rotated; `retired` keys signed before. Without
        a `guard` nothing keeps a copy of the database from being signed as well.

        Raises:
            Corrupt: the head in the store was signed by another key, or does not fit its entries.
            Forked: the store is not what was signed last.
        """
        self._store = store
        self._guard = guard
        self._guarded: Head | None = None
        """The head that the guard held when it was last asked."""
        self._signers = [
            (each, VerifierKey.of(each.name, each.public_key)) for each in (signer, *others)
        ]
        self._origin = signer.name
        self._vkeys = (*(key for _, key in self._signers), *retired)
        self._appending = False
        self._followers: list[Callable[[int], None]] = []
        self._tail = Tail()
        self._staged: dict[tuple[int, int], bytes] = {}
        """Tiles of the append under way: not in the store yet, and proofs may want them."""
        self._tree = Tree(0, [], self._read_tile)
        self._note = self._sign(0, self._tree.root())
        self.size = 0
        self._reload()

    @property
    def origin(self) -> str:
        """The name of the log: the first line of its checkpoints."""
        return self._origin

    @property
    def vkey(self) -> VerifierKey:
        """What outsiders pin to check this ledger's signatures: the newest key."""
        return self._vkeys[0]

    @property
    def vkeys(self) -> tuple[VerifierKey, ...]:
        """Every key that signs or signed this ledger, the newest first."""
        return self._vkeys

    @property
    def note(self) -> str:
        """The signed checkpoint of the newest durable size."""
        return self._note

    def follow(self, follower: Callable[[int], None]) -> None:
        """Call `follower(size)` after each commit, another writer's too once it is taken in.

        It must be quick and may not raise.
        """
        self._followers.append(follower)

    async def append(self, expected_size: int, entries: Sequence[Sealable]) -> Sealed:
        """Make `entries` durable at positions `expected_size`, ... in one transaction.

        No entries at all are stored as nothing. A caller that is cancelled cannot know the
        outcome; the ledger is then what the store holds.

        Raises:
            HeadMoved: the ledger's size is not `expected_size`; nothing was stored, and the
                ledger has caught up with the store.
            Forked: the guard holds a head that is not of this history; nothing is signed, or
                what was signed is not shown.
            TemporaryError, PermanentError: nothing was stored.
        """
        self._require_head(expected_size)
        if not entries:
            return Sealed(expected_size, [], self._note, lambda _positions: [])
        self._appending = True
        try:
            if self._guard is not None and self._guard.head() != self._guarded:
                self._advance(self._guard)
            batch = self._stage(expected_size, entries)
            await self._store.append(batch)
            size = expected_size + len(batch.rows)
            self._staged.clear()
            self._tail.add(expected_size, batch.rows)
            self._stand_at(size, batch.note)
        except BaseException:
            self._reload()
            raise
        finally:
            self._appending = False
        prove = partial(self._tree.inclusion_proofs, size=size)
        return Sealed(expected_size, batch.rows, batch.note, prove)

    def catch_up(self) -> bool:
        """Take in what other writers committed; whether there was anything, and nothing under way.

        Raises:
            Corrupt: what they committed is not of one history with what was here.
        """
        return not self._appending and self._extend()

    def follow_store(self, moved: Callable[[int], None]) -> None:
        """Call `moved(size)`, from any thread, soon after any writer committed; then `catch_up`."""
        self._store.follow(moved)

    def sync(self) -> None:
        """Make the guard durable against power cuts; before anything is published."""
        if self._guard is not None:
            self._guard.sync()

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` durable entries from position `start` on.

        Raises:
            Corrupt: some of them are missing from the store.
        """
        count = max(0, min(limit, self.size - start))
        newest = self._tail.rows(start, count) if count else []
        if newest is not None:
            return newest
        rows = self._store.rows(start, count)
        if len(rows) != count:
            raise Corrupt(f"Of entries {start} to {start + count - 1} the store lacks some.")
        return rows

    def find(self, key: str) -> int | None:
        """The position of the entry that settled this idempotency key."""
        return self._store.find(key)

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """The position for each of these keys, in their order: `find`, many at once."""
        return self._store.find_all(keys) if keys else []

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from index `start` on, in order."""
        return self._store.tiles(level, start, limit)

    def receipt(self, position: int) -> Receipt:
        """The receipt that the entry's acknowledgement carried, the same bytes again.

        It is verified before it is handed out: a store that was tampered with gets no say.

        Raises:
            Refused: `UNKNOWN_ENTRY`.
            Corrupt: what the store holds of this entry is not what was signed.
        """
        if not 0 <= position < self.size:
            raise Refused("UNKNOWN_ENTRY", f"The ledger has no entry {position} yet.")
        row = self.rows(position, 1)[0]
        size, note = self._store.checkpoint(position + 1) or (0, "")
        if not position < size <= self.size:
            raise Corrupt(f"The checkpoint over entry {position} is missing from the store.")
        try:
            proof = self._tree.inclusion_proof(position, size)
            self._verify(position, row, proof, note)
        except Corrupt as error:
            sentence = f"What the store holds of entry {position} is not what was signed. {error}"
            raise Corrupt(sentence) from error
        return Receipt(position, row.entry, row.leaf_hash.hex(), proof, note)

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

    def root_with(self, leaves: Iterable[bytes]) -> bytes:
        """The root that the ledger would have with these leaf hashes behind its newest entry."""
        tree = Tree(self.size, self._edges(self.size), self._read_tile)
        for leaf in leaves:
            tree.append(leaf)
        return tree.root()

    def close(self) -> None:
        """Let go of the store; nothing may be called afterwards."""
        self._store.close()

    def _sign(self, size: int, root: bytes) -> str:
        text = body(Checkpoint(self._origin, size, root))
        signed = text.encode()
        lines = [
            signature_line(key.name, key.key_id, signer.sign(signed))
            for signer, key in self._signers
        ]
        return note_text(text, lines)

    def _advance(self, guard: Guard) -> None:
        """Let the guard hold the tree as it stands, once what it held is seen to be part of it."""
        head = Head(self._tree.size, self._tree.root())
        guard.advance(head, self._is_ours)
        self._guarded = head

    def _is_ours(self, head: Head) -> bool:
        """Whether this head is of the history in the store."""
        if head == self._guarded:
            return True
        if head.size <= self._tree.size:
            return self._tree.root(head.size) == head.root
        stored = self._store.checkpoint(head.size)  # another writer's, not taken in yet
        if stored is None or stored[0] != head.size:
            return False
        checkpoint = parse_body(verify_note(stored[1], self._vkeys).text)
        return checkpoint == Checkpoint(self._origin, head.size, head.root)

    def _stand_at(self, size: int, note: str) -> None:
        """Show this head, and tell those who follow if it is another one, whoever wrote it.

        The guard holds it first: what it refuses is not shown, and the ledger stays where it was.
        """
        if self._guard is not None:
            self._advance(self._guard)
        moved, self.size, self._note = size != self.size, size, note
        if moved:
            for follower in self._followers:
                follower(size)

    def _require_head(self, expected_size: int) -> None:
        """The tree is what the store holds, and of this size; it is never grown from another."""
        if self._tree.size != self.size:
            self._reload()
        if self.size != expected_size:
            self._extend()
        if self.size != expected_size:
            raise HeadMoved(f"The ledger holds {self.size} entries, not {expected_size}.")

    def _stage(self, first: int, entries: Sequence[Sealable]) -> Batch:
        """Grow the tree by these entries and sign it."""
        leaves = [sha256(b"\x00" + sealable.entry).digest() for sealable in entries]
        rows = [
            Row(sealable.entry, leaf, sealable.keys)
            for sealable, leaf in zip(entries, leaves, strict=True)
        ]
        full = self._tree.extend(leaves)
        self._staged.update(((tile.level, tile.index), tile.hashes) for tile in full)
        return Batch(first, rows, full, self._sign(first + len(rows), self._tree.root()))

    def _verify(self, position: int, row: Row, proof: Sequence[bytes], note: str) -> None:
        """The row hashes to a head that this ledger's key signed; raises `Corrupt` if not."""
        head = parse_body(verify_note(note, self._vkeys).text)
        leaf = leaf_hash(row.entry)
        if leaf != row.leaf_hash:
            raise Corrupt("Its leaf hash is another entry's.")
        verify_inclusion(index=position, size=head.size, leaf=leaf, proof=proof, root=head.root)

    def _extend(self) -> bool:
        """Grow the tree by what other writers committed; whether there was anything."""
        newest = self._store.checkpoint(-1)
        if newest is None or newest[0] <= self.size:
            return False
        size, note = newest
        if size - self.size > TAIL_ROWS or self._tree.size != self.size:
            self._reload()
            return True
        head = self._head_in(note)
        staged: list[Row] = []
        while self._tree.size < size:
            rows = self._store.rows(self._tree.size, min(STEP_ROWS, size - self._tree.size))
            if not rows:
                raise Corrupt(f"Entry {self._tree.size} is missing from the store.")
            self._tree.extend([row.leaf_hash for row in rows])
            staged += rows
        if head != Checkpoint(self._origin, size, self._tree.root()):
            raise Corrupt(f"The ledger's {size} entries do not hash to its newest checkpoint.")
        self._tail.add(self.size, staged)
        self._stand_at(size, note)
        return True

    def _head_in(self, note: str) -> Checkpoint:
        try:
            return parse_body(verify_note(note, self._vkeys).text)
        except Corrupt as error:
            raise Corrupt(f"The ledger's newest checkpoint is not this key's: {error}") from error

    def _reload(self) -> None:
        """Make the tree what the store holds: at start, and after an append that failed."""
        self._tail.clear()
        self._staged.clear()
        newest = self._store.checkpoint(-1)
        if newest is None:
            self._tree = Tree(0, [], self._read_tile)
            self._require_grown()
            self._stand_at(0, self._note)
            return
        size, note = newest
        head = self._head_in(note)
        self._tree = Tree(size, self._edges(size), self._read_tile)
        if head != Checkpoint(self.origin, size, self._tree.root()):
            raise Corrupt(f"The ledger's {size} entries do not hash to its newest checkpoint.")
        self._require_grown()
        self._stand_at(size, note)

    def _require_grown(self) -> None:
        """What was shown is the beginning of what the store holds now."""
        shown = parse_checkpoint(self._note)
        if self._tree.size < shown.size or self._tree.root(shown.size) != shown.root:
            raise Forked(
                f"The database held {shown.size} entries and does not hold them any more: an older"
                " backup was put back under a running ledger, or a replica that lacks entries was"
                " promoted. Nothing more is signed. See: tallystick ledger reconcile --help."
            )

    def _edges(self, size: int) -> list[list[bytes]]:
        """The hashes of the partial tile of each level, read from the store."""
        edges: list[list[bytes]] = []
        level = 0
        while size >> (8 * level):
            count = size >> (8 * level)
            start = count - count % TILE_WIDTH
            if level == 0:
                edge = [row.leaf_hash for row in self._store.rows(start, count - start)]
            else:
                tiles = self._store.tiles(level - 1, start, count - start)
                edge = [tile.root for tile in tiles]
            if len(edge) != count - start:
                raise Corrupt(f"Level {level} of the ledger's tree is not whole in the store.")
            edges.append(edge)
            level += 1
        return edges

    def _read_tile(self, level: int, index: int) -> bytes:
        staged = self._staged.get((level, index))
        if staged is not None:
            return staged
        tiles = self._store.tiles(level, index, 1)
        if not tiles:
            raise Corrupt(f"Tile {index} of level {level} is missing from the store.")
        hashes = tiles[0].hashes
        if len(hashes) != TILE_WIDTH * HASH_BYTES:
            raise Corrupt(f"Tile {index} of level {level} is not whole in the store.")
        return hashes
