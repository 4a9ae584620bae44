"""From an alarm to an incident, with the real notifier: it opens, and is over when the alarm is."""

import asyncio
from pathlib import Path

import msgspec

from tallystick.clock import rfc3339
from tallystick.stream import Message
from tallystick.watch.alarms.alarm import Alarm, EventSource
from tallystick.watch.notify.config import every_target
from tallystick.watch.notify.incidents.book import IncidentFilter
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.notifier import Notifier

from .conftest import House

REJECTED = '{"detail": {"outcome": {"kind": ["rejected"]}}}'


class Asleep:
    """Delivers nothing: messages stay where they are."""

    def start(self) -> None:
        """Nothing begins."""

    def wake(self) -> None:
        """Nothing is due."""

    async def stop(self) -> None:
        """Nothing ends."""


def test_an_alarm_opens_an_incident_and_ends_it(house: House, tmp_path: Path) -> None:
    """The person is told of the order and its position; nobody has to resolve it by hand."""
    store = IncidentStore(tmp_path / "notify.db")
    notifier = Notifier(store, Asleep(), every_target({"pager": {"type": "terminal"}}), house.clock)
    house._take = notifier.raise_alert  # type: ignore[method-assign, assignment]
    often = Alarm("often", "Orders are rejected", severity="critical",
                  source=EventSource(REJECTED, ("$.account",)), statistic="count",
                  comparison=">=", threshold=2.0)  # fmt: skip

    async def scenario() -> None:
        runner = house.open(often)
        await runner.round()
        at = rfc3339(house.clock.now_ns())
        for position in (0, 1):
            order = {"id": f"O-{position}", "account": "acme"}
            body = {"at": at, "kind": "order_decided", "order": order,
                    "outcome": {"kind": "rejected"}}  # fmt: skip
            await runner.take([Message(position, msgspec.json.encode(body))])
        await runner.round()
        (incident,) = notifier.incidents(IncidentFilter(), 10)
        assert (incident.state, incident.severity) == ("open", "critical")
        due = store.next_due("pager", house.clock.now_ns())
        assert due is not None
        assert due.message.alerts[0].order_id == "O-1"
        assert due.message.alerts[0].position == 1
        await house.go(runner, 130)
        (incident,) = notifier.incidents(IncidentFilter(), 10)
        assert incident.state == "resolved"
        runner.close()

    asyncio.run(scenario())
    store.close()
