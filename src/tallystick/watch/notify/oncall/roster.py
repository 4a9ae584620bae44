"""The front desk of the room: every schedule with its calendar and overrides, ready to be asked."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.durable import replace_file
from tallystick.errors import Refused
from tallystick.watch.notify.channel import Secret
from tallystick.watch.notify.oncall import duty
from tallystick.watch.notify.oncall.calendar_reading import (
    CALENDAR_BYTES_MAX,
    Calendar,
    read_calendar,
)
from tallystick.watch.notify.oncall.calendar_writing import write_calendar
from tallystick.watch.notify.oncall.duty import Gap, Shift
from tallystick.watch.notify.oncall.overrides import NewOverride, Override, OverrideBook
from tallystick.watch.notify.oncall.schedule import (
    Schedule,
    ScheduleText,
    is_url,
    place_calendar,
    read_schedule,
)
from tallystick.watch.notify.oncall.span import Span, Spans

WINDOW_DAYS_MAX = 400
"""Longest time that shifts and gaps are asked for at once."""
FEED_DAYS_BACK = 30
"""How far back the calendar of a schedule reaches."""
FEED_DAYS_ON = 180
"""How far on it reaches."""
_NS_PER_DAY = 86_400 * NS_PER_SECOND
_NS_MAX = 2**63 - 1


class OnCall:
    """Who is on call, by the name of the schedule.

    Everything may be called from any thread. Asking who is on call never touches the disk;
    `calendar`, `add_override`, `end_override`, `refresh` and `take_calendar` block for it. `path`
    is the file of overrides, beside which lie copies of calendars that are fetched; `folder` is
    where relative paths of calendars start.
    """

    def __init__(
        self,
        texts: Mapping[str, ScheduleText],
        people: Collection[str],
        path: Path,
        folder: Path,
        now_ns: int,
    ) -> None:
        """Open it; a calendar that cannot be read is a problem that is told, not an error.

        Raises:
            Refused: `SCHEDULE_INVALID`.
        """
        self._texts = dict(texts)
        self._people = frozenset(people)
        self._files = {
            name: _file_of(name, text.ical, path.parent, folder)
            for name, text in self._texts.items()
            if text.ical
        }
        self._plain = {
            name: read_schedule(name, text, people) for name, text in self._texts.items()
        }
        self._calendars: dict[str, Calendar] = {}
        self._digests: dict[str, str] = {}  # of the calendars in force
        self._seen: dict[str, str] = {}  # of the files as they were read last
        self._unreadable: dict[str, str] = {}
        self._missed: dict[str, str] = {}
        self._overrides: tuple[Override, ...] = ()
        self._schedules: dict[str, Schedule] = {}
        self._writing = Lock()
        self._book = OverrideBook(path)
        try:
            self.refresh(now_ns)
        except BaseException:
            self._book.close()
            raise

    def names(self) -> tuple[str, ...]:
        """The schedules, in the order of the configuration."""
        return tuple(self._texts)

    def on_call(self, name: str, at_ns: int, /) -> str | None:
        """Who is on call; None: nobody, or there is no such schedule."""
        schedule = self._schedules.get(name)
        return None if schedule is None else duty.on_call(schedule, at_ns)

    def shift(self, name: str, at_ns: int) -> Shift | None:
        """The shift of that moment, whole.

        Raises:
            Refused: `UNKNOWN_SCHEDULE`.
        """
        return next(iter(duty.shifts(self._schedule(name), at_ns, at_ns + 1)), None)

    def shifts(self, name: str, from_ns: int, to_ns: int) -> tuple[Shift, ...]:
        """The shifts that touch the window, each whole, in order.

        Raises:
            Refused: `UNKNOWN_SCHEDULE`, `SCHEDULE_PERIOD`.
        """
        _check_window(from_ns, to_ns)
        return duty.shifts(self._schedule(name), from_ns, to_ns)

    def gaps(self, name: str, from_ns: int, to_ns: int) -> tuple[Gap, ...]:
        """The times of the window in which nobody is on call.

        Raises:
            Refused: `UNKNOWN_SCHEDULE`, `SCHEDULE_PERIOD`.
        """
        _check_window(from_ns, to_ns)
        return duty.gaps(self._schedule(name), from_ns, to_ns)

    def calendar(self, name: str, now_ns: int) -> bytes:
        """The schedule as an iCalendar feed, a month back and half a year on.

        Raises:
            Refused: `UNKNOWN_SCHEDULE`.
        """
        schedule = self._schedule(name)
        today_ns = now_ns - now_ns % _NS_PER_DAY  # the same bytes all day, unless it changes
        from_ns = today_ns - FEED_DAYS_BACK * _NS_PER_DAY
        shifts = duty.shifts(schedule, from_ns, today_ns + FEED_DAYS_ON * _NS_PER_DAY)
        return write_calendar(name, schedule.zone.key, shifts, self._book.revision(name))

    def overrides(self, name: str, now_ns: int) -> tuple[Override, ...]:
        """Overrides made by hand that have not ended, the first made first.

        Raises:
            Refused: `UNKNOWN_SCHEDULE`.
        """
        self._schedule(name)
        return tuple(
            each for each in self._overrides if each.schedule == name and each.ends_ns > now_ns
        )

    def add_override(self, new: NewOverride, now_ns: int) -> Override:
        """One person instead of everybody else for a while; durable when it returns.

        Raises:
            Refused: `UNKNOWN_SCHEDULE`, `ON_CALL_PERSON`, and those of `OverrideBook.add`.
        """
        self._schedule(new.schedule)
        if new.person not in self._people:
            raise Refused("ON_CALL_PERSON", f"There is nobody called {new.person!r}.")
        with self._writing:
            override = self._book.add(new, now_ns)
            self._lay_overrides()
        return override

    def end_override(self, override_id: str, now_ns: int) -> None:
        """It ends now, or never begins.

        Raises:
            Refused: `UNKNOWN_OVERRIDE`: there is none, or it has ended.
        """
        with self._writing:
            ended = self._book.end(override_id, now_ns)
            self._lay_overrides()
        if not ended:
            raise Refused("UNKNOWN_OVERRIDE", f"There is no override {override_id[:64]!r}.")

    def refresh(self, now_ns: int) -> tuple[str, ...]:
        """Read what has changed: calendars, and overrides that another process made.

        A calendar that cannot be read leaves the one before in force. Gives the problems that were
        not there before.
        """
        with self._writing:
            before = self.problems()
            for name, text in self._texts.items():
                if name in self._files:
                    self._read_again(name, self._files[name], now_ns)
                defined = msgspec.json.encode([text, self._digests.get(name, "")])
                self._book.revise(name, hashlib.sha256(defined).hexdigest(), now_ns)
            self._lay_overrides()
            return tuple(each for each in self.problems() if each not in before)

    def take_calendar(self, name: str, data: bytes, now_ns: int) -> None:
        """A calendar that was fetched; it is kept, so that a restart does without the network.

        Raises:
            Refused: `CALENDAR_INVALID`: the one before stays in force.
        """
        read_calendar(data, self._people, self._plain[name].zone, now_ns)
        replace_file(self._files[name], data)
        self.refresh(now_ns)

    def miss_calendar(self, name: str, why: str) -> None:
        """It could not be fetched (empty: it could): a problem until it can."""
        with self._writing:
            self._missed = {**self._missed, name: why}

    def problems(self) -> tuple[str, ...]:
        """Calendars that cannot be had, and their events that cannot be used: sentences."""
        found = []
        for name in self._texts:
            calendar = self._calendars.get(name)
            said = calendar.problems if calendar is not None else ()
            why = self._missed.get(name) or self._unreadable.get(name)
            said = (why, *said) if why else said
            found += [f"The calendar of {name!r}: {each}" for each in said]
        return tuple(found)

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        self._book.close()

    def _schedule(self, name: str) -> Schedule:
        schedule = self._schedules.get(name)
        if schedule is None:
            raise Refused("UNKNOWN_SCHEDULE", f"There is no schedule {name[:64]!r}.")
        return schedule

    def _read_again(self, name: str, path: Path, now_ns: int) -> None:
        try:
            with path.open("rb") as file:
                data = file.read(CALENDAR_BYTES_MAX + 1)
        except OSError as error:
            self._unreadable[name] = f"{path} cannot be read: {error.strerror or error}."
            self._seen.pop(name, None)
            return
        digest = hashlib.sha256(data).hexdigest()
        if self._seen.get(name) == digest:
            return
        self._seen[name] = digest
        try:
            calendar = read_calendar(data, self._people, self._plain[name].zone, now_ns)
        except Refused as refused:
            self._unreadable[name] = str(refused)
            return
        self._unreadable.pop(name, None)
        self._calendars[name], self._digests[name] = calendar, digest

    def _lay_overrides(self) -> None:
        """Everything in force from now on: replaced whole, so that asking needs no lock."""
        overrides = self._book.overrides()
        # Somebody who has left the configuration cannot be told: whom it stood for can.
        known = [each for each in overrides if each.person in self._people]
        schedules = {}
        for name, plain in self._plain.items():
            calendar = self._calendars.get(name)
            schedule = plain if calendar is None else place_calendar(plain, calendar)
            laid = [_source(each) for each in known if each.schedule == name]
            schedules[name] = replace(schedule, sources=(*schedule.sources, *laid))
        self._overrides, self._schedules = overrides, schedules


def _source(override: Override) -> Spans:
    """Later ones are laid over earlier ones; one that was ended before it began says nothing."""
    span = Span(override.person, override.starts_ns, override.ends_ns, f"override:{override.id}")
    return Spans([span] if span.starts_ns < span.ends_ns else [])


def _file_of(name: str, ical: str | Secret, data: Path, folder: Path) -> Path:
    if isinstance(ical, str) and not is_url(ical):
        return folder / ical
    return data / f"calendar-{hashlib.sha256(name.encode()).hexdigest()[:16]}.ics"


def _check_window(from_ns: int, to_ns: int) -> None:
    possible = from_ns >= 0 and to_ns <= _NS_MAX
    if not possible or not 0 < to_ns - from_ns <= WINDOW_DAYS_MAX * _NS_PER_DAY:
        raise Refused(
            "SCHEDULE_PERIOD",
            f"The end must be later than the beginning, by at most {WINDOW_DAYS_MAX} days.",
        )
