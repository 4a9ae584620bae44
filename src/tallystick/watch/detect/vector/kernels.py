"""The compiled half of `VectorStreams`: score a row, then learn it, one after the other.

A row is looked at in four ways, each turned into a p-value by what the same look gave before:

- *distance*: Mahalanobis' distance from the slot's mean, by a covariance that starts as everybody's;
- *largest*: the largest single deviation, in the slot's own deviations;
- *rarity*: how seldom each coordinate's value is, by histograms over all slots;
- *isolation*: how few random cuts set the row apart from a sample of rows of all slots (isolation
  forest, Liu, Ting, Zhou 2008), whose trees are replaced in turn, so that the forest stays young.

Their surprises are added, and the sum becomes the row's p-value by the slot's own history, which
starts as everybody's.

A coordinate's deviation is measured against how far its smoothed level has strayed before, and
less where it wanders: what drifts anyway is allowed to drift.
"""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.vector.state import (
    BINS,
    F4,
    F8,
    I8,
    KEPT,
    LOOKS,
    Judgement,
    Numbers,
    Shared,
    Slots,
)

VALUE_MAX = 1e15
"""Larger values are taken for this."""
DEVIATIONS_MAX = 1e4
"""Larger deviations are taken for this."""
NEAR_ROWS, FAR_ROWS = 5.0, 50.0
"""How long the two means remember whose distances tell what wanders from what jitters."""
TAIL = 0.02
"""Beyond this share of the history an exponential tail is fitted."""
RATE_MIN = 0.25
"""The tail's mean excess is at least this, in bins."""
SPREAD_SHARE_MIN = 1e-9
"""Smallest deviation, as a share of the mean: below it is only rounding."""
RIDGE = 0.01
"""Added to every variance, so that what moves together exactly can be told apart."""
CUTS_TRIED = 8
"""So many coordinates are tried for a cut that sets anything apart."""
FOREST_ROWS_MIN = 32
"""The first trees are grown from so many rows."""
EULER = 0.5772156649
LOWS = np.array([-6.0, -3.0, 0.0, -16.0, 0.0])
STEPS = np.array([0.5, 0.25, 0.16, 0.25, 0.15])
"""Where the histograms of the looks, and of their sum, begin, and how wide their bins are."""
VALUES_LOW, VALUES_STEP = -10.0, 20.0 / BINS
"""The same of a coordinate's deviation, as its area sine."""
BEGIN_ROWS = 10.0
"""A slot's first rows teach it how far it strays; nothing else is learnt of them."""
CLIP = 6.0
"""No deviation is learnt as larger than this, once half the warm-up is over."""
USUAL = 3.0
"""The usual range is the mean and so many deviations to either side."""


@compiled
def observe(
    slots: Slots, shared: Shared, n: Numbers, which: I8, rows: F8, tags: I8, said: Judgement
) -> None:
    """Score each row by its slot (`which`), then learn it; `said` is filled."""
    d = rows.shape[1]
    row, level, u, y = np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(d)
    low = np.zeros((d, d))
    looks = np.zeros(LOOKS + 1)
    nobody = np.zeros(BINS, np.float32)
    drawn = np.zeros(n.drawn, np.int64)
    stack = np.zeros((64, 4), np.int64)
    for i in range(len(which)):
        s = which[i]
        seen = slots.seen[s]
        row[:] = rows[i]
        deviations(slots, shared, n, s, row, level, u)
        look(slots, shared, n, s, level, u, y, low, looks)
        total = 0.0
        for k in range(LOOKS):
            p, looks[k] = tail_p(nobody, shared.histories[k], 1.0, looks[k], k, n.tail_most)
            total += n.mix[k] * np.log1p(-np.log10(p))
        history = shared.histories[LOOKS]
        p, looks[LOOKS] = tail_p(slots.history[s], history, n.cold, total, LOOKS, n.tail_most)
        weight, counted = 1.0, 1.0
        if seen >= n.warm_up:
            said.p_values[i] = p
            if p <= n.explain_p:
                explain(slots, shared, n, s, row, u, y, low, said, i)
            weight, counted = weights(slots, n, s, p)
        if seen >= n.warm_up / 2:
            remember(slots, s, row, tags[i], p, n.ordinary_p)
            learn_shared(shared, n, level, u, looks, counted, drawn, stack)
            learn_history(slots, n, s, looks[LOOKS], counted)
        learn_levels(slots, shared, n, s, row, weight)
        learn_covariance(slots, shared, n, s, u, weight)
        slots.seen[s] = seen + weight
        shared.counts[0] += 1


@compiled
def deviations(slots: Slots, shared: Shared, n: Numbers, s: int, row: F8, level: F8, u: F8) -> None:
    """The row's smoothed level, and how many deviations it is from the slot's mean.

    What is not finite becomes NaN in the row; its level is the mean and its deviation 0.
    """
    for j in range(len(row)):
        x = row[j]
        level[j], u[j] = slots.mean[s, j], 0.0
        if not np.isfinite(x):
            row[j] = np.nan
            continue
        x = min(max(x, -VALUE_MAX), VALUE_MAX)
        row[j] = x
        level[j] = x
        if slots.seen[s] > 0.0:
            level[j] = slots.fast[s, j] + n.smoothing * (x - slots.fast[s, j])
            u[j] = (level[j] - slots.mean[s, j]) / deviation(slots, shared, n, s, j)
            u[j] = min(max(u[j], -DEVIATIONS_MAX), DEVIATIONS_MAX)


@compiled
def deviation(slots: Slots, shared: Shared, n: Numbers, s: int, j: int) -> float:
    """One deviation of this coordinate in this slot: wider where the slot is new, or wanders."""
    seen = slots.seen[s]
    variance = (seen * slots.spread[s, j] + n.cold * shared.spread[j]) / (seen + n.cold)
    if slots.far_spread[s, j] > slots.near_spread[s, j] > 0.0:
        variance *= slots.far_spread[s, j] / slots.near_spread[s, j]
    return np.sqrt(variance) + SPREAD_SHARE_MIN * abs(slots.mean[s, j]) + 1e-21


@compiled
def look(
    slots: Slots,
    shared: Shared,
    n: Numbers,
    s: int,
    level: F8,
    u: F8,
    y: F8,
    low: F8,
    looks: F8,
) -> None:
    """The four looks, larger where the row is odder; `low` and `y` are left for `explain`."""
    factor(slots, shared, n, s, low)
    d = len(u)
    distance, largest, rare = 0.0, 0.0, 0.0
    for i in range(d):
        total = u[i]
        for k in range(i):
            total -= low[i, k] * y[k]
        y[i] = total / low[i, i]
        distance += y[i] * y[i]
        largest = max(largest, abs(u[i]))
        rare += rarity(shared, i, u[i])
    looks[0] = np.log2(distance / d + 1e-3)
    looks[1] = np.log2(largest + 1e-3)
    looks[2] = rare / d
    looks[3] = isolation(shared, level)


@compiled
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
                total += RIDGE
            for k in range(j):
                total -= low[i, k] * low[j, k]
            low[i, j] = np.sqrt(max(total, 1e-6)) if i == j else total / low[j, j]


@compiled
def rarity(shared: Shared, j: int, u: float) -> float:
    """How seldom deviations like this one are in this coordinate of all slots, in nats."""
    total = shared.values[j, BINS]
    if total <= 0.0:
        return 0.0
    here = shared.values[j, bin_of(np.arcsinh(u), VALUES_LOW, VALUES_STEP)]
    return -np.log((here + 1e-3 * shared.unit[0]) / total)


@compiled
def isolation(shared: Shared, level: F8) -> float:
    """How few cuts set the level apart from the sample: minus the mean depth of its leaves."""
    trees = shared.feature.shape[0]
    total = 0.0
    for t in range(trees):
        node = 0
        f = shared.feature[t, 0]
        while f >= 0:
            node = 2 * node + (1 if level[f] < shared.cut[t, node] else 2)
            f = shared.feature[t, node]
        total += shared.depth[t, node]
    return -total / trees


@compiled
def bin_of(value: float, low: float, step: float) -> int:
    """The histogram's bin; the outermost take everything beyond."""
    at = (value - low) / step
    if not at > 0.0:
        return 0
    return BINS - 1 if at >= BINS - 1 else int(at)


@compiled
def tail_p(
    own: F4, others: F8, others_rows: float, value: float, k: int, most: float
) -> tuple[float, float]:
    """The share of a history at or above the value, and the value as it is to be remembered.

    The history is one's own counts with the others', who count as so many rows. Below the tail the
    share is interpolated within its bin; beyond, it falls off exponentially with the tail's own
    mean excess, and is remembered as at most `most` of them: what is odd must not teach that
    oddness is usual faster than it comes.
    """
    at = max((value - LOWS[k]) / STEPS[k], 0.0)
    total, all_others = 0.0, 0.0
    for b in range(BINS):
        total += own[b]
        all_others += others[b]
    share = others_rows / all_others if all_others > 0.0 else 0.0
    total += share * all_others
    if total <= 0.0:
        return 1.0, value
    limit = TAIL * total
    above, excess = 0.0, 0.0
    b = BINS - 1
    here = own[b] + share * others[b]
    while b > 0 and above + here <= limit:
        above += here
        excess += here * (b + 0.5)
        b -= 1
        here = own[b] + share * others[b]
    inside = (limit - above) / here if here > 0.0 else 0.0
    start = b + 1.0 - inside
    if at >= start:
        excess += (limit - above) * (b + 1.0 - inside / 2)
        rate = max(excess / limit - start, RATE_MIN)
        kept = LOWS[k] + STEPS[k] * min(at, start + most * rate)
        return TAIL * np.exp(-(at - start) / rate), kept
    c = int(at)
    higher = (own[c] + share * others[c]) * (c + 1.0 - at)
    for b in range(c + 1, BINS):
        higher += own[b] + share * others[b]
    return min(max(higher / total, TAIL), 1.0), value


@compiled
def weights(slots: Slots, n: Numbers, s: int, p: float) -> tuple[float, float]:
    """How much the levels, and the histories, learn of a row: less the rarer it is.

    The histories count what is rare in full, or they would call it rarer still, but of a run of odd
    rows only the beginning: one event is no proof that such rows are usual.
    """
    slots.run[s] = slots.run[s] + 1.0 if p < n.ordinary_p else 0.9 * slots.run[s]
    allowed = 2.0 / n.smoothing / max(slots.run[s], 1.0)
    weight = min(1.0, (p / n.ordinary_p) ** 2)
    return max(weight, n.learn_min), max(min(1.0, allowed**2), n.learn_min)


@compiled
def learn_levels(slots: Slots, shared: Shared, n: Numbers, s: int, row: F8, weight: float) -> None:
    """Where the slot's coordinates are, and how far they stray."""
    seen = slots.seen[s]
    rate = max(1.0 / (seen + 1.0), 1.0 / n.memory) * weight
    rate_all = max(1.0 / (shared.counts[0] + 1.0), 1.0 / n.memory_all) * weight
    for j in range(len(row)):
        x = row[j]
        if np.isnan(x):
            continue
        if seen == 0.0:
            slots.fast[s, j], slots.mean[s, j] = x, x
            slots.near[s, j], slots.far[s, j] = x, x
            continue
        most = np.inf
        if seen >= n.warm_up / 2:
            most = CLIP * deviation(slots, shared, n, s, j)
        slots.fast[s, j] += n.smoothing * (x - slots.fast[s, j])
        level = slots.fast[s, j]
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


@compiled
def learn_covariance(
    slots: Slots, shared: Shared, n: Numbers, s: int, u: F8, weight: float
) -> None:
    """How the slot's deviations go together."""
    seen = slots.seen[s] - BEGIN_ROWS
    if seen < 0.0:
        return
    rate = max(1.0 / (seen + 1.0), 1.0 / n.memory) * weight
    rate_all = max(1.0 / (shared.counts[0] + 1.0), 1.0 / n.memory_all) * weight
    at = 0
    for i in range(len(u)):
        one = min(max(u[i], -CLIP), CLIP)
        for j in range(i + 1):
            product = one * min(max(u[j], -CLIP), CLIP)
            slots.covariance[s, at] += rate * (product - slots.covariance[s, at])
            shared.covariance[at] += rate_all * (product - shared.covariance[at])
            at += 1


@compiled
def learn_history(slots: Slots, n: Numbers, s: int, total: float, counted: float) -> None:
    """How odd the slot's rows are to itself."""
    if slots.seen[s] > n.memory:
        fade = 1.0 - counted / n.memory
        for b in range(BINS):
            slots.history[s, b] *= fade
    slots.history[s, bin_of(total, LOWS[LOOKS], STEPS[LOOKS])] += counted


@compiled
def learn_shared(
    shared: Shared,
    n: Numbers,
    level: F8,
    u: F8,
    looks: F8,
    counted: float,
    drawn: I8,
    stack: I8,
) -> None:
    """What all slots know: histories of looks, the coordinates' values, the sample, the forest."""
    shared.unit[0] /= 1.0 - 1.0 / n.memory_all
    unit = shared.unit[0] * counted
    for k in range(LOOKS + 1):
        shared.histories[k, bin_of(looks[k], LOWS[k], STEPS[k])] += unit
    for j in range(len(u)):
        shared.values[j, bin_of(np.arcsinh(u[j]), VALUES_LOW, VALUES_STEP)] += unit
        shared.values[j, BINS] += unit
    if shared.unit[0] > 1e9:
        shared.histories[:] /= shared.unit[0]
        shared.values[:] /= shared.unit[0]
        shared.unit[0] = 1.0
    if roll(shared.dice) >= counted:
        return
    have, size = shared.counts[1], shared.sample.shape[0]
    place = have if have < size else int(roll(shared.dice) * size)
    shared.sample[place] = level
    have += 1
    shared.counts[1] = have
    if have <= len(drawn):
        # While it is small the whole forest is grown each time the sample has doubled.
        if have >= FOREST_ROWS_MIN and have & (have - 1) == 0:
            for t in range(shared.feature.shape[0]):
                grow(shared, t, have, drawn, stack)
    elif have % n.rebuild == 0:
        grow(shared, shared.counts[2], len(drawn), drawn, stack)
        shared.counts[2] = (shared.counts[2] + 1) % shared.feature.shape[0]


@compiled
def grow(shared: Shared, t: int, rows: int, drawn: I8, stack: I8) -> None:
    """Grow tree t anew from so many rows drawn of the sample; `stack` holds what is to be cut."""
    have = min(shared.counts[1], shared.sample.shape[0])
    for i in range(rows):
        drawn[i] = int(roll(shared.dice) * have)
    push(stack, 0, 0, rows, 0, 0)
    top = 1
    while top > 0:
        top -= 1
        start, end, node, depth = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        shared.feature[t, node] = -1
        shared.depth[t, node] = depth + depth_below(end - start)
        if end - start < 2 or 2 * node + 2 >= shared.feature.shape[1]:
            continue
        feature, cut = draw_cut(shared, drawn, start, end)
        middle = start
        for i in range(start, end):
            if feature >= 0 and shared.sample[drawn[i], feature] < cut:
                drawn[i], drawn[middle] = drawn[middle], drawn[i]
                middle += 1
        if start < middle < end:
            shared.feature[t, node], shared.cut[t, node] = feature, cut
            push(stack, top, start, middle, 2 * node + 1, depth + 1)
            push(stack, top + 1, middle, end, 2 * node + 2, depth + 1)
            top += 2


@compiled
def push(stack: I8, top: int, start: int, end: int, node: int, depth: int) -> None:
    """Rows start..end of the drawn are to be cut at this node."""
    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = start, end, node, depth


@compiled
def draw_cut(shared: Shared, drawn: I8, start: int, end: int) -> tuple[int, float]:
    """A coordinate, and a place between the least and the most of it; -1 if none is found."""
    for _ in range(CUTS_TRIED):
        f = int(roll(shared.dice) * shared.sample.shape[1])
        least = shared.sample[drawn[start], f]
        most = least
        for i in range(start + 1, end):
            least = min(least, shared.sample[drawn[i], f])
            most = max(most, shared.sample[drawn[i], f])
        if most > least:
            return f, np.float32(least + roll(shared.dice) * (most - least))
    return -1, np.float32(0.0)


@compiled
def depth_below(rows: int) -> float:
    """Mean depth of a random tree over so many rows: what a leaf that keeps them stands for."""
    if rows < 2:
        return 0.0
    return 2.0 * (np.log(rows - 1.0 + 1e-9) + EULER) - 2.0 * (rows - 1.0) / rows


@compiled
def roll(dice: NDArray[np.uint64]) -> float:
    """The next number in [0, 1) (xorshift64, Marsaglia 2003)."""
    x = dice[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    dice[0] = x
    return np.float64(x >> np.uint64(11)) / 9007199254740992.0


@compiled
def remember(slots: Slots, s: int, row: F8, tag: int, p: float, ordinary_p: float) -> None:
    """Keep an ordinary row in place of the oldest one that is kept."""
    if p < ordinary_p:
        return
    place = slots.kept_count[s] % KEPT
    slots.kept[s, place] = row
    slots.kept_tag[s, place] = tag
    slots.kept_count[s] += 1


@compiled
def explain(
    slots: Slots,
    shared: Shared,
    n: Numbers,
    s: int,
    row: F8,
    u: F8,
    y: F8,
    low: F8,
    said: Judgement,
    i: int,
) -> None:
    """Say of each coordinate what was usual, what the others let expect, and its share."""
    d = len(u)
    inverse = np.zeros((d, d))
    for c in range(d):
        for r in range(c, d):
            total = 1.0 if r == c else 0.0
            for k in range(c, r):
                total -= low[r, k] * inverse[k, c]
            inverse[r, c] = total / low[r, r]
    parts = 0.0
    for j in range(d):
        # Row j of the inverse covariance, times u, and its diagonal.
        pull, stiff = 0.0, 0.0
        for r in range(j, d):
            pull += inverse[r, j] * y[r]
            stiff += inverse[r, j] * inverse[r, j]
        one = deviation(slots, shared, n, s, j)
        mean = slots.mean[s, j]
        said.expected[i, j] = mean + one * (u[j] - pull / stiff)
        said.low[i, j], said.high[i, j] = mean - USUAL * one, mean + USUAL * one
        part = pull * pull / stiff + u[j] * u[j] + 2 * rarity(shared, j, u[j])
        said.surprise[i, j] = 0.0 if np.isnan(row[j]) else part
        parts += said.surprise[i, j]
    surprise = -np.log10(max(said.p_values[i], 1e-300))
    for j in range(d):
        said.surprise[i, j] *= surprise / max(parts, 1e-300)
    nearest(slots, shared, n, s, row, said, i)


@compiled
def nearest(
    slots: Slots, shared: Shared, n: Numbers, s: int, row: F8, said: Judgement, i: int
) -> None:
    """The kept row that is nearest, in the slot's deviations."""
    best = np.inf
    for k in range(min(slots.kept_count[s], KEPT)):
        distance = 0.0
        for j in range(len(row)):
            gap = (row[j] - slots.kept[s, k, j]) / deviation(slots, shared, n, s, j)
            if not np.isnan(gap):
                distance += gap * gap
        if distance < best:
            best = distance
            said.nearest_tag[i] = slots.kept_tag[s, k]
            said.nearest[i] = slots.kept[s, k]
