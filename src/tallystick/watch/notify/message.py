"""What a channel is given to say: one transition of one incident, for one target."""

import hashlib
from typing import Literal

import msgspec

from tallystick.watch.notify.alert import Alert, Severity
from tallystick.watch.notify.proved import Proved

Action = Literal["trigger", "acknowledge", "resolve"]
"""The words of PagerDuty's Events API v2."""
Why = Literal[
    "opened", "worsened", "joined", "escalated", "repeated", "reopened", "unacknowledged",
    "acknowledged", "resolved", "storm", "test", "heartbeat",
]  # fmt: skip
MESSAGE_ALERTS_MAX = 20
"""Alerts that one message carries; `firing` counts them all."""


class Ways(msgspec.Struct, frozen=True):
    """Where a person goes from here; empty where no public address is set.

    `acknowledge` and `resolve` are signed links that work without a login and end after a day.
    """

    incident: str = ""
    acknowledge: str = ""
    resolve: str = ""


class Point(msgspec.Struct, frozen=True):
    """One datapoint of the small chart: its moment and its value (None: no data)."""

    at_ns: int
    value: float | None


class Chart(msgspec.Struct, frozen=True):
    """What an alarm looked at: the last datapoints against the threshold or band."""

    title: str
    unit: str
    points: tuple[Point, ...]
    low: float | None = None
    high: float | None = None


class Message(msgspec.Struct, frozen=True):
    """One thing to say.

    `key` is the same for every attempt to say this transition to this target (64 hex digits);
    `dedup_key` is the same for the whole incident. `number` counts the incident's transitions.
    `alerts` are those that fire, the newest first, MESSAGE_ALERTS_MAX at most; their `order_id` and
    `position` lead to the proofs. `recipient` is the person who is reached at this target, where
    it is told for one. `proved` has the receipts of the newest of those entries; a message that
    says how it ended has none.
    """

    key: str
    dedup_key: str
    incident: str
    number: int
    action: Action
    why: Why
    severity: Severity
    title: str
    at_ns: int
    opened_ns: int
    by: str = ""
    firing: int = 0
    labels: dict[str, str] = {}
    alerts: tuple[Alert, ...] = ()
    ways: Ways = Ways()
    chart: Chart | None = None
    recipient: str = ""
    proved: tuple[Proved, ...] = ()


def message_key(dedup_key: str, target: str, number: int) -> str:
    """The idempotency key of one transition of one incident for one target: 64 hex digits."""
    return hashlib.sha256(msgspec.json.encode([dedup_key, target, number])).hexdigest()
