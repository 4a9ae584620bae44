"""Nobody is told twice of one thing: an alarm that counts it speaks in the place of its source."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.stream.rules import Notification, read_rules
from tallystick.watch.alarms.alarm import Alarm, DetectorSource, EventSource
from tallystick.watch.alarms.alarms import Known as Kept
from tallystick.watch.alarms.files import shipped
from tallystick.watch.detect.found import Found
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.notify import Deliverer, IncidentStore, Notifier, every_target
from tallystick.web import LiveHub
from tallystick.wiring.alarming import Alarming
from tallystick.wiring.alerts import AlertDesk
from tallystick.wiring.saying import Saying

AT = "2026-11-22T04:08:16.000000Z"
STALE = Anomaly(
    id="stale_prices-1", detector="stale_prices", family="operations", entity="EUR/USD", at=AT,
    p_value=1e-9, expected="a price a second", came="none for 40 s",
    sentence="EUR/USD has not moved for 40 s.", contributions=(), account=None, pair="EUR/USD",
    route=None, position=None, order_id=None,
)  # fmt: skip
MARGIN_CALL = Notification(
    id="n-1", rule="margin-call", severity="error", summary="Margin call: acme.", at=AT,
    account="acme", order_id=None, position=7, details={},
)  # fmt: skip


class Known:
    """The alarms as the wiring asks for them."""

    def __init__(self, *alarms: Alarm) -> None:
        self._alarms = alarms

    def list(self) -> list[Kept]:
        """Each with what is asked of it."""
        return [Kept(each, "shipped") for each in self._alarms]


def alarming(*alarms: Alarm) -> Alarming:
    """The two questions over these alarms, without the loops."""
    made = Alarming.__new__(Alarming)
    made.alarms = Known(*alarms)  # type: ignore[assignment]  # as far as it is asked
    return made


def quiet(notifier: Notifier) -> Saying:
    """What hands a rule's notification on, without the stream."""
    made = Saying.__new__(Saying)
    made._notifier = notifier
    made.told_by_alarm = lambda _rule: False
    return made


@asynccontextmanager
async def notifying(tmp_path: Path) -> AsyncIterator[Notifier]:
    """A notifier on a file of its own; nothing is delivered."""
    clock, store = ManualClock(), IncidentStore(tmp_path / "notify.db")
    deliverer = Deliverer(store, {}, clock, random.Random(1))  # noqa: S311  jitter
    notifier = Notifier(store, deliverer, every_target({"desk": {"type": "terminal"}}), clock)
    yield notifier
    await notifier.stop()


def told(tmp_path: Path, do: Callable[[Notifier], None]) -> list[str]:
    """The summaries of what was raised."""

    async def run() -> list[str]:
        async with notifying(tmp_path) as notifier:
            do(notifier)
            return [each.alert.summary for each in notifier.recent(10)]

    return asyncio.run(run())


BY_EVENTS = Alarm(
    "margin-call", "Margin.", source=EventSource("{}"), statistic="count", threshold=1.0
)
BY_DETECTOR = Alarm(
    "any-name", "Stale.", source=DetectorSource("stale_prices"), statistic="count", threshold=1.0
)


@pytest.mark.parametrize(
    ("alarms", "tells"),
    [
        ((), True),
        ((BY_EVENTS,), False),
        ((msgspec.structs.replace(BY_EVENTS, enabled=False),), True),
        ((msgspec.structs.replace(BY_EVENTS, name="another"),), True),
        ((msgspec.structs.replace(BY_EVENTS, threshold=3.0),), True),
        ((msgspec.structs.replace(BY_DETECTOR, name="margin-call"),), True),
    ],
    ids=["none", "its-alarm", "switched-off", "another", "of-several", "of-a-detector"],
)
def test_a_rule_is_told_once(tmp_path: Path, alarms: tuple[Alarm, ...], *, tells: bool) -> None:
    """An enabled alarm over events of the rule's name tells it, and the rule does not."""

    def do(notifier: Notifier) -> None:
        saying = quiet(notifier)
        saying.told_by_alarm = alarming(*alarms).tells_rule
        saying._notify(MARGIN_CALL)

    assert told(tmp_path, do) == (["Margin call: acme."] if tells else [])


@pytest.mark.parametrize(
    ("alarms", "tells"),
    [
        ((), True),
        ((BY_DETECTOR,), False),
        ((msgspec.structs.replace(BY_DETECTOR, enabled=False),), True),
        ((msgspec.structs.replace(BY_DETECTOR, source=DetectorSource("order_size")),), True),
        ((msgspec.structs.replace(BY_DETECTOR, source=DetectorSource("", "operations")),), True),
        ((msgspec.structs.replace(BY_DETECTOR, threshold=2.0),), True),
        ((msgspec.structs.replace(BY_DETECTOR, comparison=">"),), True),
        ((msgspec.structs.replace(BY_DETECTOR, comparison=">", threshold=0.0),), False),
        ((msgspec.structs.replace(BY_DETECTOR, periods=3, datapoints=2),), True),
    ],
    ids=[
        "none",
        "its-alarm",
        "switched-off",
        "another",
        "of-a-family",
        "of-several",
        "above-one",
        "above-none",
        "of-two-periods",
    ],
)
def test_an_anomaly_is_told_once(tmp_path: Path, alarms: tuple[Alarm, ...], *, tells: bool) -> None:
    """An enabled alarm over its detector tells it; pages and alarms hear of it all the same."""
    heard: list[Anomaly] = []

    def do(notifier: Notifier) -> None:
        found = Found(tmp_path / "anomalies.db", ManualClock())
        desk = AlertDesk(notifier, found, LiveHub())
        desk.follow(heard.extend)
        desk.told_by_alarm = alarming(*alarms).tells_detector
        desk.on_anomalies([STALE])
        assert [each.id for each in found.recent(10)] == [STALE.id]
        found.close()

    assert told(tmp_path, do) == ([STALE.sentence] if tells else [])
    assert heard == [STALE]


def test_what_is_shipped_tells_nothing_twice() -> None:
    """Every shipped rule that tells people has no shipped alarm, or one that takes its place."""
    told_by = alarming(*shipped())
    rules = {rule.name for rule in read_rules(None)}
    assert {name for name in rules if told_by.tells_rule(name)} == {
        "ledger-check-failed",
        "margin-call",
    }
    assert told_by.tells_detector("stale_prices")
    assert not told_by.tells_detector("order_size")
