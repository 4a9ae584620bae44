"""Firsts of an account: an hour of the week, a currency, that it never traded in before."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import CURRENCIES_MAX, DECIDED, WEEK_HOURS, Columns
from tallystick.watch.detect.orders.kernels import Tail, tail_learn, tail_p
from tallystick.watch.detect.orders.look import Out

WEEKEND_HOUR = 120
"""Where the weekend begins: Friday, 17:00 in New York."""
ORDERS_MIN = 40
"""Orders of an account before its hours and currencies are habits ..."""
SECONDS_MIN = 604_800.0
"""... and how long it must have been known, for its hours."""
HOURS_KEPT = 4_000.0
"""Orders that an account's hours remember: then all are halved."""
SMOOTH = (0.6, 0.9, 1.0, 0.9, 0.6)
"""What the hours around count, of the same kind of day."""
SMOOTH_SUM = sum(SMOOTH)
EVERYBODY_WEIGHT = 0.15
"""An account's hours are drawn towards everybody's as if it had placed so many orders like them."""
FLAT_WEIGHT = 50.0
"""Everybody's hours are drawn towards none preferred by so many orders."""
ODD_P = 1e-2
"""An hour as rare as this is remembered: another order in such an hour soon says more."""
ODD_SECONDS = 7_200.0
AGAIN_PRIOR = 0.5
SITTING_SECONDS = 3_600.0
"""Orders of an account less than this apart belong to one sitting."""
CURIOUS = 6
"""Classes of accounts: all currencies traded in several sittings, and there are two, up to four, or
more of them; one, two, more of them traded in one sitting only (Good and Turing's sign)."""
AGES = 12
"""Classes of how long (in sittings, doubling) an account tried no new currency."""
FIRSTS_PRIOR = 0.01
"""New currencies believed to have been tried in each class before any was seen."""
FIRST_P = 1e-4
"""A first that is rarer than this teaches only a tenth: one stranger makes no habit of all."""
LOOKS_FROM = 10
"""Orders of an account before its firsts teach anything."""
RARE_MIN = 0.001
"""No currency is called rarer than this."""


class Accounts(NamedTuple):
    """Of each account: since when, orders, sittings since a new currency, the currencies that it had
    at all, before this sitting, and in more than one (bits), the last odd hour, and how many orders it placed in each hour of the
    week."""

    since: NDArray[np.float64]
    orders: NDArray[np.int64]
    age: NDArray[np.int64]
    had: NDArray[np.int64]
    settled: NDArray[np.int64]
    again: NDArray[np.int64]
    odd_at: NDArray[np.float64]
    odd_p: NDArray[np.float64]
    hours: NDArray[np.uint16]
    kept: NDArray[np.float64]
    last_hour: NDArray[np.int64]
    last_position: NDArray[np.int64]
    last_at: NDArray[np.float64]


class Everybody(NamedTuple):
    """Of all accounts: hours of orders, orders a currency, looks and firsts by class and age; odd
    hours, and those that were followed by another soon."""

    hours: NDArray[np.float64]
    currencies: NDArray[np.float64]
    looks: NDArray[np.float64]
    firsts: NDArray[np.float64]
    odd: NDArray[np.float64]


@compiled
def smoothed(hours: NDArray[np.uint16], hour: int) -> float:
    """The count of an hour, smoothed over its neighbours and the same hour of like days."""
    first, days = (WEEKEND_HOUR, 2) if hour >= WEEKEND_HOUR else (0, 5)
    of_day = hour % 24
    total = 0.0
    for day in range(days):
        for step in range(5):
            total += SMOOTH[step] * hours[first + day * 24 + (of_day + step - 2) % 24]
    return total / (SMOOTH_SUM * days)


@compiled
def around(hours: NDArray[np.uint16], hour: int) -> float:
    """The count of an hour, smoothed over the hours before and after it, whatever their day."""
    total = 0.0
    for step in range(5):
        total += SMOOTH[step] * hours[(hour + step - 2) % WEEK_HOURS]
    return total / SMOOTH_SUM


@compiled
def bits(words: NDArray[np.int64]) -> int:
    """How many bits are set."""
    number = 0
    for word in range(words.shape[0]):
        left = words[word]
        while left != 0:
            left &= left - 1
            number += 1
    return number


@compiled
def curiosity(had: NDArray[np.int64], again: NDArray[np.int64]) -> int:
    """The class of an account by its currencies."""
    once = bits(had & ~again)
    if once:
        return min(2 + once, CURIOUS - 1)
    number = bits(had)
    return 0 if number <= 2 else 1 if number <= 4 else 2


@compiled
def surprise(
    hours: NDArray[np.uint16], kept: float, everybody: NDArray[np.float64], hour: int
) -> float:
    """How much rarer (natural logarithm) this hour is for the account than the average hour."""
    whole = 0.0
    for each in range(WEEK_HOURS):
        whole += everybody[each]
    common = (smoothed(everybody, hour) + FLAT_WEIGHT / WEEK_HOURS) / (whole + FLAT_WEIGHT)
    own = 0.5 * smoothed(hours, hour) + 0.5 * around(hours, hour)
    share = (own + EVERYBODY_WEIGHT * common) / (kept + EVERYBODY_WEIGHT)
    return -math.log(share * WEEK_HOURS)


@compiled
def rareness(currencies: NDArray[np.float64], currency: int) -> float:
    """The share of all trade in currencies that are traded as little as this one, or less."""
    own = currencies[currency]
    rare = whole = 0.0
    for each in range(CURRENCIES_MAX):
        whole += currencies[each]
        if currencies[each] <= own:
            rare += currencies[each]
    return max(rare / max(whole, 1.0), RARE_MIN)


@compiled
def odd_again(
    accounts: Accounts, everybody: Everybody, account: int, at: float, p_value: float
) -> float:
    """The p-value of this odd hour and the ones just before it together.

    Whoever is up at night for one order may well send another: how often is learnt from all.
    """
    share = (everybody.odd[1] + AGAIN_PRIOR) / (everybody.odd[0] + 2 * AGAIN_PRIOR)
    everybody.odd[0] += 1
    if accounts.odd_p[account] > 0 and 0 <= at - accounts.odd_at[account] <= ODD_SECONDS:
        everybody.odd[1] += 1
        p_value = max(min(p_value, accounts.odd_p[account] * share), 1e-12)
    accounts.odd_at[account], accounts.odd_p[account] = at, p_value
    return p_value


@compiled
def judge(  # noqa: PLR0913, PLR0915  a kernel takes its state by parts
    columns: Columns,
    accounts: Accounts,
    everybody: Everybody,
    tail: Tail,
    hour_out: Out,
    currency_out: Out,
    alarm_p: float,
) -> None:
    """The p-values of the hour and of the currencies of each own order."""
    for row in range(columns.kind.shape[0]):
        hour_out.p[row] = currency_out.p[row] = math.nan
        if columns.kind[row] != DECIDED or columns.own[row] == 0:
            continue
        account, at, hour = columns.account[row], columns.at[row], columns.hour[row]
        orders = accounts.orders[account]
        if orders == 0:
            accounts.since[account] = at
        hours = accounts.hours[account]
        kept = accounts.kept[account]
        apart = at - accounts.last_at[account]
        sitting = orders == 0 or not -SITTING_SECONDS <= apart <= SITTING_SECONDS
        fresh_hour = sitting or hour != accounts.last_hour[account]
        if orders >= ORDERS_MIN and at - accounts.since[account] >= SECONDS_MIN:
            away = surprise(hours, kept, everybody.hours, hour)
            p_value = tail_p(tail, away)
            if fresh_hour:
                tail_learn(tail, away)
            if p_value <= ODD_P:
                p_value = odd_again(accounts, everybody, account, at, p_value)
            hour_out.p[row] = p_value
            if p_value <= alarm_p:
                hour_out.came[row] = hour
                hour_out.low[row] = smoothed(hours, hour) * SMOOTH_SUM
                hour_out.high[row] = kept
                hour_out.extra[row, 0] = away
                hour_out.extra[row, 1] = orders
                hour_out.example_position[row] = accounts.last_position[account]
                hour_out.example_at[row] = accounts.last_at[account]
        hours[hour] += 1
        everybody.hours[hour] += 1
        accounts.kept[account] += 1
        if accounts.kept[account] >= HOURS_KEPT:
            accounts.kept[account] = 0
            for each in range(WEEK_HOURS):
                hours[each] //= 2
                accounts.kept[account] += hours[each]

        if sitting:
            accounts.age[account] += 1
            accounts.settled[account] |= accounts.had[account]
        fresh = -1
        curious = curiosity(accounts.had[account], accounts.again[account])
        for currency in (columns.base[row], columns.quote[row]):
            word, bit = currency // 63, np.int64(1) << (currency % 63)
            if accounts.had[account, word] & bit == 0:
                accounts.had[account, word] |= bit
                if fresh < 0 or everybody.currencies[currency] < everybody.currencies[fresh]:
                    fresh = currency
            elif accounts.settled[account, word] & bit != 0:
                accounts.again[account, word] |= bit
        age = min(int(math.log2(accounts.age[account] + 1.0)), AGES - 1)
        firsts, looks = everybody.firsts[curious, age], everybody.looks[curious, age]
        hazard = min((firsts + FIRSTS_PRIOR) / (looks + 1.0), 1.0)
        learnt = 1.0
        if orders >= ORDERS_MIN:
            currency_out.p[row] = 1.0
            if fresh >= 0:
                rare = rareness(everybody.currencies, fresh)
                p_value = max(hazard * rare, 1e-12)
                currency_out.p[row] = p_value
                if p_value <= FIRST_P:
                    learnt = 0.1
                if p_value <= alarm_p:
                    currency_out.came[row] = fresh
                    currency_out.low[row] = accounts.age[account]
                    currency_out.high[row] = orders
                    currency_out.extra[row, 1] = rare
                    currency_out.extra[row, 2] = hazard
                    currency_out.extra[row, 3] = columns.base[row]
                    currency_out.example_position[row] = accounts.last_position[account]
                    currency_out.example_at[row] = accounts.last_at[account]
        if orders >= LOOKS_FROM:
            if sitting:
                everybody.looks[curious, age] += 1
            if fresh >= 0:
                everybody.firsts[curious, age] += learnt
        if fresh >= 0:
            accounts.age[account] = 0
        everybody.currencies[columns.base[row]] += 1
        everybody.currencies[columns.quote[row]] += 1
        accounts.orders[account] = orders + 1
        accounts.last_hour[account] = hour
        accounts.last_position[account] = columns.position[row]
        accounts.last_at[account] = at
