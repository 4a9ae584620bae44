"""The servers that are measured: each a process of its own, started here and ended here."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import msgspec

import postgres
from ports import LOOPBACK, free_port
from tallystick.wiring.facts import NAME, facts_of

HERE = Path(__file__).resolve().parent
SERVER = HERE / "server.py"
START_SECONDS_MAX = 900.0
"""From starting a server to its first answer: the first start on a large ledger folds all of it."""
STOP_SECONDS_MAX = 900.0
"""From asking a server to stop to killing it: it keeps a snapshot of all of it."""
LOOK_SECONDS = 0.01
"""Between two looks at whether a server is up."""
SERVER_CORE, LOAD_CORE = 0, 1
"""Where `--pin` puts the server under test and the load."""

Peer = Literal["naive", "tuned"]


class TargetError(Exception):
    """A server that should be measured did not start; the message has its last words."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and how orders are put on it.

    `path` is asked instead of that of the orders, and its answers are not read. `database_pid`:
    None where the database is in the server, or not ours.
    """

    name: str
    url: str
    token: str
    account: str
    pid: int
    database_pid: int | None = None
    path: str | None = None
    batch: int = 1
    accounts: int = 1
    connections: int | None = None
    started_seconds: float = 0.0


@contextmanager
def product(
    name: str,
    data: Path,
    *,
    pin: bool = False,
    environment: Mapping[str, str] = {},
    database_pid: int | None = None,
) -> Iterator[Target]:
    """The product on this data folder (which is made), with the handlers of server.py in front."""
    data.mkdir(exist_ok=True)
    (data / NAME).unlink(missing_ok=True)  # so that what is read is this start's
    log = data.with_name(f"{data.name}.log")
    env = {
        "TALLYSTICK_PORT": str(free_port()), "TALLYSTICK_DATA": str(data),
        "TALLYSTICK_ALERTS_TERMINAL": "false", **environment,
    }  # fmt: skip
    begin = time.monotonic()
    with _process([sys.executable, str(SERVER)], env, log, pin=pin) as process:
        url = f"http://{LOOPBACK}:{env['TALLYSTICK_PORT']}"
        _wait(process, log, lambda: _answers(f"{url}/readyz"))
        took = time.monotonic() - begin
        facts = facts_of(data)
        assert facts is not None, "a server that is ready has said its facts"
        yield Target(
            name=name,
            url=url,
            token=facts.token,
            account=facts.account,
            pid=process.pid,
            database_pid=database_pid,
            started_seconds=took,
        )


@contextmanager
def peer(name: Peer, folder: Path, *, pin: bool = False, workers: int = 1) -> Iterator[Target]:
    """A peer on a PostgreSQL of its own, with an empty database."""
    with (
        postgres.server_dsn(folder) as (server, database_pid),
        postgres.database(server) as dsn,
        peer_on(name, dsn, folder / f"{name}.log", pin=pin, workers=workers) as target,
    ):
        yield msgspec.structs.replace(target, database_pid=database_pid)


@contextmanager
def peer_on(
    name: Peer, dsn: str, log: Path, *, pin: bool = False, workers: int = 1
) -> Iterator[Target]:
    """A peer on the database at `dsn`."""
    port, token = free_port(), secrets.token_urlsafe(24)
    command = [
        sys.executable, "-m", "uvicorn", f"{name}.app:app", f"--app-dir={HERE}",
        f"--host={LOOPBACK}", f"--port={port}", f"--workers={workers}",
        "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning",
    ]  # fmt: skip
    env = {f"{name.upper()}_DSN": dsn, f"{name.upper()}_TOKEN": token}
    with _process(command, env, log, pin=pin) as process:
        url = f"http://{LOOPBACK}:{port}"
        _wait(process, log, lambda: _answers(f"{url}/healthz"))
        yield Target(name=name, url=url, token=token, account="demo", pid=process.pid)


@contextmanager
def _process(
    command: list[str], env: Mapping[str, str], log: Path, *, pin: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """A running process whose output goes to `log`; ended by its id, gently and then not."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*pinned(SERVER_CORE, pin=pin), *command],
            env={**os.environ, **env}, start_new_session=True, stdout=output,
            stderr=subprocess.STDOUT,
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
        time.sleep(LOOK_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).is_success
    except httpx.TransportError:
        return False
