"""The API of Prometheus's Alertmanager, version 2: whatever sends to one can send to Tallystick.

Source: Alertmanager 0.27, `api/v2/openapi.yaml`. As there, of a batch every alert that can be used
is taken before the others are complained of. A Prometheus shows a token with the scope operate
(`authorization: {credentials: ...}`).
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tallystick import __version__
from tallystick.api import alertmanager_silences
from tallystick.api.alertmanager_alert import RESOLVE_SECONDS, PostableAlert, alert_of
from tallystick.api.alertmanager_silences import matchers_of
from tallystick.api.incidents import Nothing
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.watch.notify import ActiveAlert
from tallystick.watch.notify.alert import matched_labels
from tallystick.watch.notify.routing import Matcher, all_match, check_matcher

ALERTS_BYTES_MAX = 4_194_304
"""Largest batch: Prometheus sends at most 256 alerts at once."""
RECEIVER = "tallystick"
"""Routes decide who is told; to those who ask it is one receiver."""


class Receiver(msgspec.Struct, frozen=True):
    """Who is told."""

    name: str


class AlertStatus(msgspec.Struct, frozen=True, rename="camel"):
    """`suppressed`: nobody is told at present, because of these."""

    state: Literal["unprocessed", "active", "suppressed"]
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str]


class GettableAlert(msgspec.Struct, frozen=True, rename="camel"):
    """An alert that fires."""

    labels: dict[str, str]
    annotations: dict[str, str]
    receivers: list[Receiver]
    fingerprint: str
    starts_at: str
    updated_at: str
    ends_at: str
    status: AlertStatus
    generator_url: str = msgspec.field(default="", name="generatorURL")


class AlertsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alerts. `filter`: a matcher such as `alertname="Up"`, or several in braces."""

    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    unprocessed: bool = True
    filter: Annotated[str, Meta(max_length=4_000)] = ""
    receiver: Annotated[str, Meta(max_length=200)] = ""


class ClusterStatus(msgspec.Struct, frozen=True):
    """One process, no cluster."""

    status: Literal["ready", "settling", "disabled"]
    peers: list[str]


class VersionInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What answers."""

    version: str
    revision: str
    branch: str
    build_user: str
    build_date: str
    go_version: str


class Original(msgspec.Struct, frozen=True):
    """The configuration, which is not shown: secrets may stand beside it."""

    original: str


class AlertmanagerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How it stands; `uptime` is when it started."""

    cluster: ClusterStatus
    version_info: VersionInfo
    config: Original
    uptime: str


async def post_alerts(services: Services, call: Call) -> Nothing:
    """Take alerts; each that can be used is taken, then the first that cannot is told."""
    posted: tuple[PostableAlert, ...] = call.body
    now_ns = services.clock.now_ns()
    return await asyncio.to_thread(_raise_all, services, posted, now_ns)


async def get_alerts(services: Services, call: Call) -> list[GettableAlert]:
    """Alerts that fire."""
    query: AlertsQuery = call.query
    matchers = matchers_of(query.filter)
    if query.receiver:
        receiver = Matcher("receiver", "=~", query.receiver)
        check_matcher(receiver)
        if not receiver.matches({"receiver": RECEIVER}):
            return []
    active = await asyncio.to_thread(services.notifier.active, PAGE_ITEMS_MAX)
    now_ns = services.clock.now_ns()
    return [
        _gettable(each, now_ns)
        for each in active
        if all_match(matchers, matched_labels(each.alert)) and _wanted(each, query)
    ]


async def receivers(_services: Services, _call: Call) -> list[Receiver]:
    """Who is told."""
    return [Receiver(RECEIVER)]


async def status(services: Services, _call: Call) -> AlertmanagerStatus:
    """What answers here, and since when."""
    return AlertmanagerStatus(
        ClusterStatus("disabled", []),
        VersionInfo(__version__, "", "tallystick", "", "", ""),
        Original(""),
        rfc3339(services.started_ns),
    )


def _raise_all(services: Services, posted: Sequence[PostableAlert], now_ns: int) -> Nothing:
    complaints: list[str] = []
    for place, each in enumerate(posted):
        try:
            services.notifier.raise_alert(alert_of(each, now_ns))
        except Refused as refusal:
            complaints.append(f"Alert {place}: {refusal}")
    if complaints:
        taken = len(posted) - len(complaints)
        sentence = f"{complaints[0]} {taken} of {len(posted)} alerts were taken."
        raise Refused("ALERT_INVALID", sentence)
    return Nothing()


def _gettable(active: ActiveAlert, now_ns: int) -> GettableAlert:
    alert = active.alert
    by: dict[str, list[str]] = {"silenced": [], "inhibited": [], "muted": []}
    if active.held:
        kind, _, name = active.held.partition(":")
        if name:
            by["inhibited" if kind == "inhibited" else "muted"].append(name)
        else:
            by["silenced"].append(kind)
    return GettableAlert(
        labels={"severity": alert.severity} | alert.labels,
        annotations={"summary": alert.summary}
        | {name: str(value) for name, value in alert.details.items()},
        receivers=[Receiver(RECEIVER)],
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at,
        updated_at=active.since,
        ends_at=alert.ends_at or rfc3339(now_ns + RESOLVE_SECONDS * NS_PER_SECOND),
        status=AlertStatus(
            "suppressed" if active.held else "active", by["silenced"], by["inhibited"], by["muted"]
        ),
        generator_url=alert.generator,
    )


def _wanted(active: ActiveAlert, query: AlertsQuery) -> bool:
    if not active.held:
        return query.active
    return query.inhibited if active.held.startswith("inhibited:") else query.silenced


OPERATIONS = (
    Operation(
        "POST", "/api/v2/alerts", "Alerts as Prometheus sends them to its Alertmanager.",
        post_alerts, Nothing, scope="operate", body=tuple[PostableAlert, ...],
        body_bytes_max=ALERTS_BYTES_MAX, tag="alertmanager", refusals=("ALERT_INVALID",),
    ),
    Operation(
        "GET", "/api/v2/alerts", "Alerts that fire, as Alertmanager tells them.",
        get_alerts, list[GettableAlert], scope="operate", query=AlertsQuery, tag="alertmanager",
        refusals=("MATCHER_PATTERN",),
    ),
    Operation(
        "GET", "/api/v2/receivers", "Who is told, as Alertmanager tells it.",
        receivers, list[Receiver], scope="operate", tag="alertmanager",
    ),
    Operation(
        "GET", "/api/v2/status", "What answers here, as Alertmanager tells it.",
        status, AlertmanagerStatus, scope="operate", tag="alertmanager",
    ),
    *alertmanager_silences.OPERATIONS,
)  # fmt: skip
