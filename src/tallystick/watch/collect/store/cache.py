"""The cache: parts that lie elsewhere, for as long as there is room on this machine."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tallystick.errors import Corrupt, Refused
from tallystick.watch.collect.store.parts import Part, file_hash


class PartCache:
    """Files in a folder, at most so many bytes; the least recently used goes first.

    What is in use stays, and what is fetched is checked against the part's hash.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        self.folder = folder
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._users: dict[str, int] = {}
        self._fetching: dict[str, threading.Lock] = {}  # bounded by: parts that are fetched now
        for file in sorted(folder.iterdir()):
            if file.suffix == ".parquet":
                self._sizes[file.stem] = file.stat().st_size
            else:
                file.unlink()

    def needs(self, parts: list[Part]) -> int:
        """Bytes of these parts; more than the cache holds cannot be read at once.

        Raises:
            Refused: `QUERY_TOO_LARGE`.
        """
        size = sum(part.size for part in parts)
        if size > self._bytes_max:
            raise Refused(
                "QUERY_TOO_LARGE",
                f"The query needs {size >> 20} MiB of archived parts at once, more than the"
                f" {self._bytes_max >> 20} MiB kept on this machine; make its time narrower.",
            )
        return size

    @contextmanager
    def using(self, part: Part, fetch: Callable[[Path], None]) -> Iterator[Path]:
        """The part's file, fetched if it is not here; it stays within the block.

        Raises:
            Corrupt: what was fetched is not what was sealed.
        """
        name = part.sha256
        with self._lock:
            self._users[name] = self._users.get(name, 0) + 1
            turn = self._fetching.setdefault(name, threading.Lock())
        try:
            with turn:
                path = self._present(part, fetch)
            yield path
        finally:
            with self._lock:
                self._users[name] -= 1
                if not self._users[name]:
                    del self._users[name]
                    self._fetching.pop(name, None)

    def take(self, part: Part, file: Path) -> None:
        """Keep a file that is here already, as if it had been fetched."""
        file.rename(self._path(part.sha256))
        self._keep(part.sha256, part.size)

    def _present(self, part: Part, fetch: Callable[[Path], None]) -> Path:
        name = part.sha256
        path = self._path(name)
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
                return path
        unfinished = path.with_suffix(".tmp")
        try:
            fetch(unfinished)
            if file_hash(unfinished) != name:
                raise Corrupt(f"{part.path} is not what was sealed: its hash is another.")
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
        self._keep(name, part.size)
        return path

    def _keep(self, name: str, size: int) -> None:
        with self._lock:
            self._sizes[name] = size
            surplus = sum(self._sizes.values()) - self._bytes_max
            for other in list(self._sizes):
                if surplus <= 0:
                    break
                if other not in self._users and other != name:
                    surplus -= self._sizes.pop(other)
                    self._path(other).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"
