"""Schedules in EventBridge's syntax: `rate(5 minutes)` and `cron(0 18 ? * MON-FRI *)`.

Source: AWS, "Cron expressions reference" (eb-cron-expressions) and EventBridge Scheduler's page on
daylight saving. Six fields: minutes, hours, day of month, month, day of week, year. `L` is the
last day of the month or week, `6L` the month's last Friday, `15W` the weekday nearest to the 15th,
`LW` the last weekday, `6#3` the third Friday; `?` stands where the other day field says it.
Sunday is 1. A local time that a change of clocks leaves out is left out; one that comes twice is
met once, the first time.
"""

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_RATE = re.compile(r"rate\(\s*([1-9][0-9]{0,8})\s+(minute|hour|day)(s?)\s*\)")
_CRON = re.compile(r"cron\(\s*(.+?)\s*\)")
YEARS = range(1970, 2200)
_LAST = "L"


class Schedule(Protocol):
    """When a rule is due."""

    def next_after(self, after_ns: int, started_ns: int) -> int | None:
        """The first moment later than `after_ns`, None for never.

        `started_ns` is when the rule was first seen: a rate counts from there.
        """
        ...


def parse_schedule(text: str, time_zone: str = "UTC") -> Schedule:
    """The schedule in this text.

    Raises:
        Refused: `BAD_SCHEDULE`.
    """
    rate = _RATE.fullmatch(text.strip())
    if rate is not None:
        count, unit, plural = int(rate[1]), rate[2], bool(rate[3])
        if (count != 1) is not plural:
            right = f"rate({count} {unit}{'s' if count != 1 else ''})"
            raise _wrong(text, f"1 takes the singular and more the plural: {right}")
        return Rate(count * _UNITS[unit])
    cron = _CRON.fullmatch(text.strip())
    if cron is None:
        raise _wrong(text, "it is neither rate(5 minutes) nor cron(0 18 ? * MON-FRI *)")
    try:
        zone = ZoneInfo(time_zone)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _wrong(text, f"there is no time zone {time_zone!r}") from error
    except KeyError as error:
        raise _wrong(text, f"there is no time zone {time_zone!r}") from error
    return Cron(text, cron[1].split(), zone)


class Rate:
    """Every so many seconds from the moment that the rule was first seen."""

    def __init__(self, seconds: int) -> None:
        self.period_ns = seconds * NS_PER_SECOND

    def next_after(self, after_ns: int, started_ns: int) -> int:
        """The next whole number of periods from the start."""
        periods = max(0, after_ns - started_ns) // self.period_ns
        return started_ns + (periods + 1) * self.period_ns


class Cron:
    """At every minute whose fields fit."""

    def __init__(self, text: str, fields: list[str], zone: ZoneInfo) -> None:
        if len(fields) != 6:
            raise _wrong(
                text,
                f"cron takes six fields (minutes hours day-of-month month day-of-week year), not"
                f" {len(fields)}",
            )
        minutes, hours, self._dom, months, self._dow, years = (each.upper() for each in fields)
        if (self._dom == "?") is (self._dow == "?"):
            raise _wrong(text, "exactly one of day-of-month and day-of-week is ?")
        try:
            self._minutes = sorted(_numbers(minutes, range(60)))
            self._hours = sorted(_numbers(hours, range(24)))
            self._months = _numbers(months, range(1, 13), _MONTHS)
            self._years = _numbers(years, YEARS)
            self._check_days()
        except ValueError as error:
            raise _wrong(text, str(error)) from error
        self._zone = zone

    def next_after(self, after_ns: int, started_ns: int) -> int | None:  # noqa: ARG002  the port's
        """The next minute of the calendar that fits."""
        after = datetime.fromtimestamp(after_ns // NS_PER_SECOND, UTC).astimezone(self._zone)
        for day in self._days(after.date()):
            for hour in self._hours:
                for minute in self._minutes:
                    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._zone)
                    at_ns = int(moment.timestamp()) * NS_PER_SECOND
                    if at_ns > after_ns and _exists(moment):
                        return at_ns
        return None

    def _days(self, first: date) -> Iterator[date]:
        for year in range(first.year, YEARS.stop):
            if year not in self._years:
                continue
            for month in range(first.month if year == first.year else 1, 13):
                if month not in self._months:
                    continue
                begin = first.day if (year, month) == (first.year, first.month) else 1
                for day in sorted(self._days_of(year, month)):
                    if day >= begin:
                        yield date(year, month, day)

    def _check_days(self) -> None:
        """Both day fields can be read: tried on a month."""
        self._days_of(2024, 2)

    def _days_of(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self._dom != "?":
            return _by_date(self._dom, year, month, last)
        return _by_weekday(self._dow, year, month, last)


def _by_date(field: str, year: int, month: int, last: int) -> set[int]:
    """Days of a month that the day-of-month field names."""
    if field in {"LW", "WL"}:
        return {_nearest_weekday(year, month, last, last)}
    if field == _LAST:
        return {last}
    if field.endswith("W") or field.startswith("W"):
        (day,) = _numbers(field.strip("W"), range(1, 32)) or {0}
        return {_nearest_weekday(year, month, day, last)} if day <= last else set()
    if match := re.fullmatch(r"L-([0-9]{1,2})", field):
        return {last - int(match[1])} if int(match[1]) < last else set()
    days: set[int] = set()
    for part in field.split(","):
        days |= {last} if part == _LAST else _numbers(part, range(1, 32))
    return {day for day in days if day <= last}


def _by_weekday(field: str, year: int, month: int, last: int) -> set[int]:
    """Days of a month that the day-of-week field names; Sunday is 1."""
    of: dict[int, list[int]] = {}
    for day in range(1, last + 1):
        of.setdefault(date(year, month, day).isoweekday() % 7 + 1, []).append(day)
    if "#" in field:
        weekday, _, number = field.partition("#")
        (wanted,) = _numbers(weekday, range(1, 8), _DAYS, wraps=True)
        (which,) = _numbers(number, range(1, 6))
        return set(of[wanted][which - 1 : which])
    if field == _LAST:
        return set(of[7])
    days: set[int] = set()
    for part in field.split(","):
        if part.endswith(_LAST) and len(part) > 1:
            (wanted,) = _numbers(part[:-1], range(1, 8), _DAYS, wraps=True)
            days.add(of[wanted][-1])
        else:
            for wanted in _numbers(part, range(1, 8), _DAYS, wraps=True):
                days |= set(of[wanted])
    return days


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    """Monday to Friday nearest to a day, within its month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _numbers(
    field: str, allowed: range, names: list[str] | None = None, *, wraps: bool = False
) -> set[int]:
    """The numbers that a field of commas, ranges, steps and names stands for.

    Raises:
        ValueError: it cannot be read.
    """
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, range(1, allowed.stop), None) if slash else 1
        low, dash, high = span.partition("-")
        if span == "*":
            first, end = allowed.start, allowed.stop - 1
        else:
            first = _number(low, allowed, names)
            end = _number(high, allowed, names) if dash else allowed.stop - 1 if slash else first
        if first > end:
            if not wraps:
                raise ValueError(f"{part!r} ends before it begins")
            found |= set(range(first, allowed.stop, step)) | set(
                range(allowed.start, end + 1, step)
            )
        else:
            found |= set(range(first, end + 1, step))
    return found


def _number(text: str, allowed: range, names: list[str] | None) -> int:
    if names is not None and text in names:
        return names.index(text) + 1
    if not (text.isascii() and text.isdigit()) or int(text[:9]) not in allowed:
        raise ValueError(f"{text!r} is not {allowed.start} to {allowed.stop - 1}")
    return int(text)


def _exists(moment: datetime) -> bool:
    """Whether clocks show this local time at all; the hour that spring leaves out is none."""
    there = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return there.replace(tzinfo=None) == moment.replace(tzinfo=None)


def _wrong(text: str, reason: str) -> Refused:
    return Refused("BAD_SCHEDULE", f"The schedule {text[:100]!r} cannot be used: {reason}.")
