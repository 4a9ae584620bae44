"""Killed at any moment: nothing that was acknowledged is lost, and nothing is doubled."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import SystemClock
from tallystick.watch.collect.query import Search
from tallystick.watch.collect.store import LogStore, SegmentLimits

SCRIPT = Path(__file__).with_name("killed.py")
STEPS = tuple(
    f"{op} {step}" for op in ("seal", "compact") for step in ("written", "put", "committed", "done")
)
LIMITS = SegmentLimits(lines=100, small_files=3)
KINDS = ("folder", "objects")


def run_until_killed(folder: Path, kind: str, step: str, times: int, kill_at: int = 0) -> int:
    """The number after the last line that was acknowledged before the process died."""
    command = [sys.executable, str(SCRIPT), str(folder), kind, step, str(times)]
    acknowledged = 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for count, said in enumerate(process.stdout, start=1):
            acknowledged = int(said)
            if count == kill_at:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return acknowledged


def check(folder: Path, kind: str, acknowledged: int) -> None:
    """What is stored: every acknowledged line once, perhaps a few more, by both ways to read."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        from killed import BATCH, place_of  # noqa: PLC0415  beside this file
    finally:
        sys.path.remove(str(SCRIPT.parent))
    store = LogStore(folder / "logs", SystemClock(), LIMITS, place=place_of(folder, kind))
    assert acknowledged <= store.end <= acknowledged + BATCH
    lines = store.read(1, store.end)
    assert [seq for seq, _ in lines] == list(range(1, store.end))
    numbers = [msgspec.json.decode(line).get("n", seq) for seq, line in lines]
    assert numbers == list(range(1, store.end))
    seen, before = [], None
    while True:
        page = store.page(Search(), 500, before)
        seen += [msgspec.json.decode(line)["log.seq"] for line in page.logs]
        before = page.next_before
        if before is None:
            break
    assert sorted(seen) == list(range(1, store.end))
    assert store.verify() == ()
    left = {path.name for path in (folder / "logs" / "work").iterdir()}
    assert not left
    store.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_between_two_steps(step: str, kind: str, tmp_path: Path) -> None:
    """Before and after everything that is made durable, in a seal and in a merge."""
    check(tmp_path, kind, run_until_killed(tmp_path, kind, step, 2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment(seed: int, tmp_path: Path) -> None:
    """Again and again in the same folder, by somebody else, while it writes."""
    chance = random.Random(seed)  # noqa: S311  a seed, no secret
    for _ in range(3):
        acknowledged = run_until_killed(
            tmp_path, "folder", "never", 1, kill_at=chance.randrange(1, 60)
        )
        check(tmp_path, "folder", acknowledged)
