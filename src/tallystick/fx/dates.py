"""Spot: when a trade settles that is done at the market's ordinary price.

The rule, a currency at a time: count the pair's `spot_lag` good days on its own calendar,
from the day after the trade date; take the later of the two; then move forward to a day that is
good in both currencies and in USD. USD is special: of its counted days only the last must be good
(`usd_days` "last"), except against the pesos of Mexico, Argentina and Chile, where all must be
("all"), crosses included.
(londonfx.co.uk, value dates; reference cases in tests/fx/test_dates.py.)

A trade date is a weekday on which somebody deals. When neither currency nor USD settles (a
weekend, Christmas Day in the West) it first moves forward; a holiday of one of them leaves it be.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from tallystick.fx.calendars import cached, is_good_day, is_provisional, is_weekend, why_closed
from tallystick.fx.pairs import INSTRUMENTS, Pair

SPOT_DATES_CACHED_MAX: Final = 4_096
"""Most (pair, trade date) spot dates kept: all pairs for six weeks."""

Verdict = Literal["moved", "counts", "closed", "settles", "target", "turns", "fixes"]
"""A day in the search for a value date: the trade date moves on from it, it is counted, it is
passed over, or payments are made on it. Beyond spot: the calendar day that a tenor leads to, the
day at which Modified Following turns back, and the day of an NDF's fixing."""

_ONE_DAY: Final = timedelta(days=1)
_FRIDAY: Final = 4


class SpotStep(msgspec.Struct, frozen=True):
    """One day's part in the search for a value date, for one currency ("" where it is for all).

    `provisional`: what the day is in that currency is certain only once its country announced the
    year.
    """

    day: date
    currency: str
    verdict: Verdict
    reason: str
    provisional: bool = False


class SpotDates(msgspec.Struct, frozen=True):
    """When a trade settles, and why.

    `trade_date` is as asked, `trade_date_used` the dealing day it moved to. `provisional` names
    the currencies of whose days here some are certain only once their countries announced them.
    """

    pair: str
    trade_date: date
    trade_date_used: date
    spot: date
    provisional: tuple[str, ...]
    steps: tuple[SpotStep, ...]


def spot_date(pair: Pair, trade_date: date) -> date:
    """The day on which a spot trade of `pair` made on `trade_date` settles.

    Raises:
        Refused: `DATE_OUT_OF_RANGE`, the calendars do not reach that far.
    """
    return _spot(pair.symbol, trade_date)


@cached(SPOT_DATES_CACHED_MAX)
def _spot(symbol: str, trade_date: date) -> date:
    return explain_spot(INSTRUMENTS[symbol], trade_date).spot


def explain_spot(pair: Pair, trade_date: date) -> SpotDates:
    """The spot date with every step that leads to it; raises what `spot_date` raises."""
    steps: list[SpotStep] = []
    currencies = currencies_of(pair)
    used = _dealing_day(currencies, trade_date, steps)
    spot = settlement_after(pair, used, pair.spot_lag, steps)
    return SpotDates(pair.symbol, trade_date, used, spot, provisional_in(steps), tuple(steps))


def currencies_of(pair: Pair) -> tuple[str, ...]:
    """The currencies in which a value date of `pair` must be good: its two, and USD."""
    return tuple(dict.fromkeys((pair.base, pair.quote, "USD")))


def provisional_in(steps: Iterable[SpotStep]) -> tuple[str, ...]:
    """The currencies with provisional days among `steps`, in their order."""
    return tuple(dict.fromkeys(step.currency for step in steps if step.provisional))


def settlement_after(pair: Pair, day: date, lag: int, steps: list[SpotStep]) -> date:
    """The day that is `lag` days after the dealing day `day`, counted as spot is."""
    currencies = currencies_of(pair)
    counted = currencies if pair.usd_days == "all" else (pair.base, pair.quote)
    latest = max(_count(pair, currency, day, lag, steps) for currency in counted)
    return following(currencies, latest, steps)


def following(currencies: tuple[str, ...], day: date, steps: list[SpotStep]) -> date:
    """The first day from `day` on that is good in all the currencies."""
    while closures(currencies, day, steps):
        day += _ONE_DAY
    steps.extend(step(day, each, "settles", "good day") for each in currencies)
    return day


def closures(currencies: tuple[str, ...], day: date, steps: list[SpotStep]) -> bool:
    """Whether `day` is closed in one of the currencies; says in which, and why."""
    reasons = [(each, why_closed(each, day)) for each in currencies]
    found = [step(day, each, "closed", reason) for each, reason in reasons if reason]
    steps.extend(found)
    return bool(found)


def step(day: date, currency: str, verdict: Verdict, reason: str) -> SpotStep:
    """One step, with what its calendar says about itself."""
    return SpotStep(day, currency, verdict, reason, is_provisional(currency, day))


def _dealing_day(currencies: tuple[str, ...], day: date, steps: list[SpotStep]) -> date:
    """The first weekday from `day` on when at least one of the currencies settles."""
    while day.weekday() > _FRIDAY or not any(is_good_day(each, day) for each in currencies):
        for currency in currencies:
            reason = why_closed(currency, day) or "nobody deals on a weekend"
            steps.append(step(day, currency, "moved", reason))
        day += _ONE_DAY
    return day


def _count(pair: Pair, currency: str, day: date, lag: int, steps: list[SpotStep]) -> date:
    """The day after `day` that is the `lag`-th good one for `currency`."""
    only_last = currency == "USD" and pair.usd_days == "last"
    number = 0
    while number < lag:
        day += _ONE_DAY
        closed = why_closed(currency, day)
        waived = only_last and number + 1 < lag and not is_weekend(currency, day)
        if closed and not waived:
            steps.append(step(day, currency, "closed", closed))
            continue
        number += 1
        reason = f"good day {number} of {lag}"
        if closed:
            reason = f"{closed}, but only the last USD day must be good"
        steps.append(step(day, currency, "counts", reason))
    return day
