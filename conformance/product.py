"""Tallystick as processes: a server that takes raw entries, and a witness."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from toolchain import StepError

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
PUBLISH_SECONDS_MAX = 30.0


class Facts(msgspec.Struct, frozen=True):
    """What `demo.json` says of a running server."""

    url: str
    token: str
    account: str
    vkey: str

    @property
    def log(self) -> str:
        """The root of its tlog-tiles."""
        return f"{self.url}/ledger/"


class WitnessFacts(msgspec.Struct, frozen=True):
    """What a witness says of itself when it starts."""

    name: str
    vkey: str
    url: str


PUBLIC = {"TALLYSTICK_LEDGER_READ": "public", "TALLYSTICK_LEDGER_ADD": "true"}
"""For strangers that read everything, and for hammer, which writes."""
PRIVATE = {"TALLYSTICK_LEDGER_READ": "token", "TALLYSTICK_LEDGER_TILES_READ": "token"}
"""For those who hold a token."""


@contextmanager
def server(folder: Path, rights: dict[str, str], ledger: str | None = None) -> Iterator[Facts]:
    """`tallystick serve` on a free port; on a new data folder, or again on the one of before.

    Raises:
        StepError: it does not start, or does not end cleanly.
    """
    settings = {
        "TALLYSTICK_DATA": str(folder / "data"),
        "TALLYSTICK_PORT": "0",
        "TALLYSTICK_ALERTS_TERMINAL": "false",
        **({"TALLYSTICK_LEDGER": ledger} if ledger else {}),
        **rights,
    }
    with _tallystick(["serve"], settings, folder / "server.log") as (process, output):
        _wait_for(process, output, "API reference")
        facts = msgspec.json.decode((folder / "data" / "demo.json").read_bytes(), type=Facts)
        yield facts


@contextmanager
def witness(folder: Path, log_vkey: str) -> Iterator[WitnessFacts]:
    """`tallystick witness` for one log, on a free port.

    Raises:
        StepError: it does not start, or does not end cleanly.
    """
    arguments = [
        "witness", "--name", "tallystick.local/conformance-witness", "--log", log_vkey,
        "--data", str(folder / "witness"), "--port", "0", "--json",
    ]  # fmt: skip
    with _tallystick(arguments, {}, folder / "witness.log") as (process, output):
        line = _wait_for(process, output, '"vkey"')
        yield msgspec.json.decode(line, type=WitnessFacts)


def auditors_token(folder: Path) -> str:
    """A new token that may read all entries and nothing else, issued beside the running server.

    Raises:
        StepError: the command fails.
    """
    command = ["token", "issue", "--name", "auditor", "--scope", "audit"]
    return _command(command, {"TALLYSTICK_DATA": str(folder / "data")}).strip()


def published_size(facts: Facts) -> int:
    """The size of the published checkpoint, 0 before there is one."""
    answer = httpx.get(f"{facts.log}checkpoint", timeout=10)
    return int(answer.text.split("\n")[1]) if answer.status_code == 200 else 0


def await_published(facts: Facts, size: int) -> int:
    """Wait until at least `size` entries are published; how many are.

    Raises:
        StepError: they are not, in time.
    """
    deadline = time.monotonic() + PUBLISH_SECONDS_MAX
    while (now := published_size(facts)) < size:
        if time.monotonic() > deadline:
            raise StepError(f"Only {now} of {size} entries were published.")
        time.sleep(0.1)
    return now


def place_orders(facts: Facts, count: int) -> int:
    """Place orders, so that trades stand among the raw entries; the position of the last."""
    headers = {"Authorization": f"Bearer {facts.token}"}
    position = 0
    with httpx.Client(base_url=facts.url, headers=headers, timeout=30) as client:
        for number in range(count):
            order = {
                "client_order_id": f"conformance-{time.time_ns()}-{number}",
                "account": facts.account, "pair": "EUR/USD", "side": "buy", "quantity": "1000",
                "type": "market", "time_in_force": "FOK",
            }  # fmt: skip
            answer = client.post("/v1/orders", json=order)
            if answer.status_code != 201:
                raise StepError(f"An order was answered with {answer.status_code}: {answer.text}")
            position = answer.json()["receipt"]["position"]
    return position


def verify(facts: Facts) -> dict[str, object]:
    """What our own verifier says of the same server.

    Raises:
        StepError: it does not call the ledger clean.
    """
    report: dict[str, object] = json.loads(
        _command(["verify", facts.url, "--vkey", facts.vkey, "--json"], {})
    )
    return report


def _command(arguments: list[str], settings: dict[str, str]) -> str:
    """What the command line prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tallystick", *arguments],
        cwd=ROOT, env=_environment(settings), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = f"{done.stdout[-1_000:]}{done.stderr[-1_000:]}"
        raise StepError(f"tallystick {arguments[0]} ended with {done.returncode}: {said}")
    return done.stdout


@contextmanager
def _tallystick(
    arguments: list[str], settings: dict[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A running process whose words go to `log`; ended by its id, and held to a clean end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tallystick", *arguments],
            cwd=ROOT, env=_environment(settings), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process, log
        process.send_signal(signal.SIGTERM)
        status = process.wait(STOP_SECONDS_MAX)
    finally:
        process.kill()
        process.wait()
    if status != 0:
        raise StepError(f"{arguments[0]} ended with {status}:\n{_last_words(log)}")


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return kept | {"PYTHONUNBUFFERED": "1"} | settings


def _wait_for(process: subprocess.Popen[bytes], log: Path, word: str) -> str:
    """The line that has this word in it, as soon as the process says it."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        for line in log.read_text(errors="replace").splitlines():
            if word in line:
                return line
        if process.poll() is not None or time.monotonic() > deadline:
            raise StepError(f"It did not start:\n{_last_words(log)}")
        time.sleep(0.05)


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2_000:]
