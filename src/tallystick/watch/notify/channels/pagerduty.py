"""PagerDuty, through its Events API v2.

Source: PagerDuty's openapi of Events API v2 (`POST /v2/enqueue`): `event_action` is trigger,
acknowledge or resolve; one `dedup_key` (255 characters at most) is one alert there, which later
events with the same key change. 202 is taken, 400 will never be, 429 and 5xx are tried again. An
event is cut as Prometheus's Alertmanager cuts it: a summary has 1,024 characters, and an event of
more than 512,000 bytes goes without its `custom_details`.
"""

import hashlib
from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.channels.writing.sentences import (
    Way,
    alert_ways,
    facts,
    happened,
    headline,
    one_line,
    proof,
    proofs,
    shown,
)
from tallystick.watch.notify.message import Message

URLS = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
"""By the service region of the account."""
ROUTING_KEY_CHARACTERS = 32
DEDUP_KEY_CHARACTERS_MAX = 255
SUMMARY_CHARACTERS_MAX = 1_024
EVENT_BYTES_MAX = 512_000
LINKS_MAX = 20


class PagerDutyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The integration's key; `url` where a proxy stands in between; what `source` says."""

    routing_key: Secret
    region: Literal["us", "eu"] = "us"
    url: str | None = None
    source: str = "tallystick"


class PagerDutyChannel:
    """One event a message; an incident is one alert there."""

    options: ClassVar[type[msgspec.Struct]] = PagerDutyOptions

    def __init__(self, routing_key: str, url: str, source: str, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the key or the URL cannot be used.
        """
        plain = routing_key.isascii() and routing_key.isalnum()
        if len(routing_key) != ROUTING_KEY_CHARACTERS or not plain:
            raise Misconfigured(
                f"A routing_key of PagerDuty has {ROUTING_KEY_CHARACTERS} letters and digits: it "
                "is the integration key of an Events API v2 integration."
            )
        self._routing_key = routing_key
        self._source = source
        self._poster = VendorPoster(url, clock, "PagerDuty", routing_key)

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `PagerDutyOptions`."""
        given = options_of(options, PagerDutyOptions)
        url = given.url or URLS[given.region]
        return cls(given.routing_key.read(secrets), url, given.source, clock)

    async def send(self, message: Message) -> str:
        """One event; its deduplication key."""
        answer = await self._poster.post(self._event(message), {"Content-Type": "application/json"})
        return _taken_as(answer) or dedup_key(message)

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()

    def _event(self, message: Message) -> bytes:
        event: dict[str, object] = {
            "routing_key": self._routing_key,
            "event_action": message.action,
            "dedup_key": dedup_key(message),
        }
        if message.action == "trigger":
            event |= _shown(message)
            event["payload"] = payload = self._payload(message)
            encoded = msgspec.json.encode(event)
            if len(encoded) <= EVENT_BYTES_MAX:
                return encoded
            del payload["custom_details"]
        return msgspec.json.encode(event)

    def _payload(self, message: Message) -> dict[str, object]:
        labels = message.labels
        of_alert = message.alerts[0].labels if message.alerts else {}
        where = labels.get("instance") or labels.get("host") or self._source
        payload: dict[str, object] = {
            "summary": headline(message, SUMMARY_CHARACTERS_MAX),
            "source": where,
            "severity": message.severity,
            "timestamp": rfc3339(message.opened_ns),
            "custom_details": _details(message),
        }
        for member, name in (("component", "service"), ("group", "team"), ("class", "alarm")):
            if value := labels.get(name) or of_alert.get(name):
                payload[member] = one_line(value, 255)
        return payload


def dedup_key(message: Message) -> str:
    """The incident's own key; a longer one than PagerDuty takes, hashed."""
    key = message.dedup_key
    return key if len(key) <= DEDUP_KEY_CHARACTERS_MAX else hashlib.sha256(key.encode()).hexdigest()


def _shown(message: Message) -> dict[str, object]:
    """The client, its URL and further links."""
    ways = list(shown(message))
    about: dict[str, object] = {"client": "Tallystick"}
    if ways:
        about["client_url"] = ways[0].url
    for alert in message.alerts:
        ways += [way for way in alert_ways(alert, message) if way not in ways]
    if ways:
        about["links"] = [_link(way) for way in ways[:LINKS_MAX]]
    return about


def _link(way: Way) -> dict[str, str]:
    return {"href": way.url, "text": way.text}


def _details(message: Message) -> dict[str, object]:
    """What PagerDuty shows as a table; no links that act: PagerDuty acts by itself."""
    details: dict[str, object] = {fact.name: fact.value for fact in facts(message)}
    details["What happened"] = happened(message)
    details["Incident"] = message.incident
    if lines := proofs(message):
        details["Proved"] = lines
    details["Alerts"] = [
        {
            "summary": alert.summary,
            "severity": alert.severity,
            "since": alert.starts_at,
            "labels": alert.labels,
            "details": alert.details,
            "proof": proof(alert),
        }
        for alert in message.alerts
    ]
    return details


def _taken_as(answer: bytes) -> str:
    try:
        return msgspec.json.decode(answer, type=_Taken).dedup_key
    except msgspec.DecodeError:
        return ""


class _Taken(msgspec.Struct, frozen=True):
    dedup_key: str = ""
