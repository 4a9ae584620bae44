"""VictoriaLogs, a log store in one binary, as the peer that takes in the same events."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import httpx

import ports

BINARY = "TALLYSTICK_BENCH_VICTORIALOGS"
"""Names the binary where it is not on the PATH as `victoria-logs`."""
_START_SECONDS_MAX = 30
_STOP_SECONDS_MAX = 60
_FIELDS = "_time_field=timestamp&_msg_field=body&_stream_fields=service.name"


class PeerError(Exception):
    """The peer does not do its part."""


def binary() -> Path | None:
    """Where it is, if it is anywhere."""
    found = os.environ.get(BINARY) or shutil.which("victoria-logs")
    return Path(found) if found else None


def into_victorialogs(program: Path, folder: Path, blocks: list[list[bytes]]) -> float:
    """Seconds until all events are taken in over one connection, and flushed by a proper stop.

    It acknowledges before that: what it holds in memory is lost in a crash.

    Raises:
        PeerError: it does not start, or refuses.
    """
    port = ports.free_port()
    command = [program, f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}",
               "-retentionPeriod=100y", "-loggerLevel=ERROR"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                _await(client)
                bodies = [b"\n".join(block) for block in blocks]
                start = time.perf_counter()
                for body in bodies:
                    client.post(f"/insert/jsonline?{_FIELDS}", content=body).raise_for_status()
                server.terminate()
                server.wait(_STOP_SECONDS_MAX)
                return time.perf_counter() - start
        except httpx.HTTPError as error:
            raise PeerError(f"VictoriaLogs: {error}") from error
        finally:
            server.terminate()


def _await(client: httpx.Client) -> None:
    deadline = time.perf_counter() + _START_SECONDS_MAX
    while time.perf_counter() < deadline:
        try:
            client.get("/health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise PeerError("VictoriaLogs does not answer.")
