"""A message's alerts in Prometheus's form, for those who speak Alertmanager's formats."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from tallystick.clock import parse_rfc3339, rfc3339
from tallystick.watch.notify.alert import Alert, fingerprint
from tallystick.watch.notify.channels.writing.sentences import alert_ways, ended, is_absolute, proof
from tallystick.watch.notify.message import Message

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


class PrometheusAlert(msgspec.Struct, frozen=True):
    """One alert; `ends_at` is None while it fires. All times are RFC 3339."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str | None
    generator: str
    fingerprint: str


def alerts_of(message: Message) -> list[PrometheusAlert]:
    """Those of the message; where it names none, one that stands for the incident."""
    if not message.alerts:
        return [_of_incident(message)]
    return [_of_alert(alert, message) for alert in message.alerts]


def shared(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The names that have the same value in all of them."""
    first, *rest = sets
    return {name: value for name, value in first.items() if all(s.get(name) == value for s in rest)}


def _of_alert(alert: Alert, message: Message) -> PrometheusAlert:
    annotations = {"summary": alert.summary} | _told(message)
    annotations |= {_name(name): str(value) for name, value in alert.details.items()}
    if where := proof(alert):
        annotations["proof"] = where
    ways = alert_ways(alert, message)
    ended_ns = ended(alert, message)
    labels = _labels(alert.labels, alert.source, alert.severity)
    return PrometheusAlert(
        labels=labels,
        annotations=annotations,
        starts_at=_stamp(alert.starts_at, message.opened_ns),
        ends_at=None if ended_ns is None else rfc3339(ended_ns),
        generator=alert.generator or (ways[0].url if ways else message.ways.incident),
        fingerprint=fingerprint(labels),
    )


def _of_incident(message: Message) -> PrometheusAlert:
    labels = _labels(message.labels, "tallystick", message.severity)
    return PrometheusAlert(
        labels=labels,
        annotations={"summary": message.title} | _told(message),
        starts_at=rfc3339(message.opened_ns),
        ends_at=rfc3339(message.at_ns) if message.action == "resolve" else None,
        generator=message.ways.incident,
        fingerprint=fingerprint(labels),
    )


def _labels(labels: Mapping[str, str], source: str, severity: str) -> dict[str, str]:
    """With the names that Prometheus allows, no empty values, an `alertname` and a `severity`."""
    named = {_name(name): value for name, value in labels.items() if value}
    called = named.get("alarm") or named.get("detector") or source
    return {"alertname": called, "severity": severity} | named


def _told(message: Message) -> dict[str, str]:
    told = {"incident": message.incident} if message.incident else {}
    if is_absolute(message.ways.incident):
        told["incident_url"] = message.ways.incident
    return told


def _stamp(text: str, otherwise_ns: int) -> str:
    try:
        return rfc3339(parse_rfc3339(text))
    except ValueError:
        return rfc3339(otherwise_ns)


def _name(name: str) -> str:
    """A label's name as Prometheus allows it."""
    plain = _NOT_IN_A_NAME.sub("_", name) or "_"
    return f"_{plain}" if plain[0].isdigit() else plain
