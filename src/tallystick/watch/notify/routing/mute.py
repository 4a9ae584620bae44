"""Mute times: weekly and yearly intervals in a time zone (Alertmanager's `time_intervals`).

https://prometheus.io/docs/alerting/latest/configuration/#time_interval
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.watch.notify.config import IntervalText, MuteText, TimesText

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_MINUTES_OF_DAY = 1_440
_DAYS_OF_MONTH = 31
_YEARS = (1970, 9999)
Range = tuple[int, int]


@dataclass(frozen=True)
class Interval:
    """Ranges with both ends in them, but minutes of the day: without the last. None: always."""

    times: tuple[Range, ...]
    weekdays: tuple[Range, ...]
    days_of_month: tuple[Range, ...]
    months: tuple[Range, ...]
    years: tuple[Range, ...]

    def holds(self, moment: datetime) -> bool:
        """Whether a local moment lies in it."""
        minute = moment.hour * 60 + moment.minute
        return (
            (not self.times or any(start <= minute < end for start, end in self.times))
            and _within(self.weekdays, moment.weekday())
            and _within(self.months, moment.month)
            and _within(self.years, moment.year)
            and (not self.days_of_month or self._day_holds(moment))
        )

    def _day_holds(self, moment: datetime) -> bool:
        last = monthrange(moment.year, moment.month)[1]
        return any(
            _counted(start, last) <= moment.day <= _counted(end, last)
            for start, end in self.days_of_month
        )


@dataclass(frozen=True)
class Mute:
    """A mute time that can be asked."""

    zone: ZoneInfo
    intervals: tuple[Interval, ...]

    @staticmethod
    def of(where: str, text: MuteText) -> "Mute":
        """What stands in the file at `where`.

        Raises:
            Misconfigured: with the place and a sentence.
        """
        try:
            zone = ZoneInfo(text.time_zone)
        except (KeyError, ValueError, OSError) as error:
            sentence = f"{text.time_zone!r} is no time zone such as Europe/London."
            raise Misconfigured(f"{where}.time_zone: {sentence}") from error
        return Mute(
            zone,
            tuple(
                _interval(f"{where}.intervals[{place}]", interval)
                for place, interval in enumerate(text.intervals)
            ),
        )

    def holds(self, at_ns: int) -> bool:
        """Whether nobody is told at that moment."""
        moment = datetime.fromtimestamp(at_ns // NS_PER_SECOND, UTC).astimezone(self.zone)
        return any(interval.holds(moment) for interval in self.intervals)


def _interval(where: str, text: IntervalText) -> Interval:
    return Interval(
        tuple(_times(f"{where}.times", times) for times in text.times),
        _ranges(f"{where}.weekdays", text.weekdays, (0, 6), _WEEKDAYS),
        _ranges(f"{where}.days_of_month", text.days_of_month, (-_DAYS_OF_MONTH, _DAYS_OF_MONTH)),
        _ranges(f"{where}.months", text.months, (1, 12), _MONTHS),
        _ranges(f"{where}.years", text.years, _YEARS),
    )


def _times(where: str, times: TimesText) -> Range:
    start, end = _minute(where, times.start), _minute(where, times.end)
    if start >= end:
        raise Misconfigured(
            f"{where}: {times.start}-{times.end} does not end after it starts; what goes past "
            "midnight is two intervals."
        )
    return start, end


def _minute(where: str, text: str) -> int:
    if _CLOCK.fullmatch(text) is None:
        raise Misconfigured(f"{where}: {text!r} is no time such as 09:30; the last is 24:00.")
    hours, minutes = text.split(":")
    return min(int(hours) * 60 + int(minutes), _MINUTES_OF_DAY)


def _ranges(
    where: str, texts: Sequence[str], limits: Range, names: tuple[str, ...] = ()
) -> tuple[Range, ...]:
    found = []
    for text in texts:
        first, _, second = text.partition(":")
        start = _number(where, first, limits, names)
        end = _number(where, second, limits, names) if second else start
        # -3:-1 are the last three days; 1:-1 is the whole month.
        if start > end and not (start > 0 > end):
            raise Misconfigured(f"{where}: {text!r} does not end after it starts.")
        found.append((start, end))
    return tuple(found)


def _number(where: str, text: str, limits: Range, names: tuple[str, ...]) -> int:
    word = text.strip().lower()
    if word in names:
        return names.index(word) + limits[0]
    # Weekdays are told by name only, as in Alertmanager.
    numbered = len(names) != len(_WEEKDAYS)
    if numbered and re.fullmatch(r"-?\d{1,4}", word):
        number = int(word)
        low, high = limits
        if low <= number <= high and (number != 0 or low > 0):
            return number
    example = names[0] if names else str(limits[1])
    raise Misconfigured(f"{where}: {text!r} is not possible here; such as {example} is.")


def _within(ranges: tuple[Range, ...], value: int) -> bool:
    return not ranges or any(start <= value <= end for start, end in ranges)


def _counted(day: int, last: int) -> int:
    return day if day > 0 else last + 1 + day
