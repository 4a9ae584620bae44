"""A real process: nothing acknowledged is lost, nothing is doubled, and its memory is bounded."""

import json
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tallystick.clock import SystemClock
from tallystick.limits import INGEST_BODY_BYTES_MAX, INGEST_BYTES_IN_FLIGHT_MAX
from tallystick.watch.collect.store import LogStore

HEADERS = {"Authorization": "Splunk hec-of-the-facts"}
ROUNDS, SENDERS, EVENTS = 2, 4, 40
SLOW = 100
MIB = 1_048_576


def stored(folder: Path) -> list[dict[str, Any]]:
    """All lines in the store of a process that is gone."""
    store = LogStore(folder / "data" / "logs", SystemClock())
    try:
        return [json.loads(line) for _, line in store.read(1, 100_000)]
    finally:
        store.close()


def body_of(sender: str, number: int) -> bytes:
    """Three events with ids of their own."""
    names = [f"{sender}-{number}-{n}" for n in range(3)]
    events = [{"event": name, "fields": {"event_id": name}} for name in names]
    return b"".join(json.dumps(event).encode() for event in events)


def test_after_a_kill_a_retry_doubles_nothing(
    start_door: Callable[[], Any], tmp_path: Path
) -> None:
    """Under load, again and again; senders repeat what was not answered, and all is there once."""
    acknowledged: Counter[str] = Counter()
    for round_ in range(ROUNDS):
        door = start_door()
        under_way = threading.Event()
        unanswered: list[bytes] = []

        def send(
            sender: int, door: Any = door, round_: int = round_,
            under_way: threading.Event = under_way, unanswered: list[bytes] = unanswered,
        ) -> None:  # fmt: skip
            with httpx.Client(headers=HEADERS, timeout=20) as client:
                for number in range(EVENTS):
                    body = body_of(f"{round_}.{sender}", number)
                    try:
                        response = client.post(f"{door.url}/services/collector", content=body)
                    except httpx.TransportError:
                        unanswered.append(body)
                        return
                    assert response.status_code == 200
                    acknowledged[f"{round_}.{sender}-{number}"] += 1
                    if number > EVENTS // 2:
                        under_way.set()

        with ThreadPoolExecutor(SENDERS) as senders:
            sending = [senders.submit(send, sender) for sender in range(SENDERS)]
            assert under_way.wait(30)
            door.kill()
            for each in sending:
                each.result(30)
        with start_door() as again, httpx.Client(headers=HEADERS, timeout=20) as client:
            for body in unanswered:
                response = client.post(f"{again.url}/services/collector", content=body)
                assert response.status_code == 200
                text = json.loads(body[: body.index(b"}}") + 2])["event"]
                acknowledged[text.rpartition("-")[0]] += 1
    found = Counter(line["body"] for line in stored(tmp_path))
    assert set(found.values()) == {1}
    assert set(found) == {f"{name}-{n}" for name in acknowledged for n in range(3)}


def test_slow_big_senders_do_not_fill_the_memory(start_door: Callable[[], Any]) -> None:
    """A hundred that announce as much as may be: some are read, the others told to come back.

    At once, before their bodies; and whoever is quick gets through afterwards.
    """
    with start_door() as door:
        host, port = door.url.removeprefix("http://").split(":")
        before_kib = door.memory_kib_max()
        head = (
            "POST /services/collector HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {HEADERS['Authorization']}\r\n"
            f"Content-Length: {INGEST_BODY_BYTES_MAX}\r\n\r\n"
        ).encode()
        slow = [socket.create_connection((host, int(port)), timeout=20) for _ in range(SLOW)]
        for connection in slow:
            connection.sendall(head)
        room = INGEST_BYTES_IN_FLIGHT_MAX // INGEST_BODY_BYTES_MAX
        refused = refused_of(slow, SLOW - room)
        with httpx.Client(headers=HEADERS, timeout=20) as client:
            response = client.post(f"{door.url}/services/collector", content=b'{"event":"a"}')
            assert (response.status_code, response.json()["code"]) == (429, 26)
            assert int(response.headers["retry-after"]) >= 1
        part = b'{"event":"' + b"x" * 50_000 + b'"}'
        for connection in set(slow) - set(refused):
            for _ in range(INGEST_BODY_BYTES_MAX // len(part) - 1):
                connection.sendall(part)
        grown_kib = door.memory_kib_max() - before_kib
        assert grown_kib < (INGEST_BYTES_IN_FLIGHT_MAX + 64 * MIB) // 1024
        for connection in slow:
            connection.close()
        assert quick(door.url)


def refused_of(connections: list[socket.socket], count: int) -> list[socket.socket]:
    """Those that are answered although their body is not there."""
    refused: list[socket.socket] = []
    while len(refused) < count:
        waiting = [each for each in connections if each not in refused]
        answered, _, _ = select.select(waiting, [], [], 20)
        assert answered, f"only {len(refused)} of {count} were refused"
        for each in answered:
            answer = each.recv(4_096)
            assert b" 429 " in answer, answer
            assert b"retry-after: 1" in answer.lower()
        refused += answered
    return refused


def quick(url: str) -> bool:
    """Whether an event is taken, as soon as the others are seen to be gone."""
    with httpx.Client(headers=HEADERS, timeout=20) as client:
        for _ in range(500):
            response = client.post(f"{url}/services/collector", content=b'{"event":"a"}')
            if response.status_code == 200:
                return True
            threading.Event().wait(0.02)
    return False
