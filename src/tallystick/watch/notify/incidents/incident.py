"""An incident: alerts that are one trouble, its state, and its timeline. Values only.

Alerts of one group (a route's `group_by`) make one incident. It is open until somebody acknowledges
it or every alert in it has ended; an acknowledged one wakes nobody else. A resolved incident stays
resolved: what fires again opens the next one, unless it does within the route's `reopen_seconds`.
"""

from typing import Literal

import msgspec

from tallystick.watch.notify.alert import Severity

State = Literal["open", "acknowledged", "resolved"]
What = Literal[
    "opened",
    "joined",  # another alert of the same group
    "ended",  # one alert of the group ended
    "worsened",  # its severity rose
    "told",  # a target took a message
    "failed",  # a target gave up on a message; the next one is asked
    "escalated",
    "repeated",
    "acknowledged",
    "unacknowledged",  # by hand, or because the acknowledgement ran out
    "held",  # silenced, inhibited, muted, or part of a storm: nobody was told, and why
    "noted",
    "resolved",
    "reopened",
]
"""What can happen to an incident."""


class Happening(msgspec.Struct, frozen=True):
    """One line of the timeline: what happened when, by whom (a person, a rule or a target)."""

    at_ns: int
    what: What
    by: str
    text: str


class Member(msgspec.Struct, frozen=True):
    """One alert of the group: fires until `ended_ns` (0: it still does)."""

    fingerprint: str
    alert_id: str
    severity: Severity
    summary: str
    started_ns: int
    ended_ns: int = 0


class Incident(msgspec.Struct, frozen=True):
    """An incident as it stands; every change makes a new value.

    `key` is the group's: 64 hex digits, the deduplication key of targets that have one. `route` is
    the name of the route whose receivers are told, `policy` how it escalates. `step` steps of the
    policy were taken, in `round` (0 is the first); the next is due at `step_ns` (0: none). It is
    repeated at `repeat_ns` (0: never). `acknowledged_until_ns` is 0 where nothing runs out.
    `targets` have been told of it and hear how it ends.
    """

    number: int
    key: str
    title: str
    severity: Severity
    state: State
    route: str
    policy: str
    labels: dict[str, str]
    opened_ns: int
    changed_ns: int
    members: tuple[Member, ...] = ()
    step: int = 0
    round: int = 0
    step_ns: int = 0
    repeat_ns: int = 0
    targets: tuple[str, ...] = ()
    acknowledged_by: str = ""
    acknowledged_until_ns: int = 0
    resolved_ns: int = 0
    transitions: int = 0

    @property
    def id(self) -> str:
        """How people and URLs name it."""
        return f"I-{self.number}"

    @property
    def firing(self) -> tuple[Member, ...]:
        """Alerts that have not ended."""
        return tuple(each for each in self.members if not each.ended_ns)
