"""A layer of a schedule: people who take the duty in turns, handed over by the clock on the wall.

Lengths count on the wall, also hours: shifts of twelve hours change at 08:00 and 20:00 all year,
and one over a change of clocks is an hour longer or shorter. A month that lacks the day of the
first hand-over hands over on its last day.
"""

import calendar
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from tallystick.watch.notify.oncall.span import Span
from tallystick.watch.notify.oncall.wall import midnight, moment_of, wall_at

Every = Literal["hour", "day", "week", "month"]
_DAY = timedelta(days=1)
_LENGTHS = {"hour": timedelta(hours=1), "day": _DAY, "week": timedelta(weeks=1)}


class Window(msgspec.Struct, frozen=True):
    """From `begins` on these weekdays (0: Monday) until `ends`, wall time; None: midnight.

    An end that is not after the beginning is on the next day.
    """

    days: frozenset[int]
    begins: time
    ends: time | None


class Turn(msgspec.Struct, frozen=True):
    """From the shift with this number on, these people go round, the first of them first."""

    first: int
    people: tuple[str, ...]


class Rotation:
    """People in turns from `starts` (wall time in `zone`) until `ends_ns` (None: for ever).

    Shift 0 begins at `starts` and is `count` units of `every` long. `windows` are the only times at
    which the layer speaks; none: always.
    """

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        starts: datetime,
        every: Every,
        count: int,
        people: tuple[str, ...],
        ends_ns: int | None = None,
        windows: tuple[Window, ...] = (),
    ) -> None:
        self.name = name
        self._zone = zone
        self._starts = starts
        self._every = every
        self._count = count
        self._turns: tuple[Turn, ...] = (Turn(0, people),)
        self._ends_ns = ends_ns
        self._windows = windows

    def change(self, at_ns: int, people: tuple[str, ...]) -> None:
        """From the first hand-over at or after this moment on, these people go round.

        To be called in the order of time, before the rotation is asked. What was before stays.
        """
        number = self.number(at_ns)
        first = number if self.begins(number) >= at_ns else number + 1
        kept = tuple(turn for turn in self._turns if turn.first < first)
        self._turns = (*kept, Turn(max(first, 0), people))

    def between(self, from_ns: int, to_ns: int) -> Iterator[Span]:
        """The spans that touch the window, in order and apart from each other."""
        number = max(0, self.number(from_ns))
        last_ns = to_ns if self._ends_ns is None else min(to_ns, self._ends_ns)
        begins_ns = self.begins(number)
        while begins_ns < last_ns:
            ends_ns = self.begins(number + 1)
            until_ns = ends_ns if self._ends_ns is None else min(ends_ns, self._ends_ns)
            person = self.person(number)
            for starts_ns, stops_ns in self._allowed(begins_ns, until_ns):
                span = Span(person, starts_ns, stops_ns, f"layer:{self.name}")
                if span.touches(from_ns, to_ns):
                    yield span
            number, begins_ns = number + 1, ends_ns

    def person(self, number: int) -> str:
        """Who has the shift with this number."""
        turn = next(turn for turn in reversed(self._turns) if turn.first <= number)
        return turn.people[(number - turn.first) % len(turn.people)]

    def begins(self, number: int) -> int:
        """When the shift with this number begins."""
        return moment_of(self._wall(number), self._zone)

    def number(self, at_ns: int) -> int:
        """The last shift that has begun by this moment; -1 before the first."""
        wall = wall_at(at_ns, self._zone)
        if self._every == "month":
            months = 12 * (wall.year - self._starts.year) + wall.month - self._starts.month
            number = months // self._count
        else:
            number = (wall - self._starts) // (self._count * _LENGTHS[self._every])
        # The wall alone is a shift off near a change of clocks and at the ends of months.
        number = max(number, -1)
        while number >= 0 and self.begins(number) > at_ns:
            number -= 1
        while self.begins(number + 1) <= at_ns:
            number += 1
        return number

    def _wall(self, number: int) -> datetime:
        if self._every != "month":
            return self._starts + number * self._count * _LENGTHS[self._every]
        years, month = divmod(self._starts.month - 1 + number * self._count, 12)
        year = self._starts.year + years
        day = min(self._starts.day, calendar.monthrange(year, month + 1)[1])
        return self._starts.replace(year=year, month=month + 1, day=day)

    def _allowed(self, begins_ns: int, ends_ns: int) -> Iterator[tuple[int, int]]:
        """The parts of a shift in which the layer speaks; windows that meet are one."""
        if not self._windows:
            if begins_ns < ends_ns:
                yield begins_ns, ends_ns
            return
        open_ns = close_ns = begins_ns
        for starts_ns, stops_ns in sorted(self._opened(begins_ns, ends_ns)):
            start, stop = max(starts_ns, begins_ns), min(stops_ns, ends_ns)
            if start > close_ns:
                if open_ns < close_ns:
                    yield open_ns, close_ns
                open_ns = start
            close_ns = max(close_ns, stop)
        if open_ns < close_ns:
            yield open_ns, close_ns

    def _opened(self, from_ns: int, to_ns: int) -> Iterator[tuple[int, int]]:
        day = wall_at(from_ns, self._zone).date() - _DAY
        # A day more: where clocks go back over midnight, the wall shows the day before.
        last = wall_at(to_ns, self._zone).date() + _DAY
        while day <= last:
            for window in self._windows:
                if day.weekday() in window.days:
                    overnight = window.ends is None or window.ends <= window.begins
                    ends = midnight(day + _DAY) if overnight else midnight(day)
                    if window.ends is not None:
                        ends = datetime.combine(ends, window.ends)
                    starts_ns = moment_of(datetime.combine(day, window.begins), self._zone)
                    stops_ns = moment_of(ends, self._zone)
                    if starts_ns < to_ns and stops_ns > from_ns:
                        yield starts_ns, stops_ns
            day += _DAY
