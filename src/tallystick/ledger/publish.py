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
from tallystick.ledger.resources import made_from, roots_from
from tallystick.ledger.store import Store
from tallystick.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    entries_path,
    tile_path,
    tiles_of,
)

CHECKPOINT = "checkpoint"
_ASIDE = ".new"
"""Ends the name of a file that is being written."""
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


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
        self.size = self._published_size()
        """How many entries the folder's checkpoint covers."""
        self._whole: int | None = None
        """The first of them for which a file may be missing; None until somebody has looked: at
        millions of entries that takes a moment, so it is not done at the start."""

    def publish(self) -> int:
        """Write what is new; the size that the folder now proves.

        Raises:
            Corrupt: entries or tiles are missing from the store.
        """
        newest = self.newest()
        if newest is not None and self.prepare(newest[0]):
            self.show(*newest)
        return self.size

    def newest(self) -> tuple[int, str] | None:
        """(size, note) of the newest checkpoint in the store, whoever wrote it."""
        return self._store.checkpoint(-1)

    def prepare(self, size: int) -> bool:
        """Write what is new, or was lost, of the first `size` entries; whether anything was.

        Raises:
            Corrupt: entries or tiles are missing from the store.
        """
        if self._whole is None:
            self._whole = _Listing(self._folder).whole_up_to(self.size)
        if size == self._whole == self.size:
            return False
        self._entries(self._whole, size)
        level = 1
        while size >> (8 * level):
            self._tiles(level, self._whole >> (8 * level), size >> (8 * level))
            level += 1
        return True

    def show(self, size: int, note: str) -> None:
        """Put the checkpoint there that covers what was prepared; it may be cosigned by now."""
        self._write(CHECKPOINT, note.encode())
        self.size = self._whole = size

    def _entries(self, old: int, new: int) -> None:
        start = old - old % TILE_WIDTH
        while start < new:
            width = min(TILE_WIDTH, new - start)
            rows = self._store.rows(start, width)
            if len(rows) != width:
                raise Corrupt(
                    f"The store lacks entries from {start} on: {width} were expected,"
                    f" {len(rows)} found."
                )
            index = start // TILE_WIDTH
            bundle, hashes = made_from(rows)
            self._write(entries_path(index, width), bundle)
            self._write(tile_path(0, index, width), hashes)
            if width == TILE_WIDTH and start < old:
                self._drop_partials(entries_path(index), tile_path(0, index))
            start += TILE_WIDTH

    def _tiles(self, level: int, old: int, new: int) -> None:
        """The tiles of a level above 0 whose width grew from `old` to `new` hashes."""
        if old == new:
            return
        start = old - old % TILE_WIDTH
        while start < new:
            width = min(TILE_WIDTH, new - start)
            index = start // TILE_WIDTH
            tile = Tile(level, index, width)
            self._write(tile.path, roots_from(self._store, tile))
            if width == TILE_WIDTH and start < old:
                self._drop_partials(tile_path(level, index))
            start += TILE_WIDTH

    def _drop_partials(self, *paths: str) -> None:
        """A full tile stands for its partial ones, which may go (tlog-tiles, Partial Tiles)."""
        for path in paths:
            shutil.rmtree(self._folder / f"{path}.p", ignore_errors=True)

    def _write(self, path: str, data: bytes) -> None:
        """Aside, flushed, renamed; in plain system calls: there are hundreds of files a second."""
        folder, _, name = f"{self._folder}/{path}".rpartition("/")
        aside = f"{folder}/.{name}{_ASIDE}"
        try:
            file = os.open(aside, _MAKE, 0o666)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  as above
            file = os.open(aside, _MAKE, 0o666)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
            os.fdatasync(file)
        finally:
            os.close(file)
        os.rename(aside, f"{folder}/{name}")  # noqa: PTH104  as above

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
                " ledger's folder. Put the right database back, or see:"
                " tallystick ledger reconcile --help."
            )
        return published.size


class _Listing:
    """Which files are in the published folder, as one walk through it finds them.

    What a publisher that was killed had begun to write is removed on the way.
    """

    def __init__(self, folder: Path) -> None:
        self._paths: set[str] = set()
        root = str(folder)
        for place, _, names in os.walk(f"{root}/tile"):
            inside = place[len(root) + 1 :]
            for name in names:
                if name.startswith(".") and name.endswith(_ASIDE):
                    (Path(place) / name).unlink()
                else:
                    self._paths.add(f"{inside}/{name}")

    def whole_up_to(self, size: int) -> int:
        """The first of `size` entries for which a file is missing; `size` when none is."""
        missing = (tile for tile in tiles_of(size) if not self._has(tile))
        starts = (tile.index << (TILE_HEIGHT * (tile.level + 1)) for tile in missing)
        return min(starts, default=size)

    def _has(self, tile: Tile) -> bool:
        """Whether the tile is there, or the full one that took its place; its bundle likewise."""
        index, width = tile.index, tile.width
        there = not self._paths.isdisjoint({tile_path(tile.level, index), tile.path})
        if tile.level or not there:
            return there
        return not self._paths.isdisjoint({entries_path(index), entries_path(index, width)})
