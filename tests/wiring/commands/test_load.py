"""`tallystick load` from a shell, against the whole product."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

pytestmark = pytest.mark.server

COMMAND = "from tallystick.wiring.commands.load import load; load()"
SOME_SECONDS_MAX = 60.0
"""Until the first answer of a load is there."""


class Server(Protocol):
    """What the fixture `serve` gives."""

    def kill(self) -> None:
        """End it at once."""


Done = subprocess.CompletedProcess[str]


def load(*options: str, data: Path | None = None, columns: int = 100) -> Done:
    """The command, run to its end."""
    env = {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}
    if data is not None:
        env["TALLYSTICK_DATA"] = str(data)
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *options],
        env=env | {"COLUMNS": str(columns)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_finds_its_server_and_says_what_it_found(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    """With a data folder alone: a closed run, its table, and every answer in a file."""
    serve(tmp_path / "data")
    keep = tmp_path / "kept.jsonl"
    done = load("--requests", "300", "--warm-up", "0", "--keep", str(keep), data=tmp_path / "data")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 in " in done.stdout
    assert "300 good" in done.stdout
    assert "p99.9" in done.stdout
    kept = [json.loads(line) for line in keep.read_text().splitlines()]
    assert [line["status"] for line in kept] == [201] * 300
    positions = {line["answer"]["receipt"]["position"] for line in kept}
    assert len(positions) == 300


def test_a_mixed_open_run_with_drops_executes_nothing_twice(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    """Connections are cut in the middle, requests sent again: the ledger holds each order once."""
    serve(tmp_path / "data")
    done = load(
        "--rate", "400", "--seconds", "2", "--warm-up", "0.5", "--drop", "0.1",
        "--retry-seconds", "30", "--mix", "market=60,limit=25,cancel=15", "--json",
        data=tmp_path / "data",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert facts["dropped"] > 20
    assert facts["retried"] >= facts["dropped"]
    assert (facts["missing"], facts["wrong"], facts["unsent"]) == (0, 0, 0)
    assert facts["check"]["orders"] > 500
    assert (facts["check"]["twice"], facts["check"]["lost"]) == (0, 0)
    assert facts["kinds"]["cancel"] > 20
    assert sum(facts["latency_us_counts"].values()) == facts["requests"]


def test_kill_9_and_a_restart_lose_nothing_and_do_nothing_twice(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    """The server is killed under load and started again: every request is answered in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    first = serve(tmp_path / "data", port=port)
    keep = tmp_path / "kept.jsonl"
    command = [
        sys.executable, "-c", COMMAND, "--rate", "300", "--seconds", "4", "--warm-up", "0",
        "--retry-seconds", "100", "--keep", str(keep), "--json",
    ]  # fmt: skip
    env = os.environ | {"TALLYSTICK_DATA": str(tmp_path / "data")}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + SOME_SECONDS_MAX
        while not keep.exists() or not keep.stat().st_size:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.kill()
        serve(tmp_path / "data", port=port)
        output, errors = running.communicate()

    assert running.returncode == 0, output + errors
    facts = json.loads(output)
    assert facts["retried"] >= 1
    assert (facts["missing"], facts["unsent"], facts["wrong"]) == (0, 0, 0)
    assert (facts["check"]["twice"], facts["check"]["lost"]) == (0, 0)
    assert facts["check"]["orders"] == facts["orders"]


def test_a_run_with_wrong_answers_fails(serve: Callable[..., Server], tmp_path: Path) -> None:
    """An account that is not there: exit code 1, and one of the answers to look at."""
    serve(tmp_path / "data")
    done = load("--requests", "10", "--warm-up", "0", "--account", "nobody", data=tmp_path / "data")

    assert done.returncode == 1
    assert "10 answers were wrong" in done.stderr
    assert "UNKNOWN_ACCOUNT" in done.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--url", "http://127.0.0.1:9", "--token", "t"], "Cannot connect"),
        (["--url", "http://127.0.0.1:9"], "Which token?"),
        ([], "No server has run on the data folder"),
        (["--url", "x", "--token", "t", "--mix", "market=many"], "not of the form"),
        (["--url", "x", "--token", "t", "--connections", "0"], "connections"),
    ],
    ids=["nobody", "no-token", "no-data", "bad-mix", "bad-limit"],
)
def test_what_cannot_run_says_why(options: list[str], sentence: str, tmp_path: Path) -> None:
    """One sentence and exit code 2."""
    done = load(*options, data=tmp_path)

    assert done.returncode == 2, done.stdout
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
