"""Kernels of the drift guard: what an account does in a day, against its anchored own past.

State lies in arrays by slot (one account each). `profile[slot, aspect]` is what is known of an
aspect, `day[slot]` what has come today, `positions` and `pairs` what is held in the pairs traded
last, `trail` the last entries of the last days, `common` what is known of everybody.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZE, RATE, DISTANCE, UTILISATION = 0, 1, 2, 3
ASPECTS = 4
# Of profile[slot, aspect]: levels are natural logarithms, the anchor's without what was raised.
ANCHOR, SPREAD, RECENT, EVIDENCE, DAYS, SINCE, NORMAL_AT, NORMAL_DAY, NORMAL = range(9)
PROFILE_FIELDS = 9
# Of day[slot].
DAY, COUNT, SIZE_SUM, DISTANCE_SUM, DISTANCES, USED_MAX, LAST, GROSS, LIMIT = range(9)
DAY_FIELDS = 9
PAIRS_HELD = 8
"""Pairs in which an account's position is known at once; the smallest makes room."""
TRAIL_DAYS = 6
ARRAY_BYTES_A_SLOT = 8 * (ASPECTS * PROFILE_FIELDS + DAY_FIELDS + 2 * PAIRS_HELD + TRAIL_DAYS)
"""What an account costs, beside its name."""
# Of common[aspect]: the raise of everybody that anchors have followed, and a histogram behind it.
RAISED, FIRST_BIN = 0, 1
BINS = 121
BIN = 0.05
COMMON_FIELDS = FIRST_BIN + BINS
# Of row[n].
R_SLOT, R_KIND, R_AT, R_POSITION, R_PAIR, R_USD, R_DISTANCE, R_FILLED = range(8)
ROW_FIELDS = 8
FILL, ORDER, BOUND = 0.0, 1.0, 2.0
"""Kinds of rows: what only moves positions, an order of the client's, a limit (R_USD) of USD."""
# Of told: what an alarm is explained with.
T_ASPECT, T_P, T_ANCHOR, T_SPREAD, T_RECENT, T_SINCE = range(6)
T_NORMAL_AT, T_NORMAL_DAY, T_NORMAL, T_SURPRISE = range(6, 10)
T_OTHERS = T_SURPRISE + ASPECTS
TOLD_FIELDS = T_OTHERS + ASPECTS

DAY_SECONDS = 86_400.0
DAY_BEGINS_SECONDS = 7_200.0
"""The day of foreign exchange begins at 22:00 UTC, so that Sunday evening is Monday's."""
DAYS_MAX = 80_000.0
"""Days after 1970 that are taken for real: into the year 2189."""
WARM_UP_DAYS = 10.0
"""Active days before anything is said."""
ANCHOR_DAYS = 30.0
"""Active days of which the anchor is the plain mean; after them it hardly follows."""
CALM = 2.0
"""Evidence beyond which it hardly follows already when it has been warmed up."""
ANCHOR_GAIN = 1.0 - 0.5 ** (1.0 / 180.0)
"""Then half of a lasting change is in the anchor after 180 active days."""
RECENT_GAIN = 1.0 - 0.5 ** (1.0 / 3.0)
"""Half of a change is in what is recent after three active days."""
SPREAD_MIN = 0.15
"""Nobody is steadier than 15 % from day to day."""
CLIP = 3.0
"""One day counts at most three spreads: a month's end is no drift."""
SLACK = 0.5
"""Spreads that a day may stand above its anchor for nothing: CUSUM's k, so that with ordinary
days the evidence exceeds e with probability exp(-e)."""
USED_SLACK = 1.0
"""The same of utilisation, whose days are not independent: what is held today is held tomorrow."""
EVIDENCE_MAX = 40.0
GROWN = math.log(3.0)
"""What has not grown so many times is no drift, however steadily it grew."""
LEVEL_CLIP = math.log(9.0)
"""A day further from the anchor than this counts no more among the recent ones."""
ALARM_EVIDENCE = math.log(1e6)
"""Evidence at which growth to threefold is an alarm: -ln of the alarm's p-value."""
USED_MIN = 0.25
"""Utilisation below this share of the limit is nobody's concern."""
USED_OFFSET, DISTANCE_OFFSET = 0.02, 0.1
"""What is added before the logarithm: 2 % of the limit, half a basis point."""
COMMON_DECAY = 0.5**0.5
"""A day's accounts count half among everybody after two days."""
ACCOUNT_WEIGHT = 1.0 / (1.0 - COMMON_DECAY)
"""What an account that trades each day weighs."""
FEW, PEERS_HALF = 2.0 * ACCOUNT_WEIGHT, 3.5 * ACCOUNT_WEIGHT
"""Two accounts are not everybody; with so much more half of what they move is everybody's."""
RAISE_GAIN = 0.07
"""Share of everybody's rise that moves all anchors, a day."""
LEVEL_MAX = 50.0


class State(NamedTuple):
    """All that is known: arrays by slot, then those of everybody; `clock[0]` is the newest day."""

    profile: Floats
    day: Floats
    positions: Floats
    pairs: Ints
    trail: Ints
    common: Floats
    clock: Floats


@compiled
def run(rows: Floats, start: int, state: State, p_values: Floats, told: Floats) -> int:
    """Score and learn rows from `start`; stops behind an alarm, which then is in `told`.

    Gives the next row. `told[0]` is the aspect, or -1 where there is no alarm.
    """
    profile, day, trail, common = state.profile, state.day, state.trail, state.common
    told[T_ASPECT] = -1.0
    for n in range(start, len(rows)):
        row = rows[n]
        at = row[R_AT]
        number = np.floor((at + DAY_BEGINS_SECONDS) / DAY_SECONDS)
        if not 0.0 <= number <= DAYS_MAX:  # also what is not finite
            continue
        slot = int(row[R_SLOT])
        if row[R_KIND] == BOUND:
            day[slot, LIMIT] = row[R_USD]
            continue
        alarmed = False
        if row[R_KIND] == ORDER:
            known = day[slot, DAY]
            # A stamp of the day before is late, not another day.
            if day[slot, COUNT] > 0.0 and number != known and number != known - 1.0:
                _turn(common, state.clock, number)
                p_values[n] = _close(profile[slot], day[slot], trail[slot], common, told)
                alarmed = told[T_ASPECT] >= 0.0
            if number != known - 1.0 or day[slot, COUNT] == 0.0:
                day[slot, DAY] = number
        _add(row, day[slot], state.positions[slot], state.pairs[slot])
        if alarmed:
            return n + 1
    return len(rows)


@compiled
def _add(row: Floats, day: Floats, positions: Floats, pairs: Ints) -> None:
    """What a row adds to its account's day."""
    usd = row[R_USD]
    if row[R_KIND] == ORDER:
        day[COUNT] += 1.0
        day[LAST] = row[R_POSITION]
        if usd > 0.0 and usd < 1e30:
            day[SIZE_SUM] += usd
        distance = row[R_DISTANCE]
        if distance >= 0.0 and distance < 1e6:
            day[DISTANCE_SUM] += distance
            day[DISTANCES] += 1.0
    filled = row[R_FILLED]
    if filled != 0.0 and abs(filled) < 1e30:
        _hold(int(row[R_PAIR]), filled, day, positions, pairs)
    if day[LIMIT] > 0.0:
        day[USED_MAX] = max(day[USED_MAX], day[GROSS] / day[LIMIT])


@compiled
def _hold(pair: int, filled: float, day: Floats, positions: Floats, pairs: Ints) -> None:
    """The position in a pair, in USD as it was filled, and the sum of all of them."""
    place, smallest = -1, 0
    for n in range(PAIRS_HELD):
        if pairs[n] == pair:
            place = n
            break
        if abs(positions[n]) < abs(positions[smallest]):
            smallest = n
    if place < 0:
        place = smallest
        pairs[place] = pair
        positions[place] = 0.0
    positions[place] += filled
    gross = 0.0
    for n in range(PAIRS_HELD):
        gross += abs(positions[n])
    day[GROSS] = gross


@compiled
def _close(profile: Floats, day: Floats, trail: Ints, common: Floats, told: Floats) -> float:
    """End an account's day: score its aspects, then learn them; the oddest one's p-value.

    NaN where no aspect can be judged yet.
    """
    oddest, least = -1, 2.0
    told[T_ASPECT] = -1.0
    for aspect in range(ASPECTS):
        told[T_SURPRISE + aspect] = 0.0
        level = _level(aspect, day)
        if level > LEVEL_MAX or level < -LEVEL_MAX:
            continue
        everybody = _everybody(common[aspect])
        if aspect == UTILISATION:  # larger orders use more of the same limits
            rest = common[SIZE, RAISED] - common[UTILISATION, RAISED]
            everybody = max(everybody, _everybody(common[SIZE]) + rest)
        everybody = max(0.0, everybody)
        p_value = _judge(aspect, level, profile[aspect], day, common[aspect], everybody, told)
        if p_value < least:
            oddest, least = aspect, p_value
    for n in range(TRAIL_DAYS - 1):
        trail[n] = trail[n + 1]
    trail[TRAIL_DAYS - 1] = int(day[LAST])
    if oddest >= 0 and least <= math.exp(-ALARM_EVIDENCE):
        _tell(oddest, least, profile[oddest], common[oddest], told)
    day[COUNT] = day[SIZE_SUM] = day[DISTANCE_SUM] = day[DISTANCES] = 0.0
    day[USED_MAX] = 0.0
    return least if oddest >= 0 else math.nan


@compiled
def _level(aspect: int, day: Floats) -> float:
    """The logarithm of the day's figure; NaN-like (beyond LEVEL_MAX) where there is none."""
    if aspect == RATE:
        return math.log(day[COUNT])
    if aspect == SIZE and day[SIZE_SUM] > 0.0:
        return math.log(day[SIZE_SUM] / day[COUNT])
    if aspect == DISTANCE and day[DISTANCES] > 0.0:
        return math.log(DISTANCE_OFFSET + day[DISTANCE_SUM] / day[DISTANCES])
    if aspect == UTILISATION and day[LIMIT] > 0.0 and day[USED_MAX] > 0.0:
        return math.log(USED_OFFSET + day[USED_MAX])
    return math.inf


@compiled
def _judge(
    aspect: int, level: float, known: Floats, day: Floats, common: Floats, everybody: float,
    told: Floats,
) -> float:  # fmt: skip
    """How odd the level is for this aspect, and learn it; 2.0 while it is too new."""
    days = known[DAYS]
    if days == 0.0:
        known[ANCHOR], known[RECENT] = level - common[RAISED], level
        known[SPREAD] = 0.25
        known[DAYS] = 1.0
        return 2.0
    anchor = known[ANCHOR] + common[RAISED]
    moved = level - anchor
    spread = max(SPREAD_MIN, math.sqrt(known[SPREAD]))
    limit = CLIP * spread
    bounded = max(anchor - LEVEL_CLIP, min(anchor + LEVEL_CLIP, level))
    known[RECENT] += RECENT_GAIN * (bounded - known[RECENT])
    p_value = 2.0
    if days >= WARM_UP_DAYS:
        told[T_OTHERS + aspect] = everybody + common[RAISED]
        deviation = max(-CLIP, min(CLIP, (moved - everybody) / spread))
        if known[EVIDENCE] == 0.0:
            known[SINCE] = day[DAY]
        slack = USED_SLACK if aspect == UTILISATION else SLACK
        known[EVIDENCE] = min(EVIDENCE_MAX, max(0.0, known[EVIDENCE] + deviation - slack))
        grown = known[RECENT] - anchor - everybody
        evidence = max(0.0, min(known[EVIDENCE], ALARM_EVIDENCE * grown / GROWN))
        if aspect == UTILISATION and day[USED_MAX] < USED_MIN:
            evidence = 0.0
        p_value = math.exp(-evidence)
        told[T_SURPRISE + aspect] = evidence / math.log(10.0)
        _count(common, known[RECENT] - anchor)
    if abs(moved) < spread:
        known[NORMAL_AT], known[NORMAL_DAY], known[NORMAL] = day[LAST], day[DAY], level
    clipped = max(-limit, min(limit, moved))
    is_young = days < WARM_UP_DAYS or (days < ANCHOR_DAYS and known[EVIDENCE] < CALM)
    gain = 1.0 / (days + 1.0) if is_young else ANCHOR_GAIN
    known[SPREAD] += gain * (clipped * clipped - known[SPREAD])
    known[ANCHOR] += gain * clipped
    known[DAYS] = days + 1.0
    return p_value


@compiled
def _everybody(common: Floats) -> float:
    """The median of what accounts' recent days have moved, less where there are few accounts."""
    weight = 0.0
    for n in range(BINS):
        weight += common[FIRST_BIN + n]
    weight -= FEW
    if weight <= 0.0:
        return 0.0
    middle, below = 0.0, 0.0
    for n in range(BINS):
        below += common[FIRST_BIN + n]
        if below >= (weight + FEW) / 2.0:
            middle = (n - BINS // 2) * BIN
            break
    return middle * weight / (weight + PEERS_HALF)


@compiled
def _count(common: Floats, moved: float) -> None:
    """One account's day more among everybody's."""
    place = math.floor(moved / BIN + 0.5) + BINS // 2
    common[FIRST_BIN + max(0, min(BINS - 1, place))] += 1.0


@compiled
def _turn(common: Floats, clock: Floats, number: float) -> None:
    """A new day of everybody: older days count less, and anchors follow what all accounts did."""
    passed = number - clock[0]
    if passed < -2.0:  # a clock that had jumped ahead came back
        clock[0] = number
        return
    if passed <= 0.0:
        return
    clock[0] = number
    for aspect in range(ASPECTS):
        raised = common[aspect, RAISED] + RAISE_GAIN * _everybody(common[aspect])
        common[aspect, RAISED] = max(0.0, min(LEVEL_MAX, raised))
        for n in range(BINS):
            common[aspect, FIRST_BIN + n] *= COMMON_DECAY ** min(passed, 40.0)


@compiled
def _tell(aspect: int, p_value: float, known: Floats, common: Floats, told: Floats) -> None:
    """Keep what the alarm is explained with, before the day is over."""
    told[T_ASPECT] = aspect
    told[T_P] = p_value
    told[T_ANCHOR] = known[ANCHOR] + common[RAISED]
    told[T_SPREAD] = max(SPREAD_MIN, math.sqrt(known[SPREAD]))
    told[T_RECENT] = known[RECENT]
    told[T_SINCE] = known[SINCE]
    told[T_NORMAL_AT] = known[NORMAL_AT]
    told[T_NORMAL_DAY] = known[NORMAL_DAY]
    told[T_NORMAL] = known[NORMAL]
