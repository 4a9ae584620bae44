"""The servers that are measured: each a process of its own, started here and ended here."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import msgspec

import postgres
from ports import LOOPBACK, free_port

HERE = Path(__file__).resolve().parent
SERVER = HERE / "server.py"
START_SECONDS_MAX = 30.0
"""From starting a server to its first answer."""
STOP_SECONDS_MAX = 10.0
"""From asking a server to stop to killing it."""
SERVER_CORE, LOAD_CORE = 0, 1
"""Where `--pin` puts the server under test and the load."""

TargetName = Literal["ceiling", "durable", "naive"]


class TargetError(Exception):
    """A server that should be measured did not start; the message has its last words."""


class Target(msgspec.Struct, frozen=True):
    """A server that takes orders at `url` + `path`. Database: None where it is in the server."""

    name: TargetName
    url: str
    path: str
    token: str
    account: str
    pid: int
    database_pid: int | None = None


class _Facts(msgspec.Struct):
    """What the product writes to demo.json; the url stands in it once it listens."""

    url: str
    account: str
    token: str


@contextmanager
def product(folder: Path, *, pin: bool) -> Iterator[tuple[Target, Target]]:
    """The product with the ceiling in front, as two targets in one process."""
    data = folder / "product"
    data.mkdir()
    env = {"TALLYSTICK_PORT": str(free_port()), "TALLYSTICK_DATA": str(data)}
    log, demo = folder / "product.log", data / "demo.json"
    with _process([sys.executable, str(SERVER)], env, log, pin=pin) as process:
        _wait(process, log, lambda: demo.exists() and bool(_facts(demo).url))
        facts = _facts(demo)
        _wait(process, log, lambda: _answers(f"{facts.url}/readyz"))
        durable = Target(
            "durable", facts.url, "/v1/orders", facts.token, facts.account, process.pid
        )
        yield msgspec.structs.replace(durable, name="ceiling", path="/bench/parse"), durable


@contextmanager
def naive(folder: Path, *, pin: bool, workers: int = 1) -> Iterator[Target]:
    """The naive peer on a PostgreSQL of its own, with an empty database."""
    with (
        postgres.server_dsn(folder) as (server, database_pid),
        postgres.database(server) as dsn,
        naive_on(dsn, folder / "naive.log", pin=pin, workers=workers) as target,
    ):
        yield msgspec.structs.replace(target, database_pid=database_pid)


@contextmanager
def naive_on(dsn: str, log: Path, *, pin: bool = False, workers: int = 1) -> Iterator[Target]:
    """The naive peer on the database at `dsn`."""
    port, token = free_port(), secrets.token_urlsafe(24)
    command = [
        sys.executable, "-m", "uvicorn", "naive.app:app", f"--app-dir={HERE}",
        f"--host={LOOPBACK}", f"--port={port}", f"--workers={workers}",
        "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning",
    ]  # fmt: skip
    with _process(command, {"NAIVE_DSN": dsn, "NAIVE_TOKEN": token}, log, pin=pin) as process:
        url = f"http://{LOOPBACK}:{port}"
        _wait(process, log, lambda: _answers(f"{url}/healthz"))
        yield Target("naive", url, "/v1/orders", token, "demo", process.pid)


@contextmanager
def _process(
    command: list[str], env: dict[str, str], log: Path, *, pin: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """A running process whose output goes to `log`; ended by its id, gently and then not."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*pinned(SERVER_CORE, pin=pin), *command],
            env=os.environ | env, start_new_session=True, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pinned(core: int, *, pin: bool) -> list[str]:
    """The start of a command line that keeps the process on one core; empty without `pin`."""
    return ["taskset", "--cpu-list", str(core)] if pin else []


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-2_000:]
            raise TargetError(f"{process.args!r} did not start:\n{words}")
        time.sleep(0.05)


def _facts(demo: Path) -> _Facts:
    return msgspec.json.decode(demo.read_bytes(), type=_Facts)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).is_success
    except httpx.TransportError:
        return False
