"""Kernel of metric shifts: the rank of one series' evidence among that of its kind."""

import math

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.operations.kernels import (
    BINS,
    Floats,
    Rows,
    Sketch,
    sketch_add,
    sketch_clip,
    sketch_p,
)

RANK_POINTS = 131_072.0
RANK_POINTS_MIN = 5_000.0
"""Windows of all series of a kind that must have been ranked before one is odd."""
RANK_POWER = 0.5
"""The evidence, a sum of -log10 of p-values, has a tail heavier than exponential: news come."""
LEAST = 1e-4


@compiled
def rank_each(
    ranks: Sketch, kinds: Rows, evidence: Floats, alarm_p: float, p_values: Floats
) -> None:
    """The `rank` of each series by its kind, a row of `ranks`; kind -1 is not ranked."""
    for i in range(len(kinds)):
        if kinds[i] >= 0:
            p_values[i] = rank(ranks[kinds[i]], evidence[i], alarm_p)


@compiled
def rank(ranks: Sketch, evidence: float, alarm_p: float) -> float:
    """How rare so much evidence is among series of this kind (NaN while few are known); learnt."""
    if not 0.0 <= evidence < math.inf:
        return math.nan
    value = math.log(max(evidence, LEAST))
    rarity = math.nan
    if ranks[BINS] >= RANK_POINTS_MIN:
        rarity = sketch_p(ranks, value, RANK_POWER)
    odd = rarity < alarm_p
    sketch_add(ranks, sketch_clip(ranks, value, RANK_POWER) if odd else value, RANK_POINTS)
    return rarity
