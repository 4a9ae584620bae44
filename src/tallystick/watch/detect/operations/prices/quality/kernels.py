"""Kernels that judge a quote by itself and by its pair's past: crossed, unchanged, wide."""

import math

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.operations.kernels import (
    BINS,
    P_MIN,
    Floats,
    Said,
    sketch_add,
    sketch_clip,
    sketch_is_odd,
    sketch_p,
)
from tallystick.watch.detect.operations.prices import state as p
from tallystick.watch.detect.operations.rhythm.kernels import (
    C_NOW,
    C_OPEN,
    GAP_POINTS,
    R_LAST,
    rhythm_event,
)

GAP_LEAST = 0.5
"""Quotes may not be expected more often than this (seconds): ticks come each second."""
RUN_POWER = 0.8
"""How often a quote comes again unchanged has a tail that is a little heavier than exponential."""
RUN_POINTS_MIN = 200.0
RUN_MIN = 20.0
"""Fewer unchanged quotes in a row are never odd ..."""
RUN_SECONDS_MIN = 30.0
"""... nor those that came within this time."""
WARM_QUOTES = 100.0
"""Quotes of a pair before one of them is odd."""
PERIOD_SECONDS = 600.0
CROSSED_HABIT = 0.3
"""A pair whose quotes are crossed in so many of the periods is always so: some sources are."""
CROSSED_SHARE = 1e-4
"""Share of quotes that are believed to be crossed for no reason: single ones come and go."""
CROSSED_QUOTES_MIN, CROSSED_QUOTES = 2_000.0, 20_000.0
"""Quotes that this belief weighs, and over which the share is averaged."""
ABSURD_P = 1e-9
MINUTE = 60.0
MINUTE_QUOTES_MIN = 3.0
SPREAD_POINTS = 16_384.0
SPREAD_POINTS_MIN = 60.0
SPREAD_POWER = 0.35
SPREAD_MEMORY = 60.0
"""Minutes over which the usual spread is averaged."""
SPREAD_FACTOR_MIN = 3.0
"""A spread is blown up at least at so many times its usual size, for a whole minute."""
ABSURD_FACTOR, ABSURD_SHARE = 30.0, 0.01
"""One quote is absurd with so many times the usual spread and with this share of the price."""


@inlined
def same_p(
    pairs: p.Pairs, slot: int, bid: float, ask: float, at: float, clock: Floats, alarm_p: float
) -> float:
    """How rare it is that a quote came unchanged so often; NaN for one that changed."""
    price, runs = pairs.price[slot], pairs.runs[slot]
    value = math.log(price[p.P_SAME] + 1.0)
    if bid != price[p.P_BID] or ask != price[p.P_ASK]:
        if runs[BINS] > 0.0 and sketch_is_odd(runs, value, RUN_POWER, alarm_p):
            value = sketch_clip(runs, value, RUN_POWER)
        sketch_add(runs, value, GAP_POINTS)
        price[p.P_SAME] = 0.0
        rhythm_event(pairs.changes, slot, clock, at, alarm_p, GAP_LEAST)
        return math.nan
    price[p.P_SAME] += 1.0
    if price[p.P_SAME] < RUN_MIN or runs[BINS] < RUN_POINTS_MIN or clock[C_OPEN] == 0.0:
        return math.nan
    if not at - pairs.changes.state[slot, R_LAST] >= RUN_SECONDS_MIN:
        return math.nan
    return sketch_p(runs, math.log(price[p.P_SAME] + 1.0), RUN_POWER)


@inlined
def crossed_p(price: Floats, good: bool, clock: Floats) -> float:
    """How rare it is that this pair is crossed (or has no price) so many times in a row."""
    period = math.floor(clock[C_NOW] / PERIOD_SECONDS) + 1.0
    if period != price[p.P_PERIOD]:
        if price[p.P_PERIOD] > 0.0:
            price[p.P_PERIODS] += 1.0
            price[p.P_CROSSED_PERIODS] += price[p.P_CROSSED_NOW]
            if price[p.P_PERIODS] >= 1_000.0:
                price[p.P_PERIODS] *= 0.5
                price[p.P_CROSSED_PERIODS] *= 0.5
        price[p.P_PERIOD], price[p.P_CROSSED_NOW] = period, 0.0
    warm = price[p.P_QUOTES] < WARM_QUOTES
    if price[p.P_RUN] > 0.0 and (good or warm):
        price[p.P_CROSSED_NOW] = 1.0  # a run is a habit when it is over, not of itself
    price[p.P_RUN] = 0.0 if good else price[p.P_RUN] + 1.0
    habit: float = (price[p.P_CROSSED_PERIODS] + price[p.P_CROSSED_NOW]) / (
        price[p.P_PERIODS] + 1.0
    )
    share = max(CROSSED_SHARE, price[p.P_SHARE])
    begins = 1.0 if price[p.P_RUN] == 1.0 else 0.0
    weight = min(price[p.P_QUOTES], CROSSED_QUOTES) + CROSSED_QUOTES_MIN
    price[p.P_SHARE] += (begins - price[p.P_SHARE]) / weight
    if warm:
        return math.nan
    if good:
        return 1.0
    if habit >= CROSSED_HABIT:
        return habit
    return max(P_MIN, math.exp(price[p.P_RUN] * math.log(share)))


@inlined
def spread_absurd(price: Floats, bid: float, ask: float) -> bool:
    """Take the spread into the minute; whether it is absurd by itself."""
    share = (ask - bid) / (0.5 * (ask + bid))
    usual = math.exp(price[p.P_USUAL])
    known = price[p.P_USUAL] != 0.0 and price[p.P_QUOTES] >= WARM_QUOTES
    if known and share >= ABSURD_FACTOR * usual and share >= ABSURD_SHARE:
        return True
    price[p.P_IN_MINUTE] += 1.0
    if price[p.P_IN_MINUTE] == 1.0 or share < price[p.P_LEAST]:
        price[p.P_LEAST] = share
    return False


@compiled
def end_minute(
    rows: p.QuoteRows, row: int, known: p.Known, slot: int, alarm_p: float, said: Said, count: int
) -> int:
    """Judge the smallest spread of a minute that is over: a wide one that stays is odd."""
    price, spreads, clock = known.pairs.price[slot], known.pairs.spreads[slot], known.clock
    price[p.P_MINUTE] = math.floor(clock[C_NOW] / MINUTE)
    quotes, price[p.P_IN_MINUTE] = price[p.P_IN_MINUTE], 0.0
    if quotes < MINUTE_QUOTES_MIN or clock[C_OPEN] == 0.0:
        return count
    value = math.log(max(price[p.P_LEAST], 1e-9))
    if price[p.P_USUAL] == 0.0:
        price[p.P_USUAL] = value
        return count
    over = value - price[p.P_USUAL]
    p_value = sketch_p(spreads, over, SPREAD_POWER)
    judged = spreads[BINS] >= SPREAD_POINTS_MIN and rows.rolling[row] == 0
    odd = judged and over >= math.log(SPREAD_FACTOR_MIN) and p_value < alarm_p
    if odd:
        line = said.found[count]
        line[p.F_ROW], line[p.F_KIND], line[p.F_SLOT], line[p.F_P] = row, p.WIDE, slot, p_value
        tell_quote(line, price)
        count += 1
    learnt = sketch_clip(spreads, over, SPREAD_POWER) if p_value < alarm_p else over
    sketch_add(spreads, learnt, SPREAD_POINTS)
    price[p.P_USUAL] += learnt / min(spreads[BINS] + 1.0, SPREAD_MEMORY)
    return count


@compiled
def tell_quote(line: Floats, price: Floats) -> None:
    """What the reason of a bad quote is made of: it, the usual spread, and the last good one."""
    line[p.F_A], line[p.F_B] = price[p.P_BID], price[p.P_ASK]
    line[p.F_C] = math.exp(price[p.P_USUAL])
    line[p.F_D], line[p.F_E] = price[p.P_GOOD_BID], price[p.P_GOOD_ASK]
    line[p.F_F] = price[p.P_GOOD_AT]
