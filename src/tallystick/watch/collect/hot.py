"""The hot segment: the newest log lines, in a file of JSON lines that only grows.

Line n (from 0) of a segment has the sequence number `first + n`; the file's name carries `first`.
"""

import os
from pathlib import Path
from typing import Self

from tallystick.durable import sync_folder
from tallystick.errors import TemporaryError
from tallystick.watch.collect.lines import check_lines
from tallystick.watch.collect.shelf import hot_path


class HotSegment:
    """One growing file of JSON lines; its owner serialises the calls."""

    def __init__(self, path: Path, first: int, *, lines: int, size: int) -> None:
        self.path = path
        self.first = first
        self.lines = lines
        self.size = size  # bytes that hold acknowledged lines; anything after is not ours
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    @classmethod
    def create(cls, folder: Path, first: int) -> Self:
        """An empty segment whose name is durable when this returns."""
        segment = cls(hot_path(folder, first), first, lines=0, size=0)
        sync_folder(folder)
        return segment

    @classmethod
    def recover(cls, path: Path, first: int) -> tuple[Self, int]:
        """The segment as a crash left it, and how many bytes of unfinished lines were cut off.

        What was acknowledged was durable with everything before it, so whatever follows the
        first line that is not whole was never acknowledged.
        """
        content = path.read_bytes()
        lines, size = _whole_lines(content)
        segment = cls(path, first, lines=lines, size=size)
        if size < len(content):
            os.ftruncate(segment._file, size)
            os.fsync(segment._file)
        return segment, len(content) - size

    @property
    def end(self) -> int:
        """The sequence number after the last line."""
        return self.first + self.lines

    def append(self, block: bytes, lines: int) -> None:
        """Add whole lines; durable when it returns.

        Raises:
            TemporaryError: the disk refused; nothing was added.
        """
        try:
            if os.fstat(self._file).st_size != self.size:
                os.ftruncate(self._file, self.size)  # what an earlier refusal left behind
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError as error:
            raise TemporaryError(f"The log store cannot write: {error.strerror}.") from error
        self.size += len(block)
        self.lines += lines

    def read(self) -> str:
        """All lines, joined by line feeds, without the last one."""
        parts = []
        offset = 0
        end = self.size - 1
        while offset < end and (part := os.pread(self._file, end - offset, offset)):
            parts.append(part)
            offset += len(part)
        return b"".join(parts).decode()

    def close(self) -> None:
        """Let go of the file; it cannot be used any more."""
        os.close(self._file)
        self._file = -1  # never a number that the system gives to somebody else


def _whole_lines(content: bytes) -> tuple[int, int]:
    """How many whole lines the content begins with, and their length in bytes."""
    size = content.rfind(b"\n") + 1
    lines = content[:size].split(b"\n")[:-1]
    if not lines:
        return 0, 0
    try:
        check_lines(lines)
    except ValueError:
        return _whole_lines_slowly(lines)
    return len(lines), size


def _whole_lines_slowly(lines: list[bytes]) -> tuple[int, int]:
    size = 0
    for number, line in enumerate(lines):
        try:
            check_lines([line])
        except ValueError:
            return number, size
        size += len(line) + 1
    return len(lines), size
