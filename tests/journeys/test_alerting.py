"""Alerts under kill -9: two receivers that misbehave, a process that dies again and again.

Everything that the process said it had done is told to both receivers, once for whoever drops what
it knows by key, and in the order in which it happened to each incident.
"""

import asyncio
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR

import msgspec
import pytest

from tallystick.clock import SystemClock
from tallystick.watch.notify import Deliverer, IncidentStore, Notifier, WebhookChannel
from tallystick.watch.notify.config import Alerting, StormText

SECRET = b"a shared secret of enough bytes"
TARGETS = ("a", "b")
DEATHS = 4
TROUBLE = 0.04
"""Share of requests that meet with trouble."""
DRAIN_SECONDS_MAX = 240

CHILD = """
import asyncio, random, sys
from pathlib import Path
import msgspec
from tallystick.clock import SystemClock, rfc3339
from tallystick.watch.notify import *
from tallystick.watch.notify.config import Alerting, StormText

async def main(path, url, prefix):
    clock = SystemClock()
    store = IncidentStore(Path(path))
    secret = b"a shared secret of enough bytes"
    channels = {name: WebhookChannel(f"{url}/{name}", secret, clock) for name in "ab"}
    alerting = Alerting(targets={name: {"type": "webhook"} for name in "ab"},
                        storm=StormText(incidents=10_000))
    deliverer = Deliverer(store, channels, clock, random.Random(1))
    notifier = Notifier(store, deliverer, alerting, clock)
    await notifier.start()
    for n in range(1_000_000):
        name = f"{prefix}-{n}"
        alert = Alert(name, name, "critical", "A sentence.", "test", rfc3339(clock.now_ns()))
        await asyncio.to_thread(notifier.raise_alert, alert)
        [incident, *_] = await asyncio.to_thread(notifier.incidents, IncidentFilter(), 1)
        print("said", incident.id, 1, flush=True)
        await asyncio.to_thread(notifier.acknowledge, incident.id, "ann")
        print("said", incident.id, 2, flush=True)
        ended = msgspec.structs.replace(alert, ends_at=rfc3339(clock.now_ns()))
        await asyncio.to_thread(notifier.raise_alert, ended)
        print("said", incident.id, 3, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Told(msgspec.Struct):
    """What a receiver reads of a message."""

    key: str
    incident: str
    number: int


class Body(msgspec.Struct):
    """A webhook's body."""

    message: Told


@dataclass
class Receivers:
    """Both of them: what each took, by key, in order of the first arrival."""

    chance: random.Random
    url: str = ""
    took: dict[str, dict[str, Told]] = field(default_factory=lambda: {name: {} for name in TARGETS})
    lock: threading.Lock = field(default_factory=threading.Lock)
    troubles: int = 0

    def take(self, target: str, body: bytes) -> str:
        """Take it, or not: what the answer is."""
        with self.lock:
            draw = self.chance.random() / TROUBLE
            self.troubles += draw < 1
            if draw < 0.25:
                return "drop"
            if 0.25 <= draw < 0.5:
                return "429"
            if 0.5 <= draw < 0.75:
                return "500"
            told = msgspec.json.decode(body, type=Body).message
            self.took[target].setdefault(told.key, told)
            return "drop" if draw < 1 else "200"


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """A threaded HTTP server on a free port of loopback."""
    state = Receivers(random.Random(7))  # noqa: S311  no secret

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_POST(self) -> None:
            """Take it, then answer."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = state.take(self.path.strip("/"), body)
            if answer == "drop":
                self.connection.shutdown(SHUT_RDWR)
                return
            self.send_response(int(answer))
            if answer == "429":
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """Quiet about connections that end early."""

        def handle_error(self, *_: object) -> None:
            """A client that was killed is what this is about."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def killed(path: Path, url: str, prefix: str, chance: random.Random) -> set[tuple[str, int]]:
    """Run the child and kill it soon after some words: the (incident, transition) it said."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), url, prefix], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child:
        words_max = chance.randint(1, 25)
        lines: list[str] = []
        while sum(line.startswith("said") for line in lines) < words_max:
            lines.append(child.stdout.readline())
        timer = threading.Timer(chance.uniform(0, 0.02), child.send_signal, [signal.SIGKILL])
        timer.start()
        lines += child.stdout
        timer.join()
    assert child.returncode == -signal.SIGKILL
    # Its own log lines stand between; a last line that was cut off was not said.
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {(words[1], int(words[2])) for words in whole if words[0] == "said"}


async def drain(path: Path, url: str) -> None:
    """Deliver what the killed processes left."""
    clock = SystemClock()
    store = IncidentStore(path)
    channels = {name: WebhookChannel(f"{url}/{name}", SECRET, clock) for name in TARGETS}
    deliverer = Deliverer(store, channels, clock, random.Random(2))  # noqa: S311  jitter
    targets = {name: {"type": "webhook"} for name in TARGETS}
    alerting = Alerting(targets=targets, storm=StormText(incidents=10_000))
    notifier = Notifier(store, deliverer, alerting, clock)
    await notifier.start()
    async with asyncio.timeout(DRAIN_SECONDS_MAX):
        while any(store.next_due_at(name) is not None for name in TARGETS):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert notifier.dead(10) == []
    await notifier.stop()


def test_kill_9_loses_nothing_repeats_nothing_and_keeps_the_order(
    receivers: Receivers, tmp_path: Path
) -> None:
    """Four deaths, dropped connections before and after, 429 and 500 in between."""
    chance = random.Random(20_261_122)  # noqa: S311  moments of death
    path = tmp_path / "notify.db"
    said: set[tuple[str, int]] = set()
    for n in range(DEATHS):
        said |= killed(path, receivers.url, f"round-{n}", chance)
    asyncio.run(drain(path, receivers.url))

    assert len(said) > 20
    assert receivers.troubles > 1
    for took in receivers.took.values():
        told = [(each.incident, each.number) for each in took.values()]
        assert said <= set(told)
        assert len(told) == len(set(told)), "one transition under two keys is told twice"
        last: dict[str, int] = {}
        for incident, number in told:
            assert number > last.get(incident, 0), f"{incident} was told out of order"
            last[incident] = number
