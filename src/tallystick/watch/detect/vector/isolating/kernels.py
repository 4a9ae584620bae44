"""A forest that sets rows apart by random cuts, and stays young (Liu, Ting and Zhou 2008)."""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.vector.state import F8, I8, Numbers, Row, Shared

CUTS_TRIED = 8
"""So many coordinates are tried for a cut that sets anything apart."""
FOREST_ROWS_MIN = 32
"""The first trees are grown from so many rows."""
DEPTH_MAX = 99.0
EULER = 0.5772156649


@inlined
def isolation(shared: Shared, level: F8) -> float:
    """How few cuts set the level apart from the sample: minus the mean depth of its leaves.

    Before there is a forest everything is as ordinary as can be.
    """
    trees = shared.feature.shape[0]
    if shared.counts[1] < FOREST_ROWS_MIN:
        return -DEPTH_MAX
    total = 0.0
    for t in range(trees):
        node = 0
        f = shared.feature[t, 0]
        while f >= 0:
            node = 2 * node + (1 if level[f] < shared.cut[t, node] else 2)
            f = shared.feature[t, node]
        total += shared.depth[t, node]
    return float(-total / trees)


@compiled
def learn_sample(shared: Shared, n: Numbers, row: Row, counted: float) -> None:
    """The sample takes the row, and the forest a new tree from time to time."""
    if roll(shared.dice) >= counted:
        return
    have, size = shared.counts[1], shared.sample.shape[0]
    shared.sample[have if have < size else int(roll(shared.dice) * size)] = row.level
    have += 1
    shared.counts[1] = have
    most = len(row.drawn)
    if have <= most:
        # While it is small, the whole forest is grown each time the sample has doubled.
        if have >= FOREST_ROWS_MIN and have & (have - 1) == 0:
            for t in range(shared.feature.shape[0]):
                grow(shared, t, have, row)
    elif have % n.rebuild == 0:
        grow(shared, shared.counts[2], most, row)
        shared.counts[2] = (shared.counts[2] + 1) % shared.feature.shape[0]


@compiled
def grow(shared: Shared, t: int, rows: int, row: Row) -> None:
    """Grow tree t anew from so many rows of the sample."""
    drawn, stack = row.drawn, row.stack
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
    """The drawn rows start to end are to be cut at this node."""
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
            return f, float(np.float32(least + roll(shared.dice) * (most - least)))
    return -1, 0.0


@compiled
def depth_below(rows: int) -> float:
    """Mean depth of a random tree over so many rows: what a leaf that keeps them stands for."""
    if rows < 2:
        return 0.0
    return float(2.0 * (np.log(rows - 1.0) + EULER) - 2.0 * (rows - 1.0) / rows)


@inlined
def roll(dice: NDArray[np.uint64]) -> float:
    """The next number in [0, 1) (xorshift64, Marsaglia 2003)."""
    x = dice[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    dice[0] = x
    return float(x >> np.uint64(11)) / 9007199254740992.0
