"""The hot segment: the newest log lines, in a file of JSON lines that only grows.

Line n (from 0) of a segment has the sequence number `first + n`; the file's name carries `first`
and when it was opened, which is the time of lines that have none of their own.
"""

import os
import re
from bisect import bisect_right
from pathlib import Path
from typing import Self

from tallystick.durable import sync_folder
from tallystick.errors import TemporaryError
from tallystick.watch.collect.lines import check_lines

_NAME = re.compile(r"hot-(\d{15})(?:-(\d+))?\.jsonl")
_MARK_LINES = 1_000


class HotSegment:
    """One growing file of JSON lines; its owner serialises the appends, reads are free."""

    def __init__(self, path: Path, first: int, opened_ns: int) -> None:
        self.path = path
        self.first = first
        self.opened_ns = opened_ns
        self.lines = 0
        self.size = 0  # bytes that hold acknowledged lines; anything after is not ours
        self._marks = [(first, 0)]  # sequence number and offset of some lines, ascending
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    @classmethod
    def create(cls, folder: Path, first: int, opened_ns: int) -> Self:
        """An empty segment whose name is durable when this returns."""
        segment = cls(folder / f"hot-{first:015}-{opened_ns}.jsonl", first, opened_ns)
        sync_folder(folder)
        return segment

    @classmethod
    def recover(cls, path: Path) -> tuple[Self, int]:
        """The segment as a crash left it, and how many bytes of unfinished lines were cut off.

        What was acknowledged was durable with everything before it, so whatever follows the
        first line that is not whole was never acknowledged.
        """
        match = _NAME.fullmatch(path.name)
        assert match is not None, path  # noqa: S101  programmer error: `hot_files` found it
        content = path.read_bytes()
        lengths = _whole_lines(content)
        segment = cls(path, int(match[1]), int(match[2] or 0))
        for at in range(0, len(lengths), _MARK_LINES):
            few = lengths[at : at + _MARK_LINES]
            segment._grow(sum(few), len(few))
        if segment.size < len(content):
            os.ftruncate(segment._file, segment.size)
            os.fsync(segment._file)
        return segment, len(content) - segment.size

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
        self._grow(len(block), lines)

    def text(self, start: int) -> str:
        """The lines from `start` on, joined by line feeds, without the last one."""
        return b"\n".join(self.read(start, self.end - start)).decode()

    def read(self, start: int, limit: int) -> list[bytes]:
        """At most `limit` lines from the one numbered `start` on."""
        wanted = min(limit, self.end - start)
        if wanted <= 0:
            return []
        marks = self._marks
        first, offset = marks[bisect_right(marks, (start, self.size)) - 1]
        last = bisect_right(marks, (start + wanted, 0))
        stop = marks[last][1] if last < len(marks) else self.size
        lines = self._pread(offset, stop).split(b"\n")
        return lines[start - first : start - first + wanted]

    def close(self) -> None:
        """Let go of the file; it cannot be used any more."""
        os.close(self._file)
        self._file = -1  # never a number that the system gives to somebody else

    def trim(self) -> None:
        """Cut what a refused write left behind, so that others may read the file whole."""
        os.ftruncate(self._file, self.size)

    def _grow(self, size: int, lines: int) -> None:
        if self.end - self._marks[-1][0] >= _MARK_LINES:
            self._marks.append((self.end, self.size))
        self.size += size
        self.lines += lines

    def _pread(self, offset: int, stop: int) -> bytes:
        parts = []
        while offset < stop and (part := os.pread(self._file, stop - offset, offset)):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)


def hot_files(folder: Path) -> list[Path]:
    """The hot segments in a folder, oldest first."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _whole_lines(content: bytes) -> list[int]:
    """The lengths of the whole lines that the content begins with, line feeds included."""
    lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
    if not lines:
        return []
    try:
        check_lines(lines)
    except ValueError:
        lines = _checked_one_by_one(lines)
    return [len(line) + 1 for line in lines]


def _checked_one_by_one(lines: list[bytes]) -> list[bytes]:
    for number, line in enumerate(lines):
        try:
            check_lines([line])
        except ValueError:
            return lines[:number]
    return lines
