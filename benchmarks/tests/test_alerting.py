"""The benchmark of alerting measures what it says: real channels arrive, moments fit together."""

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import alert_probes
import alerting
from alert_probes import WAYS, Probe
from alert_receiver import Receiver, receiving
from moments import Moments, Raised
from tallystick.clock import SystemClock
from tallystick.watch.notify import CHANNELS, Alert
from tallystick.watch.notify.message import Message
from targets import HERE

MS = 1_000_000
ALERT = Alert(
    "x-1", "f", "critical", "Large.", "rules", "2026-11-22T04:08:16Z",
    labels={"rule": "large-trade", "account": "rule-000"}, position=5,
)  # fmt: skip


def tell(receiver: Receiver, alert: Alert) -> None:
    """By both channels of the benchmark, as the product would."""
    message = Message(
        "k", "d", "I-1", 1, "trigger", "opened", "critical", "Large.", 1, 1, alerts=(alert,)
    )
    options: dict[str, dict[str, object]] = {
        "webhook": {
            "url": f"http://127.0.0.1:{receiver.http_port}/alerts",
            "secret": {"env": alert_probes.SECRET_VARIABLE},
        },
        "email": {
            "host": "127.0.0.1", "port": receiver.smtp_port, "tls": "none",
            "sender": "tallystick@bench.example", "to": "desk@bench.example",
        },
    }  # fmt: skip

    async def send() -> None:
        for name, given in options.items():
            channel = CHANNELS[name].open(given, lambda _name: alert_probes.SECRET, SystemClock())
            await channel.send(message)
            await channel.close()

    asyncio.run(send())


def test_what_is_sent_arrives_and_is_known() -> None:
    """A webhook's request and a letter, found by incident, way and account."""
    with receiving() as receiver:
        tell(receiver, ALERT)
        [(at_ns, message)] = receiver.messages()
        letters = receiver.letters()
    assert alert_probes.way_of(message) == ("rule", "rule-000")
    assert letters["I-1"] > at_ns


def test_a_probe_s_time_is_told_step_by_step() -> None:
    """From the commit of its own entry; one that nobody was told of is missing."""
    with receiving() as receiver:
        tell(receiver, ALERT)
        [(wire_ns, _)] = receiver.messages()
        moments = Moments(
            [4, 6, 8],
            [wire_ns - 90 * MS, wire_ns - 60 * MS, wire_ns - 5 * MS],
            [Raised("x-1", "rules", 5, wire_ns - 20 * MS, wire_ns - 12 * MS)],
        )
        probes = [
            Probe("rule", "rule-000", wire_ns - 70 * MS, wire_ns - 50 * MS),
            Probe("alarm", "alarm-000", wire_ns - 70 * MS, wire_ns - 50 * MS),
        ]
        [told], missing = alert_probes.told(probes, receiver, moments)
    assert (told.waited, told.raised, told.sent, told.total) == (40.0, 8.0, 12.0, 60.0)
    assert told.letter is not None
    assert told.letter > told.total
    assert missing == ["alarm-000"]


def test_the_rate_is_that_of_the_ledger() -> None:
    """Entries between two moments, by the time between the commits."""
    moments = Moments([10, 20, 60], [1_000 * MS, 2_000 * MS, 3_000 * MS], [])
    assert moments.entries_per_second(0, 3_000 * MS) == 25.0
    assert moments.entries_per_second(2_500 * MS, 2_600 * MS) == 0.0
    assert moments.durable_ns(20) == 3_000 * MS


@pytest.mark.server
def test_every_way_leads_to_the_wire(tmp_path: Path) -> None:
    """One server, one probe of each way, while it takes what orders it can."""
    options = argparse.Namespace(per_second=20.0)
    found = alerting._told(tmp_path, options, {}, WAYS, 1, loaded=True)  # noqa: SLF001
    assert found["missing"] == []
    assert found["entries_per_second"] > 0
    for way in WAYS:
        stages = found["milliseconds"][way]
        assert set(stages) == set(alerting.STAGES), way


def test_the_command_shows_its_options() -> None:
    """`make bench-alerting ARGS=--help`."""
    done = subprocess.run(
        [sys.executable, str(HERE / "alerting.py"), "--help"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("--only", "--dry", "--probes", "--per-second"))
