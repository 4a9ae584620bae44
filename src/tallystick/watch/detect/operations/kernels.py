"""Kernels of the operations detectors: sketches, tails and streaks, the parts of the others.

A *sketch* is one row of an array: decayed counts of values in bins of equal width in logarithms,
and their total as the last element. When the total has doubled, everything is halved.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Sketch = NDArray[np.float32]


class Said(NamedTuple):
    """Where a kernel writes: a p-value for each row, and the findings."""

    p_values: Floats
    found: Floats


BINS = 288
"""Bins of a sketch."""
BIN_WIDTH = 0.08
"""Logarithmic width of a bin: values within 8 % are the same."""
BIN_LOW = -9.0
"""Logarithm below which values are in the first bin; the last one begins at 13.96."""
SKETCH_WIDTH = BINS + 1
TAIL_SHARE = 0.02
"""The tail is the largest two of a hundred points ..."""
TAIL_POINTS_MIN = 20.0
"""... or this many, where that is not more than a tenth of all."""
TAIL_SHARE_MAX = 0.1
TAIL_MEAN_MIN = 0.1
"""Smallest mean excess believed, in logarithms: values that never vary are no law."""
TAIL_CLIP = 3.0
"""Mean excesses above the tail's beginning beyond which a point is learnt as this far."""
P_MIN = 1e-12

WARM_UP_OUTCOMES = 20.0
SHARE_POINTS = 2_000.0
"""Outcomes over which the usual share of bad ones is averaged."""
SHARE_PRIOR = 0.05
SHARE_PRIOR_POINTS = 10.0
"""A new streak believes in this share of bad outcomes as if it had seen so many."""
SHARE_MAX = 0.98
"""However often it went wrong, the usual share is believed to be no higher."""
FEARED = 0.2
"""The share that is feared: so much of the way from the usual one to "always"."""
EVIDENCE_CALM_MAX = 4.0
"""Evidence above which outcomes teach only a tenth: a storm is no habit yet."""
EVIDENCE_MAX = 16.0
"""Evidence is not piled up beyond this, so that a storm that ended is soon forgotten."""
EVIDENCE_LEAK = 0.995
"""What stays of the evidence at each outcome: a share that only just rises is a habit, no storm."""
STORM_OUTCOMES = 500.0
"""A storm that has lasted for so many outcomes is how things are now, and taught as such."""
TOGETHER_SECONDS = 0.02
"""Outcomes nearer together than this share one cause: each counts in proportion to its distance."""
TOGETHER_SHARE_MIN = 0.02

SHARE, OUTCOMES, EVIDENCE, BAD, RECENT, LAST = range(6)
"""Columns of a streak: the usual share of bad outcomes, how many taught it, the evidence that the
share has risen, bad ones and all since it began to, and when the last one came."""
STREAK_WIDTH = 6


@compiled
def sketch_bin(value: float) -> int:
    """The bin of a logarithm."""
    place = (value - BIN_LOW) / BIN_WIDTH
    if place < 0.0:
        return 0
    return BINS - 1 if place >= BINS - 1 else int(place)


@compiled
def sketch_add(sketch: Sketch, value: float, points_max: float) -> None:
    """Take a logarithm in; the sketch remembers between `points_max` and half of it."""
    sketch[sketch_bin(value)] += 1.0
    sketch[BINS] += 1.0
    if sketch[BINS] >= points_max:
        for place in range(SKETCH_WIDTH):
            sketch[place] *= 0.5


@compiled
def sketch_quantile(sketch: Sketch, share: float) -> float:
    """The logarithm below which this share of the points lies (a bin's middle)."""
    wanted, seen = share * sketch[BINS], 0.0
    for place in range(BINS):
        seen += sketch[place]
        if seen >= wanted and seen > 0.0:
            return BIN_LOW + (place + 0.5) * BIN_WIDTH
    return BIN_LOW


@compiled
def sketch_tail_points(sketch: Sketch) -> float:
    """How many points the tail has, at least."""
    total = sketch[BINS]
    return float(max(TAIL_SHARE * total, min(TAIL_POINTS_MIN, TAIL_SHARE_MAX * total)))


@compiled
def sketch_in_body(sketch: Sketch, value: float) -> bool:
    """Whether the whole tail lies above this logarithm's bin: mostly seen in the next few bins."""
    wanted, points = sketch_tail_points(sketch), 0.0
    for place in range(sketch_bin(value) + 1, BINS):
        points += sketch[place]
        if points >= wanted and points > 0.0:
            return True
    return False


@compiled
def sketch_tail(sketch: Sketch, power: float) -> tuple[float, float, float]:
    """(where the tail begins, points in it, the sum of their excesses over its beginning).

    All in values to the power of `power`: the lower it is, the heavier the tail that is believed.
    """
    wanted = sketch_tail_points(sketch)
    points, moment, start = 0.0, 0.0, 0.0
    for back in range(BINS):
        place = BINS - 1 - back
        count = sketch[place]
        if count > 0.0:
            points += count
            moment += count * math.exp(power * (BIN_LOW + (place + 0.5) * BIN_WIDTH))
            if points >= wanted:
                start = math.exp(power * (BIN_LOW + place * BIN_WIDTH))
                break
    least = points * TAIL_MEAN_MIN * power * start
    return start, points, max(moment - points * start, least)


@compiled
def sketch_p(sketch: Sketch, value: float, power: float) -> float:
    """The share of ordinary points at least as large as this logarithm.

    Counted, and beyond the tail's beginning the predictive law of an exponential tail of unknown
    mean, (1 + x/s)**-k, which is honest about how little k points know.
    """
    total = sketch[BINS]
    if math.isnan(value):
        return 1.0
    if sketch_in_body(sketch, value):
        return sketch_share(sketch, value)
    start, points, excess = sketch_tail(sketch, power)
    if points <= 0.0:
        return 1.0
    reached = math.exp(min(power * value, 700.0))
    if reached <= start:
        return sketch_share(sketch, value)
    beyond = math.exp(-points * math.log1p((reached - start) / excess))
    return float(max(P_MIN, min(1.0, (points + 1.0) / (total + 1.0) * beyond)))


@compiled
def sketch_share(sketch: Sketch, value: float) -> float:
    """The share of points at least as large as this logarithm, counted."""
    seen = 0.0
    for place in range(sketch_bin(value), BINS):
        seen += sketch[place]
    return float(max(P_MIN, min(1.0, (seen + 1.0) / (sketch[BINS] + 1.0))))


@compiled
def sketch_is_odd(sketch: Sketch, value: float, power: float, alarm_p: float) -> bool:
    """Whether its `sketch_p` is below the alarm's: mostly seen without it."""
    least = 1.0 / (sketch[BINS] + 1.0)
    if least >= alarm_p and sketch_in_body(sketch, value):
        return False
    return sketch_p(sketch, value, power) < alarm_p


@compiled
def sketch_clip(sketch: Sketch, value: float, power: float) -> float:
    """`value` as it may be learnt: no further than where the tail has become thin."""
    start, points, excess = sketch_tail(sketch, power)
    if points <= 0.0:
        return value
    return min(value, math.log(start + TAIL_CLIP * excess / points) / power)


@compiled
def streak_start(streak: Floats, prior: float) -> None:
    """A streak that has seen nothing and believes in this share."""
    streak[:] = 0.0
    streak[SHARE] = prior


@compiled
def streak_learn(streak: Floats, bad: bool, pace: float, prior_points: float) -> None:
    """Let an outcome teach the usual share."""
    streak[OUTCOMES] = min(streak[OUTCOMES] + pace, SHARE_POINTS)
    step = (1.0 if bad else 0.0) - streak[SHARE]
    streak[SHARE] += pace * step / (streak[OUTCOMES] + prior_points)


@compiled
def streak_step(
    streak: Floats, bad: bool, at: float, warm_up: float, prior_points: float, share_min: float
) -> float:
    """The p-value of the streak up to this outcome (NaN while warming up); then learns it.

    `warm_up` outcomes come first; the prior share weighs as much as `prior_points` of them, and the
    usual share is never believed to be below `share_min`.

    CUSUM (Page 1954) of the log-likelihood ratio for the share that is feared: exp(-evidence)
    bounds how often ordinary outcomes pile up that much (Lorden 1971).
    """
    weight = TOGETHER_SHARE_MIN
    apart = abs(at - streak[LAST])
    if apart < TOGETHER_SECONDS:
        weight = max(TOGETHER_SHARE_MIN, apart / TOGETHER_SECONDS)
    elif apart >= TOGETHER_SECONDS:
        weight = 1.0
    if math.isfinite(at):
        streak[LAST] = at
    warm = streak[OUTCOMES] >= warm_up
    if not bad and streak[EVIDENCE] == 0.0:
        streak[BAD] = streak[RECENT] = 0.0
        streak_learn(streak, False, 1.0, prior_points)
        return 1.0 if warm else math.nan
    usual = min(max(streak[SHARE], share_min), SHARE_MAX)
    feared = usual + FEARED * (1.0 - usual)
    step = math.log(feared / usual) if bad else math.log((1.0 - feared) / (1.0 - usual))
    evidence = 0.0
    if warm:
        held = EVIDENCE_LEAK * streak[EVIDENCE]
        evidence = min(max(0.0, held + weight * step), EVIDENCE_MAX)
    if evidence > 0.0:
        streak[BAD] += 1.0 if bad else 0.0
        streak[RECENT] += 1.0
    else:
        streak[BAD] = streak[RECENT] = 0.0
    streak[EVIDENCE] = evidence
    calm = evidence <= EVIDENCE_CALM_MAX or streak[RECENT] > STORM_OUTCOMES
    pace = 1.0 if calm else 0.1
    streak_learn(streak, bad, pace, prior_points)
    return max(P_MIN, math.exp(-evidence)) if warm else math.nan
