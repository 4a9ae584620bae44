"""Incidents at the door: what is wrong, who has it, what happened, and the proofs of it.

People act here: they acknowledge, resolve and note. Whoever does is named by their token.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.ledger import Ledger, Receipt
from tallystick.limits import PAGE_ITEMS_DEFAULT
from tallystick.watch.notify import IncidentFilter, IncidentRecord, MessageRecord, Notifier
from tallystick.watch.notify.alert import Alert, Severity
from tallystick.watch.notify.escalation import Receiver
from tallystick.watch.notify.incidents.book import Wanted, number_of
from tallystick.watch.notify.incidents.incident import Happening, Member, State, What
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.notifier import ACKNOWLEDGE_SECONDS_MAX, NOTE_CHARACTERS_MAX

INCIDENTS_PAGE_MAX = 500
"""Most incidents in one page."""
EVIDENCE_MAX = 20
"""Ledger entries of an incident that are told with their receipts: those of its newest alerts."""
LOGS_BEFORE_SECONDS = 900
LOGS_AFTER_SECONDS = 300
"""The log around an incident: so much before it opened and after it was resolved."""
_ORDERS_SEARCHED = 5
_LOG_FIELDS = {"account": "account", "pair": "pair", "route": "http.route", "host": "host.name"}
"""Labels of alerts that log lines carry too, and how they are called there."""
_NS_MAX = 2**63 - 1

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class IncidentsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incidents, newest first; `cursor` is the `next` of the page before.

    `state` "unresolved": open or acknowledged. `label`: `name=value`, several with commas between
    them; all must hold.
    """

    state: Wanted | None = None
    severity: Severity | None = None
    route: Name | None = None
    label: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=INCIDENTS_PAGE_MAX)] = PAGE_ITEMS_DEFAULT
    cursor: Annotated[str, Meta(min_length=1, max_length=32)] | None = None


class IncidentItem(msgspec.Struct, frozen=True):
    """An incident as it stands; moments are RFC 3339, null where there is none.

    `firing` of its `alerts` fire now. `held` says why nobody is told (empty: they are). `told` are
    the targets that know of it. Unless somebody acknowledges it, the next step of `policy` is due
    at `escalates_at` and tells `escalates_to`, as things stand now. An acknowledgement runs out at
    `acknowledged_until`, or never.
    """

    id: str
    title: str
    severity: Severity
    state: State
    route: str
    policy: str
    labels: dict[str, str]
    opened_at: str
    changed_at: str
    firing: int
    alerts: int
    held: str
    told: tuple[str, ...]
    escalates_at: str | None
    escalates_to: tuple[Receiver, ...]
    acknowledged_by: str
    acknowledged_until: str | None
    resolved_at: str | None
    resolved_by: str


class IncidentList(msgspec.Struct, frozen=True):
    """Incidents, newest first; `next` is the cursor of the next page, null at the end."""

    incidents: list[IncidentItem]
    next: str | None


class Line(msgspec.Struct, frozen=True):
    """One line of the timeline: what happened when, by a person, a rule or a target."""

    at: str
    what: What
    by: str
    text: str


class IncidentAlert(msgspec.Struct, frozen=True):
    """One alert of an incident; `ended_at` is null while it fires."""

    id: str
    fingerprint: str
    severity: Severity
    summary: str
    source: str
    started_at: str
    ended_at: str | None
    labels: dict[str, str]
    details: dict[str, str | int | float]
    links: dict[str, str]
    generator: str


class Proof(msgspec.Struct, frozen=True):
    """A ledger entry that an alert is about: where it and its receipt are read, and the receipt.

    `order` leads to the order, null where it is about none.
    """

    position: int
    order: str | None
    entry: str
    proof: str
    receipt: Receipt | None


class IncidentDetail(IncidentItem, frozen=True):
    """Everything known of an incident.

    `timeline` is in order; of a very long one `timeline_left_out` lines in the middle are not kept.
    `messages` and `alert_items` are the newest, newest first. `orders` are the orders that it is
    about, `proofs` the ledger entries, `logs` is a search of the log around it.
    """

    timeline: list[Line] = []
    timeline_left_out: int = 0
    messages: tuple[MessageRecord, ...] = ()
    alert_items: list[IncidentAlert] = []
    orders: list[str] = []
    proofs: list[Proof] = []
    logs: str = ""
    postmortem: str = ""


class Acknowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many seconds: by default as the policy says, 0: until it is resolved."""

    seconds: Annotated[int, Meta(ge=0, le=ACKNOWLEDGE_SECONDS_MAX)] | None = None


class Resolve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it was, if there is something to say."""

    note: Annotated[str, Meta(max_length=NOTE_CHARACTERS_MAX)] = ""


class NewNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What belongs into the timeline."""

    text: Annotated[str, Meta(min_length=1, max_length=NOTE_CHARACTERS_MAX)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


async def incidents(services: Services, call: Call) -> IncidentList:
    """Incidents, newest first."""
    query: IncidentsQuery = call.query
    wanted = IncidentFilter(query.state, query.severity, query.route, _labels(query.label))
    before = _before(query.cursor)
    found = await asyncio.to_thread(services.notifier.incidents, wanted, query.limit + 1, before)
    page = found[: query.limit]
    more = page[-1].id if len(found) > len(page) else None
    return IncidentList(await asyncio.to_thread(_items, services.notifier, page), more)


async def incident(services: Services, call: Call) -> IncidentDetail:
    """One incident with its story and its proofs."""
    return await incident_detail(services, call.path["id"])


async def acknowledge(services: Services, call: Call) -> IncidentItem:
    """Take an incident: nobody else is told."""
    asked: Acknowledge = call.body
    standing = await asyncio.to_thread(
        services.notifier.acknowledge, call.path["id"], call.principal.name, seconds=asked.seconds
    )
    return await asyncio.to_thread(incident_item, services.notifier, standing)


async def unacknowledge(services: Services, call: Call) -> IncidentItem:
    """Give an incident back: it is told again from the first step."""
    standing = await asyncio.to_thread(
        services.notifier.unacknowledge, call.path["id"], call.principal.name
    )
    return await asyncio.to_thread(incident_item, services.notifier, standing)


async def resolve(services: Services, call: Call) -> IncidentItem:
    """Say that it is over."""
    asked: Resolve = call.body
    standing = await asyncio.to_thread(
        services.notifier.resolve, call.path["id"], call.principal.name, asked.note
    )
    return await asyncio.to_thread(incident_item, services.notifier, standing)


async def note(services: Services, call: Call) -> IncidentItem:
    """Write something into the timeline."""
    asked: NewNote = call.body
    standing = await asyncio.to_thread(
        services.notifier.note, call.path["id"], call.principal.name, asked.text
    )
    return await asyncio.to_thread(incident_item, services.notifier, standing)


def incident_item(notifier: Notifier, incident: Standing) -> IncidentItem:
    """An incident in the words of the API; may block for who is on call."""
    waits = incident.state == "open" and not incident.held
    return IncidentItem(
        id=incident.id,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        route=incident.route,
        policy=incident.policy,
        labels=incident.labels,
        opened_at=rfc3339(incident.opened_ns),
        changed_at=rfc3339(incident.changed_ns),
        firing=incident.fires,
        alerts=incident.total,
        held=incident.held,
        told=incident.targets,
        escalates_at=_moment(incident.step_ns) if waits else None,
        escalates_to=notifier.told_next(incident),
        acknowledged_by=incident.acknowledged_by if incident.state == "acknowledged" else "",
        acknowledged_until=_moment(incident.acknowledged_until_ns),
        resolved_at=_moment(incident.resolved_ns),
        resolved_by=incident.resolved_by,
    )


def _items(notifier: Notifier, incidents: Iterable[Standing]) -> list[IncidentItem]:
    return [incident_item(notifier, each) for each in incidents]


async def incident_detail(services: Services, incident_id: str) -> IncidentDetail:
    """Everything known of an incident.

    Raises:
        Refused: `UNKNOWN_INCIDENT`.
    """
    record = await asyncio.to_thread(services.notifier.incident, incident_id)
    standing = record.incident
    item = await asyncio.to_thread(incident_item, services.notifier, standing)
    orders = [*dict.fromkeys(each.order_id for each in record.alerts if each.order_id is not None)]
    return IncidentDetail(
        **msgspec.structs.asdict(item),
        timeline=[_line(each) for each in record.timeline],
        timeline_left_out=record.timeline_left_out,
        messages=record.messages,
        alert_items=[*_alerts(record)],
        orders=[f"/v1/orders/{each}" for each in orders],
        proofs=[*_proofs(services.ledger, record.alerts)],
        logs=_logs(standing, orders, services.clock.now_ns()),
        postmortem=f"/v1/incidents/{standing.id}/postmortem",
    )


def _alerts(record: IncidentRecord) -> Iterator[IncidentAlert]:
    members = {each.fingerprint: each for each in record.incident.members}
    for alert in record.alerts:
        member: Member | None = members.get(alert.fingerprint)
        yield IncidentAlert(
            id=alert.id,
            fingerprint=alert.fingerprint,
            severity=alert.severity,
            summary=alert.summary,
            source=alert.source,
            started_at=alert.starts_at,
            ended_at=None if member is None else _moment(member.ended_ns),
            labels=alert.labels,
            details=alert.details,
            links=alert.links,
            generator=alert.generator,
        )


def _proofs(ledger: Ledger, alerts: Iterable[Alert]) -> Iterator[Proof]:
    """The entries of the newest alerts, each once."""
    known = {each.position: each for each in reversed([*alerts]) if each.position is not None}
    for position, alert in sorted(known.items(), reverse=True)[:EVIDENCE_MAX]:
        entry = f"/v1/ledger/entries/{position}"
        yield Proof(
            position=position,
            order=None if alert.order_id is None else f"/v1/orders/{alert.order_id}",
            entry=entry,
            proof=f"{entry}/receipt",
            receipt=ledger.receipt(position) if 0 <= position < ledger.size else None,
        )


def _logs(incident: Standing, orders: list[str], now_ns: int) -> str:
    """A search of the log: the orders it is about, else its labels, in the time around it."""
    words = [f'"{each}"' for each in orders[:_ORDERS_SEARCHED]]
    fields = [
        f'{_LOG_FIELDS[name]}="{value}"'
        for name, value in sorted(incident.labels.items())
        if name in _LOG_FIELDS and '"' not in value and "\\" not in value
    ]
    asked = {
        "q": " OR ".join(words) if words else " ".join(fields),
        "earliest": rfc3339(max(0, incident.opened_ns - LOGS_BEFORE_SECONDS * NS_PER_SECOND)),
        "latest": rfc3339((incident.resolved_ns or now_ns) + LOGS_AFTER_SECONDS * NS_PER_SECOND),
    }
    return f"/v1/logs?{urlencode(asked)}"


def _line(happening: Happening) -> Line:
    return Line(rfc3339(happening.at_ns), happening.what, happening.by, happening.text)


def _moment(at_ns: int) -> str | None:
    return rfc3339(at_ns) if at_ns else None


def _labels(text: str | None) -> dict[str, str]:
    found = {}
    for each in (text or "").split(","):
        name, equals, value = each.partition("=")
        if text is not None and not (name.strip() and equals):
            sentence = f"label: {each[:64]!r} is not of the form name=value."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field="label")
        if equals:
            found[name.strip()] = value.strip()
    return found


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    number = number_of(cursor)
    if number is None or not cursor.startswith("I-"):
        raise Refused("BAD_CURSOR", "The cursor is not one that was given out.", field="cursor")
    return number


OPERATIONS = (
    Operation(
        "GET", "/v1/incidents", "Incidents, newest first: what is wrong, and who has it.",
        incidents, IncidentList, scope="operate", query=IncidentsQuery, tag="incidents",
        refusals=("BAD_CURSOR",),
    ),
    Operation(
        "GET", "/v1/incidents/{id}",
        "An incident with its timeline, alerts, messages, orders, proofs and log.",
        incident, IncidentDetail, scope="operate", tag="incidents", refusals=("UNKNOWN_INCIDENT",),
    ),
    Operation(
        "POST", "/v1/incidents/{id}/acknowledge", "Take an incident: it escalates no further.",
        acknowledge, IncidentItem, scope="operate", body=Acknowledge, tag="incidents",
        refusals=("UNKNOWN_INCIDENT", "INCIDENT_RESOLVED"),
    ),
    Operation(
        "POST", "/v1/incidents/{id}/unacknowledge",
        "Give an incident back: it is told again from the first step.",
        unacknowledge, IncidentItem, scope="operate", body=Nothing, tag="incidents",
        refusals=("UNKNOWN_INCIDENT",),
    ),
    Operation(
        "POST", "/v1/incidents/{id}/resolve", "Say that an incident is over.",
        resolve, IncidentItem, scope="operate", body=Resolve, tag="incidents",
        refusals=("UNKNOWN_INCIDENT",),
    ),
    Operation(
        "POST", "/v1/incidents/{id}/notes", "Write a note into an incident's timeline.",
        note, IncidentItem, scope="operate", body=NewNote, tag="incidents",
        refusals=("UNKNOWN_INCIDENT", "NOTE_EMPTY"),
    ),
)  # fmt: skip
