"""Calendars of other programs: recurrence, exceptions, time zones and days, and what is wrong."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.watch.notify.oncall.calendar_reading import (
    CALENDAR_BYTES_MAX,
    CALENDAR_EVENTS_MAX,
    CALENDAR_PROBLEMS_MAX,
    Calendar,
    read_calendar,
)
from tallystick.watch.notify.oncall.calendar_writing import write_calendar
from tallystick.watch.notify.oncall.duty import Shift, shifts
from tallystick.watch.notify.oncall.overrides import Revision
from tallystick.watch.notify.oncall.schedule import Schedule, ScheduleText

At = Callable[[str], int]
LONDON = ZoneInfo("Europe/London")
PEOPLE = ("ann", "Bob", "cai")
NOW = parse_rfc3339("2026-11-01T00:00:00Z")
# As Google Calendar writes it: the zone's rules in the file, an exception, one moved occurrence.
GOOGLE = """
BEGIN:VTIMEZONE
TZID:Europe/London
BEGIN:DAYLIGHT
TZOFFSETFROM:+0000
TZOFFSETTO:+0100
TZNAME:BST
DTSTART:19700329T010000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0100
TZOFFSETTO:+0000
TZNAME:GMT
DTSTART:19701025T020000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1@example.com
DTSTART;TZID=Europe/London:20261019T090000
DTEND;TZID=Europe/London:20261019T170000
RRULE:FREQ=DAILY;COUNT=10
EXDATE;TZID=Europe/London:20261021T090000
SUMMARY:Ann
END:VEVENT
BEGIN:VEVENT
UID:1@example.com
RECURRENCE-ID;TZID=Europe/London:20261026T090000
DTSTART;TZID=Europe/London:20261026T120000
DTEND;TZID=Europe/London:20261026T170000
SUMMARY:bob
END:VEVENT
BEGIN:VEVENT
UID:1@example.com
RECURRENCE-ID;TZID=Europe/London:20261027T090000
DTSTART;TZID=Europe/London:20261027T090000
DTEND;TZID=Europe/London:20261027T170000
SUMMARY:Ann
STATUS:CANCELLED
END:VEVENT
"""


def ics(*events: str) -> bytes:
    """A calendar of these events, each its lines without BEGIN, END and UID."""
    wrapped = (
        event
        if "BEGIN:VEVENT" in event
        else f"BEGIN:VEVENT\nUID:{place}@example.com\n{event.strip()}\nEND:VEVENT\n"
        for place, event in enumerate(events)
    )
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\n{''.join(wrapped)}END:VCALENDAR\n"
    return text.replace("\n\n", "\n").replace("\n", "\r\n").encode()


def read(*events: str) -> Calendar:
    """The calendar of these events in London."""
    return read_calendar(ics(*events), PEOPLE, LONDON, NOW)


def told(calendar: Calendar, first: str, last: str) -> list[tuple[str, str, str]]:
    """Its spans as people read them."""
    window = parse_rfc3339(f"{first}T00:00:00Z"), parse_rfc3339(f"{last}T00:00:00Z")
    return [
        (span.person, rfc3339(span.starts_ns)[5:16], rfc3339(span.ends_ns)[5:16])
        for span in sorted(calendar.between(*window), key=lambda span: span.starts_ns)
    ]


def test_recurrence_exceptions_and_time_zones() -> None:
    """The example above: one left out, one moved to somebody else, one cancelled, summer time."""
    assert told(read(GOOGLE), "2026-10-20", "2026-10-30") == [
        ("ann", "10-20T08:00", "10-20T16:00"),
        ("ann", "10-22T08:00", "10-22T16:00"),
        ("ann", "10-23T08:00", "10-23T16:00"),
        ("ann", "10-24T08:00", "10-24T16:00"),
        ("ann", "10-25T09:00", "10-25T17:00"),
        ("Bob", "10-26T12:00", "10-26T17:00"),
        ("ann", "10-28T09:00", "10-28T17:00"),
    ]


def test_whole_days_are_days_of_the_schedule() -> None:
    """From midnight to midnight on its wall; the day of the change of clocks has 25 hours."""
    calendar = read(
        "DTSTART;VALUE=DATE:20261024\nDTEND;VALUE=DATE:20261027\nSUMMARY:ann",
        "DTSTART;VALUE=DATE:20261025\nSUMMARY:bob",  # without an end: one day
    )
    assert told(calendar, "2026-10-24", "2026-10-28") == [
        ("ann", "10-23T23:00", "10-27T00:00"),
        ("Bob", "10-24T23:00", "10-26T00:00"),
    ]


def test_times_without_a_zone_are_on_the_wall() -> None:
    """Nine o'clock is nine there, in summer and in winter."""
    calendar = read("DTSTART:20261024T090000\nDURATION:PT8H\nRRULE:FREQ=DAILY\nSUMMARY:ann")
    assert told(calendar, "2026-10-24", "2026-10-26") == [
        ("ann", "10-24T08:00", "10-24T16:00"),
        ("ann", "10-25T09:00", "10-25T17:00"),
    ]


def test_zones_of_windows_and_of_the_file_itself() -> None:
    """Outlook's names, and a zone that only the file knows."""
    own = (
        "BEGIN:VTIMEZONE\nTZID:Desk\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
        "TZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
    event = "BEGIN:VEVENT\nUID:9\nDTSTART;TZID=Desk:20261102T090000\nDURATION:PT1H\nSUMMARY:cai\n"
    calendar = read(
        "DTSTART;TZID=W. Europe Standard Time:20261102T090000\nDURATION:PT1H\nSUMMARY:ann",
        f"{own}{event}END:VEVENT\n",
    )
    assert told(calendar, "2026-11-02", "2026-11-03") == [
        ("cai", "11-02T03:30", "11-02T04:30"),
        ("ann", "11-02T08:00", "11-02T09:00"),
    ]
    assert calendar.problems == ()


def test_the_last_day_of_each_month_and_further_dates() -> None:
    """Rules of months, RDATE, and the end that UNTIL sets."""
    calendar = read(
        "DTSTART;VALUE=DATE:20261130\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20270301\nSUMMARY:ann",
        "DTSTART:20261201T090000Z\nDURATION:PT1H\nRDATE:20261211T090000Z\nSUMMARY:bob",
    )
    assert told(calendar, "2026-11-01", "2027-12-01") == [
        ("ann", "11-30T00:00", "12-01T00:00"),
        ("Bob", "12-01T09:00", "12-01T10:00"),
        ("Bob", "12-11T09:00", "12-11T10:00"),
        ("ann", "12-31T00:00", "01-01T00:00"),
        ("ann", "01-31T00:00", "02-01T00:00"),
        ("ann", "02-28T00:00", "03-01T00:00"),
    ]


def test_an_exception_that_names_nobody_leaves_a_gap() -> None:
    """It takes the place of the occurrence, and is told."""
    calendar = read(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20261102T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\n"
        "SUMMARY:ann\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20261103T090000Z\n"
        "DTSTART:20261103T090000Z\nDURATION:PT1H\nSUMMARY:Holiday\nEND:VEVENT\n"
    )
    assert [starts for _, starts, _ in told(calendar, "2026-11-01", "2026-11-09")] == [
        "11-02T09:00",
        "11-04T09:00",
    ]
    assert calendar.problems == ("The event 'Holiday' names nobody who is known.",)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("DTSTART:20261102T090000Z\nDURATION:PT1H\nSUMMARY:zoe", "'zoe' names nobody"),
        ("DTSTART:20261102T090000Z\nDURATION:PT1H", "'' names nobody"),
        ("DTSTART:2026-11-02\nSUMMARY:ann", "line that cannot be read: DTSTART"),
        ("DTEND:20261102T090000Z\nSUMMARY:ann", "no beginning"),
        ("DTSTART:20261102T090000Z\nDTEND:20261101T090000Z\nSUMMARY:ann", "ends before"),
        ("DTSTART:00010101T090000Z\nDURATION:PT1H\nSUMMARY:ann", "in a year from 1970"),
        ("DTSTART:20261102T090000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES\nSUMMARY:ann", "RRULE"),
        *(
            (
                f"DTSTART:20261102T090000Z\nDURATION:PT1H\nRRULE:{rule}\nSUMMARY:ann",
                "not for duties",
            )
            for rule in (
                "FREQ=SECONDLY",
                "FREQ=MINUTELY;INTERVAL=30",
                "FREQ=HOURLY",
                "FREQ=DAILY;INTERVAL=0",
                "FREQ=DAILY;INTERVAL=100000",
                "FREQ=DAILY;BYMINUTE=0,15,30,45",
                "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
                "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=3",
            )
        ),
    ],
    ids=range(15),
)
def test_events_that_cannot_be_used_are_told(event: str, said: str) -> None:
    """One sentence each; the others count all the same."""
    calendar = read(event, "DTSTART:20261102T120000Z\nDURATION:PT1H\nSUMMARY:bob")
    assert told(calendar, "2026-11-01", "2026-11-09") == [("Bob", "11-02T12:00", "11-02T13:00")]
    (problem,) = calendar.problems
    assert said in problem


def test_an_unknown_zone_is_told_and_read_as_the_schedules() -> None:
    """Better than nobody."""
    calendar = read("DTSTART;TZID=Mars/Base:20261024T090000\nDURATION:PT1H\nSUMMARY:ann")
    assert told(calendar, "2026-10-24", "2026-10-25") == [("ann", "10-24T08:00", "10-24T09:00")]
    assert "the unknown time zone 'Mars/Base'" in calendar.problems[0]


def test_not_every_problem_of_a_wrong_calendar_is_told() -> None:
    """The first ones, and how many more."""
    event = "DTSTART:20261102T090000Z\nDURATION:PT1H\nSUMMARY:zoe"
    problems = read(*[event] * (CALENDAR_PROBLEMS_MAX + 5)).problems
    assert len(problems) == CALENDAR_PROBLEMS_MAX + 1
    assert problems[-1] == "There are 5 more events like these."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        bytes(range(256)),
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:2026",
        b"BEGIN:VEVENT\r\nSUMMARY:ann\r\nEND:VEVENT\r\n",
        ics() * 2,
        ics(*["DTSTART:20261102T090000Z\nDURATION:PT1H\nSUMMARY:ann"] * (CALENDAR_EVENTS_MAX + 1)),
        ics() + b" " * CALENDAR_BYTES_MAX,
        # Zones whose clocks would change without end.
        *(
            ics(
                "BEGIN:VTIMEZONE\nTZID:A\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
                f"TZOFFSETFROM:+0000\nTZOFFSETTO:+0000\n{rule}\nEND:STANDARD\nEND:VTIMEZONE\n"
                "BEGIN:VEVENT\nDTSTART;TZID=A:20261102T090000\nSUMMARY:ann\nEND:VEVENT\n"
            )
            for rule in ("RRULE:FREQ=DAILY", "RRULE:FREQ=YEARLY;INTER\n VAL=0", "rrule:x")
        ),
    ],
    ids=range(11),
)
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    """A sentence, whatever the bytes are."""
    with pytest.raises(Refused) as refused:
        read_calendar(data, PEOPLE, LONDON, NOW)
    assert refused.value.code == "CALENDAR_INVALID"


WORDS = st.sampled_from(
    [
        "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE", "END:VTIMEZONE", "BEGIN:STANDARD",
        "END:STANDARD", "TZID:A", "TZOFFSETFROM:+0100", "TZOFFSETTO:x", "SUMMARY:ann", "SUMMARY:",
        "UID:1", "DTSTART:20261102T090000Z", "DTSTART;TZID=A:20261102T090000",
        "DTSTART;VALUE=DATE:1", "DTSTART;VALUE=DATE:20261102", "DTEND:20261102T100000Z",
        "DTEND;VALUE=DATE:20261103", "DURATION:P1D", "DURATION:-P1D", "DURATION:P",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RRULE:FREQ=WEEKLY;UNTIL=1", "RRULE:FREQ=YEARLY;COUNT=-1", "RRULE:", "RRULE:FREQ=DAILY",
        "RDATE:20261105T090000Z", "RDATE;VALUE=PERIOD:20261105T090000Z/PT5H", "RDATE:x",
        "EXDATE:20261103T090000Z", "EXDATE;VALUE=DATE:20261103", "EXDATE;TZID=B:20261103T090000",
        "RECURRENCE-ID:20261103T090000Z", "RECURRENCE-ID;RANGE=THISANDFUTURE:20261103T090000Z",
        "SEQUENCE:x", "STATUS:CANCELLED", "X-WR-TIMEZONE:Nowhere", "CALSCALE:JULIAN",
        " folded", ":",
    ]
)  # fmt: skip


@settings(deadline=None)  # the first one imports the library
@given(st.lists(WORDS, max_size=14))
def test_lines_in_any_order_are_read_or_refused(lines: list[str]) -> None:
    """Nothing but a refusal comes out of a calendar that is wrong in its details."""
    data = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()
    try:
        calendar = read_calendar(data, PEOPLE, LONDON, NOW)
    except Refused:
        return
    assert all(span.starts_ns < span.ends_ns for span in calendar.between(NOW, NOW + 10**17))


DATES = st.dates(date(2026, 9, 1), date(2026, 12, 31))


@settings(deadline=None)
@given(
    st.sampled_from(("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe")),
    DATES,
    st.integers(0, 23),
    st.integers(1, 30),
    st.integers(1, 3),
    st.sets(st.integers(0, 40), max_size=5),
)
def test_daily_rules_against_a_slow_count(
    zone: str, first: date, hour: int, hours: int, interval: int, left_out: set[int]
) -> None:
    """Every so many days at the same hour on the wall, less its exceptions, counted by hand."""
    walls = [
        datetime(first.year, first.month, first.day, hour, 30)  # noqa: DTZ001  on a wall
        + timedelta(days=interval * number)
        for number in range(240)
    ]
    lines = [
        f"DTSTART;TZID={zone}:{walls[0]:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={zone}:{walls[0] + timedelta(hours=hours):%Y%m%dT%H%M%S}",
        f"RRULE:FREQ=DAILY;INTERVAL={interval}",
        "SUMMARY:ann",
        *(f"EXDATE;TZID={zone}:{walls[number]:%Y%m%dT%H%M%S}" for number in left_out),
    ]
    place = ZoneInfo(zone)
    window = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC)
    expected = []
    for number, wall in enumerate(walls):
        starts = wall.replace(tzinfo=place).astimezone(UTC)
        ends = (wall + timedelta(hours=hours)).replace(tzinfo=place).astimezone(UTC)
        if number not in left_out and starts < ends and ends > window[0] and starts < window[1]:
            expected.append((int(starts.timestamp()), int(ends.timestamp())))
    spans = read("\n".join(lines)).between(
        *(int(each.timestamp()) * NS_PER_SECOND for each in window)
    )
    assert sorted(
        (span.starts_ns // NS_PER_SECOND, span.ends_ns // NS_PER_SECOND) for span in spans
    ) == sorted(expected)


def test_our_own_feed_is_read_back(at: At) -> None:
    """What is written says the same when it is read: a schedule can be moved as a calendar."""
    text = ScheduleText()
    told_first = tuple(
        Shift("desk", person, at(starts), at(ends), "ical")
        for person, starts, ends in (
            ("ann", "2026-10-19 08:00", "2026-10-26 09:00"),
            ("Bob", "2026-10-26 09:00", "2026-11-02 09:00"),
        )
    )
    feed = write_calendar("desk", text.time_zone, told_first, Revision(0, 0))
    calendar = read_calendar(feed, PEOPLE, LONDON, NOW)
    schedule = Schedule("desk", LONDON, (calendar,))
    assert shifts(schedule, at("2026-10-01 00:00"), at("2026-12-01 00:00")) == told_first
