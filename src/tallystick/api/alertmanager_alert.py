"""An alert as Prometheus posts it, and what it is to us.

Source: Alertmanager 0.27, `api/v2/openapi.yaml`, `postableAlert`. Where that says too little its
behaviour is kept: an alert without an end is over after `RESOLVE_SECONDS` unless it is sent again,
and the zero time of Go's clients is none.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.watch.notify.alert import Alert, Severity, fingerprint

RESOLVE_SECONDS = 300
"""Alertmanager's resolve_timeout."""
SOURCE = "alertmanager"
SUMMARY_CHARACTERS_MAX = 1_000
SEVERITY_WORDS: dict[str, Severity] = {
    "critical": "critical", "page": "critical", "fatal": "critical", "emergency": "critical",
    "alert": "critical", "p1": "critical", "error": "error", "high": "error", "major": "error",
    "p2": "error", "warning": "warning", "warn": "warning", "medium": "warning",
    "minor": "warning", "p3": "warning", "info": "info", "informational": "info", "low": "info",
    "notice": "info", "none": "info", "debug": "info", "p4": "info", "p5": "info",
}  # fmt: skip
"""What people write into the label `severity`; anything else is a warning."""
_SUMMARIES = ("summary", "title", "message", "description")
_LINKS = ("runbook_url", "dashboard_url", "runbook", "dashboard")
_URL = re.compile(r"https?://\S+")
_NS_MAX = 2**62


class PostableAlert(msgspec.Struct, frozen=True, rename="camel"):
    """An alert as Prometheus sends it; its labels say which one it is."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: str = ""
    ends_at: str = ""
    generator_url: str = msgspec.field(default="", name="generatorURL")


def alert_of(posted: PostableAlert, now_ns: int) -> Alert:
    """A posted alert as ours: sent again, it is the same one.

    Raises:
        Refused: `ALERT_INVALID`, a sentence says why.
    """
    labels = {name: value for name, value in posted.labels.items() if value}
    if not labels:
        raise Refused("ALERT_INVALID", "An alert has at least one label that is not empty.")
    if "" in labels:
        raise Refused("ALERT_INVALID", "A label has no name.")
    posted_ns = moment_of("startsAt", posted.starts_at)
    ends_ns = moment_of("endsAt", posted.ends_at)
    starts_ns = now_ns if ends_ns is None else min(ends_ns, now_ns)
    if posted_ns is not None:
        starts_ns = posted_ns
    if ends_ns is None:
        ends_ns = now_ns + RESOLVE_SECONDS * NS_PER_SECOND
    if ends_ns < starts_ns:
        raise Refused("ALERT_INVALID", "The alert ends before it starts.")
    about = fingerprint(labels)
    return Alert(
        id=_id(about, posted_ns, ends_ns if ends_ns <= now_ns else None),
        fingerprint=about,
        severity=SEVERITY_WORDS.get(labels.get("severity", "").strip().lower(), "warning"),
        summary=_summary(labels, posted.annotations),
        source=SOURCE,
        starts_at=rfc3339(starts_ns),
        labels=labels,
        links=dict(_links(posted)),
        details=dict(posted.annotations),
        ends_at=rfc3339(ends_ns),
        generator=posted.generator_url,
    )


def _id(about: str, starts_ns: int | None, over_ns: int | None) -> str:
    """One that fires anew is another one, and so is each end; sent again they are the same.

    Without a start the labels alone say which one it is.
    """
    said = msgspec.json.encode([about, starts_ns, over_ns])
    return f"am-{hashlib.sha256(said).hexdigest()[:32]}"


def _summary(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """What it says of itself, else its name and labels, in one line."""
    said = next((annotations[name] for name in _SUMMARIES if annotations.get(name)), "")
    name = labels.get("alertname", "")
    if not said:
        rest = ", ".join(f"{key} {value}" for key, value in sorted(labels.items())
                         if key not in {"alertname", "severity"})  # fmt: skip
        said = f"{name or 'An alert'} fires ({rest})." if rest else f"{name or 'An alert'} fires."
    elif name and name.lower() not in said.lower():
        said = f"{name}: {said}"
    return " ".join(said.split())[:SUMMARY_CHARACTERS_MAX]


def _links(posted: PostableAlert) -> Iterator[tuple[str, str]]:
    for name in _LINKS:
        url = posted.annotations.get(name, "").strip()
        if _URL.fullmatch(url):
            yield name.removesuffix("_url"), url
    if _URL.fullmatch(posted.generator_url):
        yield "source", posted.generator_url


def moment_of(field: str, text: str) -> int | None:
    """A moment; the zero time of Go's clients is none."""
    if not text:
        return None
    try:
        at_ns = parse_rfc3339(text)
    except ValueError as error:
        raise Refused("ALERT_INVALID", f"{field}: {error}.", field=field) from error
    return min(at_ns, _NS_MAX) if at_ns > 0 else None
