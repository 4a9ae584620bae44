"""A folder as the place of sealed parts and of the manifest's journal."""

import os
from collections.abc import Iterator
from pathlib import Path

from tallystick.durable import PRIVATE, replace_file, sync_file, sync_folder
from tallystick.errors import TemporaryError

_JOURNAL = "manifest.jsonl"
_SNAPSHOT = "manifest-snapshot.json"
_PARTS = "parts"


class StoredJournal:
    """The journal of a folder, only to be read, also while a store writes it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _JOURNAL
        self._snapshot = folder / _SNAPSHOT
        self._size = _whole_lines_size(self._path)

    def records(self, after: int) -> Iterator[bytes]:
        """The whole lines after the first `after` that were there at the beginning."""
        if not self._size:
            return
        left = self._size
        with self._path.open("rb") as file:
            for n, line in enumerate(file, start=1):
                left -= len(line)
                if left < 0:
                    return
                if n > after:
                    yield line[:-1]

    def snapshot(self) -> bytes | None:
        """What was put last."""
        return self._snapshot.read_bytes() if self._snapshot.exists() else None

    def append(self, n: int, record: bytes) -> None:
        """Nobody does."""
        raise AssertionError(n, record)

    def put_snapshot(self, n: int, snapshot: bytes) -> None:
        """Nobody does."""
        raise AssertionError(n, snapshot)

    def close(self) -> None:
        """Nothing to let go of."""


class LocalJournal(StoredJournal):
    """The journal as one file of JSON lines that only grows; its one writer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        _cut(self._path, self._size)
        self._file = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE
        )
        sync_folder(folder)

    def append(self, n: int, record: bytes) -> None:
        """Add a line; durable when it returns, or not there."""
        del n  # its line number
        try:
            if os.fstat(self._file).st_size != self._size:
                os.ftruncate(self._file, self._size)  # what an earlier refusal left behind
            rest = memoryview(record + b"\n")
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError as error:
            raise TemporaryError(f"The log manifest cannot be written: {error}.") from error
        self._size += len(record) + 1

    def put_snapshot(self, n: int, snapshot: bytes) -> None:
        """Replace the file whole."""
        del n  # it is in the snapshot
        replace_file(self._snapshot, snapshot)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


class LocalShelf:
    """Parts as files under `parts/` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / _PARTS
        self.root.mkdir(exist_ok=True, mode=0o700)
        sync_folder(folder)

    def put(self, path: str, file: Path) -> None:
        """Move a finished file here; it is here for good when this returns.

        Raises:
            TemporaryError: the disk refused.
        """
        target = self.root / path
        try:
            sync_file(file)
            make_folders(target.parent)
            file.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise TemporaryError(f"The log store cannot write: {error}.") from error

    def local(self, path: str) -> Path | None:
        """Where the part lies."""
        return self.root / path

    def fetch(self, path: str, target: Path) -> None:
        """Nothing is ever fetched: it lies here."""
        raise AssertionError(path, target)

    def delete(self, path: str) -> None:
        """Remove a part; its folder stays until a start, for another part may be on its way."""
        (self.root / path).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove folders that are empty; only while nobody puts anything."""
        for folder in sorted(self.root.rglob("*"), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def paths(self) -> Iterator[str]:
        """Every file there is."""
        for file in sorted(self.root.rglob("*.parquet")):
            yield file.relative_to(self.root).as_posix()

    def close(self) -> None:
        """Nothing to let go of."""


def make_folders(folder: Path) -> None:
    """Make a folder and those above it; their names are durable when this returns."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    sync_folder(folder.parent)


def _whole_lines_size(path: Path) -> int:
    """The bytes of the file up to the last line feed."""
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0


def _cut(path: Path, size: int) -> None:
    """Cut a last line that was never finished, hence never acknowledged."""
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)
        sync_file(path)
