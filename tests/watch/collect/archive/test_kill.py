"""The archive job in a process of its own that is killed with SIGKILL, again and again."""

import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.rules import NS_PER_DAY
from tallystick.watch.collect.archive.shelf import name_of
from tallystick.watch.collect.archive.vault import Ref
from tallystick.watch.collect.query import parse
from tallystick.watch.collect.store import LogStore

DAYS = 12
LINES_A_DAY = 20
SEED = 7
WORKER = """
import sys
from pathlib import Path
from tallystick.clock import SystemClock
from tallystick.watch.collect.archive import PLACE, Archive, ArchiveRules
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.store import LogStore

folder, clock = Path(sys.argv[1]), SystemClock()

async def append(make, key):
    raise AssertionError("nobody did anything")

store = LogStore(folder / "logs", clock, reached=lambda step: print(step, flush=True))
archive = Archive(
    store, FolderVault(folder / "vault", clock), ArchiveRules(), clock,
    folder=folder / "archive", append=append, step=lambda step: print(step, flush=True),
)
store.attach(PLACE, archive.source)
while archive.round():
    pass
print("done", flush=True)
archive.close()
store.close()
"""


def work(folder: Path, steps: int) -> bool:
    """Let the job run until it has said so many steps, and kill it there; whether it was done."""
    command = [sys.executable, "-c", WORKER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            steps -= 1
            if line == "done\n":
                assert process.wait() == 0
                return True
            if not steps:
                process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    return False


@pytest.mark.slow
def test_killed_again_and_again_no_line_is_lost_or_doubled(tmp_path: Path) -> None:
    """After each kill every line is found once; in the end every part is in the vault, once."""
    clock, chance = SystemClock(), random.Random(SEED)  # noqa: S311  a test
    store = LogStore(tmp_path / "logs", clock)
    said = Counter[str]()
    for day in range(40, 40 + DAYS):
        first_ns = clock.now_ns() - day * NS_PER_DAY
        bodies = [f"day {day} line {n}" for n in range(LINES_A_DAY)]
        said.update(bodies)
        store.append(
            [
                msgspec.json.encode(
                    {"timestamp": rfc3339(first_ns + n * NS_PER_SECOND), "body": body}
                )
                for n, body in enumerate(bodies)
            ]
        )
    store.seal()
    store.close()

    kills = 0
    while not work(tmp_path, chance.randrange(1, 15)):
        kills += 1
    assert kills > 0
    vault = FolderVault(tmp_path / "vault", clock)
    store = LogStore(tmp_path / "logs", clock)
    parts = store.parts()
    assert sum(part.rows for part in parts) == len(said)
    assert {part.place for part in parts} == {"archive"}
    stats = [vault.stat(Ref(name_of(part))) for part in parts]
    assert [stat and stat.sha256 for stat in stats] == [part.sha256 for part in parts]
    objects = [path for path in (tmp_path / "vault/objects").rglob("*") if path.is_file()]
    assert len(objects) == len(parts)
    assert not list((tmp_path / "logs").rglob("*.parquet"))
    store.close()


def test_the_lines_are_those(tmp_path: Path) -> None:
    """What the worker archives in one go is found through the archive, line by line."""
    clock = SystemClock()
    store = LogStore(tmp_path / "logs", clock)
    at = rfc3339(clock.now_ns() - 50 * NS_PER_DAY)
    store.append([msgspec.json.encode({"timestamp": at, "body": "one line"})])
    store.seal()
    store.close()
    assert work(tmp_path, 1_000)

    store = LogStore(tmp_path / "logs", clock)
    with pytest.raises(Exception, match="not set up"):
        store.page(parse("", clock.now_ns()).search, 10)
    assert store.parts()[0].rows == 1
    store.close()
