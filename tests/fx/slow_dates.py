"""Value dates once more, slowly: sets of days and brute force, to compare the product with.

It shares the tables with the product and no code: it reads them itself, asks the holidays package
itself, and finds each date by looking through all days of a stretch.
"""

import csv
import tomllib
from calendar import monthrange
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from holidays import country_holidays, financial_holidays

TABLES = Path(__file__).resolve().parents[2] / "src/tallystick/fx"
STRETCH_DAYS = 60
"""Longer than any row of holidays."""
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CALENDARS: dict[str, dict[str, Any]] = tomllib.loads((TABLES / "calendars.toml").read_text())
FIXINGS: dict[str, dict[str, Any]] = tomllib.loads((TABLES / "fixings.toml").read_text())
OVERRIDES: dict[str, dict[str, Any]] = {
    path.stem: tomllib.loads(path.read_text()) for path in (TABLES / "overrides").glob("*.toml")
}
with (TABLES / "pairs.csv").open(newline="") as lines:
    PAIRS: dict[str, dict[str, str]] = {row["symbol"]: row for row in csv.DictReader(lines)}


@cache
def good_days(currency: str, year: int) -> frozenset[date]:
    """All days of a year on which the currency settles."""
    calendar = CALENDARS[currency]
    if "same_as" in calendar:
        return good_days(calendar["same_as"], year)
    every = {date(year, 1, 1) + timedelta(days=n) for n in range(366)}
    every = {day for day in every if day.year == year}
    dated = OVERRIDES.get(currency, {})
    closed = {date.fromisoformat(text) for text in dated.get("closed", {})}
    if year not in dated.get("complete", ()):
        closed |= holidays_of(calendar, year)
    closed |= {day for day in every if WEEK[day.weekday()] in weekend(calendar, day)}
    return frozenset((every - closed) | {day for day in dated.get("open", ()) if day.year == year})


def weekend(calendar: dict[str, Any], day: date) -> list[str]:
    """The days of the weekend as it was then."""
    earlier = calendar.get("earlier_weekend")
    if earlier and day <= earlier["until"]:
        days: list[str] = earlier["days"]
        return days
    later: list[str] = calendar.get("weekend", ["saturday", "sunday"])
    return later


def holidays_of(calendar: dict[str, Any], year: int) -> set[date]:
    """The holidays of the package, as the table changes them."""
    if "market" in calendar:
        found = financial_holidays(calendar["market"], years=year, language="en_US")
    else:
        found = country_holidays(
            calendar["country"], subdiv=calendar.get("subdivision"),
            categories=calendar.get("categories"), years=year, language="en_US",
        )  # fmt: skip
    closed = set()
    for day, text in found.items():
        kept = set(text.split("; ")) - set(calendar.get("open", ()))
        if kept:
            closed.add(day)
        if kept & calendar.get("closed_after", {}).keys():
            closed.add(day + timedelta(days=1))
    return closed | {date.fromisoformat(f"{year}-{text}") for text in calendar.get("closed", {})}


def is_good(currency: str, day: date) -> bool:
    """Whether the currency settles on that day."""
    return day in good_days(currency, day.year)


def is_good_for_all(symbol: str, day: date) -> bool:
    """Whether both currencies and USD do."""
    return all(is_good(each, day) for each in {*symbol.split("/"), "USD"})


def stretch(first: date) -> list[date]:
    """The days from one on."""
    return [first + timedelta(days=n) for n in range(STRETCH_DAYS)]


def dealing_day(symbol: str, day: date) -> date:
    """The first weekday on which one of the currencies settles."""
    return next(
        each
        for each in stretch(day)
        if each.isoweekday() <= 5 and any(is_good(c, each) for c in {*symbol.split("/"), "USD"})
    )


def settlement(symbol: str, today: date, lag: int) -> date:
    """`lag` days after `today`, each currency on its own calendar, then good for all."""
    if lag == 0:
        return next(each for each in stretch(today) if is_good_for_all(symbol, each))
    later = stretch(today)[1:]
    ends = []
    every_usd_day = PAIRS[symbol]["usd_days"] == "all"
    for currency in {*symbol.split("/"), *(["USD"] if every_usd_day else [])}:
        if currency == "USD" and not every_usd_day:
            weekdays = [day for day in later if day.isoweekday() <= 5]
            ends.append(next(day for day in weekdays[lag - 1 :] if is_good("USD", day)))
        else:
            ends.append([day for day in later if is_good(currency, day)][lag - 1])
    return next(each for each in stretch(max(ends)) if is_good_for_all(symbol, each))


def spot(symbol: str, trade_date: date) -> date:
    """The spot date."""
    today = dealing_day(symbol, trade_date)
    return settlement(symbol, today, int(PAIRS[symbol]["spot_lag"]))


def value_dates(symbol: str, trade_date: date, tenor: str) -> tuple[date, date] | None:
    """The near and the far date of a tenor; None where there is none."""
    today, at_spot = dealing_day(symbol, trade_date), spot(symbol, trade_date)
    tomorrow = next(day for day in stretch(today)[1:] if is_good_for_all(symbol, day))
    ndf = PAIRS[symbol]["settlement"] == "ndf"
    if tenor in {"ON", "TN"}:
        dealt = tomorrow < at_spot if tenor == "TN" else is_good_for_all(symbol, today)
        both = (today, tomorrow) if tenor == "ON" else (tomorrow, at_spot)
        return both if dealt and not ndf else None
    far = far_date(symbol, at_spot, tenor)
    if ndf and fixing(symbol, far) < today:
        return None
    return at_spot, far


def far_date(symbol: str, at_spot: date, tenor: str) -> date:
    """Where a tenor from spot leads."""
    number, unit = int(tenor[:-1] or 0) if tenor != "SN" else 0, tenor[-1]
    if tenor == "SN":
        first = at_spot + timedelta(days=1)
    elif unit == "W":
        first = at_spot + timedelta(days=7 * number)
    else:
        return months_on(symbol, at_spot, number * 12 if unit == "Y" else number)
    return next(day for day in stretch(first) if is_good_for_all(symbol, day))


def months_on(symbol: str, at_spot: date, months: int) -> date:
    """So many months on: end to end, else Modified Following."""
    year, month = at_spot.year, at_spot.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    good = good_days_of_month(symbol, year, month)
    if at_spot == good_days_of_month(symbol, at_spot.year, at_spot.month)[-1]:
        return good[-1]
    following = [day for day in good if day.day >= at_spot.day]
    return following[0] if following else good[-1]


def good_days_of_month(symbol: str, year: int, month: int) -> list[date]:
    """The days of a month that are good for all, in order."""
    days = [date(year, month, n + 1) for n in range(monthrange(year, month)[1])]
    return [day for day in days if is_good_for_all(symbol, day)]


def fixing(symbol: str, value_date: date) -> date:
    """The last day on which the currency is fixed in time for a value date."""
    currency = symbol.removeprefix("USD/")
    days = [value_date - timedelta(days=n) for n in range(STRETCH_DAYS)]
    return next(
        day
        for day in days
        if day.isoweekday() <= 5
        and is_good(currency, day)
        and settlement(symbol, day, FIXINGS[currency]["days"]) <= value_date
    )
