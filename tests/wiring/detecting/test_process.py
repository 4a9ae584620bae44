"""The detection process, as a real process: fed, killed, started again, and told off the disk."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from tallystick.clock import SystemClock, rfc3339
from tallystick.errors import TemporaryError
from tallystick.stream import Message
from tallystick.watch.detect.observation import CallSeen
from tallystick.watch.detect.score import Anomaly
from tallystick.wiring.detecting import child as child_module
from tallystick.wiring.detecting import process as process_module
from tallystick.wiring.detecting.child import Child
from tallystick.wiring.detecting.frames import Frames, Standing, ToParent
from tallystick.wiring.detecting.process import DetectionProcess

START_NS = 1_760_000_000_000_000_000
Take = Callable[[list[Message]], Awaitable[None]]


class Ledger:
    """Entries that are fed from wherever the process wants them."""

    def __init__(self) -> None:
        """None yet."""
        self.entries: list[bytes] = []
        self.starts: list[int | None] = []

    async def feed(self, _name: str, take: Take, start: int | None) -> None:
        """As the relay does it."""
        self.starts.append(start)
        position = start or 0
        while True:
            if position < len(self.entries):
                messages = list(enumerate(self.entries))[position : position + 100]
                await take([Message(*each) for each in messages])
                position += len(messages)
            await asyncio.sleep(0.01)


def failing(count: int, start: int = 0, name: str = "x") -> list[CallSeen]:
    """Calls of one route: a hundred that go well, then one after the other that fails."""
    return [
        CallSeen(
            rfc3339(START_NS + n * 10**9), START_NS / 1e9 + n, f"GET /v1/{name}",
            500 if n >= 100 else 200, 900.0, f"acme {name}", f"{name}/24", name,
        )
        for n in range(start, start + count)
    ]  # fmt: skip


async def until(true: Callable[[], bool]) -> None:
    """Wait for a process, with a deadline for tests that hang."""
    async with asyncio.timeout(240):
        while not true():  # noqa: ASYNC110  a process is asked, not a task
            await asyncio.sleep(0.02)


def test_anomalies_come_back_and_outlive_both_processes(tmp_path: Path) -> None:
    """What is found is told until it is on disk, also when the process is killed meanwhile."""
    told: list[Anomaly] = []
    refused: list[int] = []
    full = True

    def tell(anomalies: list[Anomaly]) -> None:
        if full:
            refused.append(len(anomalies))
            raise TemporaryError("the disk is full")
        told.extend(anomalies)

    async def run() -> None:
        """A server that cannot keep what it is told, and the one after it, that can."""
        nonlocal full
        ledger = Ledger()
        for last in (False, True):
            process = DetectionProcess(tmp_path / "detect", ledger.feed, tell, SystemClock())
            task = asyncio.create_task(process.run())
            for call in failing(200) if not last else []:
                process.offer(call)
            if last:
                full = False
                await until(lambda: bool(told))
            else:
                await until(lambda: bool(refused))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with capture_logs() as lines:
        asyncio.run(run())

    assert told[0].route == "GET /v1/x"
    assert "detect.told_later" in {line["event"] for line in lines}
    assert (tmp_path / "detect" / "state").stat().st_mode & 0o777 == 0o600


def test_odd_text_stops_nobody(tmp_path: Path) -> None:
    """Names with a lone surrogate, a NUL, a control: looked at, told, by the same process."""
    told: list[Anomaly] = []
    name = "x\ud800\0\x1b[31m\u202e"

    async def run() -> int:
        """Until it is told; how often the process was started."""
        process = DetectionProcess(tmp_path / "detect", Ledger().feed, told.extend, SystemClock())
        task = asyncio.create_task(process.run())
        for call in failing(200, name=name):
            process.offer(call)
        await until(lambda: bool(told) or process.starts > 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return process.starts

    assert asyncio.run(run()) == 1
    assert told[0].route == "GET /v1/x?\0\x1b[31m\u202e"


def test_a_killed_process_is_started_again_and_fed_from_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9: a line says so, and the entries come again from the last state that was kept."""
    monkeypatch.setattr(process_module, "PAUSE_SECONDS", (0,))
    ledger = Ledger()
    ledger.entries = [b"{}" for _ in range(250)]

    async def run() -> DetectionProcess:
        """Until the second process has seen all that the first has seen."""
        process = DetectionProcess(tmp_path / "detect", ledger.feed, lambda _f: None, SystemClock())
        task = asyncio.create_task(process.run())
        await until(lambda: process.state is not None and process.state.position == 250)
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: process.starts == 2 and process.state is not None)
        await until(lambda: process.state is not None and process.state.position == 250)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return process

    with capture_logs() as lines:
        process = asyncio.run(run())

    assert ledger.starts == [0, 0]
    assert [line["event"] for line in lines].count("detect.process_ended") == 1
    assert process.state is None


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_one_killed_before_it_has_begun_is_started_again(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone already when the server would end it: the server goes on, on both loops."""
    monkeypatch.setattr(process_module, "PAUSE_SECONDS", (0,))

    async def run() -> bool:
        """Kill the first at once; whether the second began while the server's end still ran."""
        process = DetectionProcess(
            tmp_path / "detect", Ledger().feed, lambda _f: None, SystemClock()
        )
        task = asyncio.create_task(process.run())
        await until(lambda: process.pid != 0)
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: task.done() or process.state is not None)
        went_on = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return went_on and process.starts == 2

    with asyncio.Runner(loop_factory=loop) as runner, capture_logs() as lines:
        assert runner.run(run())

    assert [line["event"] for line in lines].count("detect.process_ended") == 1


@pytest.mark.parametrize(
    "state", [b"no state", b"\x81\xa6untold\x91\xa3a\xff\xfe"], ids=["no state", "no text"]
)
def test_a_state_that_cannot_be_read_is_learnt_anew(tmp_path: Path, state: bytes) -> None:
    """A warning, and detection from the first entry."""
    folder = tmp_path / "detect"
    folder.mkdir()
    (folder / "state").write_bytes(state)
    ledger = Ledger()

    async def run() -> None:
        """Until it feeds."""
        process = DetectionProcess(folder, ledger.feed, lambda _found: None, SystemClock())
        task = asyncio.create_task(process.run())
        await until(lambda: bool(ledger.starts))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with capture_logs() as lines:
        asyncio.run(run())

    assert ledger.starts == [0]
    assert "detect.state_unreadable" in {line["event"] for line in lines}


def test_it_knows_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and credentials of whatever kind stay with the server."""
    secrets = ("TALLYSTICK_WEBHOOK_SECRET", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "SASL_PASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, "s" * 16)
    monkeypatch.setenv("AWS_PROFILE", "desk")
    named = process_module._environment()

    assert not named.keys() & set(secrets)
    assert {"PATH", "AWS_PROFILE"} <= named.keys()


INHERITED = """
import os
from pathlib import Path
from tallystick.watch.detect.detectors import build
from tallystick.watch.detect.watcher import Watcher
watcher = Watcher(build())
for _ in range(4):
    newer = Watcher(build())
    newer.inherit(watcher)
    watcher = newer
pages = int(Path("/proc/self/statm").read_text().split()[1])
print(pages * os.sysconf("SC_PAGE_SIZE") >> 20)
"""
INHERITED_MIB_MAX = 800
"""About 350; two gigabytes where freed room is reused, and touched."""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is told by /proc")
def test_room_that_nobody_uses_costs_nothing() -> None:
    """However often one version inherits what another has learnt, in the child's environment."""
    said = subprocess.run(
        [sys.executable, "-c", INHERITED], env=process_module._environment(), check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert int(said.stdout) < INHERITED_MIB_MAX


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the state should be is a folder: nothing is kept, an error says so, it goes on."""
    monkeypatch.setattr(child_module, "SAVE_SECONDS", 0)
    monkeypatch.setattr(child_module, "STANDING_SECONDS", 0)
    read, told = os.pipe()
    child = Child(tmp_path, told, SystemClock())
    (tmp_path / "state" / "in the way").mkdir(parents=True)

    def stands() -> Standing:
        child.tend()
        said = Frames[ToParent](ToParent).feed(os.read(read, 1 << 20))
        return next(each for each in said if isinstance(each, Standing))

    assert stands().kept
    deadline = time.monotonic() + 30  # a fork of a large process takes its time
    while (stood := stands()).kept:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process = DetectionProcess(tmp_path, Ledger().feed, lambda _found: None, SystemClock())
    with capture_logs() as lines:
        process._stand(stood)
        process._stand(stood)
    assert [line["event"] for line in lines] == ["detect.state_not_kept"]
    assert not child.save()
    os.close(read)
    os.close(told)
