"""Microsoft Teams, through a Workflows webhook that posts an Adaptive Card.

Source: Microsoft's pages on "Post to a channel when a webhook request is received" and on Adaptive
Cards 1.4: the body is a message whose attachment is the card; it has at most 28 KB; Markdown is
read in TextBlock and FactSet. The URL carries its own signature, so it is a secret. 202 is taken.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from tallystick.clock import Clock
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.channels.writing.sentences import (
    alert_ways,
    deeds,
    facts,
    happened,
    headline,
    proof,
    said,
    shown,
    told,
)
from tallystick.watch.notify.message import Message

BODY_BYTES_MAX = 28_000
ALERTS_MAX = 10
TITLE_CHARACTERS_MAX = 300
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_STYLES = {"critical": "attention", "error": "attention", "warning": "warning", "info": "accent"}
_MARKDOWN = re.compile(r"([\\`*\[\]]|(?<!\w)_|_(?!\w))")

Element = dict[str, object]


class TeamsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The workflow's URL: whoever has it can post, so it is a secret."""

    url: Secret


class TeamsChannel:
    """One card in the channel or chat that the workflow posts to."""

    options: ClassVar[type[msgspec.Struct]] = TeamsOptions

    def __init__(self, url: str, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        self._poster = VendorPoster(url, clock, "Teams's workflow")

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `TeamsOptions`."""
        return cls(options_of(options, TeamsOptions).url.read(secrets), clock)

    async def send(self, message: Message) -> str:
        """Post once; with fewer alerts where they would be too many bytes. It gives no id."""
        alerts = min(ALERTS_MAX, len(message.alerts))
        body = posted(message, alerts)
        while len(body) > BODY_BYTES_MAX and alerts:
            alerts -= 1
            body = posted(message, alerts)
        await self._poster.post(body, {"Content-Type": "application/json"})
        return ""

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()


def posted(message: Message, alerts: int) -> bytes:
    """The body that the workflow takes, with so many of the alerts."""
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card(message, alerts),
    }
    return msgspec.json.encode({"type": "message", "attachments": [attachment]})


def card(message: Message, alerts: int) -> Element:
    """An Adaptive Card 1.4: a coloured head, facts, alerts, and the links as buttons."""
    listed = [_alert(alert, message) for alert in message.alerts[:alerts]]
    if message.firing > len(listed) > 0:
        listed.append(_text(f"… and {message.firing - len(listed):,} more", isSubtle=True))
    ways = (*deeds(message), *shown(message))
    made: Element = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        # What a notification and a screen reader say.
        "fallbackText": headline(message),
        "body": [_head(message), _facts(message), *listed],
        "msteams": {"width": "full"},
    }
    if ways:
        made["actions"] = [
            {"type": "Action.OpenUrl", "title": way.text, "url": way.url} for way in ways
        ]
    return made


def _head(message: Message) -> Element:
    style = _STYLES[message.severity] if message.action == "trigger" else "good"
    return {
        "type": "Container",
        "style": style,
        "bleed": True,
        "items": [
            _text(headline(message, TITLE_CHARACTERS_MAX), size="Large", weight="Bolder"),
            _text(happened(message)),
        ],
    }


def _facts(message: Message) -> Element:
    return {
        "type": "FactSet",
        "facts": [
            {"title": _plain(each.name), "value": _plain(each.value)} for each in facts(message)
        ],
    }


def _alert(alert: Alert, message: Message) -> Element:
    items = [_text(said(alert, 400), weight="Bolder")]
    items += [
        _text(each, isSubtle=True, spacing="None") for each in (told(alert), proof(alert)) if each
    ]
    links = " · ".join(f"[{_plain(way.text)}]({way.url})" for way in alert_ways(alert, message)[:4])
    if links:
        items.append({"type": "TextBlock", "text": links, "wrap": True, "spacing": "None"})
    return {"type": "Container", "separator": True, "items": items}


def _text(text: str, **looks: object) -> Element:
    return {"type": "TextBlock", "text": _plain(text), "wrap": True, **looks}


def _plain(text: str) -> str:
    """Markdown's marks escaped: a name is shown as it is and never becomes a link."""
    return _MARKDOWN.sub(r"\\\1", text)
