"""What people were told: alerts and silences."""

import asyncio
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tallystick.api.decoding import decode_time
from tallystick.api.idempotency import answered, key_of
from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.clock import rfc3339
from tallystick.execution.desk import Key, conflict
from tallystick.limits import PAGE_ITEMS_DEFAULT
from tallystick.watch.notify import AlertRecord, Delivery, Matcher, Silence, Silenced
from tallystick.watch.notify.policy import Deduplicated

AlertState = Literal["silenced", "deduplicated", "pending", "delivered", "dead"]
Text = Annotated[str, Meta(min_length=1, max_length=500)]


class LimitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many, newest first."""

    limit: Limit = PAGE_ITEMS_DEFAULT


class AlertItem(msgspec.Struct, frozen=True):
    """An alert, why it was sent or not, and what became of it on each channel."""

    id: str
    severity: str
    summary: str
    source: str
    at: str
    raised_at: str
    state: AlertState
    swallowed: int
    position: int | None
    order_id: str | None
    labels: dict[str, str]
    deliveries: tuple[Delivery, ...]


class AlertList(msgspec.Struct, frozen=True):
    """The last alerts, newest first."""

    alerts: list[AlertItem]


class SilenceItem(msgspec.Struct, frozen=True):
    """A silence; times are RFC 3339."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: str
    ends_at: str
    comment: str
    author: str


class SilenceList(msgspec.Struct, frozen=True):
    """Silences that have not ended."""

    silences: list[SilenceItem]


class NewSilence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Silence alerts that meet every matcher until `ends_at`; from now on by default."""

    matchers: Annotated[tuple[Matcher, ...], Meta(min_length=1)]
    ends_at: Text
    comment: Text
    starts_at: Text | None = None


async def alerts(services: Services, call: Call) -> AlertList:
    """What was said to people, and whether it arrived."""
    records = await asyncio.to_thread(services.notifier.recent, call.query.limit)
    return AlertList([alert_item(record) for record in records])


async def silences(services: Services, _call: Call) -> SilenceList:
    """Silences in force or to come."""
    found = await asyncio.to_thread(services.notifier.silences)
    return SilenceList([_silence_item(silence) for silence in found])


async def add_silence(services: Services, call: Call) -> Response:
    """Silence alerts for a while."""
    asked: NewSilence = call.body
    key = key_of(call)
    if key is not None:
        known = await asyncio.to_thread(services.notifier.known_silence, key.text)
        if known is not None:
            return _made(known, key, replayed=True)
    starts_ns = services.clock.now_ns()
    if asked.starts_at is not None:
        starts_ns = decode_time("starts_at", asked.starts_at)
    silence = await asyncio.to_thread(
        services.notifier.add_silence,
        asked.matchers,
        starts_ns,
        decode_time("ends_at", asked.ends_at),
        asked.comment,
        call.principal.name,
        key="" if key is None else key.text,
        request="" if key is None else key.digest,
    )
    return _made(silence, key, replayed=False)


def _made(silence: Silence, key: Key | None, *, replayed: bool) -> Response:
    if key is not None and silence.request != key.digest:
        raise conflict(key.key)
    return answered(_silence_item(silence), replayed=replayed, status=201)


async def end_silence(services: Services, call: Call) -> SilenceList:
    """End a silence now."""
    await asyncio.to_thread(services.notifier.end_silence, call.path["id"])
    return await silences(services, call)


def alert_item(record: AlertRecord) -> AlertItem:
    """An alert's record in the words of the API."""
    alert = record.alert
    return AlertItem(
        id=alert.id,
        severity=alert.severity,
        summary=alert.summary,
        source=alert.source,
        at=alert.starts_at,
        raised_at=record.raised_at,
        state=alert_state(record),
        swallowed=record.swallowed,
        position=alert.position,
        order_id=alert.order_id,
        labels=alert.labels,
        deliveries=record.deliveries,
    )


def alert_state(record: AlertRecord) -> AlertState:
    """One word for where an alert stands: the worst of its deliveries."""
    if isinstance(record.decision, Silenced):
        return "silenced"
    if isinstance(record.decision, Deduplicated):
        return "deduplicated"
    states = {delivery.state for delivery in record.deliveries}
    if "dead" in states:
        return "dead"
    return "pending" if "pending" in states else "delivered"


def _silence_item(silence: Silence) -> SilenceItem:
    starts, ends = rfc3339(silence.starts_at_ns), rfc3339(silence.ends_at_ns)
    return SilenceItem(silence.id, silence.matchers, starts, ends, silence.comment, silence.author)


OPERATIONS = (
    Operation(
        "GET", "/v1/alerts", "The last alerts, and whether they were delivered.",
        alerts, AlertList, scope="operate", query=LimitQuery, tag="watch",
    ),
    Operation(
        "GET", "/v1/silences", "Silences in force or to come.",
        silences, SilenceList, scope="operate", tag="watch",
    ),
    Operation(
        "POST", "/v1/silences", "Silence alerts for a while.",
        add_silence, SilenceItem, scope="operate", body=NewSilence, status=201, tag="watch",
        keyed=True,
        refusals=("SILENCE_PERIOD", "SILENCE_UNEXPLAINED", "MATCHER_PATTERN"),
    ),
    Operation(
        "DELETE", "/v1/silences/{id}", "End a silence now.",
        end_silence, SilenceList, scope="operate", tag="watch", refusals=("UNKNOWN_SILENCE",),
    ),
)  # fmt: skip
