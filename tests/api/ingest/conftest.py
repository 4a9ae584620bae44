"""The door for log lines alone, as a real server: in a thread, or as a process that can be killed.

`python conftest.py FOLDER` is such a process; it prints its facts as one line of JSON.
"""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import httpx
import pytest
import uvloop
from starlette.requests import ClientDisconnect
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tallystick.access import Tokens
from tallystick.api import hec, otlp
from tallystick.api import ingest as lines_api
from tallystick.api.operation import Operation, route
from tallystick.api.problems import known_error, problem_response
from tallystick.clock import SystemClock
from tallystick.errors import Refused
from tallystick.watch.collect.ingest import Ingest, IngestSettings
from tallystick.watch.collect.store import LogStore
from tallystick.wiring.http import listen, server_for

HEC_TOKEN = "hec-of-the-facts"
LINES_MAX = 10_000


def door_app(services: Any) -> ASGIApp:
    """What `api.app` does with these operations, without all the others."""
    operations: tuple[Operation, ...] = (
        *hec.OPERATIONS, *otlp.OPERATIONS, *lines_api.OPERATIONS,
    )  # fmt: skip
    routes = [route(operation, services) for operation in operations]
    router = Router([*routes, *hec.UNKNOWN_ROUTES], redirect_slashes=False)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await router(scope, receive, send)
        except ClientDisconnect:
            return
        except Refused as error:
            await problem_response(known_error(error))(scope, receive, send)

    return app


class Door:
    """A store, its ingest, tokens, and a server before them, in a thread of its own."""

    def __init__(self, folder: Path, settings: IngestSettings | None = None, port: int = 0) -> None:
        clock = SystemClock()
        folder.mkdir(exist_ok=True)
        self.tokens = Tokens(folder / "tokens.json")
        self.store = LogStore(folder / "logs", clock)
        self.ingest = Ingest(self.store, clock, settings=settings)
        self.ingest.recall()
        services = SimpleNamespace(
            clock=clock, tokens=self.tokens, ingest=self.ingest, hec_token=HEC_TOKEN,
            ledger_public=False, ledger_tiles_public=False,
        )  # fmt: skip
        listener = listen("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = server_for(door_app(services), "127.0.0.1", port)
        serving = self._server.serve(sockets=[listener])
        self._thread = threading.Thread(target=uvloop.run, args=(serving,))
        self._thread.start()
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def send(
        self, path: str, body: bytes | str, token: str | None = HEC_TOKEN, **headers: str
    ) -> httpx.Response:
        """Post to the collector; a header's underscores are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named.setdefault("Authorization", f"Splunk {token}")
        return self.http.post(f"/services/collector{path}", content=body, headers=named)

    def lines(self) -> list[dict[str, Any]]:
        """All that is stored, in the order of arrival."""
        return [json.loads(line) for _, line in self.store.read(1, LINES_MAX)]

    def bodies(self) -> list[Any]:
        """The `body` of each line."""
        return [line.get("body") for line in self.lines()]

    def close(self) -> None:
        """End the server, then what is behind it."""
        self.http.close()
        self._server.should_exit = True
        self._thread.join(20)
        if not self.ingest.closed:
            self.ingest.close()
        self.store.close()


@pytest.fixture
def open_door(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    """Opens the door of this test's folder; again after it was closed."""
    opened: list[Door] = []

    def open_it(**settings: Any) -> Door:
        door = Door(tmp_path / "data", IngestSettings(**settings))
        opened.append(door)
        return door

    yield open_it
    for door in opened:
        if door._thread.is_alive():
            door.close()


@pytest.fixture
def door(open_door: Callable[..., Door]) -> Door:
    """The door with the usual settings."""
    return open_door()


@pytest.fixture(scope="module")
def quiet_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door for all tests of a module that store nothing; at the end nothing is stored."""
    door = Door(tmp_path_factory.mktemp("quiet") / "data")
    yield door
    assert door.lines() == []
    door.close()


class DoorProcess:
    """The door as a process of its own, on a folder that outlives it."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        facts = json.loads(self._process.stdout.readline())
        self.url: str = facts["url"]
        self.pid = self._process.pid

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._end()

    def stop(self) -> None:
        """It ends when its input does."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._end()

    def _end(self) -> None:
        self._process.wait(20)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def memory_kib_max(self) -> int:
        """The most memory that it had at once."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()


@pytest.fixture
def start_door(tmp_path: Path) -> Callable[[], DoorProcess]:
    """Starts the door of this test's folder as a process."""
    return lambda: DoorProcess(tmp_path / "data")


@pytest.fixture
def zipped() -> Callable[[str | bytes], bytes]:
    """The same gzip of the same text at any time."""
    return lambda text: gzip.compress(text.encode() if isinstance(text, str) else text, mtime=0)


def _main() -> None:
    door = Door(Path(sys.argv[1]))
    print(json.dumps({"url": door.url}), flush=True)  # noqa: T201  the facts for who started it
    sys.stdin.read()
    door.close()


if __name__ == "__main__":
    _main()
