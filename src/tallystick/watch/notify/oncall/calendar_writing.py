"""Shifts as an iCalendar feed (RFC 5545) that calendar programs subscribe to.

Times are UTC, so no VTIMEZONE is needed. The UID of an event is its schedule and beginning, so a
shift that somebody else takes over is the same event, with a higher SEQUENCE.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.oncall.duty import Shift
from tallystick.watch.notify.oncall.overrides import Revision

CALENDAR_MEDIA_TYPE = "text/calendar; charset=utf-8"
LINE_OCTETS_MAX = 75
"""RFC 5545 section 3.1: longer lines are folded."""
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def write_calendar(schedule: str, zone: str, shifts: Iterable[Shift], revision: Revision) -> bytes:
    """The calendar of these shifts: UTF-8, lines end with CRLF.

    The same shifts at the same revision give the same bytes. `zone` is a hint for display.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tallystick//On call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(schedule)}",  # RFC 7986; the next line is what it was before
        f"X-WR-CALNAME:{_text(schedule)}",
        f"X-WR-TIMEZONE:{_text(zone)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M",
    ]
    for shift in shifts:
        # Its times are whole seconds, and an event ends later than it begins.
        if shift.starts_ns // NS_PER_SECOND < shift.ends_ns // NS_PER_SECOND:
            lines += _event(shift, revision)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line)).encode()


def uid_of(shift: Shift) -> str:
    """The same for ever: RFC 5545 section 3.8.4.7."""
    named = f"{shift.schedule}\n{shift.starts_ns}".encode()
    return f"on-call-{hashlib.sha256(named).hexdigest()[:32]}@tallystick"


def _event(shift: Shift, revision: Revision) -> list[str]:
    changed = _utc(revision.changed_ns)
    return [
        "BEGIN:VEVENT",
        f"UID:{uid_of(shift)}",
        f"DTSTAMP:{changed}",
        f"DTSTART:{_utc(shift.starts_ns)}",
        f"DTEND:{_utc(shift.ends_ns)}",
        f"SUMMARY:{_text(shift.person)}",
        f"DESCRIPTION:{_text(f'On call for {shift.schedule} ({shift.source})')}",
        f"LAST-MODIFIED:{changed}",
        f"SEQUENCE:{revision.number}",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",  # being on call is not being busy
        "END:VEVENT",
    ]


def _utc(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS_PER_SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """A TEXT value: RFC 5545 section 3.3.11; control characters cannot be said."""
    escaped = value.translate(_ESCAPED)
    return "".join(each for each in escaped if each >= " " and each != "\x7f")


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 octets, none of which cuts a character."""
    room, start, used = LINE_OCTETS_MAX, 0, 0
    for place, character in enumerate(line):
        octets = len(character.encode())
        if used + octets > room:
            yield line[start:place] if start == 0 else " " + line[start:place]
            start, used, room = place, 0, LINE_OCTETS_MAX - 1
        used += octets
    yield line[start:] if start == 0 else " " + line[start:]
