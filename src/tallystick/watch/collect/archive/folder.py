"""A vault in a local folder: create-only files, read-only, locked by what is written beside them.

    objects/<name>       the bytes, mode 0444; with the immutable flag (chattr +i) where that may be
    locks/<name>.jsonl   the object's journal: what was put, and each lock since, a hash chain
    aside/               what is being written

The locks are kept by this program, in every way in: whoever is root on this machine, or owns the
folder, can go around them. Hashes show it afterwards, nothing prevents it: where that has to be
impossible, use S3 Object Lock (`s3`).
"""

import fcntl
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Lock as Mutex
from typing import Literal

import msgspec
import structlog

from tallystick.clock import Clock, rfc3339
from tallystick.durable import sync_folder
from tallystick.errors import Corrupt, Refused, TemporaryError
from tallystick.watch.collect.archive.copying import copy_checked
from tallystick.watch.collect.archive.lock import (
    Lock,
    keeps,
    require_change,
    require_deletable,
    stricter,
)
from tallystick.watch.collect.archive.vault import Ref, Stat, Tier

STORAGE_CLASS = "LOCAL"
_READ_ONLY = 0o444
_FIRST = "0" * 64
"""What the first line of a journal names as the one before it."""
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_IMMUTABLE_FL of linux/fs.h."""

_log = structlog.get_logger("archive")


class _Line(msgspec.Struct, frozen=True):
    """One line of an object's journal; `prev` is the SHA-256 of the line before it."""

    n: int
    prev: str
    at: str
    op: Literal["put", "lock", "delete"]
    sha256: str
    size: int
    lock: Lock


class FolderVault:
    """Objects below a folder that one process owns at a time."""

    def __init__(self, folder: Path, clock: Clock, *, immutable: bool = False) -> None:
        """With `immutable` files get the flag of that name, which only root can give or take."""
        self._folder = folder
        self._clock = clock
        self._immutable = immutable
        self._warned = False
        self._swept = False
        self._mutex = Mutex()

    @property
    def address(self) -> str:
        """The folder."""
        return str(self._folder)

    def put(self, name: str, file: Path, sha256: str, lock: Lock) -> Stat:
        """Journal first, then the name: no object ever stands without its lock."""
        target = self._object(name)
        with self._mutex, _explained():
            self._sweep()
            known = self._newest(name)
            if known is not None and known.op != "delete":
                return self._put_again(name, known, file, sha256, lock)
            with copy_checked(file, self._aside, sha256, name) as (aside, size):
                line = self._append(name, known, "put", sha256, size, lock)
                self._place(aside, target)
            return self._stat(name, line)

    def get(self, ref: Ref, into: Path) -> None:
        """A copy; its hash is compared before it has the name."""
        with _explained():
            stat = self.stat(ref)
            if stat is None:
                raise Corrupt(f"{ref.name} is not in the archive {self.address}.")
            with copy_checked(self._object(ref.name), into, stat.sha256, ref.name) as (aside, _):
                aside.rename(into)
            sync_folder(into.parent)

    def stat(self, ref: Ref) -> Stat | None:
        """From the journal; a version is the SHA-256 of its bytes."""
        with _explained():
            line = self._newest(ref.name)
            if line is None or line.op == "delete" or ref.version not in {"", line.sha256}:
                return None
            if not self._object(ref.name).exists():
                return None
            return self._stat(ref.name, line)

    def lock(self, ref: Ref, lock: Lock, *, bypass: bool = False) -> Stat:
        """One more line in the journal."""
        with self._mutex, _explained():
            line = self._known(ref)
            require_change(ref.name, line.lock, lock, self._clock.now_ns(), bypass=bypass)
            if lock != line.lock:
                line = self._append(ref.name, line, "lock", line.sha256, line.size, lock)
            return self._stat(ref.name, line)

    def restore(self, ref: Ref, days: int, tier: Tier) -> Stat:  # noqa: ARG002  nothing is cold
        """Nothing here is ever cold."""
        with _explained():
            return self._stat(ref.name, self._known(ref))

    def delete(self, ref: Ref, *, bypass: bool = False) -> None:
        """The journal says it first, and stays."""
        with self._mutex, _explained():
            line = self._newest(ref.name)
            if line is None or ref.version not in {"", line.sha256}:
                return
            if line.op != "delete":
                require_deletable(ref.name, line.lock, self._clock.now_ns(), bypass=bypass)
                self._append(ref.name, line, "delete", line.sha256, line.size, line.lock)
            target = self._object(ref.name)
            if target.exists():
                self._flag(target, on=False)
                target.unlink()
                sync_folder(target.parent)

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def _objects(self) -> Path:
        return self._folder / "objects"

    @property
    def _locks(self) -> Path:
        return self._folder / "locks"

    @property
    def _aside(self) -> Path:
        return self._folder / "aside" / "object"

    def _sweep(self) -> None:
        """Make the folder, and remove what a kill left; who only reads does neither."""
        if not self._swept:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.rmtree(self._aside.parent, ignore_errors=True)
            self._swept = True

    def _object(self, name: str) -> Path:
        return _inside(self._objects, name)

    def _journal(self, name: str) -> Path:
        return _inside(self._locks, f"{name}.jsonl")

    def _put_again(self, name: str, known: _Line, file: Path, digest: str, lock: Lock) -> Stat:
        """What a put that was cut off left, or what is there already."""
        if known.sha256 != digest:
            raise Corrupt(f"{name} is in the archive already, with other bytes.")
        target = self._object(name)
        if not target.exists():
            with copy_checked(file, self._aside, digest, name) as (aside, _):
                self._place(aside, target)
        if not keeps(known.lock, lock):
            wanted = stricter(known.lock, lock)
            known = self._append(name, known, "lock", digest, known.size, wanted)
        return self._stat(name, known)

    def _place(self, aside: Path, target: Path) -> None:
        """Give the file its name, which nobody may have; it is there for good at return."""
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.chmod(_READ_ONLY)
        target.hardlink_to(aside)
        aside.unlink()
        sync_folder(target.parent)
        self._flag(target, on=True)

    def _flag(self, target: Path, *, on: bool) -> None:
        """Set or clear the immutable flag, where it is wanted and the system lets us."""
        if not self._immutable:
            return
        file = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            (flags,) = struct.unpack("l", fcntl.ioctl(file, _GET_FLAGS, bytes(8)))
            wanted = flags | _IMMUTABLE if on else flags & ~_IMMUTABLE
            fcntl.ioctl(file, _SET_FLAGS, struct.pack("l", wanted))
        except OSError as error:
            if not self._warned:  # it is the same for every file
                _log.warning("archive.not_immutable", path=str(target), body=str(error))
            self._warned = True
        finally:
            os.close(file)

    def _known(self, ref: Ref) -> _Line:
        line = self._newest(ref.name)
        if line is None or line.op == "delete" or ref.version not in {"", line.sha256}:
            raise Corrupt(f"{ref.name} is not in the archive {self.address}.")
        return line

    def _newest(self, name: str) -> _Line | None:
        """The last line of the journal, once its chain is seen to hold.

        A last line without its end was never acknowledged.
        """
        try:
            data = self._journal(name).read_bytes()
        except FileNotFoundError:
            return None
        newest, prev = None, _FIRST
        for n, text in enumerate(data.split(b"\n")[:-1], start=1):
            try:
                newest = msgspec.json.decode(text, type=_Line)
            except msgspec.DecodeError as error:
                raise Corrupt(f"Line {n} of the lock journal of {name} is damaged.") from error
            if (newest.n, newest.prev) != (n, prev):
                raise Corrupt(f"The lock journal of {name} was changed at line {n}.")
            prev = sha256(text).hexdigest()
        return newest

    def _append(
        self,
        name: str,
        before: _Line | None,
        op: Literal["put", "lock", "delete"],
        digest: str,
        size: int,
        lock: Lock,
    ) -> _Line:
        """Write one more line, durable at return."""
        prev = _FIRST if before is None else sha256(msgspec.json.encode(before)).hexdigest()
        n = 1 if before is None else before.n + 1
        line = _Line(n, prev, rfc3339(self._clock.now_ns()), op, digest, size, lock)
        path = self._journal(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            _cut_torn(file.fileno())
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
        return line

    def _stat(self, name: str, line: _Line) -> Stat:
        ref = Ref(name, line.sha256)
        return Stat(ref, line.size, line.sha256, line.lock, STORAGE_CLASS)


def _cut_torn(file: int) -> None:
    """Remove a last line that has no end: a kill came before it was acknowledged."""
    data = os.pread(file, os.fstat(file).st_size, 0)
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.ftruncate(file, whole)


def _inside(folder: Path, name: str) -> Path:
    """The path of a name; no name leads out of the folder.

    Raises:
        Refused: `BAD_NAME`.
    """
    parts = name.split("/")
    if any(part in {"", ".", ".."} or part.startswith(".") or "\0" in part for part in parts):
        raise Refused("BAD_NAME", f"{name[:200]!r} is no name of an archived object.")
    return folder.joinpath(*parts)


@contextmanager
def _explained() -> Iterator[None]:
    """What the disk refuses may work later."""
    try:
        yield
    except OSError as error:
        raise TemporaryError(f"The archive's folder cannot be used: {error}.") from error
