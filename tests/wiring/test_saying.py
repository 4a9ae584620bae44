"""What event rules want to be known becomes alerts: each trouble one of its own."""

import asyncio
from pathlib import Path

import pytest

from tallystick.clock import ManualClock
from tallystick.execution.entries import TradingStateSet, encode
from tallystick.execution.entries.risk import Scope
from tallystick.stream import Message
from tallystick.stream.rules import Notification, read_rules
from tallystick.stream.rules.matching import Matching
from tallystick.stream.rules.targets import Parcel
from tallystick.stream.rules.targets.notification import NotificationTarget
from tallystick.stream.rules.targets.port import Surroundings
from tallystick.watch.notify import IncidentStore, Notifier, every_target
from tallystick.watch.notify.incidents.book import IncidentFilter
from tallystick.wiring.saying import alert_of_rule

STOPS: tuple[tuple[Scope, str | None], ...] = (
    ("all", None), ("desk", "fx"), ("account", "acme"), ("account", "demo"), ("pair", "EUR/USD"),
)  # fmt: skip
AT = "2026-11-22T04:08:16.000000Z"


class Nobody:
    """Delivers nothing."""

    def start(self) -> None:
        """Nothing."""

    def wake(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


def notified(position: int, scope: Scope, which: str | None) -> Notification:
    """What the shipped rule says of a stop of trading."""
    stop = TradingStateSet(AT, scope, which, "halted", "rita", "News.")
    rules = [rule for rule in read_rules(None) if rule.name == "kill-switch"]
    [found] = Matching(rules, "ledger", ManualClock()).entries([Message(position, encode(stop))])
    target = NotificationTarget({"severity": "critical"}, Surroundings(ManualClock(), None, None))  # type: ignore[arg-type]  # it asks neither
    return target.notification(
        Parcel(found.key, found.rule, found.target, found.event_id, found.body)
    )


@pytest.mark.parametrize(("scope", "which"), STOPS)
def test_a_stop_says_what_is_stopped(scope: Scope, which: str | None) -> None:
    """Its scope is a label, and the account, desk or pair is one of its name."""
    labels = {"rule": "kill-switch", "scope": scope} | ({} if which is None else {scope: which})
    alert = alert_of_rule(notified(7, scope, which))
    assert alert.labels == labels
    assert (alert.severity, alert.position, alert.source) == ("critical", 7, "rules")


def test_each_stop_is_told_at_once(tmp_path: Path) -> None:
    """Another account's stop is an incident of its own and not news of the first one's."""
    clock, store = ManualClock(), IncidentStore(tmp_path / "notify.db")
    notifier = Notifier(store, Nobody(), every_target({"desk": {"type": "terminal"}}), clock)
    for position, (scope, which) in enumerate([*STOPS, STOPS[2]]):
        notifier.raise_alert(alert_of_rule(notified(position, scope, which)))
    incidents = notifier.incidents(IncidentFilter(), 100)
    assert len(incidents) == len(STOPS)
    assert len(notifier.recent(100)) == len(STOPS) + 1
    for _ in incidents:  # each is due now, and nothing else is
        due = store.next_due("desk", clock.now_ns())
        assert due is not None
        store.settle(due, "delivered", clock.now_ns())
    assert store.next_due("desk", clock.now_ns()) is None
    asyncio.run(notifier.stop())
