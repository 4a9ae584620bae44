"""Anomalies become alerts; alarms hear of them, and pages of alerts and incidents."""

from collections.abc import Callable

from tallystick.api.watching import alert_item
from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.watch.detect.found import Found
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.notify import Alert, Notifier, Severity, fingerprint
from tallystick.watch.notify.alert import EVENT_SECONDS
from tallystick.web import AlertRow, IncidentNews, LiveHub

CRITICAL_P_MAX = 1e-8
"""An anomaly this improbable wakes somebody; others wait for the morning."""
RECENT_ALERTS = 20
"""How many alerts are looked at for news of their delivery."""
SOURCE = "detect"


class AlertDesk:
    """Raises an alert for each anomaly and tells the pages; on the event loop's thread."""

    def __init__(self, notifier: Notifier, found: Found, hub: LiveHub) -> None:
        self._notifier = notifier
        self._found = found
        self._hub = hub
        self._states: dict[str, str] = {}
        self._changes = -1
        self._followers: list[Callable[[list[Anomaly]], None]] = []
        self.told_by_alarm: Callable[[str], bool] = lambda _detector: False
        """Whether an alarm tells of this detector's anomalies."""
        self.raised = 0

    def follow(self, follower: Callable[[list[Anomaly]], None]) -> None:
        """Call `follower` with anomalies that are on disk."""
        self._followers.append(follower)

    def on_anomalies(self, anomalies: list[Anomaly]) -> None:
        """What the detection process calls; durable when it returns, alerts before anomalies.

        What is told again raises the same alerts, which the outbox knows.
        """
        for anomaly in anomalies:
            if anomaly.held is None and not self.told_by_alarm(anomaly.detector):
                self._notifier.raise_alert(alert_of(anomaly))
        for anomaly in self._found.add(anomalies):
            self.raised += anomaly.held is None
            self._hub.publish("anomaly", anomaly, account=anomaly.account, scope="operate")
        for follower in self._followers:
            follower(anomalies)

    def say_news(self) -> None:
        """Tell the pages of alerts and incidents that have changed; called a few times a second."""
        changes = self._notifier.changes
        if changes == self._changes or not self._hub.listening:
            return
        self._changes = changes
        items = [alert_item(record) for record in self._notifier.recent(RECENT_ALERTS)]
        for item in reversed(items):
            if self._states.get(item.id) != item.state:
                row = AlertRow(item.id, item.severity, item.summary, item.at, item.state)
                self._hub.publish("alert", row, scope="operate")
        self._states = {item.id: item.state for item in items}
        self._hub.publish("incident", IncidentNews(changes), scope="operate")


def alert_of(anomaly: Anomaly) -> Alert:
    """The alert of an anomaly: the same anomaly always makes the same alert."""
    labels = {"detector": anomaly.detector}
    for name in ("account", "pair", "route"):
        value = getattr(anomaly, name)
        if value is not None:
            labels[name] = value
    severity: Severity = "critical" if anomaly.p_value <= CRITICAL_P_MAX else "warning"
    links = {} if anomaly.order_id is None else {"order": f"/v1/orders/{anomaly.order_id}"}
    return Alert(
        id=anomaly.id,
        fingerprint=fingerprint(labels),
        severity=severity,
        summary=anomaly.sentence,
        source=SOURCE,
        starts_at=anomaly.at,
        ends_at=rfc3339(parse_rfc3339(anomaly.at) + EVENT_SECONDS * NS_PER_SECOND),
        labels=labels,
        position=anomaly.position,
        order_id=anomaly.order_id,
        links=links,
        details={"expected": anomaly.expected, "came": anomaly.came, "p_value": anomaly.p_value},
    )
