"""The notifier as its neighbours use it, and what kill -9 cannot take from it."""

import asyncio
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Refused
from tallystick.watch.notify import (
    Alert,
    Deduplicated,
    Deliver,
    Deliverer,
    Matcher,
    Notifier,
    Outbox,
    Policy,
    Silenced,
    WebhookChannel,
)
from tallystick.watch.notify.alert import idempotency_key

SECRET = b"a shared secret of enough bytes"
HOUR = 3_600 * 10**9

CHILD = """
import asyncio, random, sys
from pathlib import Path
from tallystick.clock import SystemClock
from tallystick.watch.notify import *

async def main(path, url, prefix):
    clock = SystemClock()
    outbox = Outbox(Path(path))
    webhook = WebhookChannel(url, b"a shared secret of enough bytes", clock)
    deliverer = Deliverer(outbox, {"webhook": webhook}, clock, random.Random(1))
    notifier = Notifier(outbox, deliverer, Policy(("webhook",)), clock)
    await notifier.start()
    for n in range(1_000_000):
        name = f"{prefix}-{n}"
        alert = Alert(name, name, "warning", "A sentence.", "test", "2026-11-22T04:30:00Z")
        await asyncio.to_thread(notifier.raise_alert, alert)
        print('raised', name, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def new_notifier(outbox: Outbox, clock: ManualClock | SystemClock) -> Notifier:
    """A notifier without channels."""
    chance = random.Random(1)  # noqa: S311  jitter
    return Notifier(outbox, Deliverer(outbox, {}, clock, chance), Policy(()), clock)


def test_alerts_are_delivered_deduplicated_and_silenced(
    outbox: Outbox, make_alert: Callable[..., Alert]
) -> None:
    """Each decision is a value that is stored with its alert."""
    clock = ManualClock()
    notifier = new_notifier(outbox, clock)
    assert notifier.raise_alert(make_alert("a", fingerprint="f")) == Deliver(())
    assert notifier.raise_alert(make_alert("b", fingerprint="f")) == Deduplicated("a")
    clock.advance(5 * 3_600)
    assert notifier.raise_alert(make_alert("c", fingerprint="f")) == Deliver(())
    now = clock.now_ns()
    silence = notifier.add_silence(
        (Matcher("account", "=", "demo"),), now, now + HOUR, "upgrade", "ops"
    )
    assert notifier.silences() == [silence]
    assert notifier.raise_alert(make_alert("d")) == Silenced(silence.id)
    notifier.end_silence(silence.id)
    assert notifier.raise_alert(make_alert("e")) == Deliver(())
    assert [record.alert.id for record in notifier.recent(3)] == ["e", "d", "c"]


def test_impossible_silences_are_refused(outbox: Outbox) -> None:
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


def test_it_stops_without_a_start_and_closes_the_outbox(outbox: Outbox) -> None:
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
    path = tmp_path / "outbox.db"
    url: str = receiver.url  # type: ignore[attr-defined]
    said: list[str] = []
    for n in range(6):
        said += killed_at_some_moment(path, url, f"round-{n}", chance)

    before_the_end = receiver.keys()  # type: ignore[attr-defined]

    async def drain() -> None:
        """Deliver what the killed processes left."""
        clock = SystemClock()
        outbox = Outbox(path)
        webhook = WebhookChannel(url, SECRET, clock)
        deliverer = Deliverer(outbox, {"webhook": webhook}, clock, chance)
        notifier = Notifier(outbox, deliverer, Policy(("webhook",)), clock)
        await notifier.start()
        await eventually(lambda: outbox.next_due_at("webhook") is None)
        await notifier.stop()

    asyncio.run(drain())
    arrived = set(receiver.keys())  # type: ignore[attr-defined]
    assert len(said) > 20
    assert before_the_end
    assert {idempotency_key(name, "webhook") for name in said} <= arrived
