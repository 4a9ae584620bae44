"""Calendars that say who is on call: iCalendar files (RFC 5545), events are called like people.

Recurrence with its exceptions is unfolded by recurring-ical-events. A day without time is a day on
the schedule's wall, as is a time without zone. An event that repeats has the same length on the
wall each time, as calendar programs show it.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused
from tallystick.watch.notify.oncall.span import Span
from tallystick.watch.notify.oncall.wall import midnight, moment_of

if TYPE_CHECKING:
    from icalendar import Calendar as Parsed
    from icalendar import Event
    from recurring_ical_events import CalendarQuery

CALENDAR_BYTES_MAX = 1_048_576
"""Largest calendar file."""
CALENDAR_EVENTS_MAX = 2_000
"""Most events in a calendar, each repeated one counted once."""
CALENDAR_PROBLEMS_MAX = 20
"""Most events of a calendar that are told about because they cannot be used."""
INTERVAL_MAX = 1_000
"""Longest interval of a rule, in its own unit."""
YEARS = range(1970, 2200)
"""Years in which an event may begin."""
_BLOCK_NS = 30 * 86_400 * NS_PER_SECOND
_BLOCKS_KEPT = 64
_MARGIN = timedelta(days=2)
_NAME_CHARACTERS_MAX = 64
_FOLD = re.compile(rb"\r?\n[ \t]")
# Duties do not change within the hour; and rules of these kinds take for ever to unfold.
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_TOO_FINE = {"BYHOUR", "BYMINUTE", "BYSECOND"}
_OF_MONTHS = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
_LIBRARY_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What the libraries raise on bytes that are no calendar."""


class Calendar:
    """The spans of a calendar; `problems` are sentences about what it leaves out."""

    def __init__(
        self,
        query: "CalendarQuery",
        people: Mapping[str, str],
        zone: ZoneInfo,
        problems: tuple[str, ...],
    ) -> None:
        self._query = query
        self._people = people
        self._zone = zone
        self.problems = problems
        self._block = lru_cache(maxsize=_BLOCKS_KEPT)(self._kept)

    def between(self, from_ns: int, to_ns: int) -> list[Span]:
        """The spans that touch the window."""
        blocks = range(from_ns // _BLOCK_NS, (to_ns - 1) // _BLOCK_NS + 1)
        spans = {span for block in blocks for span in self._block(block)}
        return [span for span in sorted(spans) if span.touches(from_ns, to_ns)]

    def _kept(self, block: int) -> tuple[Span, ...]:
        """Whoever asks who is on call must not fail: what is below the calendar speaks then."""
        try:
            return self._unfolded(block)
        except _LIBRARY_ERRORS as error:
            begins = datetime.fromtimestamp(block * _BLOCK_NS // NS_PER_SECOND, UTC)
            sentence = f"What it says from {begins.date()} on cannot be unfolded: {error}."
            self.problems = (*self.problems, sentence)
            return ()

    def _unfolded(self, block: int) -> tuple[Span, ...]:
        begins = datetime.fromtimestamp(block * _BLOCK_NS // NS_PER_SECOND, UTC)
        ends = begins + timedelta(seconds=_BLOCK_NS // NS_PER_SECOND)
        return tuple(
            span
            for event in self._query.between(begins - _MARGIN, ends + _MARGIN)
            if (span := self._span(event)) is not None
        )

    def _span(self, event: "Event") -> Span | None:
        person = self._people.get(_summary(event).casefold())
        if person is None or _cancelled(event):
            return None
        starts_ns, ends_ns = _moment(event.start, self._zone), _moment(event.end, self._zone)
        return Span(person, starts_ns, ends_ns, "ical") if starts_ns < ends_ns else None


def read_calendar(data: bytes, people: Collection[str], zone: ZoneInfo, now_ns: int) -> Calendar:
    """The calendar in these bytes; names are compared without regard to case.

    What it says around `now_ns` is unfolded already.

    Raises:
        Refused: `CALENDAR_INVALID`.
    """
    import recurring_ical_events  # noqa: PLC0415  a fifth of a second, and few have calendars

    by_name = {person.casefold(): person for person in people}
    try:
        parsed = _parsed(data)
        problems = _sifted(parsed, by_name)
        read = Calendar(recurring_ical_events.of(parsed), by_name, zone, problems)
    except _LIBRARY_ERRORS as error:
        raise _refused(f"The calendar cannot be read: {error}.") from error
    read.between(now_ns - _BLOCK_NS, now_ns + _BLOCK_NS)
    if read.problems != problems:
        raise _refused(read.problems[-1])
    return read


def _parsed(data: bytes) -> "Parsed":
    from icalendar import Calendar as Parsed  # noqa: PLC0415  see `read_calendar`

    if len(data) > CALENDAR_BYTES_MAX:
        raise _refused(f"A calendar has at most {CALENDAR_BYTES_MAX} bytes.")
    _check_zones(data)
    parsed = Parsed.from_ical(data)
    if not isinstance(parsed, Parsed):
        raise _refused("The calendar does not begin with BEGIN:VCALENDAR.")
    if len(parsed.walk("VEVENT")) > CALENDAR_EVENTS_MAX:
        raise _refused(f"A calendar has at most {CALENDAR_EVENTS_MAX} events.")
    return parsed


def _check_zones(data: bytes) -> None:
    """Zones of the file's own are unfolded as it is parsed: their clocks change once a year."""
    inside = False
    for line in _FOLD.sub(b"", data).upper().splitlines():
        if line.startswith((b"BEGIN:VTIMEZONE", b"END:VTIMEZONE")):
            inside = line.startswith(b"BEGIN")
        yearly = b"FREQ=YEARLY" in line and b"INTERVAL" not in line
        if inside and line.startswith(b"RRULE") and not yearly:
            raise _refused("A time zone in it changes its clocks otherwise than once a year.")


def _sifted(calendar: "Parsed", people: Mapping[str, str]) -> tuple[str, ...]:
    """Take out the events that cannot be unfolded; say which, and which name nobody."""
    from icalendar import Event  # noqa: PLC0415  see `read_calendar`

    problems, usable = [], []
    for component in calendar.subcomponents:
        if not isinstance(component, Event):
            usable.append(component)
            continue
        wrong = _wrong(component)
        if not wrong:
            # An exception of a repeated event that names nobody still takes the other's place.
            usable.append(component)
            wrong = "" if _cancelled(component) else _doubtful(component, people)
        if wrong:
            name = _summary(component)[:_NAME_CHARACTERS_MAX]
            problems.append(f"The event {name!r} {wrong}.")
    calendar.subcomponents = usable
    left = len(problems) - CALENDAR_PROBLEMS_MAX
    more = (f"There are {left} more events like these.",) if left > 0 else ()
    return (*problems[:CALENDAR_PROBLEMS_MAX], *more)


def _wrong(event: "Event") -> str:
    """Why an event cannot be unfolded; empty: it can."""
    if event.errors:
        return "has a line that cannot be read: {}: {}".format(*event.errors[0])
    try:
        start, end = event.start, event.end
    except _LIBRARY_ERRORS as error:
        return f"has no beginning or end that can be used: {error}"
    if start.year not in YEARS:
        return f"must begin in a year from {YEARS[0]} to {YEARS[-1]}"
    if _moment(end, _UTC) < _moment(start, _UTC):
        return "ends before it begins"
    for rule in event.rrules:
        if not _plain(rule):
            return "repeats in a way that is not for duties: every day, week, month or year is"
    return ""


def _doubtful(event: "Event", people: Mapping[str, str]) -> str:
    if _summary(event).casefold() not in people:
        return "names nobody who is known"
    zone = event["DTSTART"].params.get("TZID")
    start = event.start
    if zone is not None and isinstance(start, datetime) and start.tzinfo is None:
        return f"is in the unknown time zone {zone!r}; it is read as the schedule's"
    return ""


def _plain(rule: Mapping[str, list[object]]) -> bool:
    """Whether a rule comes to its next occurrence in a moment."""
    frequency, *others = rule.get("FREQ", [""])
    interval = rule.get("INTERVAL", [1])[0]
    if others or frequency not in _FREQUENCIES or _TOO_FINE & rule.keys():
        return False
    if not isinstance(interval, int) or not 1 <= interval <= INTERVAL_MAX:
        return False
    return frequency in {"MONTHLY", "YEARLY"} or not _OF_MONTHS & rule.keys()


def _summary(event: "Event") -> str:
    summary = event.get("SUMMARY", "")
    return summary.strip() if isinstance(summary, str) else ""


def _cancelled(event: "Event") -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _moment(when: date, zone: ZoneInfo) -> int:
    """Nanoseconds since the epoch; what has no zone is on the wall."""
    if not isinstance(when, datetime):
        return moment_of(midnight(when), zone)
    if when.tzinfo is None:
        return moment_of(when, zone)
    return (when - _EPOCH) // timedelta(seconds=1) * NS_PER_SECOND


def _refused(sentence: str) -> Refused:
    return Refused("CALENDAR_INVALID", sentence)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC = ZoneInfo("UTC")
