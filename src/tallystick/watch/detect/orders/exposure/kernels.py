"""How far an account is into its limits and its margin, and how it got there."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import (
    ACCOUNT,
    DECIDED,
    DOLLAR,
    FILLED,
    QUOTE,
    SKIP,
    Columns,
)
from tallystick.watch.detect.orders.kernels import (
    WARM_UP,
    Tail,
    Windows,
    add,
    elapsed,
    faded,
    keep,
    newest,
    tail_learn,
    tail_p,
    tell,
)
from tallystick.watch.detect.orders.look import CASE_MAX, Out

SMALL = 0.1
"""An order of at most this share of the limit is small."""
ONE_SIDED = 0.95
"""A creep is feared to be so one-sided."""
UTILISED_MIN = 0.6
"""A limit that is used less is not crept up to ..."""
RISE_MIN = 0.3
"""... and nor is one whose use did not rise by this share of it."""
CREEP_ORDERS_MIN = 12
CREEP_EVIDENCE_MAX = 18.0
CREEP_SECONDS = 43_200.0
"""Time constant with which the evidence of a creep fades."""
SIDE_ORDERS = 200.0
"""Orders over which an account's usual one-sidedness is averaged."""
WINDOW = 48
"""Recent deals whose leverages make an account's habit."""
RUN_UP_LEVERAGE_MIN = 22.0
"""A leverage below this is no run-up: 73 % of the money at 30:1, the most that retail may have."""
RUN_UP_BONUS = 0.3
"""Added to the logarithm of the leverage over its usual highest: a climb counts from 0.74 of it."""
RUN_UP_STEP_MAX = 1.5
"""Typical steps that one deal may count at most: one large deal is no run-up."""
RUN_UP_SLACK = 0.5
"""Typical steps that a deal may add to the leverage without being part of a run-up."""
RUN_UP_SECONDS = 28_800.0
"""Time constant with which a run-up is forgotten."""
RUN_UP_MAX = 50.0
STEP_DEALS = 100.0
"""Deals over which the typical step of the leverage is averaged."""
STEP_CLIP = 4.0
"""A step teaches as no more than so many typical ones."""


class Accounts(NamedTuple):
    """Of each account: gross exposure, equity and limit in USD, one-sidedness, usual leverages.

    `leverage` is the exposure over the equity (over 1 USD, where none is known); `step` the typical
    square of what a deal changes it by, `climbed` how many typical steps it went up of late.
    """

    gross: NDArray[np.float64]
    equity: NDArray[np.float64]
    leverage: NDArray[np.float64]
    step: NDArray[np.float64]
    climbed: NDArray[np.float64]
    at: NDArray[np.float64]
    limit: NDArray[np.float64]
    repeats: NDArray[np.float64]
    deals: NDArray[np.int64]
    windows: Windows
    case: NDArray[np.int64]


class Books(NamedTuple):
    """Of each book: position, its value in USD, and the run of deals on one side."""

    units: NDArray[np.float64]
    usd: NDArray[np.float64]
    at: NDArray[np.float64]
    side: NDArray[np.int64]
    evidence: NDArray[np.float64]
    start: NDArray[np.float64]
    orders: NDArray[np.int64]
    highest: NDArray[np.float64]
    case: NDArray[np.int64]


@compiled
def learn_rate(rates: NDArray[np.float64], columns: Columns, row: int) -> None:
    """What a currency is worth in US dollars, from a pair with the dollar in it."""
    middle = (columns.bid[row] + columns.ask[row]) / 2
    if not middle > 0:
        return
    if columns.quote[row] == DOLLAR:
        rates[columns.base[row]] = middle
    elif columns.base[row] == DOLLAR:
        rates[columns.quote[row]] = 1 / middle


@compiled
def moved(accounts: Accounts, account: int, equity: float, funds: float) -> bool:
    """Take in what an entry says of an account's money; whether its leverage is another now."""
    known = accounts.equity[account]
    if equity > 0:
        accounts.equity[account] = equity
        return False  # a margin event tells what the deals before it did
    if funds == funds and abs(funds) < 1e15:
        accounts.equity[account] = max(known + funds, 0.0)
        return known > 0 and funds < 0
    return False


@compiled
def climb(  # noqa: PLR0913
    accounts: Accounts,
    account: int,
    at: float,
    position: int,
    tail: Tail,
    out: Out,
    row: int,
    alarm_p: float,
) -> None:
    """The p-value of how fast the leverage went up (a CUSUM in typical steps); then it learns."""
    deals = accounts.deals[account]
    before = accounts.leverage[account]
    leverage = accounts.gross[account] / max(accounts.equity[account], 1.0)
    accounts.leverage[account] = leverage
    change = leverage - before
    typical = math.sqrt(accounts.step[account])
    seconds = elapsed(accounts.at[account], at) if deals > 1 else 0.0
    accounts.at[account] = newest(accounts.at[account], at)
    climbed = faded(accounts.climbed[account], seconds, RUN_UP_SECONDS)
    if typical > 0:
        counted = min(change / typical, RUN_UP_STEP_MAX) - RUN_UP_SLACK
        climbed = min(max(climbed + counted, 0.0), RUN_UP_MAX)
    accounts.climbed[account] = climbed
    ring, ordered = accounts.windows.ring[account], accounts.windows.ordered[account]
    taken = accounts.windows.count[account]
    number = min(taken, WINDOW)
    if number >= WARM_UP and accounts.equity[account] > 0:
        high = ordered[number - 1 - number // 10]
        above = math.log(max(leverage, 1e-9) / max(high, 1e-9)) + RUN_UP_BONUS
        near = min(leverage / RUN_UP_LEVERAGE_MIN, 2.0)
        away = climbed * max(above, 0.0) * near * near
        p_value = tail_p(tail, away)
        tail_learn(tail, away)
        if leverage < RUN_UP_LEVERAGE_MIN:
            p_value = max(p_value, 1e-3)
        out.p[row] = p_value
        if p_value <= alarm_p:
            equity = max(accounts.equity[account], 1.0)
            out.came[row] = leverage * equity
            out.low[row] = ordered[number // 20] * equity
            out.high[row] = high * equity
            out.extra[row, 0] = climbed
            out.extra[row, 1] = accounts.equity[account]
            tell(accounts.case[account], deals, 8, out.case[row])
    add(ring, ordered, taken, leverage)
    accounts.windows.count[account] = taken + 1
    if change != 0:
        bounded = change if typical == 0 else min(abs(change), STEP_CLIP * typical)
        pace = 1 / min(taken + 1.0, STEP_DEALS)
        accounts.step[account] += pace * (bounded * bounded - accounts.step[account])


@compiled
def judge(  # noqa: C901, PLR0912, PLR0913, PLR0915  one walk over the batch
    columns: Columns,
    accounts: Accounts,
    books: Books,
    rates: NDArray[np.float64],
    tail: Tail,
    creep_out: Out,
    margin_out: Out,
    alarm_p: float,
) -> None:
    """The p-values of a creeping limit and of a run-up of exposure, at each deal."""
    for row in range(columns.kind.shape[0]):
        creep_out.p[row] = margin_out.p[row] = math.nan
        kind, account = columns.kind[row], columns.account[row]
        if kind == ACCOUNT:
            if columns.limit_usd[row] > 0:
                accounts.limit[account] = columns.limit_usd[row]
            if moved(accounts, account, columns.equity[row], columns.funds[row]):
                climb(accounts, account, columns.at[row], columns.position[row], tail, margin_out,
                      row, alarm_p)  # fmt: skip
            continue
        if kind == SKIP:
            continue
        learn_rate(rates, columns, row)
        side, filled = columns.side[row], columns.filled[row]
        if kind == QUOTE or (kind != DECIDED and kind != FILLED) or not filled > 0 or side == 0:
            continue
        book, position = columns.book[row], columns.position[row]
        base = columns.base[row]
        rate = 1.0 if base == DOLLAR or rates[base] <= 0 else rates[base]
        units = books.units[book] + side * filled
        if not abs(units) < 1e30:
            units = 0.0
        before, usd = books.usd[book], abs(units) * rate
        books.units[book], books.usd[book] = units, usd
        gross = max(accounts.gross[account] + usd - before, 0.0)
        accounts.gross[account] = gross
        if kind == DECIDED and columns.own[row] == 0:
            books.evidence[book] = 0.0
            continue
        deals = accounts.deals[account]
        accounts.deals[account] = deals + 1
        keep(accounts.case[account], deals, position)

        # A creep: many small deals to one side, until little of the limit is left.
        limit = accounts.limit[account]
        repeats = accounts.repeats[account] if deals else 0.5
        last = books.side[book]
        same = last == side
        usual = min(max(repeats, 0.5), ONE_SIDED - 0.01)
        step = math.log(ONE_SIDED / usual) if same else math.log((1 - ONE_SIDED) / (1 - usual))
        small = limit <= 0 or filled * rate <= SMALL * limit
        if last == 0 or not small:
            step = 0.0 if same else -CREEP_EVIDENCE_MAX
        seconds = elapsed(books.at[book], columns.at[row]) if last else 0.0
        books.at[book] = newest(books.at[book], columns.at[row])
        faint = faded(books.evidence[book], seconds, CREEP_SECONDS)
        evidence = min(max(0.0, faint + step), CREEP_EVIDENCE_MAX)
        if evidence == 0.0:
            books.start[book] = before
            books.orders[book] = 0
        books.evidence[book] = evidence
        keep(books.case[book], books.orders[book], position)
        books.orders[book] += 1
        if last != 0:
            pace = (1.0 if evidence < 4 else 0.1) / min(deals + 10.0, SIDE_ORDERS)
            accounts.repeats[account] = repeats + pace * (same - repeats)
        elif deals == 0:
            accounts.repeats[account] = 0.5
        books.side[book] = side
        if deals >= WARM_UP:
            p_value = max(math.exp(-evidence), 1e-12) if same else 1.0
            full = limit if limit > 0 else 2 * books.highest[book]
            if (
                books.orders[book] < CREEP_ORDERS_MIN
                or usd < UTILISED_MIN * full
                or usd - books.start[book] < RISE_MIN * full
                or full <= 0
            ):
                p_value = max(p_value, 1e-3)
            creep_out.p[row] = p_value
            if p_value <= alarm_p:
                creep_out.came[row] = usd / full
                creep_out.low[row] = books.start[book] / full
                creep_out.high[row] = books.highest[book] / full
                creep_out.extra[row, 0] = books.orders[book]
                creep_out.extra[row, 1] = usd
                creep_out.extra[row, 2] = limit
                creep_out.extra[row, 3] = repeats
                tell(books.case[book], books.orders[book], CASE_MAX, creep_out.case[row])
        if evidence == 0.0:
            books.highest[book] = max(books.highest[book] * 0.999, usd)

        climb(accounts, account, columns.at[row], position, tail, margin_out, row, alarm_p)
