"""What the tests of the store share: lines with times, and places to seal into."""

import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from obstore.store import LocalStore

from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.watch.collect.store import Place, open_place
from tallystick.watch.collect.store.objects import ObjectJournal, ObjectShelf

PLACES = ("folder", "objects in a folder", "s3")
OpenPlace = Callable[[], Place]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of moto's server, an S3 that forgets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _await(f"http://127.0.0.1:{port}/moto-api/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a fresh bucket, as the setting names it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    name = f"logs-{uuid.uuid4().hex[:8]}"
    httpx.put(f"{s3_endpoint}/{name}").raise_for_status()
    return f"s3://{name}/here?endpoint={s3_endpoint}&region=us-east-1"


@pytest.fixture(params=PLACES)
def open_any_place(request: pytest.FixtureRequest, tmp_path: Path) -> OpenPlace:
    """Opens one place of each kind, again and again the same."""
    kind = request.param
    address = request.getfixturevalue("bucket") if kind == "s3" else ""

    def open_it() -> Place:
        if kind == "objects in a folder":
            store = LocalStore(tmp_path / "objects", mkdir=True)
            return Place(ObjectJournal(store), ObjectShelf(store))
        return open_place(address, tmp_path / "place")

    return open_it


def _await(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Poll until the server answers."""
    clock = SystemClock()
    deadline_ns = clock.monotonic_ns() + 60 * NS_PER_SECOND
    while clock.monotonic_ns() < deadline_ns and server.poll() is None:
        try:
            httpx.get(url)
        except httpx.TransportError:
            clock.pause(0.05)
        else:
            return
    pytest.fail("moto's server does not answer")
