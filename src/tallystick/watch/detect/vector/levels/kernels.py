"""Where a slot's coordinates are, and how far they stray: what a deviation is measured by."""

import numpy as np

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.vector.state import Numbers, Row, Shared, Slots
from tallystick.watch.detect.vector.tails.kernels import made_normal, place_of

VALUE_MAX = 1e15
"""Larger values are taken for this."""
DEVIATIONS_MAX = 1e4
"""Larger deviations are taken for this."""
NEAR_ROWS, FAR_ROWS = 5.0, 50.0
"""How long the two means remember whose distances tell what wanders from what jitters."""
SPREAD_SHARE_MIN = 1e-9
"""Smallest deviation, as a share of the mean: below it is only rounding."""
CLIP = 6.0
"""No deviation is learnt as larger than this, once half the warm-up is over."""


@inlined
def stray(slots: Slots, shared: Shared, n: Numbers, s: int, row: Row) -> None:
    """The row's smoothed level, and how far it is from the slot's mean.

    What is not finite becomes NaN; its level is the mean and its deviation 0.
    """
    for j in range(len(row.values)):
        x = row.values[j]
        row.level[j], row.strays[j] = slots.mean[s, j], 0.0
        if np.isfinite(x):
            x = min(max(x, -VALUE_MAX), VALUE_MAX)
            row.values[j], row.level[j] = x, x
            if slots.seen[s] > 0.0:
                row.level[j] = slots.fast[s, j] + n.smoothing * (x - slots.fast[s, j])
                z = (row.level[j] - slots.mean[s, j]) / deviation(slots, shared, n, s, j)
                row.strays[j] = min(max(z, -DEVIATIONS_MAX), DEVIATIONS_MAX)
        else:
            row.values[j] = np.nan
        row.places[j] = place_of(row.strays[j])
        row.normal[j] = made_normal(shared, n, j, row.strays[j], row.places[j])


@inlined
def deviation(slots: Slots, shared: Shared, n: Numbers, s: int, j: int) -> float:
    """One deviation of this coordinate in this slot: wider where the slot is new, or wanders."""
    seen = slots.seen[s]
    variance = (seen * slots.spread[s, j] + n.cold * shared.spread[j]) / (seen + n.cold)
    if slots.far_spread[s, j] > slots.near_spread[s, j] > 0.0:
        variance *= slots.far_spread[s, j] / slots.near_spread[s, j]
    return float(np.sqrt(variance) + SPREAD_SHARE_MIN * abs(slots.mean[s, j]) + 1e-21)


@compiled
def learn_levels(slots: Slots, shared: Shared, n: Numbers, s: int, row: Row, weight: float) -> None:
    """Where the slot's coordinates are, and how far they stray."""
    seen = slots.seen[s]
    rate = max(1.0 / (seen + 1.0), 1.0 / n.memory) * weight
    rate_all = max(1.0 / (shared.counts[0] + 1.0), 1.0 / n.memory_all) * weight
    for j in range(len(row.values)):
        x = row.values[j]
        if np.isnan(x):
            continue
        if seen == 0.0:
            slots.fast[s, j], slots.mean[s, j] = x, x
            slots.near[s, j], slots.far[s, j] = x, x
            continue
        most = np.inf
        if seen >= n.warm_up / 2:
            most = CLIP * deviation(slots, shared, n, s, j)
        level = row.level[j]
        slots.fast[s, j] = level
        gap = min(max(level - slots.mean[s, j], -most), most)
        close = min(max(level - slots.near[s, j], -most), most)
        wide = min(max(level - slots.far[s, j], -most), most)
        slots.mean[s, j] += rate * gap
        slots.near[s, j] += (level - slots.near[s, j]) / NEAR_ROWS
        slots.far[s, j] += (level - slots.far[s, j]) / FAR_ROWS
        slots.spread[s, j] += rate * ((1.0 - rate) * gap * gap - slots.spread[s, j])
        slots.near_spread[s, j] += rate * (close * close - slots.near_spread[s, j])
        slots.far_spread[s, j] += rate * (wide * wide - slots.far_spread[s, j])
        shared.spread[j] += rate_all * (gap * gap - shared.spread[j])
