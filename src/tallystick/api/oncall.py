"""On call: who has the duty, the shifts to come, their calendar, and who stands in for whom.

A calendar has an address with a key in it, because programs that subscribe to one cannot show a
token. The key opens this one calendar and nothing else.
"""

import asyncio
import hashlib
import hmac
from typing import Annotated, cast
from urllib.parse import quote

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from tallystick.api.decoding import decode_time
from tallystick.api.idempotency import answered, key_of
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.notify.oncall import CALENDAR_MEDIA_TYPE, Gap, NewOverride, Override, Shift
from tallystick.watch.notify.oncall.overrides import (
    OVERRIDE_DAYS_MAX,
    OVERRIDE_REASON_CHARACTERS_MAX,
)

CALENDAR = CALENDAR_MEDIA_TYPE.partition(";")[0]
AHEAD_DAYS = 14
"""How far ahead gaps are looked for, and shifts where nobody names an end."""
KEY_HEX_DIGITS = 32
"""Of a calendar's key: 128 bits."""
_NS_PER_DAY = 86_400 * NS_PER_SECOND
_DOMAIN = b"tallystick calendar\n"

Moment = Annotated[str, Meta(min_length=1, max_length=64)]


class ShiftItem(msgspec.Struct, frozen=True):
    """Somebody's duty from `starts_at` until `ends_at` (RFC 3339; the end is no longer).

    `source`: `layer:<name>`, `ical`, `override` (of the file) or `override:<id>`.
    """

    person: str
    starts_at: str
    ends_at: str
    source: str


class GapItem(msgspec.Struct, frozen=True):
    """A time in which nobody is on call."""

    starts_at: str
    ends_at: str


class OverrideItem(msgspec.Struct, frozen=True):
    """One person instead of everybody else for a while; `by` made it."""

    id: str
    schedule: str
    person: str
    starts_at: str
    ends_at: str
    by: str
    reason: str
    made_at: str


class OnCallItem(msgspec.Struct, frozen=True):
    """A schedule: who has the duty `now` (null: nobody) and `next`.

    `gaps` are those of the next two weeks. `calendar` is the path of its calendar, with its key:
    whoever has it reads this calendar. `overrides` have not ended.
    """

    schedule: str
    now: ShiftItem | None
    next: ShiftItem | None
    gaps: list[GapItem]
    overrides: list[OverrideItem]
    calendar: str


class OnCallList(msgspec.Struct, frozen=True):
    """Every schedule; `problems` are sentences: a calendar that cannot be read, an unknown name."""

    schedules: list[OnCallItem]
    problems: tuple[str, ...]


class ShiftsQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """RFC 3339; from now on, and for two weeks, where they are not named."""

    from_: Moment | None = None
    to: Moment | None = None


class ShiftList(msgspec.Struct, frozen=True):
    """The shifts that touch the time, each whole, and when nobody is on call."""

    schedule: str
    shifts: list[ShiftItem]
    gaps: list[GapItem]


class AddOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who stands in, until when; from now on where `starts_at` is not named."""

    person: Annotated[str, Meta(min_length=1, max_length=200)]
    ends_at: Moment
    starts_at: Moment | None = None
    reason: Annotated[str, Meta(max_length=OVERRIDE_REASON_CHARACTERS_MAX)] = ""


class CalendarQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key that the calendar's address carries; else a token with the scope operate is shown."""

    key: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


async def on_call(services: Services, _call: Call) -> OnCallList:
    """Who is on call."""
    return await asyncio.to_thread(_all, services)


async def shifts(services: Services, call: Call) -> ShiftList:
    """The shifts of a schedule."""
    query: ShiftsQuery = call.query
    name = call.path["name"]
    from_ns = services.clock.now_ns() if query.from_ is None else decode_time("from", query.from_)
    to_ns = from_ns + AHEAD_DAYS * _NS_PER_DAY if query.to is None else decode_time("to", query.to)
    found = await asyncio.to_thread(services.on_call.shifts, name, from_ns, to_ns)
    gaps = await asyncio.to_thread(services.on_call.gaps, name, from_ns, to_ns)
    return ShiftList(name, [_shift(each) for each in found], [_gap(each) for each in gaps])


async def calendar(services: Services, call: Call) -> Response:
    """The calendar of a schedule, for programs that subscribe to it."""
    name = call.path["name"]
    query: CalendarQuery = call.query
    if query.key is None:
        request = cast("Request", call.body)
        principal = services.tokens.principal(request.headers.get("authorization"))
        principal.require("operate")
    else:
        right = calendar_key(services.calendar_key, name)
        if not hmac.compare_digest(right.encode(), query.key.encode()):
            raise Refused("UNAUTHENTICATED", "This key does not open this calendar.")
    body = await asyncio.to_thread(services.on_call.calendar, name, services.clock.now_ns())
    return Response(body, headers={"Cache-Control": "private, max-age=300"}, media_type=CALENDAR)


async def add_override(services: Services, call: Call) -> Response:
    """Somebody stands in for a while."""
    asked: AddOverride = call.body
    now_ns = services.clock.now_ns()
    key = key_of(call)
    ends_ns = decode_time("ends_at", asked.ends_at)
    # It counts from when it was made at the earliest, so any moment before means from now on; this
    # one is the same whenever the request is tried again.
    longest_ns = ends_ns - OVERRIDE_DAYS_MAX * _NS_PER_DAY
    starts_ns = min(now_ns, longest_ns)
    new = NewOverride(
        schedule=call.path["name"],
        person=asked.person,
        starts_ns=starts_ns
        if asked.starts_at is None
        else decode_time("starts_at", asked.starts_at),
        ends_ns=ends_ns,
        by=call.principal.name,
        reason=asked.reason,
        key="" if key is None else key.text,
    )
    made = await asyncio.to_thread(services.on_call.add_override, new, now_ns)
    return answered(_override(made), replayed=made.made_ns != now_ns, status=201)


async def end_override(services: Services, call: Call) -> OnCallList:
    """End an override now; gives how every schedule then stands."""
    now_ns = services.clock.now_ns()
    await asyncio.to_thread(services.on_call.end_override, call.path["id"], now_ns)
    return await on_call(services, call)


def calendar_key(secret: bytes, schedule: str) -> str:
    """What opens the calendar of a schedule: HMAC-SHA256 (RFC 2104), its first 128 bits."""
    made = hmac.new(secret, _DOMAIN + schedule.encode(), hashlib.sha256)
    return made.hexdigest()[:KEY_HEX_DIGITS]


def _all(services: Services) -> OnCallList:
    now_ns = services.clock.now_ns()
    found = [_item(services, name, now_ns) for name in services.on_call.names()]
    return OnCallList(found, services.on_call.problems())


def _item(services: Services, name: str, now_ns: int) -> OnCallItem:
    roster = services.on_call
    ahead_ns = now_ns + AHEAD_DAYS * _NS_PER_DAY
    coming = roster.shifts(name, now_ns, ahead_ns)
    now = next((each for each in coming if each.starts_ns <= now_ns), None)
    following = next((each for each in coming if each.starts_ns > now_ns), None)
    return OnCallItem(
        schedule=name,
        now=None if now is None else _shift(now),
        next=None if following is None else _shift(following),
        gaps=[_gap(each) for each in roster.gaps(name, now_ns, ahead_ns)],
        overrides=[_override(each) for each in roster.overrides(name, now_ns)],
        calendar=f"/v1/on-call/{quote(name, safe='')}.ics"
        f"?key={calendar_key(services.calendar_key, name)}",
    )


def _shift(shift: Shift) -> ShiftItem:
    return ShiftItem(shift.person, rfc3339(shift.starts_ns), rfc3339(shift.ends_ns), shift.source)


def _gap(gap: Gap) -> GapItem:
    return GapItem(rfc3339(gap.starts_ns), rfc3339(gap.ends_ns))


def _override(made: Override) -> OverrideItem:
    return OverrideItem(
        id=made.id,
        schedule=made.schedule,
        person=made.person,
        starts_at=rfc3339(made.starts_ns),
        ends_at=rfc3339(made.ends_ns),
        by=made.by,
        reason=made.reason,
        made_at=rfc3339(made.made_ns),
    )


OPERATIONS = (
    Operation(
        "GET", "/v1/on-call", "Who is on call, who is next, and when nobody is.",
        on_call, OnCallList, scope="operate", tag="on-call",
    ),
    Operation(
        "GET", "/v1/on-call/{name}/shifts", "The shifts of a schedule, and its gaps.",
        shifts, ShiftList, scope="operate", query=ShiftsQuery, tag="on-call",
        refusals=("UNKNOWN_SCHEDULE", "SCHEDULE_PERIOD"),
    ),
    Operation(
        "GET", "/v1/on-call/{name}.ics", "A schedule as a calendar (iCalendar) to subscribe to.",
        calendar, bytes, scope="operate", query=CalendarQuery, media_type=CALENDAR, tag="on-call",
        raw=True, refusals=("UNKNOWN_SCHEDULE",),
    ),
    Operation(
        "POST", "/v1/on-call/{name}/overrides", "Somebody stands in for a while.",
        add_override, OverrideItem, scope="operate", body=AddOverride, status=201, tag="on-call",
        keyed=True,
        refusals=("UNKNOWN_SCHEDULE", "ON_CALL_PERSON", "ON_CALL_PERIOD", "ON_CALL_UNEXPLAINED",
                  "ON_CALL_OVERRIDES_TOO_MANY"),
    ),
    Operation(
        "DELETE", "/v1/on-call/overrides/{id}", "End an override now.",
        end_override, OnCallList, scope="operate", tag="on-call", refusals=("UNKNOWN_OVERRIDE",),
    ),
)  # fmt: skip
