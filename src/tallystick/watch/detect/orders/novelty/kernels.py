"""Firsts of an account: an hour of the week, a currency, that it never traded in before."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import CURRENCIES_MAX, WEEK_HOURS, Columns, Row
from tallystick.watch.detect.orders.kernels import P_MIN, Tail, is_order, tail_learn, tail_p
from tallystick.watch.detect.orders.look import Out

Counts = NDArray[np.uint16] | NDArray[np.float64]
"""Of each hour of the week."""
BITS = 63
"""Currencies in one word of bits."""
WEEKEND_HOUR = 120
"""Where the weekend begins: Friday, 17:00 in New York."""
ORDERS_MIN = 40
"""Orders of an account before its hours and currencies are habits ..."""
SECONDS_MIN = 604_800.0
"""... and how long it must have been known, for its hours."""
HOURS_KEPT = 4_000.0
"""Orders that an account's hours remember: then all are halved."""
SMOOTH = (0.2, 0.5, 1.0, 0.5, 0.2)
"""What the hours around count, of the same kind of day."""
SMOOTH_SUM = sum(SMOOTH)
EVERYBODY_WEIGHT = 0.1
"""An account's hours are drawn towards everybody's as if it had placed so many orders like them."""
FLAT_WEIGHT = 50.0
"""Everybody's hours are drawn towards none preferred by so many orders."""
ODD_P = 1e-2
"""An hour as rare as this is remembered: another order in such an hour soon says more."""
ODD_SECONDS = 7_200.0
AGAIN_PRIOR = 0.5
SITTING_SECONDS = 3_600.0
"""Orders of an account less than this apart belong to one sitting."""
CURIOUS = 7
"""Classes of accounts: all currencies traded in several sittings, and there are two, up to four, or
more of them; one, two, more of them traded in one sitting only (Good and Turing's sign); and who
trades a currency that few do."""
AGES = 12
"""Classes of how long (in sittings, doubling) an account tried no new currency."""
FIRSTS_PRIOR = 0.01
"""New currencies believed to have been tried in each class before any was seen."""
FIRST_P = 1e-4
"""A first that is rarer than this teaches only a tenth: one stranger makes no habit of all."""
LOOKS_FROM = 10
"""Orders of an account before its firsts teach anything."""
SELDOM = 0.01
"""A currency with less than this share of all trade is for those who have a taste for such."""
RARE_MIN = 0.001
"""No currency is called rarer than this."""


class Accounts(NamedTuple):
    """Of each account: what it is used to.

    Since when it is known, its orders, sittings since a new currency, the currencies that it had
    at all, before this sitting, and in more than one (bits), its taste, its last odd hour, how many
    orders it placed in each hour of the week, and where its last order stands.
    """

    since: NDArray[np.float64]
    orders: NDArray[np.int64]
    age: NDArray[np.int64]
    had: NDArray[np.int64]
    settled: NDArray[np.int64]
    again: NDArray[np.int64]
    taste: NDArray[np.int64]
    odd_at: NDArray[np.float64]
    odd_p: NDArray[np.float64]
    hours: NDArray[np.uint16]
    kept: NDArray[np.float64]
    last_hour: NDArray[np.int64]
    last_position: NDArray[np.int64]
    last_at: NDArray[np.float64]


class Everybody(NamedTuple):
    """Of all accounts together.

    Hours of orders, orders by taste and currency, looks and firsts by class and age, and odd hours
    and those that were followed by another soon.
    """

    hours: NDArray[np.float64]
    currencies: NDArray[np.float64]
    looks: NDArray[np.float64]
    firsts: NDArray[np.float64]
    odd: NDArray[np.float64]


@inlined
def smoothed(hours: Counts, hour: int) -> float:
    """The count of an hour, smoothed over its neighbours and the same hour of like days."""
    first, days = (WEEKEND_HOUR, 2) if hour >= WEEKEND_HOUR else (0, 5)
    of_day = hour % 24
    total = 0.0
    for day in range(days):
        for step in range(5):
            total += SMOOTH[step] * hours[first + day * 24 + (of_day + step - 2) % 24]
    return total / (SMOOTH_SUM * days)


@inlined
def around(hours: Counts, hour: int) -> float:
    """The count of an hour, smoothed over the hours before and after it, whatever their day."""
    total = 0.0
    for step in range(5):
        total += SMOOTH[step] * hours[(hour + step - 2) % WEEK_HOURS]
    return total / SMOOTH_SUM


@inlined
def bits(words: NDArray[np.int64]) -> int:
    """How many bits are set."""
    number = 0
    for word in range(words.shape[0]):
        left = words[word]
        while left != 0:
            left &= left - 1
            number += 1
    return number


@inlined
def curiosity(had: NDArray[np.int64], again: NDArray[np.int64], choosy: int) -> int:
    """The class of an account by its currencies, and its taste for those that few trade."""
    if choosy:
        return CURIOUS - 1
    once = bits(had & ~again)
    if once:
        return min(2 + once, CURIOUS - 2)
    number = bits(had)
    return 0 if number <= 2 else 1 if number <= 4 else 2


@inlined
def surprise(hours: Counts, kept: float, everybody: NDArray[np.float64], hour: int) -> float:
    """How much rarer (natural logarithm) this hour is for the account than the average hour."""
    whole = 0.0
    for each in range(WEEK_HOURS):
        whole += everybody[each]
    common = (smoothed(everybody, hour) + FLAT_WEIGHT / WEEK_HOURS) / (whole + FLAT_WEIGHT)
    own = 0.5 * smoothed(hours, hour) + 0.5 * around(hours, hour)
    share = (own + EVERYBODY_WEIGHT * common) / (kept + EVERYBODY_WEIGHT)
    return -math.log(share * WEEK_HOURS)


@inlined
def rareness(currencies: NDArray[np.float64], currency: int) -> float:
    """The share of these accounts' trade in currencies traded as little as this one, or less."""
    own = currencies[currency]
    rare = whole = 1.0  # the order that is looked at
    for each in range(CURRENCIES_MAX):
        whole += currencies[each]
        if currencies[each] <= own:
            rare += currencies[each]
    return max(rare / whole, RARE_MIN)


@inlined
def taste(had: NDArray[np.int64], currencies: NDArray[np.float64]) -> int:
    """1 for who trades a currency that few do, else 0; `currencies` has a row for each taste."""
    seldom = SELDOM * currencies.sum()
    for each in range(CURRENCIES_MAX):
        has = had[each // BITS] >> (each % BITS) & 1
        if has and currencies[0, each] + currencies[1, each] < seldom:
            return 1
    return 0


@inlined
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
        p_value = max(min(p_value, accounts.odd_p[account] * share), P_MIN)
    accounts.odd_at[account], accounts.odd_p[account] = at, p_value
    return p_value


@inlined
def judge_hour(
    seen: Row,
    row: int,
    accounts: Accounts,
    everybody: Everybody,
    tail: Tail,
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of the hour; the tail learns one a sitting and hour."""
    account, at, hour = seen.account, seen.at, seen.hour
    hours, kept = accounts.hours[account], accounts.kept[account]
    away = surprise(hours, kept, everybody.hours, hour)
    p_value = tail_p(tail, away)
    if is_sitting(seen, accounts) or hour != accounts.last_hour[account]:
        tail_learn(tail, away)
    if p_value <= ODD_P:
        p_value = odd_again(accounts, everybody, account, at, p_value)
    out.p[row] = p_value
    if p_value <= alarm_p:
        out.came[row] = hour
        out.low[row] = smoothed(hours, hour) * SMOOTH_SUM
        out.high[row] = kept
        out.extra[row, 0] = away
        out.extra[row, 1] = accounts.orders[account]
        out.example_position[row] = accounts.last_position[account]
        out.example_at[row] = accounts.last_at[account]


@inlined
def is_sitting(seen: Row, accounts: Accounts) -> bool:
    """Whether the order begins a sitting of its account."""
    account = seen.account
    apart = seen.at - accounts.last_at[account]
    return accounts.orders[account] == 0 or not abs(apart) <= SITTING_SECONDS


@inlined
def learn_hour(seen: Row, accounts: Accounts, everybody: Everybody) -> None:
    """Let the order count in its hour of the week."""
    account, hour = seen.account, seen.hour
    accounts.hours[account, hour] += 1
    accounts.kept[account] += 1
    everybody.hours[hour] += 1
    if accounts.kept[account] >= HOURS_KEPT:
        accounts.kept[account] = 0
        for each in range(WEEK_HOURS):
            accounts.hours[account, each] //= 2
            accounts.kept[account] += accounts.hours[account, each]


@inlined
def meet(seen: Row, accounts: Accounts, currencies: NDArray[np.float64]) -> int:
    """Take the currencies of an order in; the rarer one of those that are new, -1 for none."""
    account = seen.account
    fresh = -1
    for currency in (seen.base, seen.quote):
        word, bit = currency // BITS, np.int64(1) << (currency % BITS)
        if accounts.had[account, word] & bit == 0:
            accounts.had[account, word] |= bit
            if fresh < 0 or currencies[currency] < currencies[fresh]:
                fresh = currency
        elif accounts.settled[account, word] & bit != 0:
            accounts.again[account, word] |= bit
    return fresh


@inlined
def sit_down(accounts: Accounts, everybody: Everybody, account: int) -> None:
    """A sitting of the account begins: what it had before is settled now."""
    accounts.age[account] += 1
    accounts.settled[account] |= accounts.had[account]
    accounts.taste[account] = taste(accounts.had[account], everybody.currencies)


@inlined
def judge_currency(
    seen: Row, row: int, accounts: Accounts, everybody: Everybody, out: Out, alarm_p: float
) -> None:
    """The p-value of a currency that is new to its account; then it learns."""
    account, orders = seen.account, accounts.orders[seen.account]
    sitting = is_sitting(seen, accounts)
    if sitting:
        sit_down(accounts, everybody, account)
    choosy = accounts.taste[account]
    kind = curiosity(accounts.had[account], accounts.again[account], choosy)
    currencies = everybody.currencies[choosy]
    age = min(int(math.log2(accounts.age[account] + 1.0)), AGES - 1)
    fresh = meet(seen, accounts, currencies)
    hazard = (everybody.firsts[kind, age] + FIRSTS_PRIOR) / (everybody.looks[kind, age] + 1.0)
    rare = rareness(currencies, fresh) if fresh >= 0 else 1.0
    p_value = max(min(hazard, 1.0) * rare, P_MIN) if fresh >= 0 else 1.0
    if orders >= ORDERS_MIN:
        out.p[row] = p_value
        if p_value <= alarm_p:
            out.came[row] = fresh
            out.low[row] = accounts.age[account]
            out.high[row] = orders
            out.extra[row, 1], out.extra[row, 2] = rare, hazard
            out.extra[row, 3] = seen.base
            out.example_position[row] = accounts.last_position[account]
            out.example_at[row] = accounts.last_at[account]
    if orders >= LOOKS_FROM and sitting:
        everybody.looks[kind, age] += 1
    if orders >= LOOKS_FROM and fresh >= 0:
        everybody.firsts[kind, age] += 0.1 if p_value <= FIRST_P else 1.0
    if fresh >= 0:
        accounts.age[account] = 0
    for currency in (seen.base, seen.quote):
        currencies[currency] += 1


@compiled
def judge(
    columns: Columns,
    accounts: Accounts,
    everybody: Everybody,
    tail: Tail,
    hour_out: Out,
    currency_out: Out,
    alarm_p: float,
) -> None:
    """The p-values of the hour and of the currencies of each own order."""
    for row in range(columns.shape[0]):
        seen = columns[row]
        hour_out.p[row] = currency_out.p[row] = math.nan
        if not is_order(seen):
            continue
        account, at = seen.account, seen.at
        if accounts.orders[account] == 0:
            accounts.since[account] = at
        known = at - accounts.since[account] >= SECONDS_MIN
        if known and accounts.orders[account] >= ORDERS_MIN:
            judge_hour(seen, row, accounts, everybody, tail, hour_out, alarm_p)
        learn_hour(seen, accounts, everybody)
        judge_currency(seen, row, accounts, everybody, currency_out, alarm_p)
        accounts.orders[account] += 1
        accounts.last_hour[account] = seen.hour
        accounts.last_position[account] = seen.position
        accounts.last_at[account] = at
