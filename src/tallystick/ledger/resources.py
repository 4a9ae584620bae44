"""Any tile or bundle of the ledger as bytes: from the published folder, else made from the ledger.

The folder keeps partial tiles of published sizes, and drops them when their tile is full. Receipts
carry checkpoints of sizes that were never published. Outsiders may want the partial tiles of all
of them (C2SP tlog-tiles, Partial Tiles), so what is no file is cut from the full tile, or read
from the ledger itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tallystick.errors import Corrupt
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.merkle import HASH_BYTES
from tallystick.ledger.store import Row
from tallystick.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    encode_bundle,
    split_bundle,
)
from tallystick.ledger.tree import FullTile


class TileSource(Protocol):
    """Whoever has full tiles: a ledger, or a store."""

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from index `start` on, in order."""
        ...


def from_folder(folder: Path, tile: Tile) -> bytes | None:
    """The file of this tile or bundle, or as much of the full one; None where neither is there."""
    exact = _read(folder / tile.path)
    if exact is not None or tile.width == TILE_WIDTH:
        return exact
    full = _read(folder / Tile(tile.level, tile.index, TILE_WIDTH, tile.entries).path)
    return None if full is None else _first(full, tile)


def from_ledger(ledger: Ledger, tile: Tile) -> bytes | None:
    """The tile or bundle made from what is durable; None where the ledger does not reach so far.

    It reads at most 256 rows. Call it in the thread in which the ledger is used.

    Raises:
        Corrupt: some of it is missing from the store.
    """
    start = tile.index * TILE_WIDTH
    if start + tile.width > ledger.size >> (TILE_HEIGHT * tile.level):
        return None
    if tile.level:
        return roots_from(ledger, tile)
    bundle, hashes = made_from(ledger.rows(start, tile.width))
    return bundle if tile.entries else hashes


def made_from(rows: Sequence[Row]) -> tuple[bytes, bytes]:
    """(bundle, tile of level 0) of these entries."""
    return encode_bundle(row.entry for row in rows), b"".join(row.leaf_hash for row in rows)


def roots_from(source: TileSource, tile: Tile) -> bytes:
    """The bytes of a tile above level 0: the roots of the full tiles below it.

    Raises:
        Corrupt: some of those are missing from the store.
    """
    below = source.tiles(tile.level - 1, tile.index * TILE_WIDTH, tile.width)
    if len(below) != tile.width:
        raise Corrupt(f"Of {tile.path} the store lacks tiles of the level below.")
    return b"".join(each.root for each in below)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _first(full: bytes, tile: Tile) -> bytes | None:
    """The first items of a full tile or bundle; None where it is not whole."""
    if not tile.entries:
        cut = full[: HASH_BYTES * tile.width]
        return cut if len(cut) == HASH_BYTES * tile.width else None
    entries, _rest = split_bundle(full)
    return encode_bundle(entries[: tile.width]) if len(entries) >= tile.width else None
