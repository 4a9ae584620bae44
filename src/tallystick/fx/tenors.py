"""Value dates beyond spot: tenors, broken dates, and the fixings of non-deliverable pairs.

A tenor leads from a near date to a far one. T is the trade date:

    ON            from T to the next good day; where spot is one day away, that is spot
    TN            from the next good day to spot; there is none where ON reaches spot
    SN            from spot to the next good day
    1W 2W 3W      from spot to so many weeks on, moved to the following good day
    1M to 11M, 15M 18M 21M, 1Y 2Y
                  from spot to so many months on, by Modified Following: to the following good day,
                  but never into the next month, then to the one before; a day that the month
                  lacks is its last; and end to end: from the last good day of a month to the last

A good day is good in both currencies and in USD, as for spot. (Others call today to today ON:
docs/guides/value-dates.md.)
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from tallystick.errors import Refused
from tallystick.fx.calendars import cached, is_good_day, why_closed
from tallystick.fx.currencies import TEXT_CHARACTERS_SHOWN_MAX
from tallystick.fx.dates import (
    SpotStep,
    closures,
    currencies_of,
    explain_spot,
    following,
    provisional_in,
    settlement_after,
    step,
)
from tallystick.fx.pairs import FIXINGS, INSTRUMENTS, Pair

Tenor = Literal[
    "SPOT", "ON", "TN", "SN", "1W", "2W", "3W", "1M", "2M", "3M", "4M", "5M", "6M", "7M", "8M",
    "9M", "10M", "11M", "1Y", "15M", "18M", "21M", "2Y", "BROKEN",
]  # fmt: skip
"""As the market writes them; BROKEN is a date between them."""

_WEEKS: Final[dict[Tenor, int]] = {"1W": 1, "2W": 2, "3W": 3}
_MONTHS: Final[dict[Tenor, int]] = {
    "1M": 1, "2M": 2, "3M": 3, "4M": 4, "5M": 5, "6M": 6, "7M": 7, "8M": 8, "9M": 9, "10M": 10,
    "11M": 11, "1Y": 12, "15M": 15, "18M": 18, "21M": 21, "2Y": 24,
}  # fmt: skip
TENORS: Final[tuple[Tenor, ...]] = ("ON", "TN", "SN", *_WEEKS, *_MONTHS)
"""Every tenor that can be dealt, the nearest first."""
LONGEST: Final[Tenor] = "2Y"
"""No value date is further away than this."""
VALUE_DATES_CACHED_MAX: Final = 16_384
"""Most (pair, trade date, tenor or date) kept: all tenors of all pairs for a week."""

_SAME: Final[dict[str, Tenor]] = {"12M": "1Y", "24M": "2Y", "SP": "SPOT"}
_SPELLED: Final[dict[str, Tenor]] = {
    **{tenor: tenor for tenor in TENORS}, "SPOT": "SPOT", **_SAME
}  # fmt: skip
_ONE_DAY: Final = timedelta(days=1)
_FRIDAY: Final = 4


class ValueDates(msgspec.Struct, frozen=True):
    """When the legs of a trade settle, and why.

    From `near` to `far`; for SPOT and BROKEN both are the one value date. `days` is how far `far`
    is from spot, in calendar days, negative before it. `fixing` is the day on which a
    non-deliverable pair is fixed for `far`. `provisional` names the currencies of whose days here
    some are certain only once their countries announced them.
    """

    pair: str
    tenor: Tenor
    trade_date: date
    trade_date_used: date
    spot: date
    near: date
    far: date
    days: int
    fixing: date | None
    provisional: tuple[str, ...]
    steps: tuple[SpotStep, ...]


def parse_tenor(text: str) -> Tenor:
    """The tenor that is meant by `1M`, `12M` (1Y), `o/n`, `spot`.

    Raises:
        Refused: `UNKNOWN_TENOR`.
    """
    try:
        return _SPELLED[text.strip().upper().replace("/", "")]
    except KeyError:
        shown = text[:TEXT_CHARACTERS_SHOWN_MAX]
        raise Refused(
            "UNKNOWN_TENOR",
            f"{shown!r} is not a tenor; there are SPOT {' '.join(TENORS)}.",
            field="tenor",
        ) from None


def value_dates(pair: Pair, trade_date: date, tenor: Tenor) -> tuple[date, date]:
    """The near and the far date of `tenor`, for a trade of `pair` on `trade_date`.

    Raises:
        Refused: `TENOR_NOT_DEALT`, this pair has no such tenor on that day; `DATE_OUT_OF_RANGE`,
            the calendars do not reach that far.
    """
    return _value_dates(pair.symbol, trade_date, tenor)


def check_value_date(pair: Pair, trade_date: date, day: date) -> int:
    """How many days after spot `day` is, negative before it, where it is a good value date.

    Raises:
        Refused: `VALUE_DATE_CLOSED`, one of the currencies does not settle then;
            `VALUE_DATE_RANGE`, before the trade date, too late to be fixed, or beyond two years;
            `DATE_OUT_OF_RANGE`, the calendars do not reach that far.
    """
    return _broken(pair.symbol, trade_date, day)


@cached(VALUE_DATES_CACHED_MAX)
def _value_dates(symbol: str, trade_date: date, tenor: Tenor) -> tuple[date, date]:
    found = explain(INSTRUMENTS[symbol], trade_date, tenor)
    return found.near, found.far


@cached(VALUE_DATES_CACHED_MAX)
def _broken(symbol: str, trade_date: date, day: date) -> int:
    return explain_date(INSTRUMENTS[symbol], trade_date, day).days


def explain(pair: Pair, trade_date: date, tenor: Tenor) -> ValueDates:
    """The dates of `tenor` with every step that leads to them; raises what `value_dates` does."""
    at_spot = explain_spot(pair, trade_date)
    steps = list(at_spot.steps)
    today, spot = at_spot.trade_date_used, at_spot.spot
    near, far = _ends(pair, tenor, today, spot, steps)
    fixing = _fixing(pair, far, steps)
    if fixing is not None and fixing < today:
        raise Refused(
            "TENOR_NOT_DEALT",
            f"{pair.symbol} for {far} is fixed on {fixing}, before the trade date {today}.",
            field="tenor",
        )
    return ValueDates(
        pair.symbol, tenor, trade_date, today, spot, near, far, (far - spot).days, fixing,
        provisional_in(steps), tuple(steps),
    )  # fmt: skip


def explain_date(pair: Pair, trade_date: date, day: date) -> ValueDates:
    """The value date `day` with what makes it one; raises what `check_value_date` does."""
    at_spot = explain_spot(pair, trade_date)
    steps = list(at_spot.steps)
    today, spot = at_spot.trade_date_used, at_spot.spot
    last = value_dates(pair, trade_date, LONGEST)[1]
    if not today <= day <= last:
        raise _out_of_range(f"{pair.symbol} traded on {today} settles from then to {last}.")
    currencies = currencies_of(pair)
    closed: list[SpotStep] = []
    if closures(currencies, day, closed):
        why = ", ".join(f"{each.currency} ({each.reason})" for each in closed)
        raise Refused(
            "VALUE_DATE_CLOSED", f"{pair.symbol} cannot settle on {day}: {why}.", field="value_date"
        )
    steps.extend(step(day, each, "settles", "good day") for each in currencies)
    fixing = _fixing(pair, day, steps)
    if fixing is not None and fixing < today:
        raise _out_of_range(f"{pair.symbol} for {day} was fixed on {fixing}, before {today}.")
    return ValueDates(
        pair.symbol, "BROKEN", trade_date, today, spot, day, day, (day - spot).days, fixing,
        provisional_in(steps), tuple(steps),
    )  # fmt: skip


def _out_of_range(sentence: str) -> Refused:
    return Refused("VALUE_DATE_RANGE", sentence, field="value_date")


def _ends(
    pair: Pair, tenor: Tenor, today: date, spot: date, steps: list[SpotStep]
) -> tuple[date, date]:
    """The near and the far date."""
    currencies = currencies_of(pair)
    if tenor == "SPOT":
        return spot, spot
    if tenor in {"ON", "TN"}:
        return _before_spot(pair, tenor, today, spot, steps)
    if tenor == "SN":
        return spot, following(currencies, spot + _ONE_DAY, steps)
    if weeks := _WEEKS.get(tenor):
        target = spot + timedelta(weeks=weeks)
        steps.append(SpotStep(target, "", "target", f"{tenor} after {spot}"))
        return spot, following(currencies, target, steps)
    return spot, _months_on(currencies, tenor, spot, steps)


def _before_spot(
    pair: Pair, tenor: Tenor, today: date, spot: date, steps: list[SpotStep]
) -> tuple[date, date]:
    """ON and TN; where one cannot be dealt, the sentence says why."""
    if pair.settlement == "ndf":
        why = f"{pair.symbol} is not deliverable: nothing is paid before spot"
        raise Refused("TENOR_NOT_DEALT", f"{why}, so there is no {tenor}.", field="tenor")
    currencies = currencies_of(pair)
    if tenor == "ON":
        closed: list[SpotStep] = []
        if closures(currencies, today, closed):
            why = ", ".join(f"{each.currency} ({each.reason})" for each in closed)
            raise Refused(
                "TENOR_NOT_DEALT", f"ON begins on {today}, a day closed in {why}.", field="tenor"
            )
        return today, following(currencies, today + _ONE_DAY, steps)
    tomorrow = following(currencies, today + _ONE_DAY, steps)
    if tomorrow == spot:
        why = f"ON of {pair.symbol} reaches spot on {spot}"
        raise Refused("TENOR_NOT_DEALT", f"{why}, so there is no TN.", field="tenor")
    return tomorrow, spot


def _months_on(
    currencies: tuple[str, ...], tenor: Tenor, spot: date, steps: list[SpotStep]
) -> date:
    """The far date of a tenor of months."""
    years, month = divmod(spot.year * 12 + spot.month - 1 + _MONTHS[tenor], 12)
    length = monthrange(years, month + 1)[1]
    if _is_month_end(currencies, spot):
        target = date(years, month + 1, length)
        why = f"{tenor} after {spot}, the last good day of its month: end to end"
        steps.append(SpotStep(target, "", "target", why))
        return _preceding(currencies, target, steps)
    target = date(years, month + 1, min(spot.day, length))
    why = f"{tenor} after {spot}"
    if target.day != spot.day:
        why += ", a day that this month lacks"
    steps.append(SpotStep(target, "", "target", why))
    day = target
    while closures(currencies, day, steps):
        day += _ONE_DAY
        if day.month != target.month:
            steps.append(SpotStep(day, "", "turns", "another month: Modified Following goes back"))
            return _preceding(currencies, target - _ONE_DAY, steps)
    steps.extend(step(day, each, "settles", "good day") for each in currencies)
    return day


def _is_month_end(currencies: tuple[str, ...], day: date) -> bool:
    """Whether `day`, a good one, is the last good one of its month."""
    last = monthrange(day.year, day.month)[1]
    rest = (day.replace(day=number) for number in range(day.day + 1, last + 1))
    return not any(all(is_good_day(each, later) for each in currencies) for later in rest)


def _preceding(currencies: tuple[str, ...], day: date, steps: list[SpotStep]) -> date:
    """The last day up to `day` that is good in all the currencies."""
    while closures(currencies, day, steps):
        day -= _ONE_DAY
    steps.extend(step(day, each, "settles", "good day") for each in currencies)
    return day


def _settled(pair: Pair, day: date, lag: int) -> date:
    return settlement_after(pair, day, lag, [])


def _fixing(pair: Pair, value_date: date, steps: list[SpotStep]) -> date | None:
    """The day on which a non-deliverable pair is fixed for `value_date`; None for others.

    It is the last day on which a rate is published from which, counting the fixing's days as spot
    is counted, `value_date` is reached in time.
    """
    if pair.settlement == "deliverable":
        return None
    currency = pair.quote if pair.base == "USD" else pair.base
    fixing = FIXINGS[currency]
    day = value_date
    while True:
        closed = why_closed(currency, day)
        if closed:
            steps.append(step(day, currency, "closed", closed))
        elif day.weekday() <= _FRIDAY and _settled(pair, day, fixing.days) <= value_date:
            break
        day -= _ONE_DAY
    before = "1 good day" if fixing.days == 1 else f"{fixing.days} good days"
    why = f"{fixing.rate}, {before} before: {fixing.reason}"
    steps.append(step(day, currency, "fixes", why))
    return day
