"""`tallystick check` as an operator runs it: what it prints, its exit codes, and interrupts."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import SystemClock
from tallystick.execution import encode
from tallystick.execution.entries import Raw, keys_of
from tallystick.ledger import Publisher, Sealable
from tallystick.wiring import check as check_module
from tallystick.wiring.check import run_check
from tallystick.wiring.cli import main
from tallystick.wiring.ledger import PUBLISHED, open_parts, store_of
from tallystick.wiring.settings import Settings

ENTRIES = 51_200
BATCH = 32
WAIT_SECONDS_MAX = 60.0


def grow(folder: Path, entries: int, batch: int) -> None:
    """A ledger of raw entries, published."""
    settings, clock = Settings(data=str(folder)), SystemClock()
    with closing(open_parts(settings, clock)) as opened:
        ledger = opened.ledger

        async def append() -> None:
            for first in range(ledger.size, ledger.size + entries, batch):
                raw = [Raw(b"raw %d" % n) for n in range(first, first + batch)]
                await ledger.append(first, [Sealable(encode(e), keys_of(e)) for e in raw])

        asyncio.run(append())
    with closing(Publisher(store_of(settings, clock), folder / PUBLISHED)) as publisher:
        publisher.publish()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A data folder of a few entries."""
    grow(tmp_path / "data", 300, 100)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that takes a while."""
    folder = tmp_path_factory.mktemp("large") / "data"
    grow(folder, ENTRIES, BATCH)
    return folder


def run(folder: Path, *arguments: str) -> Result:
    """The command on a data folder."""
    environment = {"TALLYSTICK_DATA": str(folder)}
    return CliRunner().invoke(main, ["check", *arguments], env=environment, color=False)


def test_clean(small: Path) -> None:
    """Exit code 0; a line a part, aligned, with how many, how long and how fast."""
    result = run(small)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("clean       entries                     300 ")
    assert lines[0].endswith(" /s")
    assert [line.split()[0] for line in lines[1:5]] == ["hashes", "tiles", "checkpoints", "keys"]
    assert len({line.index("/s") for line in lines[:6]}) == 1
    assert "clean: everything that is kept is what the entries say" in lines
    assert lines[-1].startswith("ledger tallystick.local/")
    assert " of 300 entries, in " in lines[-1]


def test_json(small: Path) -> None:
    """Facts alone, with the exit code among them."""
    result = run(small, "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == facts["exit_code"] == 0
    assert (facts["verdict"], facts["size"]) == ("clean", 300)
    entries = facts["parts"][0]
    assert (entries["name"], entries["rows"], entries["resumed"]) == ("entries", 300, 0)
    assert entries["figures"][2]["name"] == "checkpoints"
    assert entries["figures"][2]["count"] == 3


def test_tampered(small: Path) -> None:
    """Exit code 1; the part, the sentence, and what could not be looked at."""
    with closing(apsw.Connection(str(small / "ledger.db"))) as connection:
        connection.execute("UPDATE entries SET entry = x'00' WHERE position = 9")
    result = run(small)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("tampered    entries")
    assert "              Entry 9 does not hash to the leaf hash beside it." in lines
    assert "cannot tell guard" in lines
    assert "tampered: something is not what was written" in lines
    assert json.loads(run(small, "--json").stdout)["exit_code"] == 1


def test_cannot_tell(small: Path, tmp_path: Path) -> None:
    """Exit code 2, on the screen and where there is nothing to check at all."""
    (small / PUBLISHED / "checkpoint").unlink()
    result = run(small)
    assert result.exit_code == 2
    assert "cannot tell: nothing contradicts the entries" in result.stdout
    nowhere = run(tmp_path / "nowhere")
    assert (nowhere.exit_code, nowhere.stdout) == (2, "")
    assert nowhere.stderr == (
        f"tallystick: There is no ledger in {tmp_path / 'nowhere'}; see TALLYSTICK_DATA.\n"
    )
    assert not (tmp_path / "nowhere").exists()


def test_help(small: Path) -> None:
    """What it does, beside whom, how it ends, and examples."""
    told = run(small, "--help").stdout
    for words in ("A server may run meanwhile", "Exit code: 0", "--restart", "Examples:"):
        assert words in told


class Interrupted:
    """Stops a check with Ctrl-C in one part, after so many rows."""

    def __init__(self, part: str, rows: int) -> None:
        self.part, self.rows = part, rows

    def __call__(self, part: str, done: int, _total: int) -> None:
        """Progress."""
        if part == self.part and done >= self.rows:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("part", "rows", "resumed"), [
    ("entries", 1, 4_096), ("entries", 30_000, 32_768), ("published files", 256, ENTRIES),
])  # fmt: skip
def test_an_interrupted_check_goes_on(large: Path, part: str, rows: int, resumed: int) -> None:
    """It says how many were checked before; what was checked twice and in all adds up."""
    settings, clock = Settings(data=str(large)), SystemClock()
    with pytest.raises(KeyboardInterrupt):
        run_check(settings, clock, Interrupted(part, rows), restart=True)
    report = run_check(settings, clock, lambda *_: None)
    entries = report.parts[0]
    assert (entries.resumed, entries.rows) == (resumed, ENTRIES - resumed)
    assert sum(figure.count for figure in entries.figures) == (ENTRIES - resumed) * 2 + (
        (ENTRIES - resumed) // 256 + (ENTRIES - resumed) // BATCH
    )
    assert report.verdict == "clean"
    assert not (large / "check.state").exists()


def test_restart(large: Path) -> None:
    """Nothing of the interrupted check is believed."""
    settings, clock = Settings(data=str(large)), SystemClock()
    with pytest.raises(KeyboardInterrupt):
        run_check(settings, clock, Interrupted("entries", 9_000))
    report = run_check(settings, clock, lambda *_: None, restart=True)
    assert (report.parts[0].resumed, report.parts[0].rows) == (0, ENTRIES)


def test_what_changes_behind_an_interrupt_is_found(tmp_path: Path) -> None:
    """Entries appended since are checked; so is what was not reached; and keys in any case."""
    folder = tmp_path / "data"
    grow(folder, 9_216, 1_024)
    settings, clock = Settings(data=str(folder)), SystemClock()
    with pytest.raises(KeyboardInterrupt):
        run_check(settings, clock, Interrupted("entries", 5_000))
    grow(folder, 1_024, 1_024)
    with closing(apsw.Connection(str(folder / "ledger.db"))) as connection:
        connection.execute("INSERT INTO keys VALUES ('sly', 3)")
    report = run_check(settings, clock, lambda *_: None)
    assert report.parts[0].resumed == 8_192
    assert "The idempotency key 'sly' leads to 3" in report.parts[0].reason
    assert not (folder / "check.state").exists()


def test_ctrl_c_in_a_terminal(large: Path) -> None:
    """The process itself: one sentence, exit code 2, no traceback; the next one goes on."""
    state = large / "check.state"
    state.unlink(missing_ok=True)
    process = begin(large)
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=WAIT_SECONDS_MAX)
    assert process.returncode == 2, stdout + stderr
    assert stderr == "tallystick: interrupted; the next check goes on where this one was.\n"
    stdout, stderr = begin(large).communicate(timeout=WAIT_SECONDS_MAX)
    assert stderr == ""
    assert " that the check before had looked at" in stdout
    assert "clean: everything that is kept is what the entries say" in stdout


def begin(folder: Path) -> "subprocess.Popen[str]":
    """The command as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tallystick", "check"],
        env={"TALLYSTICK_DATA": str(folder)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.server
def test_beside_a_running_server(serve: Callable[..., Any], tmp_path: Path) -> None:
    """Orders are decided while it runs, again and again: always clean, whatever it meets."""
    server = serve(tmp_path / "data")
    order = {
        "account": server.account, "pair": "EUR/USD", "side": "buy", "quantity": "1000",
        "type": "market",
    }  # fmt: skip
    settings = Settings(data=str(server.folder))
    with server.client() as client:

        def trade(_part: str, _done: int, _total: int) -> None:
            for number in range(5):
                body = order | {"client_order_id": f"c-{time.monotonic_ns()}-{number}"}
                client.post("/v1/orders", json=body).raise_for_status()

        sizes = []
        for _ in range(8):
            report = run_check(settings, SystemClock(), trade)
            clean = all(each.verdict == "clean" for each in report.parts)
            assert clean, report
            sizes.append(report.size)
    assert sizes == sorted(set(sizes))
    assert server.stop() == 0
    assert server.said() == ""
    assert run(server.folder).exit_code == 0


def test_every_part_is_in_the_guide() -> None:
    """docs/guides/check.md says of each part what it compares."""
    guide = (Path(__file__).resolve().parents[3] / "docs/guides/check.md").read_text()
    for name in (
        "entries", "published files", "guard", "projections", "book", "double entry", "stream",
    ):  # fmt: skip
        assert f"| {name} |" in guide
    assert "| personal data |" in guide
    assert check_module.EXIT_CODES == {"clean": 0, "tampered": 1, "cannot_tell": 2}
