"""The port behind which the ledger keeps its bytes.

The contract (tests/ledger/storage/test_store_contract.py holds every backend to it):

- `append` writes one batch in one transaction: entries, leaf hashes, idempotency keys, the tiles
  that became full and the checkpoint of the new size. When it returns, all of it is durable: it
  survives kill -9 and power cut. When it raises, nothing of it was stored and nothing of it is
  ever seen, with three exceptions. A caller that is cancelled cannot know the outcome: when the
  commit was already on its way, it is waited for and may have succeeded. When the disk failed
  while it was flushed, a crash before the next append may bring the batch back, whole. And when a
  database server was lost during the commit and did not come back in time to be asked, the batch
  may turn out to be stored, whole; the error says so. Its keys then answer whoever tries again.
- It compares the store's size with `batch.first` inside that transaction and raises `HeadMoved`
  when they differ, so two writers cannot both append at one position.
- Reads never wait for a write and see whole batches only. `rows` and `tiles` never put a later
  item in the place of a missing one: a damaged store gives fewer than there should be.
- `follow` tells of commits by any writer in any process, well within a second. Calls may be merged
  (the newest size stands for all before it) and repeated, and are never lost for longer than a
  second while the store can be reached.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tallystick.ledger.tree import FullTile


class Row(msgspec.Struct, frozen=True, gc=False):
    """One entry as it is kept; `keys` are its idempotency keys, each unique in the ledger.

    Keys are written and looked up, not read back with the row.
    """

    entry: bytes
    leaf_hash: bytes
    keys: tuple[str, ...] = ()


class Batch(msgspec.Struct, frozen=True, gc=False):
    """At least one entry from position `first` on, and the signed note of the size after them."""

    first: int
    rows: Sequence[Row]
    tiles: Sequence[FullTile]
    note: str


class Store(Protocol):
    """Seven methods and a way out; see the module for what they promise."""

    async def append(self, batch: Batch) -> None:
        """Store the batch whole and durably, or raise and store nothing.

        Raises:
            HeadMoved: the store's size is not `batch.first`.
            KeyTaken: one of its idempotency keys is in the store already.
            TemporaryError: the store cannot be written right now.
        """
        ...

    def rows(self, start: int, limit: int) -> list[Row]:
        """At most `limit` rows from position `start` on, in order."""
        ...

    def find(self, key: str) -> int | None:
        """The position of the entry with this idempotency key."""
        ...

    def find_all(self, keys: Sequence[str]) -> list[int | None]:
        """The position for each of these keys, in their order: `find`, many at once."""
        ...

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """(size, note) of the first checkpoint of at least `size` entries.

        `size` -1 stands for the newest.
        """
        ...

    def tiles(self, level: int, start: int, limit: int) -> list[FullTile]:
        """At most `limit` full tiles of a level from index `start` on, in order."""
        ...

    def follow(self, moved: Callable[[int], None]) -> None:
        """Call `moved(size)` soon after any writer committed; from any thread, until `close`.

        It hands the size over and returns: it may neither raise nor read from the store. What was
        committed before `follow` returned may go untold, so look once after it.
        """
        ...

    def close(self) -> None:
        """Let go of files; nothing may be called afterwards."""
        ...
