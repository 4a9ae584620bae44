"""The words of a message, the same on every channel: its headline, what happened, the facts."""

from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.message import Message

_HOUR = 3_600
_DAY = 86_400
FACTS_MAX = 16
FACT_CHARACTERS_MAX = 300
RUNBOOK = "runbook"
"""The detail of an alert that says what to do."""
RUNBOOK_LINES_MAX = 40


class Fact(msgspec.Struct, frozen=True):
    """A name and what is known by it."""

    name: str
    value: str


class Way(msgspec.Struct, frozen=True):
    """A link: what it says and where it leads, always an absolute http(s) URL."""

    text: str
    url: str


def one_line(text: str, characters_max: int) -> str:
    """Printable, without line breaks, and cut with an ellipsis where it is longer."""
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return plain if len(plain) <= characters_max else plain[: characters_max - 1].rstrip() + "…"


def state_word(message: Message) -> str:
    """`CRITICAL`, `ACKNOWLEDGED`, `RESOLVED` or `TEST`: what to think of it at a glance."""
    if message.why in {"test", "heartbeat"}:
        return "TEST"
    if message.action == "trigger":
        return message.severity.upper()
    return {"acknowledge": "ACKNOWLEDGED", "resolve": "RESOLVED"}[message.action]


def headline(message: Message, characters_max: int = 300) -> str:
    """`CRITICAL I-12: what is wrong`, on one line; a test belongs to no incident."""
    incident = f" {message.incident}" if message.incident else ""
    return one_line(f"{state_word(message)}{incident}: {message.title}", characters_max)


def happened(message: Message) -> str:
    """What this message is for, in one sentence."""
    by = one_line(message.by, 80)
    age = lasted(message.at_ns - message.opened_ns)
    firing = counted(message.firing, "alert")
    plain = {
        "opened": f"It opened with {firing}.",
        "worsened": f"It got worse and is {message.severity} now.",
        "joined": f"More of the same: {firing} now.",
        "escalated": f"Nobody has acknowledged it for {age}.",
        "repeated": f"It is still open after {age}.",
        "reopened": "It fires again shortly after it was resolved.",
        "storm": "Many incidents open at once; this one speaks for them until it is calm again.",
        "test": "This is a test: nothing is wrong.",
        "heartbeat": "This is a probe of the chain of alerts: nothing is wrong.",
        "acknowledged": f"Acknowledged by {by}." if by else "Somebody has acknowledged it.",
        "unacknowledged": (
            f"{by} took the acknowledgement back." if by else "Its acknowledgement has run out."
        ),
        "resolved": (
            f"Resolved by {by} after {age}." if by else f"All of it has ended, after {age}."
        ),
    }
    return plain[message.why]


def facts(message: Message) -> tuple[Fact, ...]:
    """What a person asks first, then the labels that all alerts share."""
    age = lasted(message.at_ns - message.opened_ns)
    named = [
        Fact("Severity", message.severity),
        Fact("Since", f"{moment(message.opened_ns)} ({age})"),
    ]
    if message.incident and message.action != "resolve":
        named.append(Fact("Firing", counted(message.firing, "alert")))
    labels = {name: value for name, value in sorted(message.labels.items()) if name != "severity"}
    more = [("On call", message.recipient), *labels.items()]
    flat = (Fact(one_line(name, 80), one_line(value, FACT_CHARACTERS_MAX)) for name, value in more)
    return tuple([*named, *(fact for fact in flat if fact.name and fact.value)][:FACTS_MAX])


def said(alert: Alert, characters_max: int = 500) -> str:
    """Its sentence on one line; where it has none, who says it."""
    return one_line(alert.summary, characters_max) or one_line(alert.source, 80) or "alert"


def proof(alert: Alert) -> str:
    """`order O-12 · ledger position 12`: where the proof of this alert is; "" for none."""
    words = [f"order {alert.order_id}"] if alert.order_id else []
    words += [f"ledger position {alert.position}"] if alert.position is not None else []
    return " · ".join(words)


def proofs(message: Message) -> tuple[str, ...]:
    """What is proved, a line an entry: `O-12: demo buys ... (ledger position 12)`."""
    return tuple(
        f"{each.sentence or 'An entry of the ledger'} (ledger position {each.position})"
        for each in message.proved
    )


def told(alert: Alert) -> str:
    """The details on one line: `expected 12 · came 4,000`; the runbook is said by itself."""
    return one_line(
        " · ".join(
            f"{name.replace('_', ' ')} {_plain(value)}"
            for name, value in alert.details.items()
            if name != RUNBOOK
        ),
        FACT_CHARACTERS_MAX,
    )


def _plain(value: str | float) -> str:
    """A whole number without its `.0`."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def runbook(message: Message) -> tuple[str, ...]:
    """What to do, line by line: the runbook of the newest alert that has one, while it fires."""
    if message.action == "resolve":
        return ()
    books = (str(alert.details.get(RUNBOOK, "")) for alert in message.alerts)
    book = next((each for each in books if each.strip()), "")
    lines = [
        f"{' ' * (len(line) - len(line.lstrip(' ')))}{one_line(line, FACT_CHARACTERS_MAX)}"
        for line in book.strip().splitlines()
    ]
    return tuple(lines[:RUNBOOK_LINES_MAX])


def deeds(message: Message) -> tuple[Way, ...]:
    """The links that act, for whom it may concern now: none for what is over."""
    if message.action == "resolve" or message.why in {"test", "heartbeat"}:
        return ()
    ways = [] if message.action == "acknowledge" else [("Acknowledge", message.ways.acknowledge)]
    ways.append(("Resolve", message.ways.resolve))
    return tuple(Way(text, url) for text, url in ways if is_absolute(url))


def shown(message: Message) -> tuple[Way, ...]:
    """The link to the incident, where there is a public address."""
    url = message.ways.incident
    return (Way("Open the incident", url),) if is_absolute(url) else ()


def alert_ways(alert: Alert, message: Message) -> tuple[Way, ...]:
    """The links of an alert; paths become URLs of the place where the incident is shown."""
    base = message.ways.incident
    ways = (Way(one_line(text, 75), _joined(base, url)) for text, url in alert.links.items())
    return tuple(way for way in ways if way.text and is_absolute(way.url))


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def is_absolute(url: str) -> bool:
    """Whether it is an http(s) URL with a host, and nothing that could break out of a link."""
    if not url.isascii() or any(each in url for each in " <>\"'|\\^`{}") or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def moment(at_ns: int) -> str:
    """`2026-11-22 04:30:00 UTC`, to the second."""
    at = datetime.fromtimestamp(at_ns // NS_PER_SECOND, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def lived(alert: Alert, message: Message) -> str:
    """`critical since 2026-11-22 04:30:00 UTC, ended 04:41:00 UTC`."""
    try:
        since = moment(parse_rfc3339(alert.starts_at))
    except ValueError:
        since = one_line(alert.starts_at, 40)
    ended_ns = ended(alert, message)
    end = "" if ended_ns is None else f", ended {moment(ended_ns)}"
    return f"{alert.severity} since {since}{end}"


def ended(alert: Alert, message: Message) -> int | None:
    """When it ended, in nanoseconds; with the incident where nobody said; None: it fires."""
    if alert.ends_at:
        try:
            ended_ns = parse_rfc3339(alert.ends_at)
        except ValueError:
            ended_ns = message.at_ns
        if ended_ns <= message.at_ns:
            return ended_ns
    return message.at_ns if message.action == "resolve" else None


def lasted(ns: int) -> str:
    """`40 s`, `14 min`, `3 h 20 min`, `2 d 4 h`; cut, never rounded up."""
    seconds = max(0, ns // NS_PER_SECOND)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // 60} min"
    if seconds < _DAY:
        minutes = seconds % _HOUR // 60
        return f"{seconds // _HOUR} h" + (f" {minutes} min" if minutes else "")
    hours = seconds % _DAY // _HOUR
    return f"{seconds // _DAY} d" + (f" {hours} h" if hours else "")


def counted(number: int, noun: str) -> str:
    """`1 alert`, `3 alerts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
