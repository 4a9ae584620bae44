"""The arithmetic that every look at orders is made of: windows, tails, streaks, fading counts.

All of it is scored before it is learnt, in constant memory and time. A *window* holds an entity's
last values in order of arrival and of size, so that its quantiles shrug off outliers. A *tail*
turns deviations of all entities into a p-value: their conformal rank, and beyond the 98 % quantile
the predictive law of an exponential tail. A *streak* is for yes-or-no: a CUSUM of too many bad
outcomes. What a tail or a streak learns of an outlier is clipped, so none makes the next one look
ordinary.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.orders.columns import DECIDED, FILLED, Row

P_MIN = 1e-12
"""As score.P_VALUE_MIN: nothing is called rarer than this."""
UNLIKELY_P = 1e-3
"""What speaks against an alarm makes a p-value no smaller than this."""
WARM_UP = 20
"""Values or outcomes that an entity must have shown before anything about it is odd."""
HABIT = 3
"""An entity that has shown a value (or more) this often of late is not odd when it does again."""
HABIT_TOLERANCE = 1e-3
"""Values this near to each other are the same (windows keep single precision)."""

TAIL = 2_048
"""Recent deviations, of all entities of one look, that make its tail."""
TAIL_SHARE = 50
"""The tail begins above all but one in so many points: the 98 % quantile."""
TAIL_CLIP = 3.0
"""Mean excesses above the tail's beginning beyond which a deviation is learnt as this far."""
TAIL_MEAN_MIN = 0.25
"""Smallest mean excess believed, in spreads; a normal law has 0.37 above its 98 % quantile."""
PRIOR = 1_024
PRIOR_SCALE = 0.6
"""A new tail starts with this many quantiles of a Laplace law of this scale (heavier than a normal
law), which the first real points displace one by one."""

SHARE, OUTCOMES, EVIDENCE, BAD, RECENT, AT = range(6)
"""What a streak's row of numbers holds."""
STREAK = 6
"""How many numbers that are."""
STREAK_PRIOR = 10.0
"""A new streak believes in the share of all entities as if it had seen so many outcomes."""
STREAK_POINTS = 500.0
"""Outcomes over which an entity's usual share is averaged."""
STREAK_POOL_POINTS = 20_000.0
"""Outcomes over which the share of all entities is averaged."""
STREAK_CALM_MAX = 4.0
"""Evidence above which outcomes teach only a tenth: a storm is no habit yet."""
STREAK_EVIDENCE_MAX = 18.0
"""Evidence is not piled up beyond this, so that a storm that ended is soon forgotten."""
BACK_SECONDS = 60.0
"""A stamp this much earlier than the newest one means that the clock was set back."""
_Q10_TO_Q90_OF_NORMAL = 2.5631


class Tail(NamedTuple):
    """One tail: `meta` holds how many values are in it, and where the next one goes."""

    ring: NDArray[np.float64]
    ordered: NDArray[np.float64]
    meta: NDArray[np.int64]


Numbers = NDArray[np.float64] | NDArray[np.float32]
"""Values in order of size, or of arrival."""


class Windows(NamedTuple):
    """A window for each slot: `taken` says how many values it has ever taken."""

    ring: NDArray[np.float32]
    ordered: NDArray[np.float32]
    taken: NDArray[np.int64]


def new_tail() -> Tail:
    """A tail that believes in a Laplace law until it is taught otherwise."""
    stride = 389  # coprime to the number of points: neighbours in time are far apart in size
    ranks = (np.arange(PRIOR) * stride % PRIOR + 0.5) / PRIOR
    values = PRIOR_SCALE * np.where(ranks < 0.5, np.log(2 * ranks), -np.log(2 * (1 - ranks)))
    tail = Tail(np.zeros(TAIL), np.zeros(TAIL), np.array([PRIOR, 0], dtype=np.int64))
    tail.ring[:PRIOR] = values
    tail.ordered[:PRIOR] = np.sort(values)
    return tail


def new_windows(slots: int, size: int) -> Windows:
    """Empty windows."""
    return Windows(
        np.zeros((slots, size), np.float32),
        np.zeros((slots, size), np.float32),
        np.zeros(slots, np.int64),
    )


@inlined
def elapsed(last: float, at: float) -> float:
    """Seconds since `last`, never negative; where the clock was set back it starts again at 0."""
    return max(at - last, 0.0)


@inlined
def newest(last: float, at: float) -> float:
    """The time to count from next: the later one, or `at` where the clock was set back."""
    return last if last - BACK_SECONDS < at < last else at


@compiled
def below(ordered: Numbers, count: int, value: float) -> int:
    """How many of the first `count` ordered values are smaller than `value` (bisection)."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def replace(ordered: Numbers, count: int, gone: float, value: float) -> None:
    """Put `value` in the place of `gone` among `count` ordered values; both are kept in order."""
    at = min(below(ordered, count, gone), count - 1)
    while at + 1 < count and ordered[at + 1] < value:
        ordered[at] = ordered[at + 1]
        at += 1
    while at > 0 and ordered[at - 1] > value:
        ordered[at] = ordered[at - 1]
        at -= 1
    ordered[at] = value


@compiled
def add(ring: Numbers, ordered: Numbers, taken: int, value: float) -> None:
    """Take `value` into a window that has taken `taken` values before; the oldest goes."""
    size = ring.shape[0]
    place = taken % size
    kept = ordered.dtype.type(value)
    if taken >= size:
        replace(ordered, size, float(ring[place]), float(kept))
    else:
        at = taken
        while at > 0 and ordered[at - 1] > kept:
            ordered[at] = ordered[at - 1]
            at -= 1
        ordered[at] = kept
    ring[place] = kept


@inlined
def take(windows: Windows, slot: int, value: float) -> None:
    """Take `value` into the window of a slot."""
    add(windows.ring[slot], windows.ordered[slot], windows.taken[slot], value)
    windows.taken[slot] += 1


@inlined
def median(ordered: Numbers, count: int) -> float:
    """The (upper) median of `count` ordered values."""
    return float(ordered[count // 2])


@inlined
def spread(ordered: Numbers, count: int) -> float:
    """The standard deviation of a normal law with the same 10 % and 90 % quantiles."""
    tenth = count // 10
    return (float(ordered[count - 1 - tenth]) - float(ordered[tenth])) / _Q10_TO_Q90_OF_NORMAL


@inlined
def shrunk(own: float, count: int, prior: float, weight: float) -> float:
    """A spread from `count` values, drawn towards `prior` as if that had seen `weight` values."""
    return math.sqrt((count * own * own + weight * prior * prior) / (count + weight))


@compiled
def habit(ordered: Numbers, count: int, value: float) -> float:
    """The share of an entity's own values that reach `value`; 0 below HABIT values."""
    reached = count - below(ordered, count, value - HABIT_TOLERANCE)
    return reached / (count + 1) if reached >= HABIT else 0.0


@inlined
def tail_excess(tail: Tail, number: int) -> float:
    """By how much the largest `number` deviations exceed the tail's beginning, together."""
    count = tail.meta[0]
    start = tail.ordered[count - number - 1]
    total = 0.0
    for at in range(count - number, count):
        total += tail.ordered[at] - start
    return max(total, number * TAIL_MEAN_MIN)


@inlined
def tail_p(tail: Tail, deviation: float) -> float:
    """The share of ordinary deviations that are at least this large, P_MIN to 1.

    Above the tail's beginning u, with k excesses that sum to s: an exponential tail of unknown
    mean exceeds u + x with the predictive probability (1 + x/s)**-k, which is honest about how
    little k excesses know.
    """
    count = tail.meta[0]
    number = count // TAIL_SHARE
    over = deviation - tail.ordered[count - number - 1]
    if over <= 0:
        return float((count - below(tail.ordered, count, deviation) + 1) / (count + 1))
    beyond = math.exp(-number * math.log1p(over / tail_excess(tail, number)))
    return float(max(P_MIN, (number + 1) / (count + 1) * beyond))


@inlined
def tail_learn(tail: Tail, deviation: float) -> None:
    """Remember `deviation`, clipped where the tail has become thin."""
    count = tail.meta[0]
    number = count // TAIL_SHARE
    start = tail.ordered[count - number - 1]
    if deviation > start:
        deviation = min(deviation, start + TAIL_CLIP * tail_excess(tail, number) / number)
    place = tail.meta[1]
    if place < count:
        replace(tail.ordered, count, tail.ring[place], deviation)
        tail.ring[place] = deviation
    else:
        add(tail.ring, tail.ordered, count, deviation)
        tail.meta[0] = count + 1
    tail.meta[1] = (place + 1) % TAIL


@inlined
def faded(value: float, seconds: float, scale: float) -> float:
    """What is left of a count after so many seconds: it halves every 0.69 scales."""
    return value * math.exp(-max(seconds, 0.0) / scale)  # a clock may go back


@inlined
def streak(
    row: NDArray[np.float64],
    pool: NDArray[np.float64],
    bad: bool,
    share_min: float,
    warm: bool,
    at: float,
    memory: float,
) -> float:
    """The p-value of a streak with this outcome in it (NaN until `warm`); then it learns.

    CUSUM (Page 1954) of outcomes against the usual share of bad ones, in favour of a share
    half-way to "always". exp(-evidence) bounds how often ordinary outcomes pile up that much: the
    mean time between false alarms at h is at least exp(h) outcomes (Lorden 1971). `pool` holds the
    share of all entities, where a new one starts, and how many outcomes made it. Evidence fades
    with the time constant `memory` (seconds): what is spread over days is a habit, no streak.
    """
    if row[OUTCOMES] == 0.0:
        row[SHARE] = pool[0]
    usual = min(max(row[SHARE], share_min), 0.98)
    feared = (1 + usual) / 2
    step = math.log(feared / usual) if bad else math.log((1 - feared) / (1 - usual))
    seconds = elapsed(row[AT], at) if row[OUTCOMES] > 0 else 0.0
    row[AT] = newest(row[AT], at)
    before = faded(row[EVIDENCE], seconds, memory)
    evidence = min(max(0.0, before + step), STREAK_EVIDENCE_MAX) if warm else 0.0
    row[EVIDENCE] = evidence
    row[BAD] = row[BAD] + bad if evidence > 0 else 0.0
    row[RECENT] = row[RECENT] + 1 if evidence > 0 else 0.0
    pace = 1.0 if evidence <= STREAK_CALM_MAX else 0.1
    row[OUTCOMES] = min(row[OUTCOMES] + pace, STREAK_POINTS)
    row[SHARE] += pace * (bad - row[SHARE]) / (row[OUTCOMES] + STREAK_PRIOR)
    pool[1] = min(pool[1] + pace, STREAK_POOL_POINTS)
    pool[0] += pace * (bad - pool[0]) / (pool[1] + STREAK_PRIOR)
    return max(P_MIN, math.exp(-evidence)) if warm else math.nan


@inlined
def usual_share(row: NDArray[np.float64], pool: NDArray[np.float64]) -> float:
    """The share of bad outcomes that a streak holds for usual before its next one."""
    return float(row[SHARE] if row[OUTCOMES] > 0 else pool[0])


@inlined
def keep(case: NDArray[np.int64], taken: int, position: int) -> None:
    """Remember a ledger position in a ring that has taken `taken` before."""
    case[taken % case.shape[0]] = position


@compiled
def tell(case: NDArray[np.int64], taken: int, number: int, told: NDArray[np.int64]) -> None:
    """Write the last `number` positions of a ring, oldest first; -1 behind them."""
    number = min(number, taken, case.shape[0], told.shape[0])
    told[:] = -1
    for each in range(number):
        told[each] = case[(taken - number + each) % case.shape[0]]


@inlined
def is_order(seen: Row) -> bool:
    """An order that the client itself placed."""
    return bool(seen.kind == DECIDED and seen.own == 1)


@inlined
def is_deal(seen: Row) -> bool:
    """Something was bought or sold, on whoever's initiative."""
    kind = seen.kind
    dealt = kind in (DECIDED, FILLED)
    return bool(dealt and seen.filled > 0 and seen.side != 0)


@inlined
def is_desks(seen: Row) -> bool:
    """A deal that the desk or another order brought about, not the client."""
    return bool(seen.kind == DECIDED and seen.own == 0)
