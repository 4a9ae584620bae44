"""The log archive at the door: how it is, its parts, restores, legal holds, retention, deletion."""

import asyncio
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, REASON_CHARACTERS_MAX
from tallystick.watch.collect.archive import (
    Archive,
    ArchiveStatus,
    Covered,
    Done,
    Hold,
    Restore,
    Tier,
    Verification,
)
from tallystick.watch.collect.query import parse_time
from tallystick.watch.collect.store import Part

RESTORE_DAYS = 7
RESTORE_DAYS_MAX = 365
"""How long a restored copy stays, in days."""
NAME_CHARACTERS_MAX = 200
Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]
Moment = Annotated[str, Meta(min_length=1, max_length=64)]


class Ranged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which parts: those of an index (none: of all) that overlap [earliest, latest).

    Times are RFC 3339, or as in searches: `-90d@d`, `2026-01-01`. None is open.
    """

    index: Name | None = None
    earliest: Moment | None = None
    latest: Moment | None = None


class PartsQuery(Ranged, frozen=True, kw_only=True):
    """Which parts, in the order of their paths, from behind the path `after`."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS_DEFAULT
    after: Annotated[str, Meta(max_length=1_000)] | None = None


class NewRestore(Ranged, frozen=True, kw_only=True):
    """Make cold parts readable for some days; how soon says the tier."""

    reason: Reason
    tier: Tier = "standard"
    days: Annotated[int, Meta(ge=1, le=RESTORE_DAYS_MAX)] = RESTORE_DAYS


class NewHold(Ranged, frozen=True, kw_only=True):
    """Keep all parts of a range, now and later, from being deleted by anybody."""

    reason: Reason


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the hold is over."""

    reason: Reason


class NewRetention(Ranged, frozen=True, kw_only=True):
    """Lock archived parts in a mode until a date; `bypass` wants the scope of that name."""

    mode: Literal["governance", "compliance"]
    until: Moment
    reason: Reason
    bypass: bool = False


class Deletion(Ranged, frozen=True, kw_only=True):
    """Delete archived parts for good; `bypass` wants the scope of that name."""

    reason: Reason
    bypass: bool = False


class ArchivedPart(msgspec.Struct, frozen=True):
    """A part in the archive; `mode` none: only a hold keeps it, if one does."""

    part: str
    index: str
    rows: int
    size: int
    earliest: str
    latest: str
    state: str
    mode: str
    locked_until: str | None
    legal_hold: bool
    sha256: str


class PartList(msgspec.Struct, frozen=True):
    """Archived parts; `next_after` is where the next page begins, None at the end."""

    parts: list[ArchivedPart]
    next_after: str | None


class RestoreList(msgspec.Struct, frozen=True):
    """Restores, newest first."""

    restores: list[Restore]


class HoldList(msgspec.Struct, frozen=True):
    """Legal holds, newest first."""

    holds: list[Hold]


async def status(services: Services, _call: Call) -> ArchiveStatus:
    """How the archive is."""
    return await asyncio.to_thread(_archive(services).status)


async def parts(services: Services, call: Call) -> PartList:
    """What is in it."""
    query: PartsQuery = call.query
    covered = _covered(services, call, query)
    found = await asyncio.to_thread(
        _archive(services).desk.parts, covered, limit=query.limit + 1, after=query.after
    )
    more = len(found) > query.limit
    shown = found[: query.limit]
    return PartList([_item(part) for part in shown], shown[-1].path if more else None)


async def restore(services: Services, call: Call) -> Restore:
    """Have cold parts made readable."""
    asked: NewRestore = call.body
    return await _archive(services).desk.restore(
        _covered(services, call, asked),
        tier=asked.tier, days=asked.days, by=call.principal.name, reason=asked.reason,
    )  # fmt: skip


async def restores(services: Services, _call: Call) -> RestoreList:
    """What was asked for, and how far it is."""
    return RestoreList(await asyncio.to_thread(_archive(services).desk.restores))


async def find_restore(services: Services, call: Call) -> Restore:
    """How far one is."""
    desk = _archive(services).desk
    return await asyncio.to_thread(desk.find_restore, call.path["restore"])


async def hold(services: Services, call: Call) -> Hold:
    """Set a legal hold."""
    asked: NewHold = call.body
    return await _archive(services).desk.hold(
        _covered(services, call, asked), by=call.principal.name, reason=asked.reason
    )


async def holds(services: Services, _call: Call) -> HoldList:
    """Which there are, and were."""
    return HoldList(await asyncio.to_thread(_archive(services).desk.holds))


async def release(services: Services, call: Call) -> Hold:
    """End a legal hold."""
    asked: Release = call.body
    return await _archive(services).desk.release(
        call.path["hold"], by=call.principal.name, reason=asked.reason
    )


async def retain(services: Services, call: Call) -> Done:
    """Change how long archived parts are locked."""
    asked: NewRetention = call.body
    return await _archive(services).desk.retain(
        _covered(services, call, asked), mode=asked.mode, until_ns=_until(asked.until),
        bypass=_bypass(call, asked=asked.bypass), by=call.principal.name, reason=asked.reason,
    )  # fmt: skip


async def delete(services: Services, call: Call) -> Done:
    """Delete archived parts."""
    asked: Deletion = call.body
    return await _archive(services).desk.delete(
        _covered(services, call, asked), bypass=_bypass(call, asked=asked.bypass),
        by=call.principal.name, reason=asked.reason,
    )  # fmt: skip


async def verify(services: Services, _call: Call) -> Verification:
    """Begin to verify all of it, unless that is under way."""
    return _archive(services).begin_verification()


async def verification(services: Services, _call: Call) -> Verification:
    """How far the verification is, or what the last one found."""
    found = _archive(services).verification()
    if found is None:
        raise Refused("NOT_VERIFIED", "The archive was never verified; POST to this path does.")
    return found


def _archive(services: Services) -> Archive:
    if services.archive is None:
        raise Refused("NO_ARCHIVE", "There is no archive: TALLYSTICK_ARCHIVE names where it is.")
    return services.archive


def _covered(services: Services, call: Call, asked: Ranged) -> Covered:
    """The range; a token for some indexes has to name one of them.

    Raises:
        Refused: `FORBIDDEN`, `BAD_QUERY`, `BAD_TIME`.
    """
    principal, now_ns = call.principal, services.clock.now_ns()
    if principal.indexes is not None:
        if asked.index is None:
            raise Refused("FORBIDDEN", "This token is for some indexes only: name one.")
        principal.require_index(asked.index)
    ends = (None if at is None else parse_time(at, now_ns) for at in (asked.earliest, asked.latest))
    covered = Covered(asked.index, *ends)
    covered.require_order()
    return covered


def _bypass(call: Call, *, asked: bool) -> bool:
    if asked:
        call.principal.require("bypass")
    return asked


def _until(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise Refused("BAD_TIME", f"until: {error}.", field="until") from error


def _item(part: Part) -> ArchivedPart:
    lock = part.lock
    return ArchivedPart(
        part.path, part.index, part.rows, part.size, rfc3339(part.min_time),
        rfc3339(part.max_time), part.state, lock.mode,
        rfc3339(lock.until_ns) if lock.mode != "none" else None, lock.legal_hold, part.sha256,
    )  # fmt: skip


_NONE = ("NO_ARCHIVE",)
_RANGE = (*_NONE, "NO_PARTS", "PARTS_TOO_MANY", "PART_LOCKED")

OPERATIONS = (
    Operation(
        "GET", "/v1/archive",
        "How the log archive is: rules, parts by state, restores, holds, the archived ledger.",
        status, ArchiveStatus, scope="operate", tag="archive", refusals=_NONE,
    ),
    Operation(
        "GET", "/v1/archive/parts",
        "The archived parts of a range, with their states and locks.",
        parts, PartList, scope="operate", query=PartsQuery, tag="archive", refusals=_NONE,
    ),
    Operation(
        "POST", "/v1/archive/restores",
        "Have cold parts made readable for some days; the ledger says who asked, and why.",
        restore, Restore, scope="operate", body=NewRestore, status=202, tag="archive",
        refusals=(*_NONE, "NOTHING_TO_RESTORE", "PARTS_TOO_MANY"),
    ),
    Operation(
        "GET", "/v1/archive/restores",
        "The restores, newest first, with state, progress, expected time and expiry.",
        restores, RestoreList, scope="operate", tag="archive", refusals=_NONE,
    ),
    Operation(
        "GET", "/v1/archive/restores/{restore}",
        "One restore.",
        find_restore, Restore, scope="operate", tag="archive",
        refusals=(*_NONE, "UNKNOWN_RESTORE"),
    ),
    Operation(
        "POST", "/v1/archive/holds",
        "Put a range under legal hold: nobody deletes anything of it; the ledger says why.",
        hold, Hold, scope="operate", body=NewHold, status=201, tag="archive",
        refusals=(*_NONE, "HOLDS_TOO_MANY"),
    ),
    Operation(
        "GET", "/v1/archive/holds",
        "The legal holds, newest first, released ones too.",
        holds, HoldList, scope="operate", tag="archive", refusals=_NONE,
    ),
    Operation(
        "POST", "/v1/archive/holds/{hold}/release",
        "End a legal hold; the ledger says who did, and why.",
        release, Hold, scope="operate", body=Release, tag="archive",
        refusals=(*_NONE, "UNKNOWN_HOLD"),
    ),
    Operation(
        "POST", "/v1/archive/retention",
        "Lock archived parts until another date: extended freely, shortened by bypass only.",
        retain, Done, scope="operate", body=NewRetention, tag="archive", refusals=_RANGE,
    ),
    Operation(
        "POST", "/v1/archive/deletions",
        "Delete archived parts for good, as far as no lock keeps them.",
        delete, Done, scope="operate", body=Deletion, tag="archive", refusals=_RANGE,
    ),
    Operation(
        "POST", "/v1/archive/verification",
        "Begin to verify the archive: every part hashed again, and the archived ledger.",
        verify, Verification, scope="operate", status=202, tag="archive", refusals=_NONE,
    ),
    Operation(
        "GET", "/v1/archive/verification",
        "How far the verification is, or what the last one found.",
        verification, Verification, scope="operate", tag="archive",
        refusals=(*_NONE, "NOT_VERIFIED"),
    ),
)  # fmt: skip
