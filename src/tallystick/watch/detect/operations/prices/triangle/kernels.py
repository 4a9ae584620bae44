"""Kernel of triangles: a cross against what its two dollar pairs make of it."""

import math

from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.operations.kernels import (
    BINS,
    Said,
    sketch_add,
    sketch_clip,
    sketch_is_odd,
    sketch_p,
    sketch_quantile,
)
from tallystick.watch.detect.operations.prices import state as p

ERROR_POINTS = 16_384.0
ERROR_POWER = 0.35
TRIANGLE_FRESH_SECONDS = 5.0
"""Three quotes make a triangle while the oldest is younger than this."""
TRIANGLE_RUN_MIN = 3.0
TRIANGLE_SECONDS_MIN = 1.0
TRIANGLE_POINTS_MIN = 200.0


@inlined
def triangles_of_pair(
    known: p.Known, slot: int, row: int, at: float, alarm_p: float, said: Said, count: int
) -> int:
    """The triangles that this pair is part of."""
    for place in range(p.PAIR_TRIANGLES_MAX):
        number = known.triangles.of_pair[slot, place] - 1
        if number < 0:
            break
        p_value = _triangle(known, number, at, alarm_p)
        if p_value < alarm_p:
            state = known.triangles.state[number]
            line = said.found[count]
            line[p.F_ROW], line[p.F_KIND], line[p.F_SLOT], line[p.F_P] = (
                row,
                p.APART,
                number,
                p_value,
            )
            line[p.F_A] = state[p.X_SPREADS]
            line[p.F_B] = math.exp(sketch_quantile(known.triangles.errors[number], 0.99))
            line[p.F_C] = state[p.X_RUN]
            line[p.F_D] = at - state[p.X_SINCE]
            state[p.X_TOLD] = 1.0
            count += 1
    return count


@inlined
def _triangle(known: p.Known, number: int, at: float, alarm_p: float) -> float:
    """The p-value of a triangle that does not close; NaN where there is nothing to say."""
    triangles, price = known.triangles, known.pairs.price
    state, errors = triangles.state[number], triangles.errors[number]
    error, spreads = 0.0, 0.0
    for leg in range(3):
        of = price[triangles.legs[number, leg]]
        if not 0.0 < of[p.P_BID] < of[p.P_ASK] < math.inf:
            return math.nan
        if not abs(at - of[p.P_AT]) <= TRIANGLE_FRESH_SECONDS:
            return math.nan
        middle = 0.5 * (of[p.P_BID] + of[p.P_ASK])
        error += triangles.signs[number, leg] * math.log(middle)
        spreads += 0.5 * (of[p.P_ASK] - of[p.P_BID]) / middle
    ratio = abs(error) / max(spreads, 1e-7)
    state[p.X_SPREADS] = ratio
    value = math.log(max(ratio, 1e-3))
    if ratio <= 1.0:
        state[p.X_RUN] = state[p.X_TOLD] = 0.0
    else:
        if state[p.X_RUN] == 0.0:
            state[p.X_SINCE], state[p.X_LEAST] = at, ratio
        state[p.X_RUN] += 1.0
        state[p.X_LEAST] = min(state[p.X_LEAST], ratio)
    if abs(at - state[p.X_LEARNT]) >= 1.0:
        odd = sketch_is_odd(errors, value, ERROR_POWER, alarm_p)
        learnt = sketch_clip(errors, value, ERROR_POWER) if odd else value
        sketch_add(errors, learnt, ERROR_POINTS)
        state[p.X_LEARNT] = at
    long = state[p.X_RUN] >= TRIANGLE_RUN_MIN and at - state[p.X_SINCE] >= TRIANGLE_SECONDS_MIN
    if not long or state[p.X_TOLD] > 0.0 or errors[BINS] < TRIANGLE_POINTS_MIN:
        return math.nan
    return sketch_p(errors, math.log(state[p.X_LEAST]), ERROR_POWER)
