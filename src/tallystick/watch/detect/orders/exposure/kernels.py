"""How far an account is into its limits and its margin, and how it got there."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import ACCOUNT, DOLLAR, SKIP, Columns, Row
from tallystick.watch.detect.orders.kernels import (
    P_MIN,
    UNLIKELY_P,
    WARM_UP,
    Tail,
    elapsed,
    faded,
    is_deal,
    is_desks,
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
CALM_MAX = 4.0
"""Evidence above which deals teach only a tenth: a creep is no habit yet."""
SIDE_PRIOR = 9.0
"""An account is believed to go to either side as often as the other, as if seen in so many."""
SIDE_ORDERS = 200.0
"""Orders over which an account's usual one-sidedness is averaged."""
HIGHEST_FADES = 0.998
"""What a deal leaves of an account's highest leverage: it halves in 346 deals."""
HIGHEST_MIN = 1.0
"""An account is believed to have had this leverage at least."""
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
RUN_UP_CALM = 0.75
"""Typical steps up to which it is no climb: in and out again is a habit, and so is its leverage."""
STEP_DEALS = 100.0
"""Deals over which the typical step of the leverage is averaged."""
RUN_UP_CASE = 8
"""Deals that are told with it."""
LEVERAGE_MAX = 1e12
"""Nothing is counted as more; without any money known it is the exposure in US dollars."""
USD_MAX = 1e15
UNITS_MAX = 1e30
"""Amounts beyond these are no money."""
STEP_CLIP = 4.0
"""A step teaches as no more than so many typical ones."""


class Accounts(NamedTuple):
    """Of each account: gross exposure, equity and limit in USD, one-sidedness, leverages.

    `leverage` is the exposure over the equity (over 1 USD, where none is known); `step` the typical
    square of what a deal changes it by, `climbed` how many typical steps it went up of late.
    `highest` is the most that it was outside of climbs; `crest` the oddest that this climb was.
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
    highest: NDArray[np.float64]
    crest: NDArray[np.float64]
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


@inlined
def learn_rate(rates: NDArray[np.float64], seen: Row) -> None:
    """What a currency is worth in US dollars, from a pair with the dollar in it."""
    middle = (seen.bid + seen.ask) / 2
    if seen.kind == SKIP or not middle > 0:
        return
    if seen.quote == DOLLAR:
        rates[seen.base] = middle
    elif seen.base == DOLLAR:
        rates[seen.quote] = 1 / middle


@inlined
def moved(accounts: Accounts, account: int, equity: float, funds: float) -> bool:
    """Take in what an entry says of an account's money; whether its leverage is another now."""
    known = accounts.equity[account]
    if equity > 0:
        accounts.equity[account] = equity  # a margin event tells what the deals before it did
        return False
    if abs(funds) < USD_MAX:
        accounts.equity[account] = max(known + funds, 0.0)
        return bool(known > 0 and funds < 0)
    return False


@inlined
def dealt(
    seen: Row, accounts: Accounts, books: Books, rates: NDArray[np.float64]
) -> tuple[float, float]:
    """Take a deal into its position: what that was worth in US dollars before, and the deal."""
    book, account, base = seen.book, seen.account, seen.base
    rate = 1.0 if base == DOLLAR or rates[base] <= 0 else rates[base]
    units = books.units[book] + seen.side * seen.filled
    books.units[book] = units if abs(units) < UNITS_MAX else 0.0
    before = books.usd[book]
    books.usd[book] = abs(books.units[book]) * rate
    accounts.gross[account] = max(accounts.gross[account] + books.usd[book] - before, 0.0)
    return before, seen.filled * rate


@inlined
def gather(seen: Row, accounts: Accounts, books: Books, before: float, usd: float) -> float:
    """The evidence of a creep with this deal in it: small deals that all go to one side."""
    book, account = seen.book, seen.account
    limit, repeats, last = accounts.limit[account], accounts.repeats[account], books.side[book]
    same = last == seen.side
    usual = min(max(repeats, 0.5), ONE_SIDED - 0.01)
    step = math.log(ONE_SIDED / usual) if same else math.log((1 - ONE_SIDED) / (1 - usual))
    if last == 0 or (limit > 0 and usd > SMALL * limit):
        step = 0.0 if same else -CREEP_EVIDENCE_MAX
    seconds = elapsed(books.at[book], seen.at) if last else 0.0
    books.at[book] = newest(books.at[book], seen.at)
    faint = faded(books.evidence[book], seconds, CREEP_SECONDS)
    evidence = min(max(0.0, faint + step), CREEP_EVIDENCE_MAX)
    if evidence == 0.0:
        books.start[book], books.orders[book] = before, 0
    books.evidence[book] = evidence
    keep(books.case[book], books.orders[book], seen.position)
    books.orders[book] += 1
    if last != 0:
        pace = (1.0 if evidence < CALM_MAX else 0.1) / min(
            accounts.deals[account] + SIDE_PRIOR, SIDE_ORDERS
        )
        accounts.repeats[account] = repeats + pace * (same - repeats)
    books.side[book] = seen.side
    return evidence if same else 0.0


@inlined
def creep(
    seen: Row,
    row: int,
    accounts: Accounts,
    books: Books,
    evidence: float,
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of a creep: of its evidence, once much of the limit is used."""
    book, account = seen.book, seen.account
    limit, usd = accounts.limit[account], books.usd[book]
    full = limit if limit > 0 else 2 * books.highest[book]
    risen = usd - books.start[book]
    p_value = max(math.exp(-evidence), P_MIN)
    if (
        books.orders[book] < CREEP_ORDERS_MIN
        or not full > 0
        or usd < UTILISED_MIN * full
        or risen < RISE_MIN * full
    ):
        p_value = max(p_value, UNLIKELY_P)
    out.p[row] = p_value
    if p_value <= alarm_p:
        full = max(full, 1.0)
        out.came[row] = usd / full
        out.low[row] = books.start[book] / full
        out.high[row] = books.highest[book] / full
        out.extra[row, 0] = books.orders[book]
        out.extra[row, 1] = usd
        out.extra[row, 2] = limit
        out.extra[row, 3] = accounts.repeats[account]
        tell(books.case[book], books.orders[book], CASE_MAX, out.case[row])


@inlined
def climbed(accounts: Accounts, account: int, at: float) -> float:
    """How many typical steps the leverage went up of late (a CUSUM), now that it is another."""
    leverage = min(accounts.gross[account] / max(accounts.equity[account], 1.0), LEVERAGE_MAX)
    change = leverage - accounts.leverage[account]
    accounts.leverage[account] = leverage
    typical = math.sqrt(accounts.step[account])
    seconds = elapsed(accounts.at[account], at) if accounts.deals[account] > 1 else 0.0
    accounts.at[account] = newest(accounts.at[account], at)
    height = faded(accounts.climbed[account], seconds, RUN_UP_SECONDS)
    if typical > 0:
        counted = min(change / typical, RUN_UP_STEP_MAX) - RUN_UP_SLACK
        height = min(max(height + counted, 0.0), RUN_UP_MAX)
    accounts.climbed[account] = height
    if change != 0:
        bounded = change if typical == 0 else min(abs(change), STEP_CLIP * typical)
        pace = 1 / min(accounts.deals[account] + 1.0, STEP_DEALS)
        accounts.step[account] += pace * (bounded * bounded - accounts.step[account])
    return height


@inlined
def learn_climb(accounts: Accounts, account: int, tail: Tail, away: float) -> None:
    """Let a climb teach the tail once, by the most that it came to, when it is over.

    The deals of one climb lead to each other: taught one by one, a single climb would fill the
    tail, and the next one would look ordinary.
    """
    over = accounts.climbed[account] == 0.0
    tail_learn(tail, accounts.crest[account] if over else 0.0)
    accounts.crest[account] = 0.0 if over else max(accounts.crest[account], away)


@inlined
def run_up(seen: Row, row: int, accounts: Accounts, tail: Tail, out: Out, alarm_p: float) -> None:
    """The p-value of how fast and how far the leverage went up; then it learns."""
    account = seen.account
    height = climbed(accounts, account, seen.at)
    leverage, highest = accounts.leverage[account], accounts.highest[account]
    equity = accounts.equity[account]
    if accounts.deals[account] > WARM_UP and equity > 0:
        above = math.log(max(leverage, 1e-9) / max(highest, HIGHEST_MIN)) + RUN_UP_BONUS
        near = min(leverage / RUN_UP_LEVERAGE_MIN, 1.0)
        away = height * max(above, 0.0) * near * near
        p_value = tail_p(tail, away)
        learn_climb(accounts, account, tail, away)
        if leverage < RUN_UP_LEVERAGE_MIN:
            p_value = max(p_value, UNLIKELY_P)
        out.p[row] = p_value
        if p_value <= alarm_p:
            out.came[row] = leverage * max(equity, 1.0)
            out.high[row] = highest * max(equity, 1.0)
            out.extra[row, 0] = height
            out.extra[row, 1] = equity
            tell(accounts.case[account], accounts.deals[account], RUN_UP_CASE, out.case[row])
    if height <= RUN_UP_CALM:
        accounts.highest[account] = max(HIGHEST_FADES * highest, leverage)


@compiled
def judge(
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
    for row in range(columns.shape[0]):
        seen = columns[row]
        creep_out.p[row] = margin_out.p[row] = math.nan
        account, book = seen.account, seen.book
        learn_rate(rates, seen)
        if seen.kind == ACCOUNT:
            if seen.limit_usd > 0:
                accounts.limit[account] = seen.limit_usd
            if moved(accounts, account, seen.equity, seen.funds):
                run_up(seen, row, accounts, tail, margin_out, alarm_p)
        elif is_deal(seen):
            before, usd = dealt(seen, accounts, books, rates)
            if is_desks(seen):
                books.evidence[book] = 0.0
                continue
            deals = accounts.deals[account]
            if deals == 0:
                accounts.repeats[account] = 0.5
            accounts.deals[account] = deals + 1
            keep(accounts.case[account], deals, seen.position)
            evidence = gather(seen, accounts, books, before, usd)
            if deals >= WARM_UP:
                creep(seen, row, accounts, books, evidence, creep_out, alarm_p)
            if books.evidence[book] == 0.0:
                books.highest[book] = max(books.highest[book] * 0.999, books.usd[book])
            run_up(seen, row, accounts, tail, margin_out, alarm_p)
