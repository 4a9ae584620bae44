"""When people trade: local office hours, the market's week, holidays, month ends and the news."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.fx import is_good_day
from tallystick.watch.detect.trades.dice import Dice

HOUR_NS: Final = 3_600 * NS_PER_SECOND
DAY_NS: Final = 24 * HOUR_NS
SHOCK_SECONDS: Final = 28.0
"""The shock of news is over within a minute: it fades as a bell does, of this width ..."""
STIR_SECONDS: Final = 600.0
"""... and the stir after it fades with this time constant."""
WARY_SECONDS: Final = 20.0
"""Time constant in which those who quote step back before figures that are expected."""
_WARY_NS: Final = 60 * NS_PER_SECOND
_OVER_NS: Final = 3_600 * NS_PER_SECOND
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIGURES: Final = time(8, 30)
_NEW_YORK: Final = ZoneInfo("America/New_York")

MARKET: Final = (
    0.35, 0.40, 0.35, 0.30, 0.28, 0.32, 0.55, 0.90, 1.00, 0.92, 0.82, 0.78,
    1.00, 1.15, 1.20, 1.10, 0.90, 0.60, 0.45, 0.40, 0.28, 0.18, 0.22, 0.30,
)  # fmt: skip
"""How busy the market is in each hour, UTC; 1 is a morning in London."""
OFFICE: Final = (
    0, 0, 0, 0, 0, 0, 0, 0.04, 0.55, 1.0, 1.1, 1.0,
    0.6, 0.8, 1.0, 1.0, 0.8, 0.4, 0.06, 0.015, 0.004, 0, 0, 0,
)  # fmt: skip
"""A company's treasury, local time: somebody stays late now and then, nobody is there at night."""
EVENINGS: Final = (
    0.10, 0.02, 0, 0, 0, 0, 0.05, 0.30, 0.45, 0.50, 0.50, 0.55,
    0.60, 0.55, 0.55, 0.60, 0.70, 0.90, 1.1, 1.3, 1.4, 1.2, 0.8, 0.35,
)  # fmt: skip
"""A private person, local time: a little by day, mostly in the evening, asleep at night."""
MORNING: Final = (
    0, 0, 0, 0, 0, 0, 0.01, 0.05, 0.4, 1.0, 1.0, 0.8,
    0.4, 0.5, 0.8, 1.6, 1.4, 0.2, 0.02, 0.004, 0, 0, 0, 0,
)  # fmt: skip
"""A fund, local time: the morning meeting, and the fixing at four in the afternoon."""


class News(msgspec.Struct, frozen=True, gc=False):
    """Figures came out: for a while prices move and spreads widen, and everybody trades."""

    at_ns: int
    size: float


class Excitement(NamedTuple):
    """What is left of the news: of the first shock (`fast`), and of the stir after it (`slow`)."""

    fast: float
    slow: float


class Calendar:
    """What kind of moment it is, for everybody in the simulation."""

    def __init__(self, start_ns: int, days: int, dice: Dice) -> None:
        self.news = _news(start_ns, days, dice)
        self._next = 0
        self._near: list[News] = []

    def excitement(self, at_ns: int) -> Excitement:
        """Nothing on a quiet day, each about the size of the news right after it.

        Asked in order of time. Those who quote step back some seconds before the figures.
        """
        self._look(at_ns)
        fast = slow = 0.0
        for one in self._near:
            seconds = (at_ns - one.at_ns) / NS_PER_SECOND
            fades = (seconds / SHOCK_SECONDS) ** 2 if seconds >= 0 else -seconds / WARY_SECONDS
            fast += one.size * math.exp(-fades)
            if seconds >= 0:
                slow += one.size * math.exp(-seconds / STIR_SECONDS)
        return Excitement(fast, slow)

    def step_ns(self, at_ns: int, most_ns: int) -> int:
        """How far the simulation may go in one step: not far while things change fast."""
        self._look(at_ns)
        if self._near:
            after = at_ns - max(one.at_ns for one in self._near)
            return (15 if after < 180 * NS_PER_SECOND else 60) * NS_PER_SECOND
        if self._next < len(self.news):
            return max(NS_PER_SECOND, min(most_ns, self.news[self._next].at_ns - _WARY_NS - at_ns))
        return most_ns

    def _look(self, at_ns: int) -> None:
        while self._next < len(self.news) and self.news[self._next].at_ns - _WARY_NS <= at_ns:
            self._near.append(self.news[self._next])
            self._next += 1
        self._near = [one for one in self._near if at_ns - one.at_ns < _OVER_NS]


def _news(start_ns: int, days: int, dice: Dice) -> list[News]:
    """Figures on many weekdays, the jobs report on a month's first Friday, and surprises."""
    found: list[News] = []
    for number in range(days):
        midnight = start_ns + number * DAY_NS
        day = day_of(midnight)
        if day.weekday() > 4:
            continue
        figures = moment_ns(datetime.combine(day, _FIGURES, _NEW_YORK))
        if day.weekday() == 4 and day.day <= 7:
            found.append(News(figures, dice.between(1.5, 2.5)))
        elif dice.chance(0.4):
            found.append(News(figures, dice.between(0.2, 0.9)))
        if dice.chance(0.08):
            found.append(News(midnight + round(dice.uniform() * DAY_NS), dice.between(0.5, 1.5)))
    return sorted(found, key=lambda one: one.at_ns)


def day_of(at_ns: int) -> date:
    """The date, UTC."""
    return _EPOCH.date() + timedelta(days=at_ns // DAY_NS)


def moment_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


@lru_cache(maxsize=64)
def local_hour(at_ns: int, zone: str) -> tuple[date, int]:
    """The local date and hour there."""
    moment = datetime.fromtimestamp(at_ns // NS_PER_SECOND, ZoneInfo(zone))
    return moment.date(), moment.hour


@lru_cache(maxsize=4_096)
def month_end(day: date) -> float:
    """How much more a rebalancing account trades on this day: the last three weekdays of a month.

    Twice that at the end of a quarter.
    """
    ahead, left = day, 0
    while ahead.month == day.month:
        ahead += timedelta(days=1)
        left += ahead.weekday() <= 4 and ahead.month == day.month
    if left > 2:
        return 1.0
    return (8.0 if day.month % 3 == 0 else 4.0) / (1 + left)


@lru_cache(maxsize=4_096)
def open_at(day: date, currency: str) -> bool:
    """Whether people who count in `currency` work on this day."""
    return day.weekday() <= 4 and is_good_day(currency, day)


def share_of(hours: Sequence[float], hour: int) -> float:
    """What an hour has of a day's business."""
    return hours[hour] / sum(hours)
