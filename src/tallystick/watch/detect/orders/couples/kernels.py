"""Two accounts that deal against each other: more often than chance brings them together?"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.orders.columns import Columns, Row
from tallystick.watch.detect.orders.inlined import inlined
from tallystick.watch.detect.orders.kernels import P_MIN, is_deal, is_desks, keep, tell
from tallystick.watch.detect.orders.look import Out

PAIR_RING = 64
"""Recent deals of everybody in a pair that a new one is held against."""
SAME_SIZE = 0.01
"""Sizes that differ by no more (in logarithms) are the same."""
TOGETHER_SECONDS = 10.0
"""Deals of two accounts within this time are at the same time."""
COUPLE_DEALS_MIN = 4.0
"""Fewer are chance, whatever the numbers say."""
COUPLES = 16_384
"""Pairs of accounts that are remembered for having dealt against each other."""
COUPLE_WAYS = 4
"""Places in which one of them may be."""
COUPLE_SECONDS = 86_400.0
"""A couple that did nothing together for this long is forgotten."""
COUPLE_CASE = 16
MATCHES_PRIOR = 5.0
DEALS_PRIOR = 1_000.0
"""Matches believed to have been seen among so many deals, before any was."""
EXPECTED_MIN = 1e-3
PARTNERS = 1_000.0
"""Whoever looks at all of an account's partners finds one by chance: so many are looked at."""
BY_COUPLE = 1.0
"""Stands in `out.extra[row, 1]`: this was said of two accounts."""


class Pairs(NamedTuple):
    """Of each pair: the last deals of everybody."""

    at: NDArray[np.float64]
    size: NDArray[np.float64]
    side: NDArray[np.int64]
    account: NDArray[np.int64]
    position: NDArray[np.int64]
    taken: NDArray[np.int64]


class Couples(NamedTuple):
    """All pairs of accounts that dealt together, by a hash of both.

    `one` and `other` are their slots + 1, `together` how often, `since` the number of everybody's
    deals when it began.
    """

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    together: NDArray[np.float64]
    since: NDArray[np.float64]
    last: NDArray[np.float64]
    case: NDArray[np.int64]
    taken: NDArray[np.int64]
    deals: NDArray[np.float64]


@inlined
def couple(couples: Couples, one: int, other: int, at: float) -> int:
    """Where this pair of accounts is remembered; the one of its places longest unused, if new."""
    low, high = min(one, other), max(one, other)
    mixed = (low * 1_000_003 + high) * 2_654_435_761 % (1 << 40)
    start = mixed % (COUPLES // COUPLE_WAYS) * COUPLE_WAYS
    oldest = start
    for place in range(start, start + COUPLE_WAYS):
        if couples.one[place] == low + 1 and couples.other[place] == high + 1:
            oldest = place
            if at - couples.last[place] > COUPLE_SECONDS:
                break
            return int(place)
        if couples.last[place] < couples.last[oldest]:
            oldest = place
    couples.one[oldest], couples.other[oldest] = low + 1, high + 1
    couples.together[oldest] = 0.0
    couples.since[oldest] = couples.deals[0]
    couples.last[oldest] = at
    couples.taken[oldest] = 0
    return oldest


@inlined
def poisson_tail(number: float, mean: float) -> float:
    """The probability of at least `number` events where `mean` are expected."""
    term = math.exp(-mean)
    total = term
    for each in range(1, int(number)):
        term *= mean / each
        total += term
    if total < 0.999:
        return 1 - total
    tail = 0.0  # the first terms of the upper sum: 1 - total would lose all its digits
    term = math.exp(-mean + number * math.log(mean) - math.lgamma(number + 1.0))
    for each in range(20):
        tail += term
        term *= mean / (number + each + 1)
    return tail


@inlined
def partner_of(seen: Row, pairs: Pairs) -> int:
    """Where the youngest deal is that somebody else made against this one; -1: nowhere."""
    pair, side, at = seen.pair, seen.side, seen.at
    size, taken = math.log(seen.filled), pairs.taken[pair]
    for back in range(1, min(taken, PAIR_RING) + 1):
        place = (taken - back) % PAIR_RING
        if abs(at - pairs.at[pair, place]) > TOGETHER_SECONDS:
            return -1
        if (
            pairs.account[pair, place] != seen.account
            and pairs.side[pair, place] == -side
            and abs(pairs.size[pair, place] - size) <= SAME_SIZE
        ):
            return int(place)
    return -1


@inlined
def expected(couples: Couples, which: int, deals: float, others: float) -> float:
    """How often chance would have brought two together that are so busy."""
    everybody = couples.deals[0]
    since = everybody - couples.since[which] + 1
    share = (couples.deals[1] + MATCHES_PRIOR) / (everybody + DEALS_PRIOR)
    return float(max(since * share * 2 * deals * others / everybody**2, EXPECTED_MIN))


@inlined
def judge_couple(
    seen: Row,
    row: int,
    pairs: Pairs,
    place: int,
    couples: Couples,
    deals: NDArray[np.int64],
    out: Out,
    alarm_p: float,
) -> None:
    """The p-value of a couple's next deal together, into `out.p` if it is the smaller one."""
    pair, account = seen.pair, seen.account
    partner = pairs.account[pair, place]
    which = couple(couples, account, partner, seen.at)
    chance = expected(couples, which, deals[account], deals[partner])
    couples.deals[1] += 1 if couples.together[which] < COUPLE_DEALS_MIN else 0.1
    couples.together[which] += 1
    couples.last[which] = seen.at
    for position in (pairs.position[pair, place], seen.position):
        keep(couples.case[which], couples.taken[which], position)
        couples.taken[which] += 1
    together = couples.together[which]
    if together < COUPLE_DEALS_MIN:
        return
    p_value = min(max(poisson_tail(together, chance) * PARTNERS, P_MIN), 1.0)
    if p_value < out.p[row] or math.isnan(out.p[row]):
        out.p[row] = p_value
        if p_value <= alarm_p:
            out.came[row] = together
            out.low[row], out.high[row] = 0.0, chance
            out.extra[row, 1] = BY_COUPLE
            told = 2 * int(together)
            tell(couples.case[which], couples.taken[which], told, out.case[row])


@compiled
def judge(
    columns: Columns,
    pairs: Pairs,
    couples: Couples,
    deals: NDArray[np.int64],
    out: Out,
    alarm_p: float,
) -> None:
    """The p-values of deals of two accounts against each other; `deals` counts each account's."""
    for row in range(columns.shape[0]):
        seen = columns[row]
        if not is_deal(seen) or is_desks(seen):
            continue
        couples.deals[0] += 1
        place = partner_of(seen, pairs)
        if place >= 0:
            judge_couple(seen, row, pairs, place, couples, deals, out, alarm_p)
        pair = seen.pair
        place = pairs.taken[pair] % PAIR_RING
        pairs.at[pair, place] = seen.at
        pairs.size[pair, place] = math.log(seen.filled)
        pairs.side[pair, place] = seen.side
        pairs.account[pair, place] = seen.account
        pairs.position[pair, place] = seen.position
        pairs.taken[pair] += 1
