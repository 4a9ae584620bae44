"""The verifier's walk over a ledger's files, bundle by bundle, holding one tile a level."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import Checkpoint
from tallystick.ledger.compact import Levels
from tallystick.ledger.merkle import HASH_BYTES, CompactRange, perfect_root
from tallystick.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    parse_path,
    split_bundle,
)
from tallystick.ledger.verify.canonical import decode_canonical
from tallystick.ledger.verify.report import CannotTell, Findings, Tampered, is_raw
from tallystick.ledger.verify.sources import Source

_EXAMPLES_MAX = 3


class Audit:
    """One pass: hash the entries, make every tile again, compare with each file that is there.

    What is missing is remembered and the walk goes on while it can, because a contradiction found
    later says more than a gap.
    """

    def __init__(
        self,
        source: Source,
        checkpoint: Checkpoint,
        findings: Findings,
        *,
        older: Checkpoint | None = None,
        canonical_json: bool = False,
    ) -> None:
        self._source = source
        self._checkpoint = checkpoint
        self._findings = findings
        self._older = older
        self._canonical_json = canonical_json
        self._tree = CompactRange()
        self._levels = Levels()
        self._missing = _Paths()

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        """Walk the whole ledger.

        Raises:
            Tampered: a file contradicts another or the checkpoint.
            CannotTell: nothing does, but something is missing or cannot be read.
        """
        size = self._checkpoint.size
        for first in range(0, size, TILE_WIDTH):
            self._bundle(first // TILE_WIDTH, min(TILE_WIDTH, size - first))
            if progress:
                progress(self._tree.size, size)
        for level, hashes in enumerate(self._levels.hashes, start=1):
            if hashes:
                self._compare_tile(Tile(level, self._count_now(level), len(hashes)), hashes)
        if self._tree.root() != self._checkpoint.root:
            raise Tampered(f"The {size} entries hash to another root than the checkpoint's.")
        self._survey()
        if self._missing:
            raise CannotTell(f"The ledger is not complete: missing are {self._missing}.")

    def _bundle(self, index: int, width: int) -> None:
        """Hash the entries of one bundle and compare them with their tile."""
        tile, bundle = Tile(0, index, width), Tile(0, index, width, entries=True)
        entries, hashes = self._fetch(bundle), self._fetch(tile)
        if entries is None and hashes is None:
            raise CannotTell(f"{bundle.path} and {tile.path} are missing from {self._source}.")
        leaves = hashes or []
        if entries is not None:
            leaves = [sha256(b"\x00" + entry).digest() for entry in entries]
            if hashes is not None:
                _compare(tile, leaves, hashes)
        _require_width(tile if entries is None else bundle, leaves)
        if entries is not None:
            self._compare_versions(bundle, entries)
            self._findings.add_entries(entries)
            if self._canonical_json:
                _require_canonical(entries, index * TILE_WIDTH)
        self._compare_versions(tile, leaves)
        self._compare_older(leaves)
        self._grow(leaves)

    def _grow(self, leaves: Sequence[bytes]) -> None:
        """Add the leaves to the tree; a full tile is one hash of the level above."""
        if len(leaves) < TILE_WIDTH:
            for leaf in leaves:
                self._tree.append(leaf)
            return
        root = perfect_root(leaves)
        self._tree.append_subtree(root, TILE_HEIGHT)
        for level, hashes, _root in self._levels.add(root):
            self._compare_tile(Tile(level, self._count_now(level) - 1, TILE_WIDTH), hashes)

    def _compare_tile(self, tile: Tile, expected: Sequence[bytes]) -> None:
        found = self._fetch(tile)
        if found is not None:
            _compare(tile, expected, found)
        self._compare_versions(tile, expected)

    def _compare_versions(self, tile: Tile, expected: Sequence[bytes]) -> None:
        """Compare the other versions, as they were published for smaller or greater sizes."""
        for width in self._source.versions(_full(tile).path):
            version = msgspec.structs.replace(tile, width=width)
            data = self._source.fetch(version.path) if width != tile.width else None
            if data is not None:
                found = _items(version, data)
                known = min(width, tile.width)
                _compare(version, expected[:known], found[:known] if width > known else found)

    def _compare_older(self, leaves: Sequence[bytes]) -> None:
        """Where the older checkpoint's tree ends within these leaves, compare its root."""
        if self._older is None:
            return
        more = self._older.size - self._tree.size
        if 0 < more <= len(leaves):
            tree = self._tree.copy()
            for leaf in leaves[:more]:
                tree.append(leaf)
            if tree.root() != self._older.root:
                raise Tampered(f"The first {self._older.size} entries are not what they were.")

    def _fetch(self, tile: Tile) -> list[bytes] | None:
        """The items of a tile; those of the full one where the partial one is gone by now."""
        data = self._source.fetch(tile.path)
        if data is not None:
            return _items(tile, data)
        full = _full(tile)
        data = self._source.fetch(full.path) if full != tile else None
        if data is not None:
            return _items(full, data)[: tile.width]
        self._missing.add(tile.path)
        return None

    def _survey(self) -> None:
        """Note the files that no checkpoint vouches for."""
        strange, beyond = _Paths(), _Paths()
        for path in self._source.files():
            if path == CHECKPOINT_PATH:
                continue
            try:
                tile = parse_path(path)
            except Corrupt:
                strange.add(path)
                continue
            if tile.index * TILE_WIDTH + tile.width > self._count(tile.level):
                beyond.add(path)
        if strange:
            self._findings.notes.append(f"Not part of a ledger, not looked at: {strange}.")
        if beyond:
            self._findings.notes.append(
                f"Reaches beyond the checkpoint, which does not vouch for it: {beyond}."
            )

    def _count_now(self, level: int) -> int:
        """How many full tiles of a level are behind us."""
        return self._tree.size >> (TILE_HEIGHT * (level + 1))

    def _count(self, level: int) -> int:
        return self._checkpoint.size >> (TILE_HEIGHT * level)


class _Paths:
    """Some paths to name in a sentence, and how many there were."""

    def __init__(self) -> None:
        self._count = 0
        self._first: list[str] = []

    def __bool__(self) -> bool:
        return self._count > 0

    def __str__(self) -> str:
        more = self._count - len(self._first)
        return ", ".join(self._first) + (f" and {more} more" if more else "")

    def add(self, path: str) -> None:
        """Count it, and keep it where it is one of the first."""
        self._count += 1
        if len(self._first) < _EXAMPLES_MAX:
            self._first.append(path)


def _full(tile: Tile) -> Tile:
    return Tile(tile.level, tile.index, TILE_WIDTH, tile.entries)


def _items(tile: Tile, data: bytes) -> list[bytes]:
    """The hashes or entries in a file; bytes that are no whole item stand as one at the end."""
    if not tile.entries:
        return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
    entries, rest = split_bundle(data)
    return [*entries, rest] if rest else entries


def _compare(tile: Tile, expected: Sequence[bytes], found: Sequence[bytes]) -> None:
    """Equal item for item; else the first difference names the first entry it covers."""
    if expected == found:
        return
    pairs = zip(expected, found, strict=False)
    shorter = min(len(expected), len(found))
    slot = next((slot for slot, (a, b) in enumerate(pairs) if a != b), shorter)
    raise _disagreement(tile, slot)


def _require_width(tile: Tile, items: Sequence[bytes]) -> None:
    if len(items) != tile.width:
        raise _disagreement(tile, len(items))


def _disagreement(tile: Tile, slot: int) -> Tampered:
    first = (tile.index * TILE_WIDTH + min(slot, tile.width - 1)) << (TILE_HEIGHT * tile.level)
    if tile.level:
        last = first + (1 << (TILE_HEIGHT * tile.level)) - 1
        return Tampered(f"{tile.path} does not agree with the entries {first} to {last}.", first)
    return Tampered(f"Entry {first} is not what was written: see {tile.path}.", first)


def _require_canonical(entries: Sequence[bytes], first: int) -> None:
    """Each entry that could be ours is canonical JSON."""
    for position, entry in enumerate(entries, start=first):
        if is_raw(entry):
            continue
        try:
            decode_canonical(entry)
        except ValueError as error:
            raise Tampered(f"Entry {position} is not canonical JSON: {error}.", position) from error
