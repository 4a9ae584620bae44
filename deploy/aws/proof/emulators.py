"""Two local AWS endpoints as processes of their own.

Ministack and moto's server, on loopback only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60
STOP_SECONDS = 10
LOCAL = "127.0.0.1"
MINISTACK = {
    "BIND_HOST": LOCAL,
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "LOG_LEVEL": "WARNING",
    "MINISTACK_WORKER_THREADS": "8",
}
"""Its web port keeps to BIND_HOST, its MQTT and SFTP ports do not: they stay shut."""


class Clients(Protocol):
    """Makes clients of one emulator: `ministack("s3", "eu-central-1")`."""

    def __call__(self, service: str, region: str = "eu-west-1") -> Any:
        """Return a client of `service` in `region`."""


@dataclass(frozen=True)
class Emulator:
    """One running emulator; `reset` empties it."""

    name: str
    address: str
    reset_path: str

    def client(self, service: str, region: str = "eu-west-1") -> Any:
        """Return a boto3 client that talks to this emulator and to nothing else."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.address,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  emulators take any
            config=Config(
                retries={"max_attempts": 1},
                s3={"addressing_style": "path"},
                inject_host_prefix=False,
            ),
        )

    def reset(self) -> None:
        """Forget everything that was created."""
        request = urllib.request.Request(f"{self.address}{self.reset_path}", method="POST")  # noqa: S310  our own
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass


@contextlib.contextmanager
def ministack() -> Iterator[Emulator]:
    """Run ministack while the block runs."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("ministack"))]
    with _running(
        command,
        {**MINISTACK, "GATEWAY_PORT": str(port)},
        f"http://{LOCAL}:{port}",
        "/_ministack/health",
    ):
        yield Emulator("ministack", f"http://{LOCAL}:{port}", "/_ministack/reset")


@contextlib.contextmanager
def moto() -> Iterator[Emulator]:
    """Run moto's server while the block runs."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", LOCAL, "-p", str(port)]
    with _running(command, {}, f"http://{LOCAL}:{port}", "/moto-api/data.json"):
        yield Emulator("moto", f"http://{LOCAL}:{port}", "/moto-api/reset")


def _free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], more: dict[str, str], address: str, health: str) -> Iterator[None]:
    """Start a server, wait until it answers, and end it by its own process id."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        environment = {**os.environ, **more, "TMPDIR": folder}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603  our own command
        try:
            _wait(process, address + health, log.name)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], address: str, log: str) -> None:
    """Return when `address` answers.

    :raises RuntimeError: the server ended, or said nothing for a minute.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310  our own address
            return
        time.sleep(0.1)
    raise RuntimeError(f"{address} does not answer:\n{Path(log).read_text()[-2000:]}")
