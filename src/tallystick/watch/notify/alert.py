"""An alert: something a person should know, in one sentence, with the way to its proof."""

import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec

Severity = Literal["critical", "error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
"""The most severe first; the words of PagerDuty's Events API v2."""
ALERT_BYTES_MAX = 65_536
"""Largest alert as JSON."""
EVENT_SECONDS = 4 * 3_600
"""How long an alert about a single event, which never ends by itself, stands for its trouble."""


class Alert(msgspec.Struct, frozen=True):
    """One alert, as it is stored and sent.

    `id` says it once: raising the same id again changes nothing. `fingerprint` says what it is
    about: alerts that share one are the same trouble and are deduplicated. `summary` is one
    sentence. `starts_at` is RFC 3339. `position` and `order_id` lead to the ledger entry it is
    about; `links` are URLs or paths by their text.

    `ends_at` (RFC 3339) says when it is over: past, it has ended; to come, it ends then unless it
    is raised again; None, it fires until it is ended. `generator` is the URL of what made it.
    """

    id: str
    fingerprint: str
    severity: Severity
    summary: str
    source: str
    starts_at: str
    labels: dict[str, str] = {}
    position: int | None = None
    order_id: str | None = None
    links: dict[str, str] = {}
    details: dict[str, str | int | float] = {}
    ends_at: str | None = None
    generator: str = ""


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hex digits of SHA-256 over the labels, in whatever order they stand."""
    canonical = msgspec.json.encode(sorted(labels.items()))
    return hashlib.sha256(canonical).hexdigest()[:16]


def worse(severity: Severity, than: Severity) -> bool:
    """Whether it is more severe."""
    return SEVERITIES.index(severity) < SEVERITIES.index(than)


def matched_labels(alert: Alert) -> dict[str, str]:
    """What matchers see: its labels, and `severity` and `source` like labels."""
    return {"severity": alert.severity, "source": alert.source, **alert.labels}


def idempotency_key(alert_id: str, channel: str) -> str:
    """The same for every attempt to say one alert on one channel: 64 hex digits."""
    return hashlib.sha256(msgspec.json.encode([alert_id, channel])).hexdigest()
