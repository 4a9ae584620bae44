"""A Prometheus Alertmanager: `POST /api/v2/alerts`, as Prometheus itself would.

Source: Alertmanager's openapi v2, `postableAlerts`: labels say which alert it is, so sending it
again changes it, and nothing is there twice. What is not sent again counts as resolved at its
`endsAt`; Tallystick says when something has ended, so a firing alert is given a far one.
Alertmanager knows no acknowledgement, so that is not posted.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, rfc3339
from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.channels.writing.prometheus import alerts_of
from tallystick.watch.notify.message import Message

PATH = "/api/v2/alerts"
FIRING_SECONDS = 7 * 86_400
"""How long an alert fires there if its end can never be said."""


class AlertmanagerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Its address, as Prometheus's `alertmanagers` has it; a token for `Authorization: Bearer`."""

    url: str
    bearer_token: Secret | None = None


class AlertmanagerChannel:
    """The incident's alerts, each as an alert there."""

    options: ClassVar[type[msgspec.Struct]] = AlertmanagerOptions

    def __init__(self, url: str, token: str | None, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        if "?" in url or "#" in url:
            raise Misconfigured("url is the address of the Alertmanager, without the API's path.")
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        whole = url.rstrip("/").removesuffix(PATH) + PATH
        self._poster = VendorPoster(whole, clock, "an Alertmanager", token or "")

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `AlertmanagerOptions`."""
        given = options_of(options, AlertmanagerOptions)
        token = given.bearer_token.read(secrets) if given.bearer_token else None
        return cls(given.url, token, clock)

    async def send(self, message: Message) -> str:
        """Post once; nothing for an acknowledgement."""
        if message.action == "acknowledge":
            return ""
        until = rfc3339(message.at_ns + FIRING_SECONDS * NS_PER_SECOND)
        alerts = [
            {
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": alert.starts_at,
                "endsAt": alert.ends_at or until,
                "generatorURL": alert.generator,
            }
            for alert in alerts_of(message)
        ]
        await self._poster.post(msgspec.json.encode(alerts), self._headers)
        return ""

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()
