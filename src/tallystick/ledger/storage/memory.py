"""The ledger in memory: for simulations, and for trying things out without a trace."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from tallystick.errors import HeadMoved, KeyTaken
from tallystick.ledger.store import Batch, Row
from tallystick.ledger.tree import FullTile


class MemoryStore:
    """Durable as long as the process lives; the semantics are the contract's."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._keys: dict[str, int] = {}
        self._sizes: list[int] = []
        self._notes: list[str] = []
        self._tiles: dict[int, list[FullTile]] = {}
        self._followers: list[Callable[[int], None]] = []

    async def append(self, batch: Batch) -> None:
        """Store the batch whole, or raise and store nothing."""
        if batch.first != len(self._rows):
            raise HeadMoved(f"The ledger holds {len(self._rows)} entries, not {batch.first}.")
        keys = {key: batch.first + n for n, row in enumerate(batch.rows) for key in row.keys}
        if len(keys) != sum(len(row.keys) for row in batch.rows) or keys.keys() & self._keys.keys():
            raise KeyTaken
        self._rows.extend(Row(row.entry, row.leaf_hash) for row in batch.rows)
        self._keys.update(keys)
        for tile in batch.tiles:
            self._tiles.setdefault(tile.level, []).append(tile)
        self._sizes.append(len(self._rows))
        self._notes.append(batch.note)
        for moved in self._followers:
            moved(len(self._rows))

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` rows from `start` on."""
        return self._rows[start : start + limit]

    def find(self, key: str) -> int | None:
        """The position of the entry with this idempotency key."""
        return self._keys.get(key)

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """The position for each of these keys, in their order."""
        return [self._keys.get(key) for key in keys]

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """(size, note) of the first checkpoint of at least `size`; -1: the newest."""
        index = len(self._sizes) - 1 if size < 0 else bisect_left(self._sizes, size)
        if not 0 <= index < len(self._sizes):
            return None
        return self._sizes[index], self._notes[index]

    def checkpoints(self, start: int, stop: int) -> list[tuple[int, str]]:
        """(size, note) of every checkpoint of `start` <= size < `stop`, in order."""
        first, last = bisect_left(self._sizes, start), bisect_left(self._sizes, stop)
        return list(zip(self._sizes[first:last], self._notes[first:last], strict=True))

    def keys(self, after: str | None, limit: int) -> list[tuple[str, int]]:
        """At most `limit` keys behind `after`, in the order of their code points."""
        behind = sorted(key for key in self._keys if after is None or key > after)
        return [(key, self._keys[key]) for key in behind[:limit]]

    def stray(self) -> str | None:
        """Memory holds whole batches and nothing else."""
        return None

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from `start` on."""
        return self._tiles.get(level, [])[start : start + limit]

    def follow(self, moved: Callable[[int], None]) -> None:
        """Call `moved(size)` within each append."""
        self._followers.append(moved)

    def close(self) -> None:
        """There is nothing to let go of."""
