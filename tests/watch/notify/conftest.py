"""A real receiver on loopback that misbehaves as told, and alerts to send to it."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR

import pytest

from tallystick.watch.notify import Alert, IncidentStore


@dataclass(frozen=True)
class Answer:
    """What the receiver does with one request: a status, or `drop` or `hang`."""

    status: int = 200
    retry_after: str | None = None
    drop: bool = False
    hang: bool = False


@dataclass
class Receiver:
    """Everything it got, and what it will answer; 200 when nothing is left to answer."""

    url: str = ""
    answers: deque[Answer] = field(default_factory=deque)
    received: list[tuple[Headers, bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def keys(self) -> list[str]:
        """The idempotency keys in order of arrival."""
        return [headers["Idempotency-Key"] for headers, _ in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A threaded HTTP server on a free port of loopback."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_POST(self) -> None:
            """Note the request, then answer as told."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.received.append((self.headers, body))
            answer = state.answers.popleft() if state.answers else Answer()
            if answer.hang:
                state.released.wait(60)
            if answer.drop or answer.hang:
                self.connection.shutdown(SHUT_RDWR)
                return
            self.send_response(answer.status)
            if answer.retry_after is not None:
                self.send_header("Retry-After", answer.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """Quiet about connections that end early."""

        def handle_error(self, *_: object) -> None:
            """A client that was killed or gave up is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/alerts?token=do-not-log"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def make_alert() -> Callable[..., Alert]:
    """Builds an alert: `make_alert("a-1", severity="critical")`."""

    def alert(alert_id: str, **members: object) -> Alert:
        settled: dict[str, object] = {
            "fingerprint": alert_id,
            "severity": "warning",
            "summary": "demo bought 250,000,000 EUR/USD.",
            "source": "detect",
            "starts_at": "2026-11-22T04:30:00.000000Z",
            "labels": {"detector": "order_size", "account": "demo"},
            "position": 12,
            "order_id": "O-12",
            "links": {"order": "/v1/orders/O-12"},
        }
        return Alert(id=alert_id, **settled | members)  # type: ignore[arg-type]

    return alert


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[IncidentStore]:
    """A store in a fresh file."""
    store = IncidentStore(tmp_path / "notify.db")
    yield store
    store.close()


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits until a condition holds; fails after a deadline."""

    async def wait(condition: Callable[[], bool]) -> None:
        """Poll until it holds."""
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110  any condition, also of threads and files
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def answer() -> type[Answer]:
    """Builds what the receiver does: `answer(503)`, `answer(hang=True)`."""
    return Answer
