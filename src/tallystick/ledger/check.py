"""Checks a store against itself, from the inside: what the published files cannot show.

One pass over the entries: each is hashed again, each full tile made again, each checkpoint that was
ever signed is verified against the tree of its size, and each idempotency key leads to the entry
that it settled. Then the keys are listed, and whatever stands outside of the log is looked for.
Memory is O(log n); the state in between can be kept, so a check that was interrupted goes on where
it was. The size is taken once, at the beginning: others may append meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Protocol

import msgspec

from tallystick.clock import Clock, SystemClock
from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, parse_body, verify_note
from tallystick.ledger.compact import Levels
from tallystick.ledger.merkle import CompactRange, perfect_root
from tallystick.ledger.store import Row
from tallystick.ledger.tiles import TILE_HEIGHT, TILE_WIDTH
from tallystick.ledger.tree import FullTile

STEP_ROWS = 16 * TILE_WIDTH
"""Entries read at once: a question or two to a database far away, and a few MiB at most."""
STEP_KEYS = 16_384
"""Idempotency keys listed at once."""

KeysOf = Callable[[bytes], Sequence[str] | None]
"""The idempotency keys that an entry settled, read from its bytes; None: its kind is not known."""


class Auditable(Protocol):
    """What a check reads of a store; the contract is in `ledger/store.py` and its suite."""

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` rows from position `start` on, in order."""
        ...

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from index `start` on, in order."""
        ...

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """(size, note) of the first checkpoint of at least `size` entries; -1: the newest."""
        ...

    def checkpoints(self, start: int, stop: int) -> list[tuple[int, str]]:
        """(size, note) of every checkpoint of `start` <= size < `stop`, in order."""
        ...

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """The position for each of these keys, in their order."""
        ...

    def keys(self, after: str | None, limit: int) -> list[tuple[str, int]]:
        """At most `limit` keys behind `after` in the store's order, each with its position."""
        ...

    def stray(self) -> str | None:
        """Something stored that belongs to no position under the newest checkpoint, in words."""
        ...


class Passed(msgspec.Struct, frozen=True):
    """How far a check of one store has come: everything before `position` is as it must be.

    `position` is a multiple of 256, or the size. `nodes` are those of the compact range up to
    there, `levels` the hashes, per level above 0, of the tile that is being filled. The rest counts
    what was found to be right; `unknown` entries are of no known kind, the first at
    `unknown_first`.
    """

    origin: str
    position: int = 0
    nodes: tuple[bytes, ...] = ()
    levels: tuple[tuple[bytes, ...], ...] = ()
    tiles: int = 0
    checkpoints: int = 0
    keys: int = 0
    bytes_hashed: int = 0
    unknown: int = 0
    unknown_first: int | None = None

    @property
    def root(self) -> bytes:
        """Of the tree of the first `position` entries."""
        return CompactRange(self.position, self.nodes).root()


class StoreCheck:
    """One check of one store: `run` it to the end, or as far as there is time."""

    def __init__(
        self,
        store: Auditable,
        vkeys: Sequence[VerifierKey],
        keys_of: KeysOf,
        passed: Passed,
        clock: Clock | None = None,
    ) -> None:
        """Go on after what `passed`; a new one begins at the beginning."""
        self.passed = passed
        """What is behind us."""
        self.resumable = passed
        """The newest of it from which another check can go on: between two tiles."""
        self.spent_ns: Counter[str] = Counter()
        """Nanoseconds of this run on `hashes`, `tiles`, `checkpoints` and `keys`."""
        self._store = store
        self._vkeys = vkeys
        self._keys_of = keys_of
        self._clock = clock or SystemClock()
        newest = store.checkpoint(-1)
        self.size = newest[0] if newest else 0

    def run(self) -> Iterator[int]:
        """Check step by step; gives the entries of each, 0 while only keys are listed.

        Raises:
            Corrupt: something is not what it was when it was signed; it names what.
        """
        while self.passed.position < self.size:
            before = self.passed.position
            self.passed = self._step()
            if self.passed.position % TILE_WIDTH == 0:
                self.resumable = self.passed
            yield self.passed.position - before
        yield from self._list_keys()
        if (stray := self._store.stray()) is not None:
            raise Corrupt(f"Beyond what any checkpoint covers, the store holds {stray}.")

    def _step(self) -> Passed:
        """The next entries, at most `STEP_ROWS`, and all that belongs to them."""
        passed = self.passed
        start = passed.position
        stop = min(start + STEP_ROWS, self.size)
        with self._timed("hashes"):
            rows = self._store.rows(start, stop - start)
            if len(rows) != stop - start:
                raise Corrupt(f"Entry {self._first_missing(start, stop)} is missing.")
            leaves = [_leaf(position, row) for position, row in enumerate(rows, start)]
        with self._timed("checkpoints"):
            notes = self._store.checkpoints(start + 1, stop + 1)
            if stop == self.size and (not notes or notes[-1][0] != stop):
                raise Corrupt(f"The checkpoint of {stop} entries is not in its place.")
            tree = CompactRange(start, passed.nodes)
            roots = self._grow(tree, leaves, notes)
        with self._timed("tiles"):
            full, levels = self._compare_tiles(start, roots, leaves)
        with self._timed("keys"):
            settled = [self._keys_of(row.entry) for row in rows]
            keys = self._find_keys(start, settled)
        unknown = [position for position, of in enumerate(settled, start) if of is None]
        first = passed.unknown_first
        return Passed(
            origin=passed.origin,
            position=stop,
            nodes=tuple(tree.nodes),
            levels=levels,
            tiles=passed.tiles + full,
            checkpoints=passed.checkpoints + len(notes),
            keys=passed.keys + keys,
            bytes_hashed=passed.bytes_hashed + sum(len(row.entry) for row in rows),
            unknown=passed.unknown + len(unknown),
            unknown_first=unknown[0] if first is None and unknown else first,
        )

    def _grow(
        self, tree: CompactRange, leaves: Sequence[bytes], notes: Sequence[tuple[int, str]]
    ) -> list[bytes]:
        """Add the leaves to the tree, see each checkpoint on the way; the roots of full tiles."""
        roots: list[bytes] = []
        due = iter(notes)
        size, note = next(due, (0, ""))
        for first in range(0, len(leaves), TILE_WIDTH):
            tile = leaves[first : first + TILE_WIDTH]
            if len(tile) == TILE_WIDTH:
                roots.append(perfect_root(tile))
            signed_inside = tree.size < size < tree.size + TILE_WIDTH
            whole = len(tile) == TILE_WIDTH and not signed_inside
            for node in roots[-1:] if whole else tile:
                tree.append_subtree(node, TILE_HEIGHT if whole else 0)
                if tree.size == size:
                    self._require_signed(tree, note)
                    size, note = next(due, (0, ""))
        return roots

    def _require_signed(self, tree: CompactRange, note: str) -> None:
        expected = Checkpoint(self.passed.origin, tree.size, tree.root())
        try:
            found = parse_body(verify_note(note, self._vkeys).text)
        except Corrupt as error:
            raise Corrupt(f"The checkpoint of {tree.size} entries fails. {error}") from error
        if found != expected:
            raise Corrupt(
                f"The first {tree.size} entries do not hash to the checkpoint of that size."
            )

    def _compare_tiles(
        self, start: int, roots: Sequence[bytes], leaves: Sequence[bytes]
    ) -> tuple[int, tuple[tuple[bytes, ...], ...]]:
        """See the full tiles of these leaves, and those above them that they fill.

        How many there were, and the hashes of the tiles that are being filled.
        """
        levels = Levels(self.passed.levels)
        index, seen = start // TILE_WIDTH, len(roots)
        wanted = [
            FullTile(0, index + n, b"".join(leaves[n * TILE_WIDTH : (n + 1) * TILE_WIDTH]), root)
            for n, root in enumerate(roots)
        ]
        self._require_tiles(wanted)
        for number, root in enumerate(roots, index):
            for level, hashes, above in levels.add(root):
                at = number >> (TILE_HEIGHT * level)
                self._require_tiles([FullTile(level, at, b"".join(hashes), above)])
                seen += 1
        return seen, tuple(map(tuple, levels.hashes))

    def _require_tiles(self, wanted: Sequence[FullTile]) -> None:
        """These neighbours of one level are in the store just so."""
        if not wanted:
            return
        level, first = wanted[0].level, wanted[0].index
        found = {tile.index: tile for tile in self._store.tiles(level, first, len(wanted))}
        for tile in wanted:
            if tile.index not in found:
                raise Corrupt(f"Tile {tile.index} of level {level} is missing.")
            if found[tile.index] != tile:
                what = "root" if found[tile.index].hashes == tile.hashes else "hashes"
                raise Corrupt(
                    f"Tile {tile.index} of level {level} holds other {what} than its entries make."
                )

    def _find_keys(self, start: int, settled: Sequence[Sequence[str] | None]) -> int:
        """Each key leads to its entry: a retry would be answered with another's otherwise."""
        wanted = [(key, at) for at, keys in enumerate(settled, start) for key in keys or ()]
        found = self._store.find_all([key for key, _ in wanted])
        for (key, at), position in zip(wanted, found, strict=True):
            if position != at:
                where = "is missing" if position is None else f"leads to entry {position}"
                raise Corrupt(f"The idempotency key {key!r} of entry {at} {where}.")
        return len(wanted)

    def _list_keys(self) -> Iterator[int]:
        """There is no key but those that were found from their entries.

        Each of those leads to one entry, so as many keys as were found are just them.
        """
        held, highest = 0, ("", -1)
        for listed in self._pages():
            held += sum(position < self.size for _, position in listed)
            highest = max((highest, *listed), key=_position)
            yield 0
        newest = self._store.checkpoint(-1)
        if highest[1] >= (newest[0] if newest else 0):
            raise Corrupt(f"The idempotency key {highest[0]!r} leads to no entry.")
        if held != self.passed.keys and not self.passed.unknown:
            raise Corrupt(self._odd_key(held))

    def _odd_key(self, held: int) -> str:
        """Name a key that its entry did not settle; a second walk, when there is one."""
        for listed in self._pages():
            for key, position in listed:
                if position < self.size and key not in self._settled_at(position):
                    return (
                        f"The idempotency key {key!r} leads to {position}, which has no such key."
                    )
        return f"The store holds {held} idempotency keys; its entries settle {self.passed.keys}."

    def _pages(self) -> Iterator[list[tuple[str, int]]]:
        """All keys; a short page is the last, however many are appended meanwhile."""
        after: str | None = None
        while True:
            with self._timed("keys"):
                listed = self._store.keys(after, STEP_KEYS)
            yield listed
            if len(listed) < STEP_KEYS:
                return
            after = listed[-1][0]

    def _settled_at(self, position: int) -> Sequence[str]:
        rows = self._store.rows(position, 1) if position >= 0 else []
        return (self._keys_of(rows[0].entry) if rows else None) or ()

    def _first_missing(self, start: int, stop: int) -> int:
        """By halves: `rows` never puts a later one in the place of a missing one."""
        while stop - start > 1:
            middle = (start + stop) // 2
            whole = len(self._store.rows(start, middle - start)) == middle - start
            start, stop = (middle, stop) if whole else (start, middle)
        return start

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started_ns = self._clock.monotonic_ns()
        try:
            yield
        finally:
            self.spent_ns[what] += self._clock.monotonic_ns() - started_ns


def check_store(
    store: Auditable, origin: str, vkeys: Sequence[VerifierKey], keys_of: KeysOf
) -> Passed:
    """Check a whole store at once; what was found to be right.

    Raises:
        Corrupt: something is not what it was when it was signed; it names what.
    """
    check = StoreCheck(store, vkeys, keys_of, Passed(origin))
    for _ in check.run():
        pass
    return check.passed


def _leaf(position: int, row: Row) -> bytes:
    leaf = sha256(b"\x00" + row.entry).digest()
    if leaf != row.leaf_hash:
        raise Corrupt(f"Entry {position} does not hash to the leaf hash beside it.")
    return leaf


def _position(listed: tuple[str, int]) -> int:
    return listed[1]
