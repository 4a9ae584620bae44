"""Anomalies as alerts: the same one always makes the same alert."""

import asyncio
import random
from pathlib import Path

import msgspec
import pytest

from tallystick.access import Principal
from tallystick.clock import ManualClock
from tallystick.watch.detect.found import Found
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.notify import (
    Deliverer,
    IncidentStore,
    Notifier,
    TerminalChannel,
    every_target,
)
from tallystick.web import LiveHub
from tallystick.wiring.alerts import CRITICAL_P_MAX, AlertDesk, alert_of

ANOMALY = Anomaly(
    id="order_size-12",
    detector="order_size",
    family="fraud",
    entity="demo EUR/USD",
    at="2026-11-22T04:08:16.000000Z",
    p_value=1e-5,
    expected="about 1,000",
    came="50,000",
    sentence="demo bought 50,000 EUR/USD.",
    contributions=(),
    account="demo",
    pair="EUR/USD",
    route=None,
    position=12,
    order_id="O-12",
)


def test_an_anomaly_says_all_it_knows() -> None:
    """Sentence, labels, position, order, link, and the figures behind it."""
    alert = alert_of(ANOMALY)

    assert (alert.id, alert.summary) == (ANOMALY.id, ANOMALY.sentence)
    assert (alert.position, alert.order_id) == (12, "O-12")
    assert alert.labels == {"detector": "order_size", "account": "demo", "pair": "EUR/USD"}
    assert alert.links == {"order": "/v1/orders/O-12"}
    assert alert.details == {"expected": "about 1,000", "came": "50,000", "p_value": 1e-5}
    assert alert_of(ANOMALY) == alert


def test_an_anomaly_of_a_route_has_no_order() -> None:
    """What is about calls links to no order."""
    alert = alert_of(
        msgspec.structs.replace(
            ANOMALY, account=None, pair=None, route="GET /x", position=None, order_id=None
        )
    )

    assert alert.labels == {"detector": "order_size", "route": "GET /x"}
    assert alert.links == {}


@pytest.mark.parametrize(
    ("p_value", "severity"),
    [(1e-4, "warning"), (CRITICAL_P_MAX, "critical"), (1e-15, "critical"), (2e-8, "warning")],
)
def test_the_improbable_wakes_somebody(p_value: float, severity: str) -> None:
    """Severity by how rare it is."""
    assert alert_of(msgspec.structs.replace(ANOMALY, p_value=p_value)).severity == severity


def test_the_same_trouble_has_one_fingerprint() -> None:
    """Another order of the same account and pair is the same trouble; another pair is not."""
    again = msgspec.structs.replace(ANOMALY, id="order_size:13", position=13, order_id="O-13")
    other = msgspec.structs.replace(again, pair="USD/JPY")

    assert alert_of(again).fingerprint == alert_of(ANOMALY).fingerprint
    assert alert_of(other).fingerprint != alert_of(ANOMALY).fingerprint


def test_pages_hear_of_the_anomaly_and_of_each_state_once(tmp_path: Path) -> None:
    """The anomaly at once; alert and incidents on news, and not again without."""

    async def run() -> list[bytes]:
        """What an operator's page is sent, at each look."""
        clock, hub = ManualClock(), LiveHub()
        outbox = IncidentStore(tmp_path / "notify.db")
        channels = {"terminal": TerminalChannel()}
        deliverer = Deliverer(outbox, channels, clock, random.Random(1))  # noqa: S311  jitter
        notifier = Notifier(
            outbox, deliverer, every_target({"terminal": {"type": "terminal"}}), clock
        )
        found = Found(tmp_path / "anomalies.db", clock)
        desk = AlertDesk(notifier, found, hub)
        operator = Principal("op", "ops", frozenset({"operate", "read"}))
        trader = Principal("tr", "demo", frozenset({"read"}))
        with hub.subscribe(operator) as seen, hub.subscribe(trader) as unseen:
            seen.take()
            unseen.take()
            desk.on_anomalies([ANOMALY])
            heard = [seen.take()]
            for _ in range(3):
                desk.say_news()
                heard.append(seen.take())
            assert unseen.take() == b""
        await notifier.stop()
        found.close()
        return heard

    first, news, *rest = asyncio.run(run())
    assert first.startswith(b"event: anomaly\n")
    assert b'"sentence":"demo bought 50,000 EUR/USD."' in first
    assert news.startswith(b"event: alert\n")
    assert b'"state":"pending"' in news
    assert b"event: incident\n" in news
    assert rest == [b"", b""]
