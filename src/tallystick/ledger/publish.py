"""The publisher: writes the ledger as C2SP tlog-tiles, plain files that anybody may copy.

A folder (later a bucket) holds `checkpoint`, `tile/...` and `tile/entries/...`; whoever has it
can verify everything without the database. It is a projection: what is missing when it is opened
is written again. Files are written aside and renamed, entries before tiles before the checkpoint,
so a reader never sees a checkpoint whose tree is not there.
"""

import os
import shutil
from pathlib import Path

from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.store import Store
from tallystick.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    encode_bundle,
    entries_path,
    tile_path,
    tiles_of,
)

CHECKPOINT = "checkpoint"


class Publisher:
    """Brings the folder up to the newest durable checkpoint, whenever asked.

    It has a store of its own, so that it may work in a thread beside the ledger.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        """Look at what the folder proves already.

        Raises:
            Corrupt: it proves entries that the store does not have: an older backup was put
                back, or the folder belongs to another ledger. Nothing is overwritten.
        """
        self._store = store
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.size = self._whole_up_to(self._published_size())
        """How many entries the folder proves; less than its checkpoint while files are missing."""

    def publish(self) -> int:
        """Write what is new; the size that the folder now proves.

        Raises:
            Corrupt: entries or tiles are missing from the store.
        """
        head = self.prepare()
        if head is not None:
            self.show(*head)
        return self.size

    def prepare(self) -> tuple[int, str] | None:
        """Write what is new but the checkpoint; (size, note) of that, None where nothing is new.

        Raises:
            Corrupt: entries or tiles are missing from the store.
        """
        newest = self._store.checkpoint(-1)
        if newest is None or newest[0] == self.size:
            return None
        size, note = newest
        self._entries(self.size, size)
        level = 1
        while size >> (8 * level):
            self._tiles(level, self.size >> (8 * level), size >> (8 * level))
            level += 1
        return size, note

    def show(self, size: int, note: str) -> None:
        """Put the checkpoint there that covers what was prepared; it may be cosigned by now."""
        self._write(CHECKPOINT, note.encode())
        self.size = size

    def _entries(self, old: int, new: int) -> None:
        start = old - old % TILE_WIDTH
        while start < new:
            width = min(TILE_WIDTH, new - start)
            rows = self._store.rows(start, width)
            _require_all(len(rows), width, f"entries from {start} on")
            index = start // TILE_WIDTH
            self._write(entries_path(index, width), encode_bundle(row.entry for row in rows))
            self._write(tile_path(0, index, width), b"".join(row.leaf_hash for row in rows))
            if width == TILE_WIDTH:
                self._drop_partials(entries_path(index), tile_path(0, index))
            start += TILE_WIDTH

    def _tiles(self, level: int, old: int, new: int) -> None:
        """The tiles of a level above 0 whose width grew from `old` to `new` hashes."""
        if old == new:
            return
        start = old - old % TILE_WIDTH
        while start < new:
            width = min(TILE_WIDTH, new - start)
            below = self._store.tiles(level - 1, start, width)
            _require_all(len(below), width, f"tiles of level {level - 1} from {start} on")
            index = start // TILE_WIDTH
            self._write(tile_path(level, index, width), b"".join(t.root for t in below))
            if width == TILE_WIDTH:
                self._drop_partials(tile_path(level, index))
            start += TILE_WIDTH

    def _drop_partials(self, *paths: str) -> None:
        """A full tile stands for its partial ones, which may go (tlog-tiles, Partial Tiles)."""
        for path in paths:
            shutil.rmtree(self._folder / f"{path}.p", ignore_errors=True)

    def _write(self, path: str, data: bytes) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.new")
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
        aside.rename(target)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _published_size(self) -> int:
        """The size of the checkpoint in the folder, once the store is seen to hold its tree."""
        path = self._folder / CHECKPOINT
        if not path.exists():
            return 0
        published = parse_checkpoint(path.read_text())
        stored = self._store.checkpoint(published.size)
        if stored is None or parse_checkpoint(stored[1]) != published:
            raise Corrupt(
                f"{path} proves {published.size} entries of {published.origin!r} that the ledger"
                " database does not hold: an older backup may have been put back, or another"
                " ledger's folder. Put the right database back, or move the folder away."
            )
        return published.size

    def _whole_up_to(self, size: int) -> int:
        """The first of `size` entries for which a file is missing; `size` when none is."""
        missing = (tile for tile in tiles_of(size) if not self._has(tile))
        starts = (tile.index << (TILE_HEIGHT * (tile.level + 1)) for tile in missing)
        return min(starts, default=size)

    def _has(self, tile: Tile) -> bool:
        """Whether the tile is there, or the full one that took its place; its bundle likewise."""
        index, width = tile.index, tile.width
        wanted = [(tile_path(tile.level, index, width), tile_path(tile.level, index))]
        if tile.level == 0:
            wanted.append((entries_path(index, width), entries_path(index)))
        return all(any((self._folder / path).exists() for path in paths) for paths in wanted)


def _require_all(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise Corrupt(f"The store lacks {what}: {wanted} were expected, {found} found.")
