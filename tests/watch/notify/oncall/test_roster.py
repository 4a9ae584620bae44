"""The front desk: schedules, calendars that change under it, and overrides of two processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import icalendar
import msgspec
import pytest

from tallystick.errors import Refused
from tallystick.watch.notify.oncall import NewOverride, OnCall
from tallystick.watch.notify.oncall.roster import FEED_DAYS_BACK, FEED_DAYS_ON, WINDOW_DAYS_MAX
from tallystick.watch.notify.oncall.schedule import LayerText, ScheduleText

At = Callable[[str], int]
DAY = 86_400 * 10**9
PEOPLE = ("ann", "bob", "cai", "dee")
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//EN
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20261124
SUMMARY:{}
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def now(at: At) -> int:
    """A Sunday; Bob's week in the schedule `desk` has a day left."""
    return at("2026-11-22 12:00")


@pytest.fixture
def roster(tmp_path: Path, weekly: ScheduleText, now: int) -> Iterator[OnCall]:
    """`desk` of layers, and `calendar`, whose file is not there yet."""
    texts = {"desk": weekly, "calendar": ScheduleText(ical="on-call.ics")}
    roster = OnCall(texts, PEOPLE, tmp_path / "on-call.db", tmp_path, now)
    yield roster
    roster.close()


def test_it_says_who_is_on_call(roster: OnCall, at: At, now: int) -> None:
    """By the name of the schedule; a name that is not there has nobody, and never fails."""
    assert roster.names() == ("desk", "calendar")
    assert roster.on_call("desk", now) == "cai"
    assert roster.on_call("desk", at("2026-11-23 09:00")) == "ann"
    assert roster.on_call("calendar", now) is None
    assert roster.on_call("gone", now) is None
    shift = roster.shift("desk", now)
    assert shift is not None
    assert (shift.person, shift.starts_ns) == ("cai", at("2026-11-16 09:00"))
    assert roster.shift("calendar", now) is None
    assert [each.person for each in roster.shifts("desk", now, now + 8 * DAY)] == [
        "cai", "ann", "bob",
    ]  # fmt: skip
    (gap,) = roster.gaps("calendar", now, now + DAY)
    assert (gap.starts_ns, gap.ends_ns) == (now, now + DAY)


def test_what_is_not_there_is_refused(roster: OnCall, now: int) -> None:
    """Schedules, people and times that cannot be."""
    new = NewOverride("desk", "dee", now, now + DAY, "ann")
    refused: list[tuple[str, Callable[[], object]]] = [
        ("UNKNOWN_SCHEDULE", lambda: roster.shift("gone", now)),
        ("UNKNOWN_SCHEDULE", lambda: roster.calendar("gone", now)),
        ("UNKNOWN_SCHEDULE", lambda: roster.overrides("gone", now)),
        ("UNKNOWN_SCHEDULE", lambda: roster.gaps("gone", now, now + 1)),
        ("UNKNOWN_SCHEDULE", lambda: roster.add_override(
            msgspec.structs.replace(new, schedule="gone"), now)),
        ("ON_CALL_PERSON", lambda: roster.add_override(
            msgspec.structs.replace(new, person="zoe"), now)),
        ("UNKNOWN_OVERRIDE", lambda: roster.end_override("V-1", now)),
        ("SCHEDULE_PERIOD", lambda: roster.shifts("desk", now, now)),
        ("SCHEDULE_PERIOD", lambda: roster.shifts("desk", now, now + WINDOW_DAYS_MAX * DAY + 1)),
        ("SCHEDULE_PERIOD", lambda: roster.gaps("desk", -1, now)),
        ("SCHEDULE_PERIOD", lambda: roster.gaps("desk", 2**63 - 5, 2**63)),
    ]  # fmt: skip
    for code, call in refused:
        with pytest.raises(Refused) as error:
            call()
        assert error.value.code == code


def test_the_ends_of_time_are_answered(roster: OnCall) -> None:
    """Moments that nobody lives in are nobody's or somebody's, but no error."""
    assert roster.on_call("desk", 0) is None
    assert roster.on_call("desk", 2**63 - 1) in PEOPLE
    assert roster.shifts("desk", 0, DAY) == ()
    assert roster.shifts("desk", 2**63 - DAY, 2**63 - 1)


def test_an_override_holds_at_once_and_after_a_restart(
    roster: OnCall, tmp_path: Path, weekly: ScheduleText, now: int
) -> None:
    """Later ones are laid over earlier ones; ended ones let them through again."""
    first = roster.add_override(NewOverride("desk", "dee", now, now + 4 * DAY, "ann"), now)
    second = roster.add_override(
        NewOverride("desk", "bob", now + DAY, now + 2 * DAY, "dee", "swap"), now
    )
    days = [now + number * DAY for number in range(5)]
    assert [roster.on_call("desk", day) for day in days] == ["dee", "bob", "dee", "dee", "ann"]
    assert roster.on_call("calendar", now) is None
    assert roster.overrides("desk", now) == (first, second)
    assert roster.overrides("calendar", now) == ()
    roster.end_override(second.id, now + 5)
    assert [roster.on_call("desk", day) for day in days[:2]] == ["dee", "dee"]
    again = OnCall({"desk": weekly}, PEOPLE, tmp_path / "on-call.db", tmp_path, now + 10)
    assert again.on_call("desk", days[1]) == "dee"
    again.close()


def test_an_override_of_another_process_is_seen_after_a_look(
    roster: OnCall, tmp_path: Path, weekly: ScheduleText, now: int
) -> None:
    """The command line writes into the same file."""
    other = OnCall({"desk": weekly}, PEOPLE, tmp_path / "on-call.db", tmp_path, now)
    other.add_override(NewOverride("desk", "dee", now, now + DAY, "ann"), now)
    other.close()
    assert roster.on_call("desk", now) == "cai"
    roster.refresh(now)
    assert roster.on_call("desk", now) == "dee"


def test_a_calendar_is_followed(roster: OnCall, tmp_path: Path, at: At, now: int) -> None:
    """It comes, changes, breaks and goes; what was read last stays in force; told once each."""
    path, tuesday = tmp_path / "on-call.ics", at("2026-11-24 12:00")
    (missing,) = roster.problems()
    assert "on-call.ics cannot be read: No such file" in missing
    assert roster.refresh(now) == ()  # it has been told
    path.write_text(CALENDAR.format("ann"))
    assert roster.refresh(now) == ()
    assert roster.problems() == ()
    assert roster.on_call("calendar", tuesday) == "ann"
    path.write_text(CALENDAR.format("zoe") + "oops")
    (broken,) = roster.refresh(now)
    assert broken.startswith("The calendar of 'calendar': ")
    assert roster.refresh(now) == ()
    assert roster.on_call("calendar", tuesday) == "ann"
    path.unlink()
    (gone,) = roster.refresh(now)
    assert "No such file" in gone
    assert roster.on_call("calendar", tuesday) == "ann"
    path.write_text(CALENDAR.format("zoe"))
    (nobody,) = roster.refresh(now)
    assert "'zoe' names nobody" in nobody
    assert roster.on_call("calendar", tuesday) is None
    path.write_text(CALENDAR.format("BOB"))
    assert roster.refresh(now) == ()
    assert roster.problems() == ()
    assert roster.on_call("calendar", tuesday) == "bob"


def sequences(feed: bytes) -> dict[str, tuple[str, int]]:
    """Who an event is about and its SEQUENCE, by its UID."""
    events = icalendar.Calendar.from_ical(feed).walk("VEVENT")
    return {str(each["UID"]): (str(each["SUMMARY"]), int(each["SEQUENCE"])) for each in events}


def test_the_feed_changes_only_with_the_schedule(roster: OnCall, at: At, now: int) -> None:
    """The same bytes all day; an override of a whole shift is the same event with a new person."""
    feed = roster.calendar("desk", now)
    assert roster.calendar("desk", at("2026-11-22 23:59")) == feed
    roster.refresh(now + DAY)
    assert roster.calendar("desk", now) == feed
    before = sequences(feed)
    assert len(before) in range(20, (FEED_DAYS_BACK + FEED_DAYS_ON) // 7 + 2)
    week = at("2026-11-23 09:00"), at("2026-11-30 09:00")
    roster.add_override(NewOverride("desk", "dee", *week, "ann"), now)
    after = sequences(roster.calendar("desk", now))
    assert after.keys() == before.keys()
    assert {number for _, number in before.values()} == {0}
    assert {number for _, number in after.values()} == {1}
    changed = [uid for uid in after if after[uid][0] != before[uid][0]]
    assert [(before[uid][0], after[uid][0]) for uid in changed] == [("ann", "dee")]


def test_another_definition_is_another_revision(
    tmp_path: Path, weekly: ScheduleText, now: int
) -> None:
    """Also after a restart, also when only the calendar's file has changed."""
    layer = LayerText(("ann", "dee"), "2026-11-02T09:00")
    texts = {"desk": ScheduleText("UTC", (layer,), ical="on-call.ics")}
    (tmp_path / "on-call.ics").write_text(CALENDAR.format("ann"))
    OnCall({"desk": weekly}, PEOPLE, tmp_path / "on-call.db", tmp_path, now).close()
    again = OnCall(texts, PEOPLE, tmp_path / "on-call.db", tmp_path, now)
    assert set(sequences(again.calendar("desk", now)).values()) >= {("dee", 1)}
    (tmp_path / "on-call.ics").write_text(CALENDAR.format("bob"))
    again.refresh(now)
    assert ("bob", 2) in sequences(again.calendar("desk", now)).values()
    again.close()


def test_a_schedule_that_cannot_work_is_refused(tmp_path: Path, now: int) -> None:
    """At the start, before there is a file."""
    with pytest.raises(Refused, match="layer or a calendar"):
        OnCall({"desk": ScheduleText()}, PEOPLE, tmp_path / "on-call.db", tmp_path, now)
    assert not (tmp_path / "on-call.db").exists()


def test_an_override_of_somebody_who_has_left_says_nothing(
    roster: OnCall, tmp_path: Path, weekly: ScheduleText, now: int
) -> None:
    """Whoever it stood for is on call again: somebody who is not there cannot be told."""
    roster.add_override(NewOverride("desk", "dee", now, now + DAY, "ann"), now)
    people = ("ann", "bob", "cai")
    again = OnCall({"desk": weekly}, people, tmp_path / "on-call.db", tmp_path, now + 5)
    assert again.on_call("desk", now + 5) == "cai"
    again.close()
