"""Kernels of the detector of prices: a batch of quotes and ticks of time, one after the other.

What is odd becomes a row of `Said.found` (columns F_*); the kernel gives the number of rows.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.operations.kernels import (
    BINS,
    Floats,
    P_MIN,
    Sketch,
    sketch_add,
    sketch_clip,
    sketch_p,
    sketch_quantile,
)
from tallystick.watch.detect.operations.rhythm.kernels import (
    C_CELL,
    C_NOW,
    C_OPEN,
    GAP_POINTS,
    R_AGE,
    R_LAST,
    R_TOLD,
    clock_tick,
    rhythm_event,
    rhythm_tick,
    usual_gap,
)

Rows = NDArray[np.int64]

QUOTE, TICK = 0, 1
"""Kinds of rows."""
STALE, FROZEN, SILENT_SOURCE, CROSSED, WIDE, APART = range(6)
"""Kinds of findings: no quote, no new price, no quote of a whole source; bid at or above ask, a
spread blown up, and a price apart from what two others make of it."""
F_ROW, F_KIND, F_SLOT, F_P, F_A, F_B, F_C, F_D, F_E, F_F = range(10)
FOUND_WIDTH = 10

(
    P_BID, P_ASK, P_AT, P_SAME, P_QUOTES, P_SOURCE, P_PERIOD, P_CROSSED_NOW, P_PERIODS,
    P_CROSSED_PERIODS, P_MINUTE, P_LEAST, P_IN_MINUTE, P_USUAL, P_GOOD_BID, P_GOOD_ASK, P_GOOD_AT,
    P_RUN, P_SHARE,
) = range(19)  # fmt: skip
"""Columns of a pair: its last quote and how often it came again; quotes seen; its source's row plus
1; the period it is in, whether it was crossed in it, all its periods and the crossed ones; the
minute it is in, that minute's smallest spread and quotes; the usual logarithm of that; the last
quote that was as it should be; crossed quotes in a row, and the usual share of quotes that begin
such a run."""
PRICE_WIDTH = 19
S_PAIRS = 0
"""Column of a source: pairs that it quotes."""
SOURCE_WIDTH = 1
GAP_LEAST = 0.5
"""Quotes may not be expected more often than this (seconds): ticks come each second."""
AGE_MIN_SECONDS = 10.0
"""No price is stale earlier."""
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
TRIANGLE_WIDTH = 8
X_RUN, X_SINCE, X_LEAST, X_TOLD, X_LEARNT, X_SPREADS = range(6)
"""Columns of a triangle: quotes in a row beyond all three spreads, since when, the least of them,
whether it was told, when it last learnt, and the error of the last in spreads."""
TRIANGLE_FRESH_SECONDS = 5.0
"""Three quotes make a triangle while the oldest is younger than this."""
TRIANGLE_RUN_MIN = 3.0
TRIANGLE_SECONDS_MIN = 1.0
TRIANGLE_POINTS_MIN = 200.0
PAIR_TRIANGLES_MAX = 24


class QuoteRows(NamedTuple):
    """Quotes and ticks in columns; `rolling`: spreads are wide by the calendar."""

    kind: Rows
    slots: Rows
    sources: Rows
    at: Floats
    bid: Floats
    ask: Floats
    market_open: Rows
    rolling: Rows


class Pairs(NamedTuple):
    """What is known of the pairs: of their quotes, and of their changes."""

    price: Floats
    quotes: Floats
    quote_cells: Floats
    quote_gaps: Sketch
    changes: Floats
    change_cells: Floats
    change_gaps: Sketch
    spreads: Sketch
    runs: Sketch


class Sources(NamedTuple):
    """What is known of the sources."""

    source: Floats
    quotes: Floats
    cells: Floats
    gaps: Sketch


class Triangles(NamedTuple):
    """Triples of pairs: rows and signs of the legs, what is known, and those of each pair."""

    legs: Rows
    signs: Floats
    state: Floats
    errors: Sketch
    of_pair: Rows


class Known(NamedTuple):
    """Everything, and how many rows of pairs and sources are in use."""

    clock: Floats
    pairs: Pairs
    sources: Sources
    triangles: Triangles
    pairs_used: int
    sources_used: int


class Said(NamedTuple):
    """Where the kernel writes: a p-value a row, and the findings."""

    p_values: Floats
    found: Floats


@compiled
def judge_prices(rows: QuoteRows, known: Known, alarm_p: float, said: Said) -> int:
    """Score every quote and every tick, in their order."""
    count = 0
    for row in range(len(rows.kind)):
        if rows.kind[row] == TICK:
            count = _tick(rows, row, known, alarm_p, said, count)
        else:
            count = _quote(rows, row, known, alarm_p, said, count)
    return count


@compiled
def _tick(rows: QuoteRows, row: int, known: Known, alarm_p: float, said: Said, count: int) -> int:
    """A second later: who is silent?"""
    clock, pairs = known.clock, known.pairs
    before = int(clock[C_CELL])
    ended = clock_tick(clock, rows.at[row], rows.market_open[row] != 0)
    for slot in range(known.sources_used):
        count = _judge_source(known, slot, row, ended, before, alarm_p, said, count)
    for slot in range(known.pairs_used):
        quotes, changes = pairs.quotes[slot], pairs.changes[slot]
        p_stale = rhythm_tick(
            quotes,
            pairs.quote_cells[slot],
            pairs.quote_gaps[slot],
            clock,
            ended,
            before,
            AGE_MIN_SECONDS,
            GAP_LEAST,
        )
        p_frozen = rhythm_tick(
            changes,
            pairs.change_cells[slot],
            pairs.change_gaps[slot],
            clock,
            ended,
            before,
            AGE_MIN_SECONDS,
            GAP_LEAST,
        )
        source = int(pairs.price[slot, P_SOURCE]) - 1
        if source >= 0 and known.sources.quotes[source, R_TOLD] > 0.0:
            quotes[R_TOLD] = changes[R_TOLD] = 1.0  # its source was told
        elif p_stale < alarm_p and count < len(said.found):
            _tell_silence(
                said.found[count],
                row,
                STALE,
                slot,
                p_stale,
                quotes,
                pairs.quote_cells[slot],
                pairs.quote_gaps[slot],
                clock,
            )
            quotes[R_TOLD] = changes[R_TOLD] = 1.0
            count += 1
        elif p_frozen < alarm_p and changes[R_AGE] > quotes[R_AGE] and count < len(said.found):
            _tell_silence(
                said.found[count],
                row,
                FROZEN,
                slot,
                p_frozen,
                changes,
                pairs.change_cells[slot],
                pairs.change_gaps[slot],
                clock,
            )
            said.found[count, F_F] = pairs.price[slot, P_SAME]
            changes[R_TOLD] = 1.0
            count += 1
        count = _end_minute(pairs, slot, row, clock, rows.rolling[row] != 0, alarm_p, said, count)
    return count


@compiled
def _judge_source(
    known: Known,
    slot: int,
    row: int,
    ended: bool,
    before: int,
    alarm_p: float,
    said: Said,
    count: int,
) -> int:
    """Is a source with several pairs silent as a whole?"""
    sources, clock = known.sources, known.clock
    quotes, cells, gaps = sources.quotes[slot], sources.cells[slot], sources.gaps[slot]
    p_value = rhythm_tick(quotes, cells, gaps, clock, ended, before, AGE_MIN_SECONDS, GAP_LEAST)
    if sources.source[slot, S_PAIRS] > 1.0 and p_value < alarm_p and count < len(said.found):
        line = said.found[count]
        _tell_silence(line, row, SILENT_SOURCE, slot, p_value, quotes, cells, gaps, clock)
        line[F_F] = sources.source[slot, S_PAIRS]
        quotes[R_TOLD] = 1.0
        count += 1
    return count


@compiled
def _tell_silence(
    line: Floats,
    row: int,
    kind: int,
    slot: int,
    p_value: float,
    rhythm: Floats,
    cells: Floats,
    gaps: Sketch,
    clock: Floats,
) -> None:
    """What the reason of a silence is made of."""
    line[F_ROW], line[F_KIND], line[F_SLOT], line[F_P] = row, kind, slot, p_value
    line[F_A], line[F_B] = rhythm[R_AGE], rhythm[R_LAST]
    line[F_C] = usual_gap(rhythm, cells, gaps, clock, 0.5, GAP_LEAST)
    line[F_D] = usual_gap(rhythm, cells, gaps, clock, 0.99, GAP_LEAST)


@compiled
def _quote(rows: QuoteRows, row: int, known: Known, alarm_p: float, said: Said, count: int) -> int:
    """A quote: after what gap, crossed or wide, and apart from others?"""
    clock, pairs, slot = known.clock, known.pairs, rows.slots[row]
    price, at, bid, ask = pairs.price[slot], rows.at[row], rows.bid[row], rows.ask[row]
    source = rows.sources[row]
    if int(price[P_SOURCE]) - 1 != source:
        price[P_SOURCE] = source + 1.0
        known.sources.source[source, S_PAIRS] += 1.0
    best = rhythm_event(
        pairs.quotes[slot],
        pairs.quote_cells[slot],
        pairs.quote_gaps[slot],
        clock,
        at,
        alarm_p,
        GAP_LEAST,
    )
    rhythm_event(
        known.sources.quotes[source],
        known.sources.cells[source],
        known.sources.gaps[source],
        clock,
        at,
        alarm_p,
        GAP_LEAST,
    )
    p_same = _same_p(pairs, slot, bid, ask, at, clock, alarm_p)
    if p_same < alarm_p and pairs.changes[slot, R_TOLD] == 0.0 and count < len(said.found):
        line = said.found[count]
        _tell_silence(
            line, row, FROZEN, slot, p_same, pairs.changes[slot], pairs.change_cells[slot],
            pairs.change_gaps[slot], clock,
        )
        line[F_A] = at - pairs.changes[slot, R_LAST]
        line[F_F] = price[P_SAME]
        line[F_E] = math.exp(sketch_quantile(pairs.runs[slot], 0.99)) - 1.0
        pairs.changes[slot, R_TOLD] = 1.0
        count += 1
    price[P_BID], price[P_ASK], price[P_AT] = bid, ask, at
    price[P_QUOTES] += 1.0
    good = 0.0 < bid < ask < math.inf
    p_value = math.nan
    if clock[C_OPEN] > 0.0:
        p_value = _crossed_p(price, good, clock)
    kind = CROSSED
    if good:
        absurd = _spread(price, bid, ask)
        if absurd and clock[C_OPEN] > 0.0:
            p_value, kind = ABSURD_P, WIDE
    if p_value < alarm_p and count < len(said.found):
        line = said.found[count]
        line[F_ROW], line[F_KIND], line[F_SLOT], line[F_P] = row, kind, slot, p_value
        line[F_A], line[F_B], line[F_C] = bid, ask, math.exp(price[P_USUAL])
        line[F_D], line[F_E], line[F_F] = price[P_GOOD_BID], price[P_GOOD_ASK], price[P_GOOD_AT]
        count += 1
    elif good:
        price[P_GOOD_BID], price[P_GOOD_ASK], price[P_GOOD_AT] = bid, ask, at
        count = _triangles(known, slot, row, at, alarm_p, said, count)
    if not math.isnan(p_value):
        best = p_value if math.isnan(best) else min(1.0, 2.0 * min(best, p_value))
    said.p_values[row] = best
    return count


@compiled
def _same_p(
    pairs: Pairs, slot: int, bid: float, ask: float, at: float, clock: Floats, alarm_p: float
) -> float:
    """How rare it is that a quote came unchanged so often; NaN for one that changed."""
    price, runs = pairs.price[slot], pairs.runs[slot]
    value = math.log(price[P_SAME] + 1.0)
    if bid != price[P_BID] or ask != price[P_ASK]:
        if runs[BINS] > 0.0 and sketch_p(runs, value, RUN_POWER) < alarm_p:
            value = sketch_clip(runs, value, RUN_POWER)
        sketch_add(runs, value, GAP_POINTS)
        price[P_SAME] = 0.0
        rhythm_event(
            pairs.changes[slot], pairs.change_cells[slot], pairs.change_gaps[slot], clock, at,
            alarm_p, GAP_LEAST,
        )
        return math.nan
    price[P_SAME] += 1.0
    if price[P_SAME] < RUN_MIN or runs[BINS] < RUN_POINTS_MIN or clock[C_OPEN] == 0.0:
        return math.nan
    if not at - pairs.changes[slot, R_LAST] >= RUN_SECONDS_MIN:
        return math.nan
    return sketch_p(runs, math.log(price[P_SAME] + 1.0), RUN_POWER)


@compiled
def _crossed_p(price: Floats, good: bool, clock: Floats) -> float:
    """How rare it is that this pair is crossed (or has no price) so many times in a row."""
    period = math.floor(clock[C_NOW] / PERIOD_SECONDS) + 1.0
    if period != price[P_PERIOD]:
        if price[P_PERIOD] > 0.0:
            price[P_PERIODS] += 1.0
            price[P_CROSSED_PERIODS] += price[P_CROSSED_NOW]
            if price[P_PERIODS] >= 1_000.0:
                price[P_PERIODS] *= 0.5
                price[P_CROSSED_PERIODS] *= 0.5
        price[P_PERIOD], price[P_CROSSED_NOW] = period, 0.0
    warm = price[P_QUOTES] < WARM_QUOTES
    if price[P_RUN] > 0.0 and (good or warm):
        price[P_CROSSED_NOW] = 1.0  # a run is a habit when it is over, not of itself
    price[P_RUN] = 0.0 if good else price[P_RUN] + 1.0
    habit = (price[P_CROSSED_PERIODS] + price[P_CROSSED_NOW]) / (price[P_PERIODS] + 1.0)
    share = max(CROSSED_SHARE, price[P_SHARE])
    begins = 1.0 if price[P_RUN] == 1.0 else 0.0
    weight = min(price[P_QUOTES], CROSSED_QUOTES) + CROSSED_QUOTES_MIN
    price[P_SHARE] += (begins - price[P_SHARE]) / weight
    if warm:
        return math.nan
    if good:
        return 1.0
    if habit >= CROSSED_HABIT:
        return habit
    return max(P_MIN, math.exp(price[P_RUN] * math.log(share)))


@compiled
def _spread(price: Floats, bid: float, ask: float) -> bool:
    """Take the spread into the minute; whether it is absurd by itself."""
    share = (ask - bid) / (0.5 * (ask + bid))
    usual = math.exp(price[P_USUAL])
    known = price[P_USUAL] != 0.0 and price[P_QUOTES] >= WARM_QUOTES
    if known and share >= ABSURD_FACTOR * usual and share >= ABSURD_SHARE:
        return True
    price[P_IN_MINUTE] += 1.0
    if price[P_IN_MINUTE] == 1.0 or share < price[P_LEAST]:
        price[P_LEAST] = share
    return False


@compiled
def _end_minute(
    pairs: Pairs,
    slot: int,
    row: int,
    clock: Floats,
    rolling: bool,
    alarm_p: float,
    said: Said,
    count: int,
) -> int:
    """Judge the smallest spread of a minute that is over: a wide one that stays is odd."""
    price, spreads = pairs.price[slot], pairs.spreads[slot]
    minute = math.floor(clock[C_NOW] / MINUTE)
    if minute == price[P_MINUTE]:
        return count
    price[P_MINUTE] = minute
    quotes, price[P_IN_MINUTE] = price[P_IN_MINUTE], 0.0
    if quotes < MINUTE_QUOTES_MIN or clock[C_OPEN] == 0.0:
        return count
    value = math.log(max(price[P_LEAST], 1e-9))
    if price[P_USUAL] == 0.0:
        price[P_USUAL] = value
        return count
    over = value - price[P_USUAL]
    p_value = sketch_p(spreads, over, SPREAD_POWER)
    known = spreads[BINS] >= SPREAD_POINTS_MIN
    odd = known and not rolling and over >= math.log(SPREAD_FACTOR_MIN) and p_value < alarm_p
    if odd and count < len(said.found):
        line = said.found[count]
        line[F_ROW], line[F_KIND], line[F_SLOT], line[F_P] = row, WIDE, slot, p_value
        line[F_A], line[F_B], line[F_C] = price[P_BID], price[P_ASK], math.exp(price[P_USUAL])
        line[F_D], line[F_E], line[F_F] = price[P_GOOD_BID], price[P_GOOD_ASK], price[P_GOOD_AT]
        count += 1
    learnt = sketch_clip(spreads, over, SPREAD_POWER) if p_value < alarm_p else over
    sketch_add(spreads, learnt, SPREAD_POINTS)
    price[P_USUAL] += learnt / min(spreads[BINS] + 1.0, SPREAD_MEMORY)
    return count


@compiled
def _triangles(
    known: Known, slot: int, row: int, at: float, alarm_p: float, said: Said, count: int
) -> int:
    """The triangles that this pair is part of."""
    for place in range(PAIR_TRIANGLES_MAX):
        number = known.triangles.of_pair[slot, place] - 1
        if number < 0:
            break
        p_value = _triangle(known, number, at, alarm_p)
        if p_value < alarm_p and count < len(said.found):
            state = known.triangles.state[number]
            line = said.found[count]
            line[F_ROW], line[F_KIND], line[F_SLOT], line[F_P] = row, APART, number, p_value
            line[F_A] = state[X_SPREADS]
            line[F_B] = math.exp(sketch_quantile(known.triangles.errors[number], 0.99))
            line[F_C] = state[X_RUN]
            line[F_D] = at - state[X_SINCE]
            state[X_TOLD] = 1.0
            count += 1
    return count


@compiled
def _triangle(known: Known, number: int, at: float, alarm_p: float) -> float:
    """The p-value of a triangle that does not close; NaN where there is nothing to say."""
    triangles, price = known.triangles, known.pairs.price
    state, errors = triangles.state[number], triangles.errors[number]
    error, spreads = 0.0, 0.0
    for leg in range(3):
        of = price[triangles.legs[number, leg]]
        if not 0.0 < of[P_BID] < of[P_ASK] < math.inf:
            return math.nan
        if not abs(at - of[P_AT]) <= TRIANGLE_FRESH_SECONDS:
            return math.nan
        middle = 0.5 * (of[P_BID] + of[P_ASK])
        error += triangles.signs[number, leg] * math.log(middle)
        spreads += 0.5 * (of[P_ASK] - of[P_BID]) / middle
    ratio = abs(error) / max(spreads, 1e-7)
    state[X_SPREADS] = ratio
    value = math.log(max(ratio, 1e-3))
    if ratio <= 1.0:
        state[X_RUN] = state[X_TOLD] = 0.0
    else:
        if state[X_RUN] == 0.0:
            state[X_SINCE], state[X_LEAST] = at, ratio
        state[X_RUN] += 1.0
        state[X_LEAST] = min(state[X_LEAST], ratio)
    if abs(at - state[X_LEARNT]) >= 1.0:
        odd = sketch_p(errors, value, SPREAD_POWER) < alarm_p
        learnt = sketch_clip(errors, value, SPREAD_POWER) if odd else value
        sketch_add(errors, learnt, SPREAD_POINTS)
        state[X_LEARNT] = at
    long = state[X_RUN] >= TRIANGLE_RUN_MIN and at - state[X_SINCE] >= TRIANGLE_SECONDS_MIN
    if not long or state[X_TOLD] > 0.0 or errors[BINS] < TRIANGLE_POINTS_MIN:
        return math.nan
    return sketch_p(errors, math.log(state[X_LEAST]), SPREAD_POWER)
