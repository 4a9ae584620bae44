"""Whatever takes Prometheus Alertmanager's webhook: its receivers, unchanged.

Source: Prometheus's page on `webhook_config` and Alertmanager's notify package (version "4"): one
group of alerts, `firing` as long as one of them is, with `endsAt` the zero time until it has ended.
Alertmanager knows no acknowledgement, so that is not posted.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from tallystick.clock import Clock
from tallystick.watch.notify.channel import Secret, Secrets, options_of, text_of
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.channels.writing.prometheus import PrometheusAlert, alerts_of, shared
from tallystick.watch.notify.channels.writing.sentences import is_absolute
from tallystick.watch.notify.message import Message

_REASONS = {
    "joined": "new alerts added",
    "repeated": "repeat interval elapsed",
    "resolved": "all alerts resolved",
}
"""Alertmanager's words; any other message is the first that this receiver hears in a while."""


class AlertmanagerWebhookOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to; the `receiver` that the body names; a token for `Authorization: Bearer`."""

    url: str | Secret
    receiver: str = "tallystick"
    bearer_token: Secret | None = None


class AlertmanagerWebhookChannel:
    """One group a message."""

    options: ClassVar[type[msgspec.Struct]] = AlertmanagerWebhookOptions

    def __init__(self, url: str, receiver: str, token: str | None, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        self._receiver = receiver
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._poster = VendorPoster(url, clock, "an Alertmanager webhook", token or "")

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `AlertmanagerWebhookOptions`."""
        given = options_of(options, AlertmanagerWebhookOptions)
        token = given.bearer_token.read(secrets) if given.bearer_token else None
        return cls(text_of(given.url, secrets), given.receiver, token, clock)

    async def send(self, message: Message) -> str:
        """Post once; nothing for an acknowledgement."""
        if message.action != "acknowledge":
            await self._poster.post(msgspec.json.encode(self._group(message)), self._headers)
        return ""

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()

    def _group(self, message: Message) -> dict[str, object]:
        alerts = alerts_of(message)
        ours = message.ways.incident
        return {
            "version": "4",
            "groupKey": message.dedup_key,
            "truncatedAlerts": max(0, message.firing - len(alerts)),
            "status": "resolved" if message.action == "resolve" else "firing",
            "receiver": self._receiver,
            "groupLabels": message.labels,
            "commonLabels": shared([alert.labels for alert in alerts]),
            "commonAnnotations": shared([alert.annotations for alert in alerts]),
            "externalURL": ours if is_absolute(ours) else "",
            "notification_reason": _REASONS.get(message.why, "first notification"),
            "alerts": [_webhook_form(alert) for alert in alerts],
        }


def _webhook_form(alert: PrometheusAlert) -> dict[str, object]:
    return {
        "status": "resolved" if alert.ends_at else "firing",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at or "0001-01-01T00:00:00Z",
        "generatorURL": alert.generator,
        "fingerprint": alert.fingerprint,
    }
