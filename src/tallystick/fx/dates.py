"""Value dates: which trade date a moment belongs to, and when a spot trade settles.

The rule for spot, a currency at a time: count the pair's `spot_lag` good days on its own calendar,
from the day after the trade date; take the later of the two; then move forward to a day that is
good in both currencies and in USD. USD is special: of its counted days only the last must be good
(`usd_days` "last"), except against the Mexican peso, where all must be ("all"), crosses included.
(londonfx.co.uk, value dates; reference cases in tests/fx/test_dates.py.)

A trade date is a weekday on which somebody deals. When neither currency nor USD settles (a
weekend, Christmas Day in the West) it first moves forward; a holiday of one of them leaves it be.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from tallystick.clock import NS_PER_SECOND, NS_PER_US
from tallystick.fx.calendars import is_good_day, is_provisional, is_weekend, why_closed
from tallystick.fx.pairs import PAIRS, Pair, Roll

SPOT_DATES_CACHED_MAX: Final = 4_096
"""Most (pair, trade date) spot dates kept: all pairs for ten weeks."""

Verdict = Literal["moved", "counts", "closed", "settles"]
"""A day in the search for spot: the trade date moves on from it, it is counted, it is passed over,
or payments are made on it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_DAY: Final = 86_400 * NS_PER_SECOND
_ONE_DAY: Final = timedelta(days=1)
_MONDAY: Final = 0
_FRIDAY: Final = 4
_NEW_YORK: Final = ZoneInfo("America/New_York")
_AUCKLAND: Final = ZoneInfo("Pacific/Auckland")


class SpotStep(msgspec.Struct, frozen=True):
    """One day's part in the search for spot, for one currency."""

    day: date
    currency: str
    verdict: Verdict
    reason: str


class SpotDates(msgspec.Struct, frozen=True):
    """When a trade settles, and why.

    `trade_date` is as asked, `trade_date_used` the dealing day it moved to. `provisional` names
    the currencies whose calendars are certain only once their countries announced the year.
    """

    pair: str
    trade_date: date
    trade_date_used: date
    spot: date
    provisional: tuple[str, ...]
    steps: tuple[SpotStep, ...]


def trade_date(at_ns: int, pair: Pair) -> date:
    """The trade date of `pair` at a moment (nanoseconds since the epoch): a weekday.

    It begins at 17:00 in New York on the weekday before; for NZD/USD at 07:00 in Auckland on the
    day itself. The week of every pair ends on Friday at 17:00 in New York and Monday begins.
    """
    start, end, day = _windows[pair.roll]
    if start <= at_ns < end:
        return day
    return _find_window(at_ns, pair.roll)


def spot_date(pair: Pair, trade_date: date) -> date:
    """The day on which a spot trade of `pair` made on `trade_date` settles.

    Raises:
        Refused: `DATE_OUT_OF_RANGE`, the calendars do not reach that far.
    """
    return _spot(pair.symbol, trade_date)


@lru_cache(maxsize=SPOT_DATES_CACHED_MAX)
def _spot(symbol: str, trade_date: date) -> date:
    return explain_spot(PAIRS[symbol], trade_date).spot


def explain_spot(pair: Pair, trade_date: date) -> SpotDates:
    """The spot date with every step that leads to it; raises what `spot_date` raises."""
    steps: list[SpotStep] = []
    currencies = tuple(dict.fromkeys((pair.base, pair.quote, "USD")))
    used = _dealing_day(currencies, trade_date, steps)
    counted = currencies if pair.usd_days == "all" else (pair.base, pair.quote)
    latest = max(_count(pair, currency, used, steps) for currency in counted)
    spot = _settlement_day(currencies, latest, steps)
    provisional = tuple(currency for currency in currencies if is_provisional(currency))
    return SpotDates(pair.symbol, trade_date, used, spot, provisional, tuple(steps))


def _dealing_day(currencies: tuple[str, ...], day: date, steps: list[SpotStep]) -> date:
    """The first weekday from `day` on when at least one of the currencies settles."""
    while day.weekday() > _FRIDAY or not any(is_good_day(each, day) for each in currencies):
        for currency in currencies:
            reason = why_closed(currency, day) or "nobody deals on a weekend"
            steps.append(SpotStep(day, currency, "moved", reason))
        day += _ONE_DAY
    return day


def _count(pair: Pair, currency: str, day: date, steps: list[SpotStep]) -> date:
    """The day after `day` that is the `spot_lag`-th good one for `currency`."""
    only_last = currency == "USD" and pair.usd_days == "last"
    number = 0
    while number < pair.spot_lag:
        day += _ONE_DAY
        closed = why_closed(currency, day)
        waived = only_last and number + 1 < pair.spot_lag and not is_weekend(currency, day)
        if closed and not waived:
            steps.append(SpotStep(day, currency, "closed", closed))
            continue
        number += 1
        reason = f"good day {number} of {pair.spot_lag}"
        if closed:
            reason = f"{closed}, but only the last USD day must be good"
        steps.append(SpotStep(day, currency, "counts", reason))
    return day


def _settlement_day(currencies: tuple[str, ...], day: date, steps: list[SpotStep]) -> date:
    """The first day from `day` on that is good in all the currencies."""
    while any(reasons := [why_closed(each, day) for each in currencies]):
        for currency, reason in zip(currencies, reasons, strict=True):
            if reason:
                steps.append(SpotStep(day, currency, "closed", reason))
        day += _ONE_DAY
    steps.extend(SpotStep(day, each, "settles", "good day") for each in currencies)
    return day


_windows: dict[Roll, tuple[int, int, date]] = {
    "new_york": (0, 0, date.min),
    "auckland": (0, 0, date.min),
}
"""The trade date last found for each roll, with its [start, end) in nanoseconds: one entry a roll,
replaced whole, so that the next moment of the same day costs one comparison."""


def _find_window(at_ns: int, roll: Roll) -> date:
    # A trade date begins at the latest on the evening, UTC, of the day before: this is one that
    # has begun, and the one wanted is at most two further.
    day = _weekday_from(_EPOCH.date() + timedelta(days=at_ns // _NS_PER_DAY - 1))
    while at_ns >= (end := _start_ns(_weekday_from(day + _ONE_DAY), roll)):
        day = _weekday_from(day + _ONE_DAY)
    _windows[roll] = (_start_ns(day, roll), end, day)
    return day


def _start_ns(day: date, roll: Roll) -> int:
    """When the trade date `day`, a weekday, begins."""
    if day.weekday() == _MONDAY:
        start = datetime.combine(day - 3 * _ONE_DAY, time(17), _NEW_YORK)
    elif roll == "new_york":
        start = datetime.combine(day - _ONE_DAY, time(17), _NEW_YORK)
    else:
        start = datetime.combine(day, time(7), _AUCKLAND)
    return (start - _EPOCH) // timedelta(microseconds=1) * NS_PER_US


def _weekday_from(day: date) -> date:
    """`day`, or the Monday after the weekend it is in."""
    while day.weekday() > _FRIDAY:
        day += _ONE_DAY
    return day
