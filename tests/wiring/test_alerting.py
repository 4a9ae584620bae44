"""What the wiring puts into a message just before it is sent, and what it refuses at a start."""

import asyncio
from pathlib import Path

import msgspec
import pytest
import structlog

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, Misconfigured
from tallystick.ledger import Receipt
from tallystick.watch.notify import Alert
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.proved import PROVED_MAX
from tallystick.wiring.alerting import Alerting
from tallystick.wiring.settings import Settings


def opened(tmp_path: Path, **settings: object) -> Alerting:
    """Alerting on a folder of its own; nothing runs."""
    (tmp_path / "data").mkdir(exist_ok=True)
    given = {"data": str(tmp_path / "data"), "public_url": "https://fx.example/"} | settings
    return Alerting(msgspec.convert(given, Settings), ManualClock())


def message(*positions: int | None, action: str = "trigger") -> Message:
    """A message about these entries."""
    alerts = tuple(
        Alert(
            f"a-{number}", "00", "error", "s", "alarms", "2026-11-22T04:00:00Z", position=position
        )
        for number, position in enumerate(positions)
    )
    return msgspec.convert(
        {
            "key": "0" * 64, "dedup_key": "k", "incident": "I-7", "number": 1, "action": action,
            "why": "opened", "severity": "error", "title": "t", "at_ns": 1, "opened_ns": 1,
            "alerts": alerts,
        },
        Message,
    )  # fmt: skip


def receipt_of(position: int) -> Receipt:
    """Every entry but one can be proved."""
    if position == 13:
        raise Corrupt("Its hash is another.")
    return Receipt(position, b"{}", "00", [], "")


def test_a_message_carries_the_receipts_of_its_entries(tmp_path: Path) -> None:
    """Each entry once, the newest alerts' first; what cannot be proved is left out and logged."""
    alerting = opened(tmp_path)
    finish = alerting._finish
    assert finish(message(5), "desk").proved == ()  # before the ledger is there
    alerting.receipt_of = receipt_of
    assert [each.position for each in finish(message(5, None, 5, 4), "desk").proved] == [5, 4]
    assert len(finish(message(*range(10)), "desk").proved) == PROVED_MAX
    assert finish(message(5, action="resolve"), "desk").proved == ()
    with structlog.testing.capture_logs() as lines:
        assert [each.position for each in finish(message(13, 2), "desk").proved] == [2]
    assert [line["event"] for line in lines] == ["notify.not_proved"]
    closed(alerting)


def test_a_link_knows_at_which_target_it_was_read(tmp_path: Path) -> None:
    """Who acknowledges by it is named in the timeline."""
    alerting = opened(tmp_path)
    ways = alerting._finish(message(), "ops-hook").ways
    assert ways.incident == "https://fx.example/#incident=I-7"
    assert alerting.links.read(ways.acknowledge.partition("?t=")[2]).by == "link:ops-hook"
    closed(alerting)


def test_a_refused_secret_is_named_by_its_setting(tmp_path: Path) -> None:
    """An operator reads which variable to mend."""
    with pytest.raises(Misconfigured, match=r"^TALLYSTICK_PAGERDUTY_WEBHOOK_SECRETS: ") as refused:
        opened(tmp_path, pagerduty_webhook_secrets="short")
    assert "short" not in str(refused.value).replace("shorter", "")


def closed(alerting: Alerting) -> None:
    """Let go of its files."""
    asyncio.run(alerting.stop())
