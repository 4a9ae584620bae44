"""Kernels for rhythms: how long something that comes again and again may stay away.

A gap is measured in watched seconds: a second counts while somebody watches, while the market (for
prices) is open, and in hours in which this thing usually comes. It is divided by what is expected:
by the rate of the last minutes, and by the rate of this hour of other days. What is left has one
law day and night, which a sketch learns.
"""

import math
from typing import NamedTuple

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.operations.kernels import (
    BINS,
    Floats,
    Sketch,
    sketch_add,
    sketch_clip,
    sketch_is_odd,
    sketch_p,
    sketch_quantile,
)

R_SEEN, R_AGE, R_LAST, R_RATE, R_TOLD, R_HOUR, R_WATCHED, R_GAP = range(8)
"""Columns of a rhythm: whether it ever came; watched seconds from then to the last tick; its stamp;
how often it came lately (decayed count); whether its silence was told; how often it came in this
hour, and how much of the hour was watched; its last gap."""
RHYTHM_WIDTH = 8
C_LAST, C_STEP, C_HOUR, C_CELL, C_OPEN, C_NOW = range(6)
"""Columns of a clock: the stamp of the last tick, how much it counts, its hour since the epoch and
that hour's cell, whether the market is open, and watched seconds in all."""
CLOCK_WIDTH = 6
CELLS = 48
"""Hours of a day (UTC) on working days, and on Saturday and Sunday."""
CELLS_WIDTH = 2 * CELLS
"""For each cell events a second, and days that it was learnt from."""
CELL_DAYS = 8.0
"""Days over which an hour's rate is averaged."""
TICK_SECONDS_MAX = 5.0
"""A tick counts for no more than this: nobody watched while the process stood still."""
HOUR = 3_600.0
HOUR_WATCHED_MIN = 1_800.0
"""An hour of which less was watched teaches nothing."""
DAY_HOURS = 24
THURSDAY = 3
"""The day of the week of 1970-01-01, from Monday."""
SATURDAY = 5
MEMORY_SECONDS = 300.0
"""Over how long the recent rate is taken."""
POWER = 0.5
"""Gaps have a stretched exponential tail; held by the quotes of two venues in a week of 2014."""
GAP_POINTS = 32_768.0
POINTS_MIN = 50.0
"""Gaps that must be known before a silence is judged."""
FINE_SECONDS_MAX = 1.0
GAP_MIN = 0.05


class Rhythms(NamedTuple):
    """Rhythms of many things, a row each: their columns, hours, and gaps."""

    state: Floats
    cells: Floats
    gaps: Sketch


@inlined
def cell_of(hour: float) -> int:
    """The cell of an hour since the epoch."""
    day = math.floor(hour / DAY_HOURS)
    of_day = int(hour - day * DAY_HOURS)
    weekend = (int(day) + THURSDAY) % 7 >= SATURDAY
    return of_day + (DAY_HOURS if weekend else 0)


@inlined
def clock_tick(clock: Floats, at: float, market_open: bool) -> bool:
    """Let time go on to this stamp; whether an hour ended, to be taken in by `hour_ended`."""
    if not math.isfinite(at):
        clock[C_STEP] = 0.0
        return False
    passed = at - clock[C_LAST] if clock[C_LAST] != 0.0 else 0.0
    clock[C_STEP] = min(max(passed, 0.0), TICK_SECONDS_MAX)
    clock[C_LAST] = at
    if not market_open or clock[C_OPEN] == 0.0:
        clock[C_STEP] = 0.0
    clock[C_OPEN] = 1.0 if market_open else 0.0
    clock[C_NOW] += clock[C_STEP]
    hour = math.floor(at / HOUR)
    ended: bool = hour != clock[C_HOUR]
    clock[C_HOUR], clock[C_CELL] = hour, cell_of(hour)
    return ended


@inlined
def hour_ended(rhythm: Floats, cells: Floats, cell: int) -> None:
    """Learn how often it came in the hour that ended, of this cell."""
    if rhythm[R_WATCHED] >= HOUR_WATCHED_MIN:
        rate = rhythm[R_HOUR] / rhythm[R_WATCHED]
        days = cells[CELLS + cell]
        cells[cell] += (rate - cells[cell]) / min(days + 1.0, CELL_DAYS)
        cells[CELLS + cell] = min(days + 1.0, CELL_DAYS)
    rhythm[R_HOUR] = rhythm[R_WATCHED] = 0.0


@inlined
def _is_live(rhythms: Rhythms, row: int, cell: int) -> bool:
    """Whether it usually comes in hours of this cell; on a first weekend nobody knows."""
    live: bool = rhythms.cells[row, cell] * HOUR >= 1.0
    return live if rhythms.cells[row, CELLS + cell] > 0.0 else cell < DAY_HOURS


@inlined
def expected_gap(rhythm: Floats, cells: Floats, cell: int, least: float) -> float:
    """The gap that the recent rate, or that of this hour of other days, lets expect."""
    gap: float = MEMORY_SECONDS / (rhythm[R_RATE] + 1.0)
    if cells[CELLS + cell] > 0.0:
        gap = max(gap, 1.0 / max(cells[cell], 1.0 / HOUR))
    return max(gap, least)


@inlined
def rhythm_event(
    rhythms: Rhythms, row: int, clock: Floats, at: float, alarm_p: float, least: float
) -> float:
    """It came: the p-value of the gap before it (NaN where it is not known), which is learnt."""
    rhythm, cells, gaps = rhythms.state[row], rhythms.cells[row], rhythms.gaps[row]
    fine = min(max(at - max(clock[C_LAST], rhythm[R_LAST]), 0.0), FINE_SECONDS_MAX)
    since_tick = min(max(at - clock[C_LAST], 0.0), FINE_SECONDS_MAX)
    cell = int(clock[C_CELL])
    live = clock[C_OPEN] > 0.0 and _is_live(rhythms, row, cell)
    p_value = math.nan
    if rhythm[R_SEEN] > 0.0 and live:
        gap = max(max(rhythm[R_AGE], 0.0) + fine, GAP_MIN)
        value = math.log(gap / expected_gap(rhythm, cells, cell, least))
        if gaps[BINS] >= POINTS_MIN:
            p_value = sketch_p(gaps, value, POWER)
        odd = p_value < alarm_p
        sketch_add(gaps, sketch_clip(gaps, value, POWER) if odd else value, GAP_POINTS)
        rhythm[R_RATE] = rhythm[R_RATE] * math.exp(-gap / MEMORY_SECONDS) + 1.0
        rhythm[R_GAP] = gap
    rhythm[R_SEEN], rhythm[R_TOLD] = 1.0, 0.0
    rhythm[R_AGE] = -since_tick if live else 0.0
    rhythm[R_HOUR] += 1.0
    if math.isfinite(at):
        rhythm[R_LAST] = at
    return p_value


@inlined
def rhythm_tick(
    rhythms: Rhythms,
    row: int,
    clock: Floats,
    ended: bool,
    before: int,
    age_min: float,
    least: float,
    alarm_p: float,
) -> float:
    """Time passed: the p-value of the silence until now; NaN where it is not below the alarm's.

    `before` is the cell of the hour that `ended`.
    """
    # Each thing, each second, mostly with nothing to say: numbers are read one by one, for a view
    # of a row costs more than all of them.
    state = rhythms.state
    if state[row, R_SEEN] == 0.0:
        return math.nan
    if ended:
        hour_ended(state[row], rhythms.cells[row], before)
    cell = int(clock[C_CELL])
    state[row, R_WATCHED] += clock[C_STEP]
    if not _is_live(rhythms, row, cell):
        return math.nan
    state[row, R_AGE] += clock[C_STEP]
    if state[row, R_TOLD] > 0.0 or state[row, R_AGE] < age_min:
        return math.nan
    if rhythms.gaps[row, BINS] < POINTS_MIN:
        return math.nan
    value = math.log(state[row, R_AGE] / expected_gap(state[row], rhythms.cells[row], cell, least))
    gaps = rhythms.gaps[row]
    return sketch_p(gaps, value, POWER) if sketch_is_odd(gaps, value, POWER, alarm_p) else math.nan


@compiled
def usual_gap(rhythms: Rhythms, row: int, clock: Floats, share: float, least: float) -> float:
    """Seconds that this share of the gaps stays below, at this hour."""
    cell = int(clock[C_CELL])
    scale = expected_gap(rhythms.state[row], rhythms.cells[row], cell, least)
    return scale * math.exp(sketch_quantile(rhythms.gaps[row], share))
