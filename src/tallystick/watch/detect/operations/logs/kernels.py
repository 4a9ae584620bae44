"""Kernel of the detector of log silence: lines and ticks of time, one after the other."""

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.operations.kernels import Floats, Rows, Said
from tallystick.watch.detect.operations.rhythm.kernels import (
    C_CELL,
    R_AGE,
    R_LAST,
    R_TOLD,
    Rhythms,
    clock_tick,
    rhythm_event,
    rhythm_tick,
    usual_gap,
)

F_ROW, F_SLOT, F_P, F_AGE, F_LAST, F_HALF, F_MOST = range(7)
FOUND_WIDTH = 7
AGE_MIN_SECONDS = 30.0
"""No service is silent earlier."""
GAP_LEAST = 1.0
"""Lines are counted by the second: they may not be expected more often."""


@compiled
def judge_services(
    slots: Rows,
    at: Floats,
    clock: Floats,
    services: Rhythms,
    used: int,
    alarm_p: float,
    said: Said,
) -> int:
    """Score every row (slot -1: a tick of time) and give the number of findings."""
    count = 0
    for row in range(len(slots)):
        slot = slots[row]
        if slot >= 0:
            said.p_values[row] = rhythm_event(services, slot, clock, at[row], alarm_p, GAP_LEAST)
            continue
        before = int(clock[C_CELL])
        ended = clock_tick(clock, at[row], True)
        for each in range(used):
            p_value = rhythm_tick(
                services, each, clock, ended, before, AGE_MIN_SECONDS, GAP_LEAST, alarm_p
            )
            if p_value < alarm_p:
                line = said.found[count]
                line[F_ROW], line[F_SLOT], line[F_P] = row, each, p_value
                line[F_AGE] = services.state[each, R_AGE]
                line[F_LAST] = services.state[each, R_LAST]
                line[F_HALF] = usual_gap(services, each, clock, 0.5, GAP_LEAST)
                line[F_MOST] = usual_gap(services, each, clock, 0.99, GAP_LEAST)
                services.state[each, R_TOLD] = 1.0
                count += 1
    return count
