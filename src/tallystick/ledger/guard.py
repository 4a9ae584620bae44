"""The guard: the head that was signed last, held outside the database, so that the log never forks.

A database put back from an older backup, or a copy of it that somebody else writes to, is as
consistent in itself as the real one. Only a memory of what was signed, kept apart from it, can
tell (Sunlight keeps its checkpoints the same way). The order is: commit, guard, answer. So the
guard is never ahead of what is durable, and nothing is shown that it does not hold.

It is flushed before anything is published, which is at least twice a second. A power cut may take
it back by that much; only if a copy as young as that were then signed, a receipt of that moment
could contradict the log, and prove it.
"""

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from tallystick.durable import sync_folder
from tallystick.errors import Corrupt, Forked, Misconfigured, TemporaryError
from tallystick.ledger.merkle import HASH_BYTES

SLOT_BYTES = 512
"""A slot is one sector of the oldest disks: it is written whole or not at all."""
SLOTS = 2
_MAGIC = "tallystick guard 1"


class Head(msgspec.Struct, frozen=True, gc=False):
    """A tree head: `size` entries under a 32-byte `root`."""

    size: int
    root: bytes


Agrees = Callable[[Head], bool]
"""Whether a head that somebody signed before is one of our own history."""


class Guard(Protocol):
    """Remembers the newest head signed; see the module for when.

    It is shared by all who sign for one log, in any process that reaches it.
    """

    def head(self) -> Head | None:
        """What was signed last; None where nothing ever was.

        Raises:
            Corrupt: what is held cannot be read.
        """
        ...

    def advance(self, head: Head, agrees: Agrees) -> None:
        """Remember `head`, unless a larger one is held already, which must agree as well.

        `agrees` is asked about the head held until now. It survives kill -9 when this returns,
        and a power cut when `sync` does.

        Raises:
            Forked: what is held does not agree.
            TemporaryError: it cannot be written right now.
        """
        ...

    def reset(self, head: Head) -> None:
        """Forget what was held: an operator took responsibility."""
        ...

    def sync(self) -> None:
        """Make what is held durable against power cuts too."""
        ...


class MemoryGuard:
    """Held as long as the process lives: for simulations, and ledgers in memory."""

    def __init__(self) -> None:
        self._head: Head | None = None

    def head(self) -> Head | None:
        """What was signed last."""
        return self._head

    def advance(self, head: Head, agrees: Agrees) -> None:
        """Remember the head if it agrees."""
        self._head = _newer(self._head, head, agrees)

    def reset(self, head: Head) -> None:
        """Forget what was held."""
        self._head = head

    def sync(self) -> None:
        """Nothing outlives the process."""


class FileGuard:
    """One small file, in other hands than the database where that can be arranged.

    Two slots with a checksum are written in turn, so a torn write leaves the head before it. A
    lock on the file lets several processes on one machine share it.
    """

    def __init__(self, path: Path, *, expected: bool = False) -> None:
        """`expected`: the file was made before, and must be there.

        Raises:
            Misconfigured: it is not there, or cannot be opened.
        """
        self._path = path
        flags = os.O_RDWR | os.O_CLOEXEC | (0 if expected else os.O_CREAT)
        try:
            if not expected:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, flags, 0o600)
            if not expected:
                # One that a power cut took away again would be missed as if it were stolen.
                sync_folder(path.parent)
        except FileNotFoundError as error:
            raise Misconfigured(
                f"The signed-head guard {path} is missing: this may be a copy of a ledger that is"
                " signed elsewhere. Put the guard back or name its folder with TALLYSTICK_GUARD;"
                " if it is lost for good: tallystick ledger reconcile."
            ) from error
        except OSError as error:
            raise Misconfigured(
                f"The signed-head guard {path} cannot be opened ({error.strerror}); name another"
                " folder with TALLYSTICK_GUARD."
            ) from error
        self._slot = 0

    def __str__(self) -> str:
        return str(self._path)

    def head(self) -> Head | None:
        """What was signed last, by whoever shares the file."""
        with self._locked():
            return self._read()

    def advance(self, head: Head, agrees: Agrees) -> None:
        """Remember the head if it agrees with what is held."""
        with self._locked():
            held = self._read()
            newer = _newer(held, head, agrees)
            if newer != held:
                self._write(newer)

    def reset(self, head: Head) -> None:
        """Forget what was held; durable when this returns."""
        with self._locked():
            os.ftruncate(self._file, 0)
            self._slot = 0
            self._write(head)
        self.sync()

    def sync(self) -> None:
        """Flush the file."""
        os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _read(self) -> Head | None:
        data = os.pread(self._file, SLOTS * SLOT_BYTES, 0)
        if not data:
            return None
        found = [
            (head, slot)
            for slot in range(SLOTS)
            if (head := _decode(data[slot * SLOT_BYTES :][:SLOT_BYTES])) is not None
        ]
        if not found:
            raise Corrupt(f"The signed-head guard {self._path} cannot be read.")
        newest, slot = max(found, key=lambda each: each[0].size)
        self._slot = (slot + 1) % SLOTS
        return newest

    def _write(self, head: Head) -> None:
        try:
            os.pwrite(self._file, _encode(head), self._slot * SLOT_BYTES)
        except OSError as error:
            sentence = f"The signed-head guard {self._path} cannot be written: {error.strerror}."
            raise TemporaryError(sentence) from error
        self._slot = (self._slot + 1) % SLOTS


def _newer(held: Head | None, head: Head, agrees: Agrees) -> Head:
    """The larger of both heads, once they are seen to belong together."""
    if held is None:
        return head
    if held != head and not agrees(held):
        raise Forked(
            f"A head of {held.size} entries was signed that is not of this database's history"
            f" of {head.size}: an older backup was put back, or a copy of it is signed elsewhere."
            " Nothing more is signed. See: tallystick ledger reconcile --help."
        )
    return head if head.size > held.size else held


def _encode(head: Head) -> bytes:
    line = f"{_MAGIC} {head.size} {head.root.hex()} ".encode()
    return (line + f"{zlib.crc32(line):08x}\n".encode()).ljust(SLOT_BYTES, b"\0")


def _decode(slot: bytes) -> Head | None:
    line, newline, rest = slot.partition(b"\n")
    body, checksum = line[:-8], line[-8:]
    if not newline or rest.strip(b"\0") or f"{zlib.crc32(body):08x}".encode() != checksum:
        return None
    magic, size, root = body.decode().strip().rsplit(" ", 2)
    head = Head(int(size), bytes.fromhex(root))
    return head if magic == _MAGIC and len(head.root) == HASH_BYTES else None
