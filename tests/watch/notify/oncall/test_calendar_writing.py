"""The feed of shifts: what RFC 5545 asks of it, byte by byte, and as a strict reader sees it."""

from collections.abc import Callable
from datetime import UTC, datetime

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.oncall.calendar_writing import (
    CALENDAR_MEDIA_TYPE,
    LINE_OCTETS_MAX,
    uid_of,
    write_calendar,
)
from tallystick.watch.notify.oncall.duty import Shift
from tallystick.watch.notify.oncall.overrides import Revision

At = Callable[[str], int]
REVISION = Revision(4, 1_793_000_000 * NS_PER_SECOND)


def test_the_bytes(at: At) -> None:
    """A golden calendar: one shift of one schedule."""
    shift = Shift("desk", "ann", at("2026-11-02 09:00"), at("2026-11-09 09:00"), "layer:week")
    feed = write_calendar("desk", "Europe/London", [shift], Revision(4, at("2026-10-26 07:33")))
    assert feed.decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tallystick//On call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:desk",
        "X-WR-CALNAME:desk",
        "X-WR-TIMEZONE:Europe/London",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M",
        "BEGIN:VEVENT",
        f"UID:{uid_of(shift)}",
        "DTSTAMP:20261026T073300Z",
        "DTSTART:20261102T090000Z",
        "DTEND:20261109T090000Z",
        "SUMMARY:ann",
        "DESCRIPTION:On call for desk (layer:week)",
        "LAST-MODIFIED:20261026T073300Z",
        "SEQUENCE:4",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    assert CALENDAR_MEDIA_TYPE == "text/calendar; charset=utf-8"


def test_an_event_keeps_its_uid(at: At) -> None:
    """Whoever has the shift, and until when: programs see the same event changed."""
    shift = Shift("desk", "ann", at("2026-11-02 09:00"), at("2026-11-09 09:00"), "layer:week")
    other = Shift("desk", "bob", at("2026-11-02 09:00"), at("2026-11-03 09:00"), "override:V-1")
    assert uid_of(shift) == uid_of(other)
    assert uid_of(shift) == "on-call-5d4fb02bca982f8a0a9c0f4d326a8bfd@tallystick"
    assert uid_of(shift) != uid_of(Shift("night", "ann", shift.starts_ns, shift.ends_ns, "x"))


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=120)


@given(NAMES, NAMES, st.integers(0, 4 * 10**9))
def test_any_name_survives_a_strict_reader(person: str, schedule: str, starts: int) -> None:
    """Lines are at most 75 octets, characters stay whole, and a reader gets back what was meant."""
    shift = Shift(schedule, person, starts * NS_PER_SECOND, (starts + 60) * NS_PER_SECOND, "ical")
    feed = write_calendar(schedule, "UTC", [shift], REVISION)
    lines = feed.split(b"\r\n")
    assert max(map(len, lines)) <= LINE_OCTETS_MAX
    assert all(line.decode() is not None and b"\n" not in line for line in lines)
    calendar = icalendar.Calendar.from_ical(feed)
    (event,) = calendar.walk("VEVENT")
    assert event.errors == []
    assert str(event["SUMMARY"]) == person
    assert str(event["DESCRIPTION"]) == f"On call for {schedule} (ical)"
    assert event.start == datetime.fromtimestamp(starts, UTC)
    assert int(event["SEQUENCE"]) == REVISION.number


def test_nothing_can_be_smuggled_in(at: At) -> None:
    """A name with line ends stays a name."""
    person = "ann\r\nATTENDEE:mailto:x@example.com\x00\x07"
    shift = Shift("desk", person, at("2026-11-02 09:00"), at("2026-11-09 09:00"), "ical")
    feed = write_calendar("desk", "UTC", [shift], REVISION)
    assert b"SUMMARY:ann\\nATTENDEE:mailto:x@example.com\r\n" in feed
    assert b"\r\nATTENDEE" not in feed


def test_an_empty_calendar_is_one() -> None:
    """A schedule without anybody is a calendar without events."""
    feed = write_calendar("desk", "UTC", [], REVISION)
    assert icalendar.Calendar.from_ical(feed).walk("VEVENT") == []


def test_less_than_a_second_is_no_event() -> None:
    """RFC 5545: an event ends later than it begins, and its times are whole seconds."""
    shift = Shift("desk", "ann", 5 * NS_PER_SECOND + 1, 6 * NS_PER_SECOND - 1, "override:V-1")
    assert b"VEVENT" not in write_calendar("desk", "UTC", [shift], REVISION)
