"""The market's time: which trade date a moment belongs to, and whether anybody deals then.

The week of every pair is New York's: it opens on Sunday at 17:00 and closes on Friday at 17:00, in
summer and in winter, without a break between. A trade date begins at 17:00 on the weekday before
(USD/SAR: at 12:00 in Riyadh; NZD/USD: at 07:00 in Auckland on the day itself). Each question keeps
the period that it last fell into, so that the next moment of the same period costs one comparison.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tallystick.clock import NS_PER_SECOND, NS_PER_US
from tallystick.fx.pairs import Pair, Roll

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_DAY: Final = 86_400 * NS_PER_SECOND
_ONE_DAY: Final = timedelta(days=1)
_MONDAY: Final = 0
_FRIDAY: Final = 4
_SUNDAY: Final = 6
_NEW_YORK: Final = ZoneInfo("America/New_York")
_AUCKLAND: Final = ZoneInfo("Pacific/Auckland")
_RIYADH: Final = ZoneInfo("Asia/Riyadh")
_CLOSE: Final = time(17)


class Session(msgspec.Struct, frozen=True, gc=False):
    """Whether the market is `open`, and when that `changes` (nanoseconds since the epoch)."""

    open: bool
    changes_ns: int


def session(at_ns: int) -> Session:
    """Whether the market is open at a moment (nanoseconds since the epoch), and until when."""
    start, end, found = _period
    if start <= at_ns < end:
        return found
    return _find_period(at_ns)


def end_of_day_ns(at_ns: int) -> int:
    """When the trading day of a moment ends: the next 17:00 in New York on a weekday, after it.

    Good-for-day orders live until then; one that is placed over the weekend until Monday.
    """
    start, end, _ = _windows["new_york"]
    if start <= at_ns < end:
        return end
    return _find_window(at_ns, "new_york")[1]


def trade_date(at_ns: int, pair: Pair) -> date:
    """The trade date of `pair` at a moment (nanoseconds since the epoch): a weekday.

    It begins at 17:00 in New York on the weekday before; for USD/SAR at 12:00 in Riyadh; for
    NZD/USD at 07:00 in Auckland on the day itself, but on Monday with everybody else's, on Friday.
    """
    start, end, day = _windows[pair.roll]
    if start <= at_ns < end:
        return day
    return _find_window(at_ns, pair.roll)[2]


_period: tuple[int, int, Session] = (0, 0, Session(open=False, changes_ns=0))
"""The session last found, with its [start, end); replaced whole."""
_windows: dict[Roll, tuple[int, int, date]] = {
    "new_york": (0, 0, date.min),
    "auckland": (0, 0, date.min),
    "riyadh": (0, 0, date.min),
}
"""The trade date last found for each roll, with its [start, end) in nanoseconds: one entry a roll,
replaced whole."""


def _find_period(at_ns: int) -> Session:
    global _period  # noqa: PLW0603  a cache of one value
    # The day in New York is the UTC day or the one before it.
    day = _EPOCH.date() + timedelta(days=at_ns // _NS_PER_DAY - 1)
    day -= timedelta(days=(day.weekday() - _SUNDAY) % 7)
    while at_ns >= _close_ns(day + 7 * _ONE_DAY):
        day += 7 * _ONE_DAY
    opens, closes = _close_ns(day), _close_ns(day + 5 * _ONE_DAY)
    if at_ns < closes:
        _period = (opens, closes, Session(open=True, changes_ns=closes))
    else:
        opens_again = _close_ns(day + 7 * _ONE_DAY)
        _period = (closes, opens_again, Session(open=False, changes_ns=opens_again))
    return _period[2]


def _find_window(at_ns: int, roll: Roll) -> tuple[int, int, date]:
    # A trade date begins at the latest on the evening, UTC, of the day before: this is one that
    # has begun, and the one wanted is at most two further.
    day = _weekday_from(_EPOCH.date() + timedelta(days=at_ns // _NS_PER_DAY - 1))
    while at_ns >= (end := _start_ns(_weekday_from(day + _ONE_DAY), roll)):
        day = _weekday_from(day + _ONE_DAY)
    found = (_start_ns(day, roll), end, day)
    _windows[roll] = found
    return found


def _start_ns(day: date, roll: Roll) -> int:
    """When the trade date `day`, a weekday, begins."""
    monday = day.weekday() == _MONDAY
    if roll == "auckland" and not monday:
        return _ns(datetime.combine(day, time(7), _AUCKLAND))
    before = day - (3 if monday else 1) * _ONE_DAY
    if roll == "riyadh":
        return _ns(datetime.combine(before, time(12), _RIYADH))
    return _close_ns(before)


def _close_ns(day: date) -> int:
    """17:00 in New York on `day`."""
    return _ns(datetime.combine(day, _CLOSE, _NEW_YORK))


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * NS_PER_US


def _weekday_from(day: date) -> date:
    """`day`, or the Monday after the weekend it is in."""
    while day.weekday() > _FRIDAY:
        day += _ONE_DAY
    return day
