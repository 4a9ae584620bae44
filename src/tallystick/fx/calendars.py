"""When each currency settles: its weekends and its holidays, and which of them.

The table is `calendars.toml`; the dates come from the `holidays` package, which is only imported
when the first date is asked for, and then built one currency and one year at a time. What is
announced in dated files (`announced.py`) stands above both.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

import msgspec

from tallystick.errors import Refused
from tallystick.fx.announced import NOTHING, Announced, parse_overrides, shipped
from tallystick.fx.currencies import TEXT_CHARACTERS_SHOWN_MAX

if TYPE_CHECKING:
    from holidays import HolidayBase

FIRST_YEAR: Final = 1999
"""The first year of the euro and of its calendar."""
LAST_YEAR: Final = 2099
"""The last year that any calendar reaches; India's, which follows the moon, reaches less far."""
YEARS_CACHED_MAX: Final = 2_048
"""Most (currency, year) calendars kept; each is a dict of some 120 dates."""

_ONE_DAY: Final = timedelta(days=1)
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_Weekend = tuple[_Day, ...]


class _EarlierWeekend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weekend that a country had `until` a day."""

    until: date
    days: _Weekend


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One currency's section of `calendars.toml`.

    A currency that settles where another does has its calendar: `same_as`. Else holidays are those
    of `market` or else of `country` (codes of the holidays package), there of a `subdivision` and
    of `categories`; without the names in `open`; and with the days (MM-DD) in `closed` and the days
    after the holidays named in `closed_after`. Before `first_year` and
    after `last_year` nothing is known. A
    `provisional` calendar is certain only once its country has announced the year: it follows the
    moon, or a yearly decree.
    """

    same_as: str = ""
    market: str = ""
    country: str = ""
    subdivision: str | None = None
    categories: tuple[str, ...] | None = None
    open: tuple[str, ...] = ()
    closed: dict[str, str] = {}
    closed_after: dict[str, str] = {}
    weekend: _Weekend = ("saturday", "sunday")
    earlier_weekend: _EarlierWeekend | None = None
    provisional: bool = False
    first_year: int = FIRST_YEAR
    last_year: int = LAST_YEAR

    def is_weekend(self, day: date) -> bool:
        """Whether `day` is in the weekend of its time."""
        earlier = self.earlier_weekend
        weekend = earlier.days if earlier and day <= earlier.until else self.weekend
        return _DAYS[day.weekday()] in weekend


def _table() -> dict[str, _Rules]:
    text = (files("tallystick.fx") / "calendars.toml").read_text(encoding="ascii")
    return msgspec.toml.decode(text, type=dict[str, _Rules])


_TABLE: Final[Mapping[str, _Rules]] = MappingProxyType(_table())
_ITS_CALENDAR: Final = MappingProxyType(
    {currency: rules.same_as or currency for currency, rules in _TABLE.items()}
)
"""The currency whose calendar each has: its own, but for those that settle elsewhere."""
_SHIPPED: Final[Mapping[str, Announced]] = MappingProxyType(shipped())

_announced: Mapping[str, Announced] = _SHIPPED
"""What is announced, by currency; replaced whole, once, at the start of the process."""
_forgetting: Final[list[Callable[[], None]]] = []
"""Empties one cache each of what follows from the calendars."""

_Cached = TypeVar("_Cached", bound=Callable[..., Any])


def cached(size: int) -> Callable[[_Cached], _Cached]:
    """`lru_cache`, emptied when the calendars change."""

    def wrap(function: _Cached) -> _Cached:
        kept = lru_cache(maxsize=size)(function)
        _forgetting.append(kept.cache_clear)
        return cast("_Cached", kept)  # called as the function is

    return wrap


def use_overrides(texts: Mapping[str, str]) -> None:
    """Put an operator's dated files above those of this package; {} goes back to them alone.

    `texts` are TOML by currency, in the form of `announced.py`. For the start of a process: what
    was computed before is forgotten, but what was decided on it stays decided.

    Raises:
        Misconfigured: one sentence with everything that is wrong; nothing is changed then.
    """
    global _announced  # noqa: PLW0603  the tables of a process, replaced whole at its start
    own = [currency for currency, where in _ITS_CALENDAR.items() if where == currency]
    given = parse_overrides(texts, own, range(FIRST_YEAR, LAST_YEAR + 1))
    both = dict(_SHIPPED)
    for currency, announced in given.items():
        both[currency] = both.get(currency, NOTHING).amended(announced)
    _announced = MappingProxyType(both)
    for forget in _forgetting:
        forget()


def is_good_day(currency: str, day: date) -> bool:
    """Whether payments in `currency` settle on `day`; raises what `why_closed` raises."""
    return day not in _closed(currency, day.year)


def why_closed(currency: str, day: date) -> str | None:
    """Why `currency` does not settle on `day`: the holiday's name, or the day of the weekend.

    Raises:
        Refused: `UNKNOWN_CURRENCY`, there is no calendar for it; `DATE_OUT_OF_RANGE`, the
            calendar does not reach that year.
    """
    return _closed(currency, day.year).get(day)


def is_weekend(currency: str, day: date) -> bool:
    """Whether `day` is in the weekend of `currency`, holiday or not."""
    return _rules(currency).is_weekend(day)


def is_provisional(currency: str, day: date | None = None) -> bool:
    """Whether it is certain only later what `day` is, once the country announced its year.

    Weekends are certain, and what dated files cover. Without a `day`: whether there are provisional
    days in the calendar of `currency` at all.
    """
    rules = _rules(currency)
    if day is None or not rules.provisional:
        return rules.provisional
    announced = _announced.get(_ITS_CALENDAR[currency], NOTHING)
    return not (rules.is_weekend(day) or announced.covers(day))


def _rules(currency: str) -> _Rules:
    try:
        return _TABLE[_ITS_CALENDAR[currency]]
    except KeyError:
        shown = currency[:TEXT_CHARACTERS_SHOWN_MAX]
        raise Refused("UNKNOWN_CURRENCY", f"There is no holiday calendar for {shown!r}.") from None


@cached(YEARS_CACHED_MAX)
def _closed(currency: str, year: int) -> dict[date, str]:
    """Every day of `year` on which `currency` does not settle, and why."""
    rules = _rules(currency)
    if not rules.first_year <= year <= rules.last_year:
        reach = f"from {rules.first_year} to {rules.last_year}"
        raise Refused("DATE_OUT_OF_RANGE", f"The {currency} calendar reaches {reach}, not {year}.")
    announced = _announced.get(_ITS_CALENDAR[currency], NOTHING)
    closed = {} if year in announced.complete else _holidays(rules, year)
    closed |= {day: why for day, why in announced.closed.items() if day.year == year}
    day, last = date(year, 1, 1), date(year, 12, 31)
    while day <= last:
        if rules.is_weekend(day):
            closed[day] = _DAYS[day.weekday()].capitalize()
        day += _ONE_DAY
    for day in announced.open:
        closed.pop(day, None)
    return closed


def _holidays(rules: _Rules, year: int) -> dict[date, str]:
    """The days closed for a holiday, weekends or not."""
    found = {}
    for day, text in _package_holidays(rules, year).items():
        names = [name for name in text.split("; ") if name not in rules.open]
        if names:
            found[day] = ", ".join(names)
        for name in names:
            if name in rules.closed_after:
                found[day + _ONE_DAY] = rules.closed_after[name]
    for month_day, name in rules.closed.items():
        found.setdefault(date.fromisoformat(f"{year}-{month_day}"), name)
    return found


def _package_holidays(rules: _Rules, year: int) -> "HolidayBase":
    # Imported late: the package takes half a second to come up, once.
    from holidays import country_holidays, financial_holidays  # noqa: PLC0415

    if rules.market:
        return financial_holidays(rules.market, years=year, language="en_US")
    return country_holidays(
        rules.country,
        subdiv=rules.subdivision,
        categories=rules.categories,
        years=year,
        language="en_US",
    )
