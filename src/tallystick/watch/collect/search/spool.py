"""A spool: rows that a search found, kept in a file so that any page of them can be read again."""

import os
import threading
from array import array
from pathlib import Path

import msgspec

ROWS_BETWEEN_MARKS = 256
"""Rows from one remembered place in the file to the next."""
Row = list[object]
"""One row: values of JSON."""
_ENCODE = msgspec.json.Encoder()
_ROWS = msgspec.json.Decoder(Row)


class Spool:
    """Rows in the order in which they came; one thread writes, any may read meanwhile.

    Nothing here is flushed to the disk: a spool is gone with its process, and can be made again.
    """

    def __init__(self, path: Path) -> None:
        """A new, empty file that its owner only may read."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._state = threading.Lock()
        self._marks = array("Q")  # bounded by: the rows; where every 256th begins
        self.rows = 0
        self.size = 0

    def add(self, rows: list[Row]) -> None:
        """Append rows; they can be read when this returns. A closed spool takes nothing."""
        if not rows:
            return
        lines = [_ENCODE.encode(row) + b"\n" for row in rows]
        block = memoryview(b"".join(lines))
        with self._state:
            if self._file < 0:  # nobody wants them any more
                return
            while block:
                block = block[os.write(self._file, block) :]
            for number, line in enumerate(lines, self.rows):
                if number % ROWS_BETWEEN_MARKS == 0:
                    self._marks.append(self.size)
                self.size += len(line)
            self.rows += len(rows)

    def read(self, offset: int, count: int) -> list[Row]:
        """`count` rows from the one at `offset` (from 0) on, fewer where there are no more."""
        with self._state:
            end = min(offset + count, self.rows)
            if self._file < 0 or offset >= end:
                return []
            first_mark = offset // ROWS_BETWEEN_MARKS
            last_mark = (end - 1) // ROWS_BETWEEN_MARKS + 1
            begins = self._marks[first_mark]
            ends = self._marks[last_mark] if last_mark < len(self._marks) else self.size
            handle = os.dup(self._file)  # a spool may be closed while a page of it is read
        try:
            block = _read_exactly(handle, begins, ends - begins)
        finally:
            os.close(handle)
        skipped = offset - first_mark * ROWS_BETWEEN_MARKS
        lines = block.split(b"\n")[skipped : skipped + end - offset]
        return [_ROWS.decode(line) for line in lines]

    def close(self) -> None:
        """Forget the rows; a spool may be closed twice."""
        with self._state:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
                self._path.unlink(missing_ok=True)


def _read_exactly(handle: int, offset: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(handle, size, offset)):
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return b"".join(parts)
