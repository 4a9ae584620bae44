"""Slack, through an incoming webhook.

Source: Slack's pages on incoming webhooks, Block Kit and rate limits: a header has 150 characters
of plain text, a section 3,000 of mrkdwn, a section's fields are at most ten of 2,000, a message has
50 blocks; `&`, `<` and `>` are escaped. 200 is taken; 429 comes with Retry-After; 4xx with a word
such as `invalid_payload` or `channel_is_archived` will not be taken later either.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.channels.writing.sentences import (
    Fact,
    Way,
    alert_ways,
    deeds,
    facts,
    happened,
    headline,
    moment,
    one_line,
    proof,
    said,
    shown,
    told,
)
from tallystick.watch.notify.message import Message

HEADER_CHARACTERS_MAX = 150
SECTION_CHARACTERS_MAX = 3_000
FIELDS_MAX = 10
URL_CHARACTERS_MAX = 1_000
"""Longer URLs are left out, so that a section never ends inside one."""
ALERTS_MAX = 5
"""As many alerts are listed at most; the rest is counted."""
FACT_CHARACTERS_MAX = 100
BLOCKS_BYTES_MAX = 12_000
"""Slack answers msg_blocks_too_long from about 13,000 on, below its documented limits."""
_MARKS = {
    "critical": ":red_circle:",
    "error": ":large_orange_circle:",
    "warning": ":large_yellow_circle:",
    "info": ":large_blue_circle:",
}

Block = dict[str, object]


class SlackOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The incoming webhook's URL: whoever has it can post, so it is a secret."""

    url: Secret


class SlackChannel:
    """One message in the channel that the webhook was made for."""

    options: ClassVar[type[msgspec.Struct]] = SlackOptions

    def __init__(self, url: str, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        self._poster = VendorPoster(url, clock, "Slack's webhook")

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `SlackOptions`."""
        return cls(options_of(options, SlackOptions).url.read(secrets), clock)

    async def send(self, message: Message) -> str:
        """Post once; an incoming webhook gives no id."""
        body = msgspec.json.encode(
            {
                "text": _escaped(headline(message)),
                "blocks": fitting(message),
                "unfurl_links": False,
                "unfurl_media": False,
            }
        )
        await self._poster.post(body, {"Content-Type": "application/json"})
        return ""

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()


def fitting(message: Message) -> list[Block]:
    """The blocks with as many alerts as Slack takes."""
    alerts = ALERTS_MAX
    made = blocks(message, alerts)
    while len(msgspec.json.encode(made)) > BLOCKS_BYTES_MAX and alerts:
        alerts -= 1
        made = blocks(message, alerts)
    return made


def blocks(message: Message, alerts: int = ALERTS_MAX) -> list[Block]:
    """Header, what happened, facts, alerts, and the links that act.

    The links are text, not buttons: Slack sends a button's press to an app, and marks the button
    with a warning where none answers.
    """
    made: list[Block] = [
        _header(message),
        _section(f"{_mark(message)} *{_escaped(happened(message))}*"),
        {"type": "section", "fields": [_field(fact) for fact in facts(message)[:FIELDS_MAX]]},
    ]
    if message.alerts:
        listed = [_alert(alert, message) for alert in message.alerts[:alerts]]
        if message.firing > len(listed):
            listed.append(f"… and {message.firing - len(listed):,} more")
        made += [{"type": "divider"}, *(_section(text) for text in listed)]
    if ways := [_link(way) for way in (*deeds(message), *shown(message)) if _fits(way)]:
        made.append(_section(" · ".join(ways)))
    made.append(_context(message))
    return made


def _header(message: Message) -> Block:
    text = headline(message, HEADER_CHARACTERS_MAX)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _field(fact: Fact) -> dict[str, object]:
    name, value = (one_line(text, FACT_CHARACTERS_MAX) for text in (fact.name, fact.value))
    text = f"*{_escaped(name)}*\n{_escaped(value)}"
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _alert(alert: Alert, message: Message) -> str:
    lines = [f"*{_escaped(said(alert, 400))}*"]
    lines += [_escaped(each) for each in (told(alert), proof(alert)) if each]
    ways = [way for way in alert_ways(alert, message)[:4] if _fits(way, 250)]
    if ways:
        lines.append(" · ".join(_link(way) for way in ways))
    while len("\n".join(lines)) > SECTION_CHARACTERS_MAX:
        lines.pop()
    return "\n".join(lines)


def _context(message: Message) -> Block:
    """Since when: Slack shows it in the reader's own time zone."""
    incident = f"{message.incident} · " if message.incident else ""
    when = f"<!date^{message.opened_ns // NS_PER_SECOND}^{{date_short_pretty}} {{time_secs}}"
    text = f"{incident}since {when}|{moment(message.opened_ns)}>"
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _mark(message: Message) -> str:
    if message.why == "test":
        return ":large_blue_circle:"
    if message.action == "trigger":
        return _MARKS[message.severity]
    return ":eyes:" if message.action == "acknowledge" else ":white_check_mark:"


def _fits(way: Way, characters_max: int = URL_CHARACTERS_MAX) -> bool:
    return len(way.url) <= characters_max


def _link(way: Way) -> str:
    return f"<{_escaped(way.url)}|{_escaped(way.text).replace('|', '¦')}>"


def _escaped(text: str) -> str:
    """Slack's three letters; and its formatting marks, which have no escape, made harmless."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.translate(_HARMLESS)


_HARMLESS = str.maketrans({"*": "\u2217", "`": "\u02bc", "~": "\u223c"})
"""Letters that look like them."""
