"""Fetches what the verifier will ask for next, several files at once, so that it never waits long.

Answers of a distant server are slow and many at a time; the walk over a ledger is in order.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tallystick.ledger.tiles import TILE_WIDTH, Tile
from tallystick.ledger.verify.sources import Source

FETCHERS = 8
"""Files that are fetched at the same time."""
WAITING_MAX = 24
"""Files that are fetched, or being fetched, before they are asked for."""


class Ahead:
    """A source, read ahead along the paths that will be asked for, in this order.

    What is asked for out of order is fetched at once, as if this were not here.
    """

    def __init__(self, source: Source, paths: Iterator[str]) -> None:
        self._source = source
        self._paths = paths
        self._pool = ThreadPoolExecutor(FETCHERS, thread_name_prefix="verify-fetch")
        self._waiting: deque[tuple[str, Future[bytes | None]]] = deque(maxlen=WAITING_MAX)

    def __str__(self) -> str:
        return str(self._source)

    def fetch(self, path: str) -> bytes | None:
        """The bytes at `path`, or None where nothing is there.

        Raises:
            CannotTell: it cannot be said which.
        """
        self._fill()
        if not self._waiting or self._waiting[0][0] != path:
            return self._source.fetch(path)
        return self._waiting.popleft()[1].result()

    def versions(self, path: str) -> Sequence[int]:
        """As the source says."""
        return self._source.versions(path)

    def files(self) -> Iterator[str]:
        """As the source says."""
        return self._source.files()

    def close(self) -> None:
        """End the fetching; the source itself stays open."""
        self._pool.shutdown(cancel_futures=True)

    def _fill(self) -> None:
        while len(self._waiting) < WAITING_MAX:
            path = next(self._paths, None)
            if path is None:
                return
            self._waiting.append((path, self._pool.submit(self._source.fetch, path)))


def bundles_and_tiles(size: int) -> Iterator[str]:
    """The paths that a walk over `size` entries asks for, but for the few tiles above them."""
    for first in range(0, size, TILE_WIDTH):
        index, width = first // TILE_WIDTH, min(TILE_WIDTH, size - first)
        yield Tile(0, index, width, entries=True).path
        yield Tile(0, index, width).path
