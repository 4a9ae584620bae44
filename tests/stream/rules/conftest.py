"""A ledger, rules of all kinds, and a receiver on loopback."""

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, rfc3339
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import Message
from tallystick.stream.rules import EventRules, Notification, Rule, read_rule

SECRET = b"a shared secret of enough bytes"
TURNS_MAX = 4_000
START_NS = 1_790_000_000 * NS_PER_SECOND


class PatientClock(ManualClock):
    """Whoever sleeps wakes when the test has moved the time, not before."""

    def __init__(self) -> None:
        super().__init__(START_NS)
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Until then."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        due_ns = self.now_ns() + round(seconds * NS_PER_SECOND)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((due_ns, future))
        await future

    def advance(self, seconds: float) -> None:
        """Move on, and wake whose time has come."""
        super().advance(seconds)
        waiting = []
        for due_ns, future in self._sleepers:
            if due_ns > self.now_ns():
                waiting.append((due_ns, future))
            elif not future.done():
                future.set_result(None)
        self._sleepers = waiting


class Stage:
    """The rules of a folder on a ledger in memory; `work` runs them."""

    def __init__(self, folder: Path, rules: Sequence[Rule], clock: ManualClock) -> None:
        self.folder = folder
        self.clock = clock
        self.ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
        self.told: list[Notification] = []
        self.open(rules)

    def open(self, rules: Sequence[Rule]) -> None:
        """Open the rules, again after a close."""
        self.rules = EventRules(
            self.folder / "rules.db",
            rules,
            self.ledger,
            self.clock,
            random.Random(7),  # noqa: S311  jitter
            notify=self.told.append,
            secret=SECRET,
            callback_url="https://tally.example",
        )

    async def grow(self, *entries: dict[str, Any]) -> None:
        """Append entries; each is stamped with the time."""
        bodies = [
            json.dumps(
                {"at": rfc3339(self.clock.now_ns()), **entry},
                sort_keys=True,
                separators=(",", ":"),
            ).encode()
            for entry in entries
        ]
        await self.ledger.append(self.ledger.size, [Sealable(body) for body in bodies])

    async def feed(self) -> None:
        """What the relay does."""
        start = self.rules.position
        rows = self.ledger.rows(start, 10_000) if start < self.ledger.size else []
        await self.rules.take([Message(start + n, row.entry) for n, row in enumerate(rows)])

    async def say(self, *entries: dict[str, Any]) -> None:
        """Append and feed."""
        await self.grow(*entries)
        await self.feed()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """With `run` under way; closed afterwards."""
        task = asyncio.create_task(self.rules.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.rules.close()

    async def until(self, question: Callable[[], Any], *, step: float = 0.0) -> Any:
        """Let others run until the answer is true, moving the time by `step` each turn."""
        for _ in range(TURNS_MAX):
            if answer := question():
                return answer
            if step:
                self.clock.advance(step)
            await asyncio.sleep(0.001)
        pytest.fail("it never became true")

    def queued(self, queue: str = "q") -> list[Any]:
        """The bodies in a queue; they stay there."""
        found = self.rules.queues.receive(queue, self.clock.now_ns(), 100, 0)
        return [msgspec.json.decode(each.body) for each in found]


@pytest.fixture
def make_rule() -> Callable[..., Rule]:
    """Rules of a few words: a pattern or schedule and its targets."""

    def make(name: str = "r", **members: Any) -> Rule:
        members.setdefault("targets", [{"id": "q", "type": "queue", "queue": "q"}])
        return read_rule(name, json.dumps(members).encode(), "json")

    return make


@pytest.fixture
def clock() -> PatientClock:
    """A clock that the test moves."""
    return PatientClock()


@pytest.fixture
def stage(tmp_path: Path, clock: PatientClock) -> Callable[..., Stage]:
    """Builds a stage with these rules."""
    return lambda *rules: Stage(tmp_path, rules, clock)


class Receiver(ThreadingHTTPServer):
    """Remembers what it was sent, and answers as it is told; 204 where it is not."""

    daemon_threads = True

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"

    def handle_error(self, *_: object) -> None:
        """A client that was killed is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take it."""
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it was killed
            return
        self.server.received.append((self.path, dict(self.headers), body))
        answers = self.server.answers
        status, headers, answer = answers.pop(0) if answers else (204, {}, b"")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server on a free port of loopback."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
