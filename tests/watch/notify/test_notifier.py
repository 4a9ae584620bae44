"""The notifier as its neighbours use it, and what kill -9 cannot take from it."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Refused
from tallystick.watch.notify import (
    Alert,
    Deduplicated,
    Deliver,
    Deliverer,
    IncidentStore,
    Matcher,
    Notifier,
    Silenced,
    WebhookChannel,
    every_target,
)

SECRET = b"a shared secret of enough bytes"
HOUR = 3_600 * 10**9
TARGETS = {"webhook": {"type": "webhook"}}

CHILD = """
import asyncio, random, sys
from pathlib import Path
from tallystick.clock import SystemClock
from tallystick.watch.notify import *
from tallystick.watch.notify.config import *

async def main(path, url, prefix):
    clock = SystemClock()
    store = IncidentStore(Path(path))
    webhook = WebhookChannel(url, b"a shared secret of enough bytes", clock)
    deliverer = Deliverer(store, {"webhook": webhook}, clock, random.Random(1))
    alerting = Alerting({"webhook": {"type": "webhook"}}, storm=StormText(10_000, 1))
    notifier = Notifier(store, deliverer, alerting, clock)
    await notifier.start()
    for n in range(1_000_000):
        name = f"{prefix}-{n}"
        alert = Alert(name, name, "warning", name, "test", "2026-11-22T04:30:00Z")
        await asyncio.to_thread(notifier.raise_alert, alert)
        print('raised', name, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def new_notifier(outbox: IncidentStore, clock: ManualClock | SystemClock) -> Notifier:
    """A notifier without channels."""
    chance = random.Random(1)  # noqa: S311  jitter
    return Notifier(outbox, Deliverer(outbox, {}, clock, chance), every_target({}), clock)


def title_of(body: bytes) -> str:
    """The incident and title in a webhook's body, whatever is around them."""
    text = json.dumps(json.loads(body))
    return text[text.index('"title"') : text.index('"title"') + 60]


def test_alerts_are_delivered_deduplicated_and_silenced(
    outbox: IncidentStore, make_alert: Callable[..., Alert]
) -> None:
    """Each decision is a value that is stored with its alert."""
    clock = ManualClock()
    notifier = new_notifier(outbox, clock)
    assert notifier.raise_alert(make_alert("a", fingerprint="f")) == Deliver(())
    assert notifier.raise_alert(make_alert("b", fingerprint="f")) == Deduplicated("a")
    clock.advance(5 * 3_600)
    assert notifier.raise_alert(make_alert("c", fingerprint="g")) == Deliver(())
    now = clock.now_ns()
    silence = notifier.add_silence(
        (Matcher("account", "=", "demo"),), now, now + HOUR, "upgrade", "ops"
    )
    assert notifier.silences() == [silence]
    assert notifier.raise_alert(make_alert("d")) == Silenced(silence.id)
    notifier.end_silence(silence.id)
    assert notifier.raise_alert(make_alert("e")) == Deliver(())
    assert [record.alert.id for record in notifier.recent(3)] == ["e", "d", "c"]


def test_impossible_silences_are_refused(outbox: IncidentStore) -> None:
    """With a code, and nothing is kept."""
    clock = ManualClock()
    notifier = new_notifier(outbox, clock)
    now = clock.now_ns()
    matcher = (Matcher("a", "=", "b"),)
    for matchers, start, end, code in (
        ((), now, now + HOUR, "SILENCE_EMPTY"),
        (matcher, now - 2 * HOUR, now - HOUR, "SILENCE_PERIOD"),
    ):
        with pytest.raises(Refused) as refused:
            notifier.add_silence(matchers, start, end, "why", "who")
        assert refused.value.code == code
    with pytest.raises(Refused) as refused:
        notifier.end_silence("S-1")
    assert refused.value.code == "UNKNOWN_SILENCE"
    assert notifier.silences() == []


def test_under_one_key_a_silence_is_made_once(
    outbox: IncidentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after it has ended, until as many others came as are kept; without a key each is new."""
    monkeypatch.setattr("tallystick.watch.notify.silences.SILENCES_MAX", 3)
    clock = ManualClock()
    notifier = new_notifier(outbox, clock)
    now = clock.now_ns()

    def add(key: str = "", request: str = "") -> str:
        """Its id."""
        matchers = (Matcher("a", "=", "b"),)
        return notifier.add_silence(
            matchers, now, now + HOUR, "why", "who", key=key, request=request
        ).id

    kept = add("write ann k", "d")
    assert add("write ann k", "e") == kept
    assert notifier.known_silence("write bob k") is None
    assert notifier.known_silence("") is None
    notifier.end_silence(kept)
    assert add("write ann k") == kept
    assert notifier.silences() == []
    for _ in range(4):
        notifier.end_silence(add())
    assert notifier.known_silence("write ann k") is None
    for _ in range(3):
        add()
    with pytest.raises(Refused) as refused:
        add()
    assert refused.value.code == "SILENCES_TOO_MANY"


def test_time_is_looked_after_while_it_runs(
    outbox: IncidentStore,
    make_alert: Callable[..., Alert],
    eventually: Callable[..., Awaitable[None]],
) -> None:
    """Between start and stop an alert ends by itself, though nobody calls anything."""
    clock = ManualClock()
    notifier = new_notifier(outbox, clock)

    async def main() -> None:
        """Run on one loop."""
        await notifier.start()
        ends = "2023-11-14T22:14:00Z"  # the manual clock starts forty seconds earlier
        await asyncio.to_thread(notifier.raise_alert, make_alert("a", ends_at=ends))
        await eventually(lambda: notifier.active(9) == [])
        assert clock.now_ns() >= 1_700_000_040 * 10**9
        await notifier.stop()

    asyncio.run(main())


def test_a_store_that_fails_for_a_while_is_borne(
    outbox: IncidentStore, eventually: Callable[..., Awaitable[None]]
) -> None:
    """It is said, and looked at again."""
    clock = ManualClock()
    notifier = new_notifier(outbox, clock)
    connection = outbox.file._connection

    async def main() -> None:
        """Run on one loop."""
        with outbox.file._lock:
            connection.execute("ALTER TABLE incidents RENAME TO away")
        notifier._looker.start()
        await eventually(lambda: "notify.look_failed" in {line["event"] for line in lines})
        with outbox.file._lock:
            connection.execute("ALTER TABLE away RENAME TO incidents")
        lines.clear()
        await notifier.stop()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(main())


def test_it_stops_without_a_start_and_closes_the_outbox(outbox: IncidentStore) -> None:
    """A process that fails half-way through its start can stop it all the same."""
    asyncio.run(new_notifier(outbox, SystemClock()).stop())


def killed_at_some_moment(path: Path, url: str, prefix: str, chance: random.Random) -> list[str]:
    """Run the child, kill it some time after its first alert, and give the ids it raised."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), url, prefix],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child:
        lines = [child.stdout.readline()]
        timer = threading.Timer(chance.uniform(0, 0.3), child.send_signal, [signal.SIGKILL])
        timer.start()
        lines += child.stdout
        timer.join()
    assert child.returncode == -signal.SIGKILL
    # Its own log lines stand between; a last line that was cut off was not said.
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [words[1] for words in whole if words[0] == "raised"]


def test_kill_9_loses_no_alert(
    receiver: object, tmp_path: Path, eventually: Callable[..., Awaitable[None]]
) -> None:
    """Killed six times while raising and delivering, every alert it said arrives in the end."""
    chance = random.Random(20_261_122)  # noqa: S311  moments of death
    path = tmp_path / "notify.db"
    url: str = receiver.url  # type: ignore[attr-defined]
    said: list[str] = []
    for n in range(6):
        said += killed_at_some_moment(path, url, f"round-{n}", chance)

    before_the_end = receiver.keys()  # type: ignore[attr-defined]

    async def drain() -> None:
        """Deliver what the killed processes left."""
        clock = SystemClock()
        store = IncidentStore(path)
        webhook = WebhookChannel(url, SECRET, clock)
        deliverer = Deliverer(store, {"webhook": webhook}, clock, chance)
        notifier = Notifier(store, deliverer, every_target(TARGETS), clock)
        await notifier.start()
        await eventually(lambda: store.next_due_at("webhook") is None)
        await notifier.stop()

    asyncio.run(drain())
    bodies: dict[str, bytes] = {}
    for headers, body in receiver.received:  # type: ignore[attr-defined]
        # A process that dies while it sends leaves a piece of the body.
        key = headers["Idempotency-Key"]
        bodies[key] = max(bodies.get(key, b""), body, key=len)
    everything = b"".join(bodies.values()).decode()
    assert len(said) > 20
    assert before_the_end
    assert [name for name in said if f'"id":"{name}"' not in everything] == []
    triggers = [body for body in bodies.values() if b'"why":"opened"' in body]
    assert len(triggers) == len({title_of(body) for body in triggers}), "none twice by its key"
