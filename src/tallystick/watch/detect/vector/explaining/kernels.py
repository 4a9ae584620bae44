"""Why a row is odd: each coordinate's part, what the others let expect, the nearest usual row."""

import numpy as np

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.vector.levels.kernels import deviation
from tallystick.watch.detect.vector.state import KEPT, Numbers, Row, Shared, Slots, VectorScores
from tallystick.watch.detect.vector.tails.kernels import rarity

USUAL = 3.0
"""The usual range is the mean and so many deviations to either side."""


@compiled
def explain(
    slots: Slots, shared: Shared, n: Numbers, s: int, row: Row, said: VectorScores, i: int
) -> None:
    """Say of each coordinate what was usual, what the others let expect, and its share."""
    d = len(row.normal)
    inverse = np.zeros((d, d))
    for c in range(d):
        for r in range(c, d):
            total = 1.0 if r == c else 0.0
            for k in range(c, r):
                total -= row.low[r, k] * inverse[k, c]
            inverse[r, c] = total / row.low[r, r]
    parts = 0.0
    for j in range(d):
        # Row j of the inverse covariance times the deviations, and its diagonal: together, how far
        # the coordinate is from what the others let expect.
        pull, stiff = 0.0, 0.0
        for r in range(j, d):
            pull += inverse[r, j] * row.solved[r]
            stiff += inverse[r, j] * inverse[r, j]
        u, mean = row.normal[j], slots.mean[s, j]
        one = deviation(slots, shared, n, s, j)
        said.expected[i, j] = mean + one * (u - pull / stiff)
        said.low[i, j], said.high[i, j] = mean - USUAL * one, mean + USUAL * one
        part = pull * pull / stiff + u * u + 2 * rarity(shared, j, row.places[j])
        said.surprise[i, j] = 0.0 if np.isnan(row.values[j]) else part
        parts += said.surprise[i, j]
    surprise = -np.log10(max(said.p_values[i], 1e-300))
    for j in range(d):
        said.surprise[i, j] *= surprise / max(parts, 1e-300)
    find_nearest(slots, shared, n, s, row, said, i)


@compiled
def find_nearest(
    slots: Slots, shared: Shared, n: Numbers, s: int, row: Row, said: VectorScores, i: int
) -> None:
    """The kept row that is nearest, in the slot's deviations."""
    best = np.inf
    for k in range(min(slots.kept_count[s], KEPT)):
        distance = 0.0
        for j in range(len(row.values)):
            gap = (row.values[j] - slots.kept[s, k, j]) / deviation(slots, shared, n, s, j)
            if not np.isnan(gap):
                distance += gap * gap
        if distance < best:
            best = distance
            said.nearest_tag[i] = slots.kept_tag[s, k]
            said.nearest[i] = slots.kept[s, k]
