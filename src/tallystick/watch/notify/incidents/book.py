"""Incidents in the store: as they stand, the alerts in them, and their timelines."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.sqlite_file import Row, SqliteFile
from tallystick.watch.notify.alert import Alert, Severity
from tallystick.watch.notify.incidents.incident import Happening, Member
from tallystick.watch.notify.incidents.standing import Standing

INCIDENTS_KEPT_MAX = 100_000
"""Incidents that are kept; the oldest resolved ones go first."""
HAPPENINGS_MAX = 1_000
"""Lines of one timeline; then the oldest of those that come in numbers make room, and are counted.
"""
ENDED_KEPT_MAX = 100
"""Alerts of an incident that ended and are kept in it."""
LOOKED_AT_MAX = 1_000
"""Most alerts of one incident that are looked at together, the newest."""
_FORGET_EVERY = 64
_NUMBER_DIGITS_MAX = 15

Wanted = Literal["open", "acknowledged", "resolved", "unresolved"]


class IncidentFilter(msgspec.Struct, frozen=True):
    """Which incidents are asked for; None or empty: whatever they are."""

    state: Wanted | None = None
    severity: Severity | None = None
    route: str | None = None
    label: dict[str, str] = {}


class Kept(msgspec.Struct, frozen=True):
    """A member, its alert, what keeps it quiet, and when it ends by itself (0: never)."""

    member: Member
    alert: Alert
    held: str
    expires_ns: int

    @property
    def fires(self) -> bool:
        """Whether it has not ended."""
        return self.member.ended_ns == 0


_decode = msgspec.json.Decoder(Standing).decode
_decode_alert = msgspec.json.Decoder(Alert).decode
_encode = msgspec.json.Encoder().encode


def number_of(incident_id: str) -> int | None:
    """The number in `I-12`; None where it is no such id."""
    digits = incident_id.removeprefix("I-")
    possible = digits.isascii() and digits.isdigit() and len(digits) <= _NUMBER_DIGITS_MAX
    return int(digits) if possible else None


class Book:
    """Of one file; each method is called inside its `reading` or `writing`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def get(self, number: int) -> Standing | None:
        """The incident of this number."""
        return _standing(self._file.one("incident_of_number", number=number))

    def of_key(self, key: str) -> Standing | None:
        """The group's incident that is not resolved, else its last one."""
        return _standing(self._file.one("incident_of_key", key=key))

    def storm_of(self, route: str) -> Standing | None:
        """The incident that speaks for a storm of this route at present."""
        return _standing(self._file.one("open_storm", route=route))

    def put(self, standing: Standing, *, looked: bool = False) -> Standing:
        """Keep it as it stands; a new one (number 0) gets its number.

        `looked` says that all was looked at that somebody may have asked to look at.
        """
        body = _encode(msgspec.structs.replace(standing, number=0))
        if standing.number:
            self._file.run(
                "update_incident",
                number=standing.number,
                state=standing.state,
                severity=standing.severity,
                storm=standing.storm,
                due_ns=self._due_ns(standing),
                incident=body,
                looked=int(looked),
            )
            return standing
        row = self._file.one(
            "insert_incident",
            key=standing.key,
            state=standing.state,
            severity=standing.severity,
            route=standing.route,
            storm=standing.storm,
            sums=int(standing.sums),
            opened_ns=standing.opened_ns,
            due_ns=standing.due_ns,
            labels=_encode(standing.labels).decode(),
            incident=body,
        )
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        oldest = int(row[0]) - INCIDENTS_KEPT_MAX
        if oldest > 0:
            for (number,) in self._file.run("forget_old_incidents", number=oldest):
                self._file.run("forget_transitions", incident=number)
        return msgspec.structs.replace(standing, number=row[0])

    def schedule(self, standing: Standing) -> None:
        """One of its alerts ends by itself: look at it then."""
        self._file.run("schedule", number=standing.number, due_ns=self._due_ns(standing))

    def listed(self, wanted: IncidentFilter, limit: int, before: int | None) -> list[Standing]:
        """The newest first, with numbers below `before`; at most a page and one more."""
        rows = self._file.run(
            "list_incidents",
            before=2**62 if before is None else before,
            state=wanted.state,
            severity=wanted.severity,
            route=wanted.route,
            labels=_encode(wanted.label).decode(),
            limit=max(0, min(limit, PAGE_ITEMS_MAX + 1)),
        )
        return [each for row in rows if (each := _standing(row)) is not None]

    def due(self, now_ns: int, limit: int) -> list[int]:
        """Numbers of incidents that must be looked at, the longest due first."""
        return [row[0] for row in self._file.run("due_incidents", now_ns=now_ns, limit=limit)]

    def next_due_ns(self) -> int | None:
        """When the next incident must be looked at."""
        row = self._file.one("next_due_incident")
        return row[0] if row else None

    def reached(self, number: int, target: str) -> None:
        """A target took a message: what failed there before is over."""
        standing = self.get(number)
        if standing is not None and target in standing.failed:
            failed = tuple(each for each in standing.failed if each != target)
            self.put(msgspec.structs.replace(standing, failed=failed))

    def look_at(self, number: int) -> None:
        """Look at this one as soon as possible, unless it is resolved."""
        self._file.run("look_at_incident", number=number)

    def look_at_all(self) -> None:
        """What keeps alerts quiet has changed: look at everything that is not resolved."""
        self._file.run("look_at_all")

    def look_at_storm(self, number: int) -> None:
        """Look at all that this incident speaks for."""
        self._file.run("look_at_storm", number=number)

    def opened_since(self, route: str, since_ns: int, most: int) -> int:
        """How many incidents of a route opened since then; no more than `most` are counted."""
        return self._count("count_opened", route=route, since_ns=since_ns, limit=most)

    def in_storm(self, number: int) -> int:
        """How many incidents that are not resolved this one speaks for."""
        return self._count("count_in_storm", number=number)

    def member(self, incident: int, fingerprint: str) -> Kept | None:
        """The trouble of this fingerprint in an incident."""
        row = self._file.one("find_member", incident=incident, fingerprint=fingerprint)
        return None if row is None else _kept(row)

    def firing_in(self, fingerprint: str) -> list[int]:
        """The incidents in which it fires."""
        return [row[0] for row in self._file.run("firing_in", fingerprint=fingerprint)]

    def firing(self, incident: int, limit: int = LOOKED_AT_MAX) -> list[Kept]:
        """What fires in an incident, the newest first."""
        rows = self._file.run("members_firing", incident=incident, limit=limit)
        return [_kept(row) for row in rows]

    def in_stormy(self, number: int, limit: int) -> list[Kept]:
        """What fires in the incidents that this one speaks for, the newest first."""
        return [
            _kept(row) for row in self._file.run("members_in_storm", number=number, limit=limit)
        ]

    def newest(self, incident: int, limit: int) -> list[Kept]:
        """What fires, then what ended last."""
        rows = self._file.run("members_newest", incident=incident, limit=limit)
        return [_kept(row) for row in rows]

    def put_member(self, standing: Standing, kept: Kept, seq: int) -> None:
        """A member that fires; `seq` is the alert that speaks for it."""
        self._file.run(
            "put_member",
            incident=standing.number,
            fingerprint=kept.member.fingerprint,
            alert=seq,
            severity=kept.member.severity,
            started_ns=kept.member.started_ns,
            expires_ns=kept.expires_ns,
            held=kept.held,
        )
        if standing.total % _FORGET_EVERY == 0:
            self._file.run("forget_ended_members", incident=standing.number, kept=ENDED_KEPT_MAX)

    def end_member(self, incident: int, fingerprint: str, now_ns: int) -> None:
        """It no longer fires."""
        self._file.run("end_member", incident=incident, fingerprint=fingerprint, now_ns=now_ns)

    def end_members(self, incident: int, now_ns: int) -> list[str]:
        """Nothing fires any more; the fingerprints that did."""
        return [row[0] for row in self._file.run("end_members", incident=incident, now_ns=now_ns)]

    def hold_member(self, incident: int, fingerprint: str, held: str) -> None:
        """What keeps it quiet has changed."""
        self._file.run("hold_member", incident=incident, fingerprint=fingerprint, held=held)

    def extend(self, fingerprint: str, expires_ns: int) -> None:
        """It was said again: it fires until then."""
        self._file.run("extend_members", fingerprint=fingerprint, expires_ns=expires_ns)

    def expired(self, seq: int) -> bool:
        """Whether this alert's trouble ended only because it was not said again."""
        return self._file.one("expired_of", seq=seq) is not None

    def count_firing(self) -> int:
        """How many fire in all."""
        return self._count("count_firing")

    def all_firing(self, limit: int) -> list[tuple[Alert, int, str, int]]:
        """Alerts that fire, since when, what keeps them quiet, and in which incident."""
        rows = self._file.run("all_firing", limit=limit)
        return [(_decode_alert(alert), since, held, number) for alert, since, held, number in rows]

    def add_happenings(self, incident: int, happenings: Iterable[Happening]) -> None:
        """Write them down; a long timeline forgets what comes in numbers, and counts it."""
        for each in happenings:
            self._file.run(
                "add_happening",
                incident=incident,
                at_ns=each.at_ns,
                what=each.what,
                by=each.by,
                text=each.text,
            )
            if self._count("count_happenings", incident=incident) > HAPPENINGS_MAX:
                self._file.run("forget_happening", incident=incident)
                self._file.run("count_skipped", incident=incident)

    def timeline(self, incident: int) -> tuple[tuple[Happening, ...], int]:
        """What happened, in order, and how many lines are no longer kept."""
        rows = self._file.run("timeline", incident=incident)
        happenings = tuple(Happening(*row) for row in rows)
        return happenings, self._count("skipped", incident=incident)

    def _due_ns(self, standing: Standing) -> int:
        if standing.state == "resolved":
            return 0
        row = self._file.one("next_expiry", incident=standing.number)
        expires_ns = row[0] if row and row[0] is not None else 0
        return min((each for each in (standing.due_ns, expires_ns) if each), default=0)

    def _count(self, query: str, **values: str | int) -> int:
        row = self._file.one(query, **values)
        return int(row[0]) if row else 0


def _standing(row: Row | None) -> Standing | None:
    return None if row is None else msgspec.structs.replace(_decode(row[1]), number=row[0])


def _kept(row: Row) -> Kept:
    fingerprint, alert_id, severity, body, started_ns, ended_ns, held, expires_ns = row
    alert = _decode_alert(body)
    member = Member(fingerprint, alert_id, severity, alert.summary, started_ns, ended_ns)
    return Kept(member, alert, held, expires_ns)
