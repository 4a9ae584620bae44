"""Any tile or bundle of the ledger as bytes: from the published folder, else made from the ledger.

The folder keeps partial tiles of published sizes, and drops them when their tile is full. Receipts
carry checkpoints of sizes that were never published. Outsiders may want the partial tiles of all
of them (C2SP tlog-tiles, Partial Tiles), so what is no file is cut from the full tile, or read
from the ledger itself.
"""

from pathlib import Path

from tallystick.errors import Corrupt
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.merkle import HASH_BYTES
from tallystick.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    encode_bundle,
    split_bundle,
)


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
        below = ledger.tiles(tile.level - 1, start, tile.width)
        if len(below) != tile.width:
            raise Corrupt(f"Of {tile.path} the store lacks tiles of the level below.")
        return b"".join(each.root for each in below)
    rows = ledger.rows(start, tile.width)
    if tile.entries:
        return encode_bundle(row.entry for row in rows)
    return b"".join(row.leaf_hash for row in rows)


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
