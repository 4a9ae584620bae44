"""A machine under SQLite whose disk has a page cache, so that the power can be cut at any step.

A run is recorded once, write by write and flush by flush. `Disk` then works out what is left when
the machine dies after any of these steps, in each way in which a disk can let go of what was not
flushed. A process sees real files; only the flushing is modelled.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import apsw

from tallystick.ledger.guard import Agrees, FileGuard, Head

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""


@dataclass(frozen=True)
class Write:
    """Bytes on their way to the disk: in the page cache, until the file is flushed."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    """A file cut to this size."""

    inode: int
    size: int


@dataclass(frozen=True)
class Sync:
    """A file flushed, and with it the folder when `folder` says so."""

    inode: int
    folder: bool


@dataclass(frozen=True)
class Name:
    """A name that stands for another file from now on, or for none."""

    name: str
    inode: int | None
    durable: bool


@dataclass(frozen=True)
class Said:
    """What the ledger promised: an append up to `size` began, or was acknowledged."""

    size: int
    acknowledged: bool


Step = Write | Truncate | Sync | Name | Said


class Machine(apsw.VFS):
    """The machine under SQLite: does what it is told, flushes nothing, and writes it all down."""

    def __init__(self) -> None:
        self.base = apsw.vfs_names()[0]
        super().__init__("tallystick-machine", self.base, makedefault=True)
        self.steps: list[Step] = []
        self._inodes: dict[str, int] = {}
        self._made = 0

    def boot(self, folder: Path, disk: "Disk") -> None:
        """Begin anew with what a process sees of this disk in the folder."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.steps.clear()
        seen = disk.after(lambda _: True)
        self._inodes = {str(folder / name): inode for name, inode in seen.names.items()}
        self._made = max([self._made, *seen.files])
        for name, inode in seen.names.items():
            (folder / name).write_bytes(seen.files.get(inode, b""))

    def xOpen(  # noqa: N802  the name is SQLite's
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "MachineFile":
        """Open a file, and say when it is a new one."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        is_new = not Path(text).exists()
        opened = MachineFile(self, name, flags)
        opened.inode = self.inode(Path(text), is_new=is_new)
        # As SQLite's unix layer does it: a new log or journal flushes its folder when it is
        # flushed for the first time.
        opened.flushes_folder = is_new and text.endswith(("-wal", "-journal"))
        return opened

    def inode(self, path: Path, *, is_new: bool) -> int:
        """The number of the file at this path; a new one is named in the steps."""
        if is_new:
            self._made += 1
            self._inodes[str(path)] = self._made
            self.steps.append(Name(path.name, self._made, durable=False))
        return self._inodes[str(path)]

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  the name is SQLite's
        """Forget a name."""
        super().xDelete(filename, syncdir)
        self.steps.append(Name(Path(filename).name, None, durable=syncdir))


class MachineFile(apsw.VFSFile):
    """A file of the machine."""

    inode = 0
    flushes_folder = False

    def __init__(
        self, machine: Machine, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__(machine.base, name, flags)
        self._steps = machine.steps

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  the name is SQLite's
        """Into the page cache."""
        super().xWrite(data, offset)
        self._steps.append(Write(self.inode, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  the name is SQLite's
        """Cut, in the page cache."""
        super().xTruncate(newsize)
        self._steps.append(Truncate(self.inode, newsize))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802  the name is SQLite's
        """Onto the disk; the modelled one."""
        self._steps.append(Sync(self.inode, self.flushes_folder))
        self.flushes_folder = False


class MachineGuard:
    """The guard in a file of the machine: what it writes and flushes are steps like SQLite's."""

    def __init__(self, machine: Machine, path: Path) -> None:
        is_new = not path.exists()
        self._guard = FileGuard(path)
        self._path = path
        self._inode = machine.inode(path, is_new=is_new)
        self._steps = machine.steps

    def head(self) -> Head | None:
        """What was signed last."""
        return self._guard.head()

    def advance(self, head: Head, agrees: Agrees) -> None:
        """Remember the head, in the page cache."""
        before = self._path.read_bytes()
        self._guard.advance(head, agrees)
        after = self._path.read_bytes()
        for at in range(0, len(after), SECTOR_BYTES):
            if (data := after[at : at + SECTOR_BYTES]) != before[at : at + SECTOR_BYTES]:
                self._steps.append(Write(self._inode, at, data))

    def reset(self, head: Head) -> None:
        """No operator comes by: nothing may need a hand."""
        raise NotImplementedError

    def sync(self) -> None:
        """Onto the disk."""
        self._steps.append(Sync(self._inode, folder=False))

    def close(self) -> None:
        """Let go of the file."""
        self._guard.close()


Survives = Callable[[int], bool]
"""Whether what step number n wrote reaches the disk without a flush; asked sector by sector."""


@dataclass
class Disk:
    """What is on the disk for certain, and what only the page cache knows yet."""

    files: dict[int, bytearray] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    cached: list[tuple[int, Write | Truncate]] = field(default_factory=list)
    cached_names: list[tuple[int, Name]] = field(default_factory=list)

    def take(self, number: int, step: Step) -> None:
        """One step of the machine."""
        if isinstance(step, Write | Truncate):
            self.cached.append((number, step))
        elif isinstance(step, Name):
            self.cached_names.append((number, step))
            self._flush_names(really=step.durable)
        elif isinstance(step, Sync):
            for at, change in self.cached:
                if change.inode == step.inode:
                    self._apply(change, lambda _: True, at)
            self.cached = [item for item in self.cached if item[1].inode != step.inode]
            self._flush_names(really=step.folder)

    def _flush_names(self, *, really: bool) -> None:
        if really:
            for _, name in self.cached_names:
                self._rename(name)
            self.cached_names.clear()

    def _rename(self, name: Name) -> None:
        if name.inode is None:
            self.names.pop(name.name, None)
        else:
            self.names[name.name] = name.inode

    def _apply(self, change: Write | Truncate, survives: Survives, at: int) -> None:
        data = self.files.setdefault(change.inode, bytearray())
        if isinstance(change, Truncate):
            if survives(at):
                data[change.size :] = bytes(max(0, change.size - len(data)))
            return
        position, end = change.offset, change.offset + len(change.data)
        while position < end:
            after = min(end, (position // SECTOR_BYTES + 1) * SECTOR_BYTES)
            if survives(at):
                data.extend(bytes(max(0, after - len(data))))
                data[position:after] = change.data[position - change.offset : after - change.offset]
            position = after

    def after(self, survives: Survives) -> "Disk":
        """What is there when the power goes now; some of the cache may have made it."""
        disk = Disk({inode: bytearray(d) for inode, d in self.files.items()}, dict(self.names))
        for at, change in self.cached:
            disk._apply(change, survives, at)
        for at, name in self.cached_names:
            if survives(at):
                disk._rename(name)
        return disk

    def copy(self) -> "Disk":
        """The same, page cache and all."""
        disk = self.after(lambda _: False)
        disk.cached, disk.cached_names = list(self.cached), list(self.cached_names)
        return disk

    def digest(self) -> bytes:
        """Two disks with equal digests hold the same, for certain and in the cache."""
        certain = [(name, bytes(self.files.get(i, b""))) for name, i in sorted(self.names.items())]
        return sha256(repr((certain, self.cached, self.cached_names)).encode()).digest()


def keeps_all(now: int, chance: random.Random) -> Survives:  # noqa: ARG001
    """Kill -9: the machine lives on, and so does its page cache."""
    return lambda _: True


def keeps_none(now: int, chance: random.Random) -> Survives:  # noqa: ARG001
    """The cruellest power cut: only what was flushed is there."""
    return lambda _: False


def keeps_the_first(now: int, chance: random.Random) -> Survives:
    """Written back in order up to some moment; the write of that moment is torn."""
    cut = now - chance.randrange(40)
    return lambda at: at < cut or (at == cut and chance.random() < 0.5)


def keeps_the_last(now: int, chance: random.Random) -> Survives:
    """Written back in the wrong order: the newest is there, what came before it is not."""
    cut = now - chance.randrange(40)
    return lambda at: at > cut or (at == cut and chance.random() < 0.5)


def keeps_some(now: int, chance: random.Random) -> Survives:  # noqa: ARG001
    """Any sector may have been written back, or not."""
    share = chance.choice((0.1, 0.5, 0.9))
    return lambda _: chance.random() < share


def tears_the_newest(now: int, chance: random.Random) -> Survives:
    """All was written back but some sectors of the newest write."""
    return lambda at: at < now - 1 or chance.random() < 0.5


CUTS = {
    cut.__name__: cut
    for cut in (
        keeps_all, keeps_none, keeps_the_first, keeps_the_last, keeps_some, tears_the_newest
    )
}  # fmt: skip
