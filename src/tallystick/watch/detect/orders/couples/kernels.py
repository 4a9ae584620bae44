"""Two accounts that deal against each other: more often than chance brings them together?

What chance does is measured on the couple itself. Deals of the same size at the same time that
happen to be on the *same* side are as likely as those on opposite sides where nobody arranges
anything: whoever shares sizes and hours with another (a small house, standard lots) has as many of
the one as of the other. A couple that nothing is known of yet is expected to meet as two so busy
accounts do among everybody's deals.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import Columns, Row
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
EXPECTED_WEIGHT = 2.0
"""How firmly that is believed: the shape of its gamma law, to which deals alike are added."""
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

    `one` and `other` are their slots + 1, `together` how often on opposite sides and `alike` how
    often on the same one, `since` the number of everybody's deals when it began.
    """

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    together: NDArray[np.float64]
    alike: NDArray[np.float64]
    since: NDArray[np.float64]
    last: NDArray[np.float64]
    case: NDArray[np.int64]
    taken: NDArray[np.int64]
    deals: NDArray[np.float64]


@inlined
def first_place(low: int, high: int) -> int:
    """The first of the COUPLE_WAYS places in which a pair of accounts may be remembered."""
    mixed = (low * 1_000_003 + high) * 2_654_435_761 % (1 << 40)
    return int(mixed % (COUPLES // COUPLE_WAYS) * COUPLE_WAYS)


@inlined
def known(couples: Couples, one: int, other: int, at: float) -> int:
    """Where this pair of accounts is remembered; -1: it did nothing together of late."""
    low, high = min(one, other), max(one, other)
    start = first_place(low, high)
    for place in range(start, start + COUPLE_WAYS):
        if couples.one[place] == low + 1 and couples.other[place] == high + 1:
            return int(place) if at - couples.last[place] <= COUPLE_SECONDS else -1
    return -1


@inlined
def remember(couples: Couples, one: int, other: int, at: float) -> int:
    """Begin a couple where it was before, else in that of its places which is longest unused."""
    low, high = min(one, other), max(one, other)
    start = first_place(low, high)
    oldest = start
    for place in range(start, start + COUPLE_WAYS):
        if couples.one[place] == low + 1 and couples.other[place] == high + 1:
            oldest = place
            break
        if couples.last[place] < couples.last[oldest]:
            oldest = place
    couples.one[oldest], couples.other[oldest] = low + 1, high + 1
    couples.together[oldest] = couples.alike[oldest] = 0.0
    couples.since[oldest] = couples.deals[0]
    couples.last[oldest] = at
    couples.taken[oldest] = 0
    return oldest


@inlined
def chance_tail(number: float, shape: float, rate: float) -> float:
    """The probability of at least `number` events whose mean has a gamma law (`shape`, `rate`).

    The negative binomial law: its terms below `number` off 1, or those above where that would lose
    all its digits.
    """
    odds = 1 / (1 + rate)
    term = math.exp(-shape * math.log1p(1 / rate))
    total = term
    for each in range(1, int(number)):
        term *= odds * (shape + each - 1) / each
        total += term
    if total < 0.999:
        return 1 - total
    tail = 0.0
    term *= odds * (shape + number - 1) / number
    for each in range(200):
        tail += term
        term *= odds * (shape + number + each) / (number + each + 1)
    return tail


@inlined
def partners_of(seen: Row, pairs: Pairs) -> tuple[int, int]:
    """Where somebody else's youngest deals of this size and time are; -1: nowhere.

    The one on the same side, and the one on the other.
    """
    pair, at = seen.pair, seen.at
    size, taken = math.log(seen.filled), pairs.taken[pair]
    alike = opposite = -1
    for back in range(1, min(taken, PAIR_RING) + 1):
        place = (taken - back) % PAIR_RING
        found = alike >= 0 and opposite >= 0
        if found or abs(at - pairs.at[pair, place]) > TOGETHER_SECONDS:
            break
        same_size = abs(pairs.size[pair, place] - size) <= SAME_SIZE
        if same_size and pairs.account[pair, place] != seen.account:
            side = pairs.side[pair, place]
            if alike < 0 and side == seen.side:
                alike = place
            elif opposite < 0 and side == -seen.side:
                opposite = place
    return alike, opposite


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
    which = known(couples, account, partner, seen.at)
    if which < 0:
        which = remember(couples, account, partner, seen.at)
    chance = expected(couples, which, deals[account], deals[partner])
    shape, rate = EXPECTED_WEIGHT + couples.alike[which], EXPECTED_WEIGHT / chance + 1
    couples.deals[1] += 1 if couples.together[which] < COUPLE_DEALS_MIN else 0.1
    couples.together[which] += 1
    couples.last[which] = seen.at
    for position in (pairs.position[pair, place], seen.position):
        keep(couples.case[which], couples.taken[which], position)
        couples.taken[which] += 1
    together = couples.together[which]
    if together < COUPLE_DEALS_MIN:
        return
    p_value = min(max(chance_tail(together, shape, rate) * PARTNERS, P_MIN), 1.0)
    if p_value < out.p[row] or math.isnan(out.p[row]):
        out.p[row] = p_value
        if p_value <= alarm_p:
            out.came[row] = together
            out.low[row], out.high[row] = 0.0, shape / rate
            out.extra[row, 1], out.extra[row, 2] = BY_COUPLE, partner
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
        alike, place = partners_of(seen, pairs)
        if alike >= 0:
            which = known(couples, seen.account, pairs.account[seen.pair, alike], seen.at)
            if which >= 0:
                couples.alike[which] += 1
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
