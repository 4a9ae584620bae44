"""How alerts reach people: what stands in the alerting file. Values only.

docs/guides/alerting.md shows such a file; alerting_file.py reads it.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tallystick.watch.notify.channel import Secret
from tallystick.watch.notify.oncall.schedule import ScheduleText

TARGETS_MAX = 1_000
"""Most targets, and most people, schedules or policies."""
STEPS_MAX = 20
"""Most steps of a policy, and most receivers of a step."""
ROUTES_MAX = 1_000
"""Most routes in the tree, and most inhibitions."""
EVERYBODY = "all"
"""The policy that tells every target at once, and the last route; both are always there."""

OWN_TARGETS = ("heartbeat",)
"""Targets of our own, whose names nobody else can take."""

TargetText = dict[str, Any]
"""A target as it stands: its `type`, and what the channel of that type understands."""
Seconds = Annotated[int, Meta(ge=0, le=31_622_400)]
"""At most a year."""
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class PersonText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody, and by which targets they are reached: the first that works."""

    targets: Annotated[tuple[str, ...], Meta(min_length=1, max_length=STEPS_MAX)]
    time_zone: str = "UTC"


class StepText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a policy: whom it tells (`schedule:`, `person:` or `target:` and a name).

    `after_seconds` since the step before. `fallback` is told when nobody of `tell` can be reached.
    """

    tell: Annotated[tuple[Text, ...], Meta(max_length=TARGETS_MAX)]
    after_seconds: Seconds = 0
    fallback: Annotated[tuple[Text, ...], Meta(max_length=TARGETS_MAX)] = ()


class PolicyText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an incident escalates until somebody acknowledges it.

    The steps are gone through once and then `rounds` times more; an acknowledgement holds for
    `acknowledge_seconds` (0: until the end).
    """

    steps: Annotated[tuple[StepText, ...], Meta(min_length=1, max_length=STEPS_MAX)]
    rounds: Annotated[int, Meta(ge=0, le=100)] = 3
    acknowledge_seconds: Seconds = 3_600


class RouteText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node of the tree. What it does not say it has of the node above it.

    `group_by` not said anywhere: each trouble (fingerprint) is an incident of its own; an empty
    list: whatever comes here is one incident.
    """

    name: Text
    match: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    group_by: Annotated[tuple[Text, ...], Meta(max_length=16)] | None = None
    group_wait_seconds: Seconds | None = None
    group_interval_seconds: Seconds | None = None
    repeat_seconds: Seconds | None = None
    reopen_seconds: Seconds | None = None
    policy: str | None = None
    mute: tuple[str, ...] | None = None
    goes_on: bool = msgspec.field(default=False, name="continue")
    routes: "tuple[RouteText, ...]" = ()


class InhibitText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """While an alert that matches `source` fires, nobody is told of those that match `target`.

    Only where both have the same values of the labels `equal`.
    """

    source: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    target: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    equal: tuple[Text, ...] = ()


class TimesText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `start` to before `end`, of one day: `{start = "22:00", end = "24:00"}`."""

    start: str
    end: str


class IntervalText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Alertmanager's time interval: each condition that is given must hold."""

    times: tuple[TimesText, ...] = ()
    weekdays: tuple[str, ...] = ()
    days_of_month: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    years: tuple[str, ...] = ()


class MuteText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When nobody is told: in any of these intervals, by the clock of this zone."""

    intervals: Annotated[tuple[IntervalText, ...], Meta(min_length=1, max_length=100)]
    time_zone: str = "UTC"


class StormText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More than `incidents` of one route within `seconds` are a storm: one speaks for the rest."""

    incidents: Annotated[int, Meta(ge=1, le=10_000)] = 20
    seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class FlapText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More than `changes` openings and resolutions within `seconds` are flapping.

    The incident is then held open, until nothing fired for `quiet_seconds`.
    """

    changes: Annotated[int, Meta(ge=2, le=100)] = 6
    seconds: Annotated[int, Meta(ge=1, le=604_800)] = 1_800
    quiet_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 600


class HeartbeatText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it is said, outside, that the whole chain works, and how often."""

    url: Secret | str
    every_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class Alerting(msgspec.Struct, frozen=True):
    """Everything that stands in the file."""

    targets: dict[str, TargetText] = {}
    people: dict[str, PersonText] = {}
    schedules: dict[str, ScheduleText] = {}
    policies: dict[str, PolicyText] = {}
    routes: tuple[RouteText, ...] = ()
    inhibit: tuple[InhibitText, ...] = ()
    mute_times: dict[str, MuteText] = {}
    storm: StormText = StormText()
    flap: FlapText = FlapText()
    heartbeat: HeartbeatText | None = None


def every_target(targets: Mapping[str, TargetText]) -> Alerting:
    """Without a file: whatever comes, every target is told at once."""
    return Alerting(targets=dict(targets))
