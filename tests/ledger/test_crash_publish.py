"""Kill -9 and power cut at every step of a publication: the folder heals by itself.

A child process forks a publisher for each step that it makes (folder, file, bytes, flush, name)
and kills it there with SIGKILL. For power cuts the steps are recorded, and the folder is built as
the disk may hold it afterwards.
"""

import asyncio
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from shutil import rmtree

import msgspec
import pytest

from tallystick.keys import Signer
from tallystick.ledger import Ledger, Publisher, Sealable, SqliteStore
from tallystick.ledger.verify import FolderSource, verify_ledger

OLD, NEW = 300, 900
SEEDS = 30
CHILD = '''
import json, os, pathlib, shutil, signal, sys

from tallystick.ledger import Publisher, SqliteStore

database, old, new, log = map(pathlib.Path, sys.argv[1:5])
steps, kill_at = [], None


def step(*what):
    """One thing that a disk does; the last one of this process when its number has come."""
    steps.append([str(word) for word in what])
    if len(steps) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


names = {}


def wrapped(function, word):
    def call(*arguments, **options):
        result = function(*arguments, **options)
        step(word, *arguments[:2])
        return result
    return call


def opened(path, flags, *rest, **options):
    number = real_open(path, flags, *rest, **options)
    if flags & os.O_CREAT:
        step("open", path)
        names[number] = path
    return number


def write(number, data):
    """In two halves, so that it can be caught between them."""
    half = bytes(data)[: max(1, len(data) // 2)]
    if number in names:
        half = half if number not in halved else bytes(data)
        halved.symmetric_difference_update({number})
        real_write(number, half)
        step("write", names[number], half.hex())
        return len(half)
    return real_write(number, data)


def sync(number):
    step("sync", names[number])


halved = set()
real_open, real_write = os.open, os.write
os.open, os.write = opened, write
os.fdatasync = os.fsync = sync
os.rename = wrapped(os.rename, "rename")
os.mkdir = wrapped(os.mkdir, "mkdir")
os.unlink = wrapped(os.unlink, "unlink")
os.rmdir = wrapped(os.rmdir, "rmdir")
real_rmtree = shutil.rmtree


def rmtree(path, *rest, **options):
    step("drop", path)
    real_rmtree(path, *rest, **options)


shutil.rmtree = rmtree


def publish(folder):
    store = SqliteStore(database)
    steps.clear()
    Publisher(store, folder).publish()


number = 0
while True:
    number += 1
    folder = new / str(number)
    child = os.fork()
    if not child:
        shutil.copytree(old, folder)
        kill_at = number
        publish(folder)
        with open(log, "w") as file:
            json.dump(steps, file)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
'''


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Path:
    """A database of 900 entries and, beside it, a folder in which 300 of them are published."""
    home = tmp_path_factory.mktemp("publish")
    with closing(SqliteStore(home / "ledger.db")) as store:
        ledger = Ledger(store, signer)
        for first, size in ((0, OLD), (OLD, NEW)):
            batch = [Sealable(b'{"n":%d}' % n) for n in range(first, size)]
            asyncio.run(ledger.append(first, batch))
            if size == OLD:
                Publisher(store, home / "old").publish()
    return home


@pytest.fixture(scope="module")
def steps(ledger: Path) -> list[list[str]]:
    """The steps of the publication of 900, each of which has killed a publisher."""
    arguments = [ledger / "ledger.db", ledger / "old", ledger / "new", ledger / "steps.json"]
    (ledger / "new").mkdir()
    subprocess.run([sys.executable, "-c", CHILD, *map(str, arguments)], check=True, timeout=120)
    return msgspec.json.decode((ledger / "steps.json").read_bytes(), type=list[list[str]])


def require_healed(ledger: Path, folder: Path, signer: Signer) -> None:
    """The next process needs no help, and a stranger finds all of it right."""
    with closing(SqliteStore(ledger / "ledger.db")) as store:
        vkey = Ledger(store, signer).vkey
        assert Publisher(store, folder).publish() == NEW
    report = verify_ledger(FolderSource(folder), vkey)
    assert (report.verdict, report.size, report.notes) == ("clean", NEW, ())


def size_of(ledger: Path, folder: Path, signer: Signer) -> int:
    """How much the folder proves as it stands; it must be clean."""
    with closing(SqliteStore(ledger / "ledger.db")) as store:
        vkey = Ledger(store, signer).vkey
    report = verify_ledger(FolderSource(folder), vkey)
    assert report.verdict == "clean", report.reason
    assert report.size is not None
    return report.size


def test_kill_9_at_every_step_heals(ledger: Path, steps: list[list[str]], signer: Signer) -> None:
    """Killed after any step, the folder proves what it did before, and then all that is new."""
    assert {step[0] for step in steps} >= {"open", "write", "sync", "rename", "unlink", "rmdir"}
    sizes = []
    for number in range(1, len(steps) + 1):
        folder = ledger / "new" / str(number)
        sizes.append(size_of(ledger, folder, signer))
        require_healed(ledger, folder, signer)
    assert sorted(sizes) == sizes
    assert set(sizes) == {OLD, NEW}


def after_power_cut(
    before: Path, folder: Path, steps: Sequence[Sequence[str]], lost: Sequence[int]
) -> None:
    """Make the folder as the disk has it when the steps of these numbers never reached it.

    Bytes reach the disk with the flush of their file only; a name without a flushed file is one
    of an empty file.
    """
    rmtree(folder, ignore_errors=True)
    files = {
        path.relative_to(before).as_posix(): path.read_bytes()
        for path in before.rglob("*")
        if path.is_file()
    }
    written: dict[str, bytes] = {}
    flushed: dict[str, bytes] = {}
    for number, (word, *paths) in enumerate(steps):
        path = paths[0].partition("/new/")[2].partition("/")[2] if paths else ""
        if word == "open":
            written[path], flushed[path] = b"", b""
        elif word == "write":
            written[path] += bytes.fromhex(paths[1])
        elif word == "sync":
            flushed[path] = written[path]
        if number in lost:
            continue
        if word == "rename":
            files.pop(path, None)
            files[paths[1].partition("/new/")[2].partition("/")[2]] = flushed[path]
        elif word == "drop":
            files = {name: data for name, data in files.items() if not name.startswith(f"{path}/")}
        elif word == "open":
            files[path] = b""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_a_power_cut_at_every_step_heals(
    ledger: Path, tmp_path: Path, steps: list[list[str]], signer: Signer
) -> None:
    """A file system that keeps the order of names: readers see the old tree or the new one."""
    for number in range(len(steps) + 1):
        after_power_cut(ledger / "old", tmp_path / "after", steps[:number], ())
        size = size_of(ledger, tmp_path / "after", signer)
        assert size == (NEW if shows_new(steps[:number]) else OLD)
        require_healed(ledger, tmp_path / "after", signer)


def shows_new(steps: Sequence[Sequence[str]]) -> bool:
    """Whether the new checkpoint has its name by now."""
    return any(step[0] == "rename" and step[2].endswith("/checkpoint") for step in steps)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_power_cut_that_mixes_up_names_heals(
    ledger: Path, tmp_path: Path, steps: list[list[str]], signer: Signer, seed: int
) -> None:
    """A file system that keeps no order: whatever is missing is written again at the next start."""
    chance = random.Random(seed)  # noqa: S311  no secret
    now = chance.randrange(len(steps) + 1)
    lost = [number for number in range(now) if chance.random() < 0.5]
    after_power_cut(ledger / "old", tmp_path / "after", steps[:now], lost)
    require_healed(ledger, tmp_path / "after", signer)
