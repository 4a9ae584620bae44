"""The compiled half of `VectorStreams`: score a row, then learn it, one after the other.

A row is looked at in four ways, each turned into a p-value by what the same look gave before:

- *distance*: Mahalanobis' distance from the slot's mean; the covariance starts as everybody's;
- *largest*: the largest single deviation, in the slot's own deviations;
- *rarity*: how seldom each coordinate's value is, by histograms over all slots;
- *isolation*: how few random cuts set the row apart from a sample of rows of all slots (isolation
  forest, Liu, Ting and Zhou 2008), whose trees are replaced in turn, so that it stays young.

Together they become the row's p-value by the slot's own history, which starts as everybody's.

A coordinate's deviation is measured against how far its smoothed level has strayed before, and
counts less where it wanders: what drifts anyway may drift. It is then made normal by what all slots
have shown, so that a heavy tail, or a flag that is seldom set, hides no other coordinate.

Machine code is cached by the file of the kernel that was called from Python, this one: after a
change of another kernel below here, or of a number in `state.py`, delete this `__pycache__`.
"""

import numpy as np

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.vector.explaining.kernels import explain
from tallystick.watch.detect.vector.isolating.kernels import isolation, learn_sample
from tallystick.watch.detect.vector.levels.kernels import CLIP, learn_levels, stray
from tallystick.watch.detect.vector.state import (
    BINS,
    F8,
    I8,
    KEPT,
    LOOKS,
    Numbers,
    Row,
    Shared,
    Slots,
    VectorScores,
)
from tallystick.watch.detect.vector.tails.kernels import (
    LOWS,
    STEPS,
    bin_of,
    make_normal,
    rarity,
    tail_p,
)

BEGIN_ROWS = 10.0
"""A slot's first rows teach it how far it strays; how its deviations go together, later ones."""
NORMAL_ROWS_MIN, NORMAL_ROWS = 64, 256
"""From so many rows on deviations are made normal, and so often it is read anew how."""
RIDGE = 0.01
"""Added to every variance, so that what moves together exactly can be told apart."""
VARIANCE_MIN = 0.5
"""A flag that is seldom set varies little, but is no finer measure for that."""


@compiled
def observe(
    slots: Slots,
    shared: Shared,
    n: Numbers,
    row: Row,
    which: I8,
    rows: F8,
    tags: I8,
    said: VectorScores,
) -> None:
    """Score each row by its slot (`which`), then learn it; `said` is filled."""
    for i in range(len(which)):
        s = which[i]
        row.values[:] = rows[i]
        stray(slots, shared, n, s, row)
        look(slots, shared, n, s, row)
        p = judge(slots, shared, n, s, row)
        weight, counted = 1.0, 1.0
        if slots.seen[s] >= n.warm_up:
            said.p_values[i] = p
            if p <= n.explain_p:
                explain(slots, shared, n, s, row, said, i)
            weight, counted = weights(slots, n, s, p)
        if slots.seen[s] >= n.warm_up / 2:
            keep(slots, n, s, row, tags[i], p)
            learn_history(slots, n, s, row.looks[LOOKS], counted)
            learn_looks(shared, n, row, counted)
            learn_sample(shared, n, row, counted)
        learn_levels(slots, shared, n, s, row, weight)
        learn_covariance(slots, shared, n, s, row, weight)
        slots.seen[s] += weight
        shared.counts[0] += 1


@inlined
def look(slots: Slots, shared: Shared, n: Numbers, s: int, row: Row) -> None:
    """The four looks, larger where the row is odder; the factor is left for `explain`."""
    factor(slots, shared, n, s, row.low)
    d = len(row.normal)
    distance, largest, rare = 0.0, 0.0, 0.0
    for i in range(d):
        total = row.normal[i]
        for k in range(i):
            total -= row.low[i, k] * row.solved[k]
        row.solved[i] = total / row.low[i, i]
        distance += row.solved[i] * row.solved[i]
        largest = max(largest, abs(row.normal[i]))
        rare += rarity(shared, i, row.places[i])
    row.looks[0] = np.log2(distance / d + 1e-3)
    row.looks[1] = np.log2(largest + 1e-3)
    row.looks[2] = rare / d
    row.looks[3] = isolation(shared, row.level)


@inlined
def factor(slots: Slots, shared: Shared, n: Numbers, s: int, low: F8) -> None:
    """Cholesky factor of the slot's covariance of deviations, which starts as everybody's."""
    d = low.shape[0]
    own = slots.seen[s] / (slots.seen[s] + n.cold * d)
    at = 0
    for i in range(d):
        for j in range(i + 1):
            total = own * slots.covariance[s, at] + (1.0 - own) * shared.covariance[at]
            at += 1
            if i == j:
                total = max(total, VARIANCE_MIN) + RIDGE
            for k in range(j):
                total -= low[i, k] * low[j, k]
            low[i, j] = np.sqrt(max(total, 1e-6)) if i == j else total / low[j, j]


@inlined
def judge(slots: Slots, shared: Shared, n: Numbers, s: int, row: Row) -> float:
    """The row's p-value; `row.looks` become what is to be remembered of them.

    The looks' p-values are joined by their harmonic mean (Wilson 2019), which one of them may
    decide, and by how many agree.
    """
    odds, agreed = 0.0, 0.0
    for k in range(LOOKS):
        p, row.looks[k] = tail_p(row.nobody, shared.histories[k], 1.0, row.looks[k], k, n.tail_most)
        odds += n.mix[k] / max(p, 1e-300)
        agreed += n.mix[k] * np.log1p(-np.log10(max(p, 1e-300)))
    total = np.log10(odds) + n.agreement * agreed
    p, row.looks[LOOKS] = tail_p(
        slots.history[s], shared.histories[LOOKS], n.cold_history, total, LOOKS, n.tail_most
    )
    return float(p)


@inlined
def weights(slots: Slots, n: Numbers, s: int, p: float) -> tuple[float, float]:
    """How much the levels, and the histories, learn of a row: less the rarer it is.

    The histories count what is rare in full, or they would call it rarer still, but of a run of odd
    rows only the beginning: one event is no proof that such rows are usual.
    """
    slots.run[s] = slots.run[s] + 1.0 if p < n.ordinary_p else 0.9 * slots.run[s]
    allowed = max(2.0, 1.0 / n.smoothing) / max(slots.run[s], 1.0)
    weight = min(1.0, (p / n.ordinary_p) ** 2)
    return max(weight, n.learn_min), max(min(1.0, allowed**2), n.learn_min)


@inlined
def learn_covariance(
    slots: Slots, shared: Shared, n: Numbers, s: int, row: Row, weight: float
) -> None:
    """How the slot's deviations go together."""
    seen = slots.seen[s] - BEGIN_ROWS
    if seen < 0.0:
        return
    rate = max(1.0 / (seen + 1.0), 1.0 / n.memory) * weight
    rate_all = max(1.0 / (shared.counts[0] + 1.0), 1.0 / n.memory_all) * weight
    at = 0
    for i in range(len(row.normal)):
        one = min(max(row.normal[i], -CLIP), CLIP)
        for j in range(i + 1):
            product = one * min(max(row.normal[j], -CLIP), CLIP)
            slots.covariance[s, at] += rate * (product - slots.covariance[s, at])
            shared.covariance[at] += rate_all * (product - shared.covariance[at])
            at += 1


@inlined
def learn_history(slots: Slots, n: Numbers, s: int, total: float, counted: float) -> None:
    """How odd the slot's rows are to itself."""
    if slots.seen[s] > n.memory:
        fade = 1.0 - counted / n.memory
        for b in range(BINS):
            slots.history[s, b] *= fade
    slots.history[s, bin_of((total - LOWS[LOOKS]) / STEPS[LOOKS])] += counted


@inlined
def learn_looks(shared: Shared, n: Numbers, row: Row, counted: float) -> None:
    """How odd rows look, and how the coordinates stray, in all slots.

    The first rows are forgotten sooner: they were looked at by somebody who knew little.
    """
    shared.unit[0] /= 1.0 - 1.0 / min(n.memory_all, max(shared.counts[3], 4.0 * n.warm_up))
    unit = shared.unit[0] * counted
    for k in range(LOOKS + 1):
        shared.histories[k, bin_of((row.looks[k] - LOWS[k]) / STEPS[k])] += unit
    for j in range(len(row.strays)):
        at = row.places[j]
        if shared.counts[4] > 0 and n.normal:
            at = min(at, shared.ends[j, 2] + n.tail_most * shared.ends[j, 3])
            at = max(at, shared.ends[j, 0] - n.tail_most * shared.ends[j, 1])
        shared.values[j, bin_of(at)] += unit
        shared.values[j, BINS] += unit
    shared.counts[3] += 1
    learnt, made = shared.counts[3], shared.counts[4]
    if learnt >= NORMAL_ROWS_MIN and learnt >= min(2 * made, made + NORMAL_ROWS):
        make_normal(shared, row.nobody, n.tail_most)
        shared.counts[4] = learnt
    if shared.unit[0] > 1e9:
        shared.histories[:] /= shared.unit[0]
        shared.values[:] /= shared.unit[0]
        shared.unit[0] = 1.0


@inlined
def keep(slots: Slots, n: Numbers, s: int, row: Row, tag: int, p: float) -> None:
    """Keep an ordinary row in place of the oldest one that is kept."""
    if p >= n.ordinary_p:
        place = slots.kept_count[s] % KEPT
        slots.kept[s, place] = row.values
        slots.kept_tag[s, place] = tag
        slots.kept_count[s] += 1
