"""The loops of the random cut forest: put a point into a tree, take it out, score it, explain it.

Algorithms of Guha, Mishra, Roy and Schrijvers, "Robust Random Cut Forest Based Anomaly Detection
on Streams" (ICML 2016): `_insert` is its InsertPoint, `_forget` its ForgetPoint; cuts are drawn by
the sides of the bounding box, so a tree that points came to and went from is distributed as one
that was built of those that are left. Scores are those of the open random cut forest library.

A child is a number: 0 and above an inner node, below 0 a leaf (`-1 - slot`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled

NONE = -(2**31)
"""No child: the tree is empty; as a parent: it is the root."""
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 1.0 / (1 << 53)


class Trees(NamedTuple):
    """All trees; the first axis is the tree, the second a sample, leaf or inner node.

    A sample is what the reservoir holds: equal samples share a leaf. Free leaves and nodes stand
    in stacks.
    """

    points: NDArray[np.float32]
    """(trees, samples, dimensions): the point of each leaf."""
    leaf_mass: NDArray[np.int32]
    """How many samples the leaf stands for; 0: it is free."""
    leaf_parent: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    parent: NDArray[np.int32]
    dimension: NDArray[np.int32]
    """In which dimension a node cuts; at most `cut` goes left."""
    cut: NDArray[np.float64]
    mass: NDArray[np.int32]
    low: NDArray[np.float32]
    """(trees, nodes, dimensions): the bounding box."""
    high: NDArray[np.float32]
    free_leaves: NDArray[np.int32]
    free_nodes: NDArray[np.int32]
    counts: NDArray[np.int32]
    """(trees, 4): root, free leaves, free nodes, samples held."""
    sample_leaf: NDArray[np.int32]
    sample_rank: NDArray[np.float64]
    """The reservoir keeps the samples with the smallest ranks."""
    sample_number: NDArray[np.int64]
    """Which point of the stream the sample was, from 0."""
    random: NDArray[np.uint64]
    """State of each tree's own generator."""


@compiled
def _uniform(random: NDArray[np.uint64], tree: int) -> float:
    """The next number in [0, 1) (splitmix64)."""
    random[tree] += _GAMMA
    z = random[tree]
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    z = z ^ (z >> _S31)
    return float(z >> _S11) * _TO_UNIT


@compiled
def _sides(t: Trees, tree: int, child: int, point: NDArray[np.float32]) -> tuple[float, float]:
    """Sum of the sides of the child's box, and of that box once it holds the point too."""
    inside, both = 0.0, 0.0
    for i in range(point.shape[0]):
        if child >= 0:
            low, high = float(t.low[tree, child, i]), float(t.high[tree, child, i])
        else:
            low = high = float(t.points[tree, -1 - child, i])
        value = float(point[i])
        inside += high - low
        both += max(high, value) - min(low, value)
    return inside, both


@compiled
def _draw_cut(
    t: Trees, tree: int, child: int, point: NDArray[np.float32], both: float
) -> tuple[int, float, int]:
    """A cut of the box that holds the point too: dimension, value, and which side the point is.

    -1: the point is left of the child's box, 1: right, 0: the cut goes through that box.
    """
    rest = _uniform(t.random, tree) * both
    last = -1
    for i in range(point.shape[0]):
        if child >= 0:
            low, high = float(t.low[tree, child, i]), float(t.high[tree, child, i])
        else:
            low = high = float(t.points[tree, -1 - child, i])
        value = float(point[i])
        bottom, top = min(low, value), max(high, value)
        if top > bottom:
            last = i
            if rest < top - bottom:
                cut = bottom + rest
                if cut >= top:  # rounded up to the end: nothing would lie right of it
                    cut = bottom
                return i, cut, _side(cut, low, high, value)
            rest -= top - bottom
    # Rounding may leave a rest behind the last side: the cut is at its beginning then.
    low = float(t.low[tree, child, last]) if child >= 0 else float(t.points[tree, -1 - child, last])
    high = float(t.high[tree, child, last]) if child >= 0 else low
    value = float(point[last])
    return last, min(low, value), _side(min(low, value), low, high, value)


@compiled
def _side(cut: float, low: float, high: float, value: float) -> int:
    if value <= cut < low:
        return -1
    if high <= cut < value:
        return 1
    return 0


@compiled
def _replace_child(t: Trees, tree: int, parent: int, old: int, new: int) -> None:
    if parent == NONE:
        t.counts[tree, 0] = new
    elif t.left[tree, parent] == old:
        t.left[tree, parent] = new
    else:
        t.right[tree, parent] = new
    if new >= 0:
        t.parent[tree, new] = parent
    else:
        t.leaf_parent[tree, -1 - new] = parent


@compiled
def _widen(t: Trees, tree: int, node: int, point: NDArray[np.float32]) -> None:
    """The node's box holds one point more."""
    t.mass[tree, node] += 1
    for i in range(point.shape[0]):
        t.low[tree, node, i] = min(t.low[tree, node, i], point[i])
        t.high[tree, node, i] = max(t.high[tree, node, i], point[i])


@compiled
def _insert(t: Trees, tree: int, point: NDArray[np.float32]) -> int:
    """Put a point into the tree; the slot of its leaf."""
    child = t.counts[tree, 0]
    if child == NONE:
        leaf = _new_leaf(t, tree, point)
        t.counts[tree, 0] = -1 - leaf
        t.leaf_parent[tree, leaf] = NONE
        return leaf
    while True:
        inside, both = _sides(t, tree, child, point)
        if child < 0 and both <= 0.0:  # the same point again
            t.leaf_mass[tree, -1 - child] += 1
            return int(-1 - child)
        if both > inside or child < 0:
            dimension, cut, side = _draw_cut(t, tree, child, point, both)
            if side != 0:
                return _split(t, tree, child, point, dimension, cut, side)
        else:
            _uniform(t.random, tree)  # the same draws whatever the shape of the box
        _widen(t, tree, child, point)
        went_left = float(point[t.dimension[tree, child]]) <= t.cut[tree, child]
        child = t.left[tree, child] if went_left else t.right[tree, child]


@compiled
def _new_leaf(t: Trees, tree: int, point: NDArray[np.float32]) -> int:
    t.counts[tree, 1] -= 1
    leaf = int(t.free_leaves[tree, t.counts[tree, 1]])
    t.points[tree, leaf, :] = point
    t.leaf_mass[tree, leaf] = 1
    return leaf


@compiled
def _split(
    t: Trees, tree: int, child: int, point: NDArray[np.float32], dimension: int, cut: float,
    side: int,
) -> int:  # fmt: skip
    """A new node in the place of the child: the child on one side, the point on the other."""
    leaf = _new_leaf(t, tree, point)
    t.counts[tree, 2] -= 1
    node = t.free_nodes[tree, t.counts[tree, 2]]
    if child >= 0:
        parent, mass = t.parent[tree, child], t.mass[tree, child]
        t.low[tree, node, :] = t.low[tree, child, :]
        t.high[tree, node, :] = t.high[tree, child, :]
    else:
        parent, mass = t.leaf_parent[tree, -1 - child], t.leaf_mass[tree, -1 - child]
        t.low[tree, node, :] = t.points[tree, -1 - child, :]
        t.high[tree, node, :] = t.points[tree, -1 - child, :]
    _replace_child(t, tree, parent, child, node)
    t.mass[tree, node] = mass
    _widen(t, tree, node, point)
    t.dimension[tree, node], t.cut[tree, node] = dimension, cut
    t.left[tree, node] = -1 - leaf if side < 0 else child
    t.right[tree, node] = child if side < 0 else -1 - leaf
    t.leaf_parent[tree, leaf] = node
    if child >= 0:
        t.parent[tree, child] = node
    else:
        t.leaf_parent[tree, -1 - child] = node
    return leaf


@compiled
def _forget(t: Trees, tree: int, leaf: int) -> None:
    """Take one sample out of a leaf; the boxes above become as small as they can."""
    t.leaf_mass[tree, leaf] -= 1
    parent = t.leaf_parent[tree, leaf]
    if t.leaf_mass[tree, leaf] == 0:
        t.free_leaves[tree, t.counts[tree, 1]] = leaf
        t.counts[tree, 1] += 1
        if parent == NONE:
            t.counts[tree, 0] = NONE
            return
        own = -1 - leaf
        sibling = t.right[tree, parent] if t.left[tree, parent] == own else t.left[tree, parent]
        above = t.parent[tree, parent]
        _replace_child(t, tree, above, parent, sibling)
        t.free_nodes[tree, t.counts[tree, 2]] = parent
        t.counts[tree, 2] += 1
        parent = above
    while parent != NONE:
        t.mass[tree, parent] -= 1
        _shrink(t, tree, parent)
        parent = t.parent[tree, parent]


@compiled
def _shrink(t: Trees, tree: int, node: int) -> None:
    """The node's box is that of its children."""
    left, right = t.left[tree, node], t.right[tree, node]
    for i in range(t.points.shape[2]):
        low_l = t.low[tree, left, i] if left >= 0 else t.points[tree, -1 - left, i]
        high_l = t.high[tree, left, i] if left >= 0 else t.points[tree, -1 - left, i]
        low_r = t.low[tree, right, i] if right >= 0 else t.points[tree, -1 - right, i]
        high_r = t.high[tree, right, i] if right >= 0 else t.points[tree, -1 - right, i]
        t.low[tree, node, i] = min(low_l, low_r)
        t.high[tree, node, i] = max(high_l, high_r)


@compiled
def _offer(t: Trees, tree: int, point: NDArray[np.float32], number: int, decay: float) -> None:
    """Show a point to the tree's reservoir: kept, in the place of another, or passed by.

    Weighted reservoir sampling (Efraimidis and Spirakis 2006, A-Res): the point's weight is
    exp(decay * number), so without decay each point is as likely to be held as any other.
    """
    chance = max(_uniform(t.random, tree), 1e-300)
    rank = np.log(-np.log(chance) + 1e-300) - decay * number
    capacity = t.sample_leaf.shape[1]
    held = t.counts[tree, 3]
    place = held
    if held == capacity:
        place = int(np.argmax(t.sample_rank[tree, :]))
        if t.sample_rank[tree, place] <= rank:
            return
        _forget(t, tree, t.sample_leaf[tree, place])
    else:
        t.counts[tree, 3] += 1
    t.sample_leaf[tree, place] = _insert(t, tree, point)
    t.sample_rank[tree, place] = rank
    t.sample_number[tree, place] = number


@compiled
def learn(t: Trees, rows: NDArray[np.float32], first: int, decay: float) -> None:
    """Show the rows to every tree; the first of them is the stream's `first`-th point."""
    for tree in range(t.counts.shape[0]):
        for row in range(rows.shape[0]):
            _offer(t, tree, rows[row], first + row, decay)


@compiled
def _score_in(t: Trees, tree: int, point: NDArray[np.float32]) -> float:
    """How early the point would be cut off, as the library normalises it; 0 in an empty tree.

    1 / (depth + 1) where it is cut off, 1 / (depth + log2(mass + 1)) where it is a sample.
    """
    child = t.counts[tree, 0]
    if child == NONE:
        return 0.0
    total = float(t.mass[tree, child] if child >= 0 else t.leaf_mass[tree, -1 - child])
    score, rest, depth = 0.0, 1.0, 0.0
    while child >= 0:
        inside, both = _sides(t, tree, child, point)
        apart = (both - inside) / both if both > 0.0 else 0.0
        score += rest * apart / (depth + 1.0)
        rest *= 1.0 - apart
        went_left = float(point[t.dimension[tree, child]]) <= t.cut[tree, child]
        child = t.left[tree, child] if went_left else t.right[tree, child]
        depth += 1.0
    leaf = -1 - child
    _, both = _sides(t, tree, child, point)
    if both > 0.0:
        score += rest / (depth + 1.0)
    else:
        mass = float(t.leaf_mass[tree, leaf])
        score += rest * (1.0 - mass / (2.0 * total)) / (depth + np.log2(mass + 1.0))
    return float(score * np.log2(total + 1.0))


@compiled
def score(t: Trees, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean over all trees, for each row; nothing is learnt."""
    trees = t.counts.shape[0]
    scores = np.zeros(rows.shape[0])
    for row in range(rows.shape[0]):
        for tree in range(trees):
            scores[row] += _score_in(t, tree, rows[row])
    scores /= trees
    return scores


@compiled
def score_and_learn(
    t: Trees, rows: NDArray[np.float32], first: int, decay: float
) -> NDArray[np.float64]:
    """The score of each row by what came before it; then it is learnt."""
    trees = t.counts.shape[0]
    scores = np.zeros(rows.shape[0])
    for tree in range(trees):
        for row in range(rows.shape[0]):
            scores[row] += _score_in(t, tree, rows[row])
            _offer(t, tree, rows[row], first + row, decay)
    scores /= trees
    return scores


@compiled
def score_without(
    t: Trees, rows: NDArray[np.float32], numbers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The score of points of the stream as if no tree had sampled them.

    A tree that holds one lets go of it and takes it again.
    """
    trees, capacity = t.sample_leaf.shape
    scores = np.zeros(rows.shape[0])
    for row in range(rows.shape[0]):
        for tree in range(trees):
            place = -1
            for each in range(min(capacity, t.counts[tree, 3])):
                if t.sample_number[tree, each] == numbers[row]:
                    place = each
            if place >= 0:
                _forget(t, tree, t.sample_leaf[tree, place])
            scores[row] += _score_in(t, tree, rows[row])
            if place >= 0:
                t.sample_leaf[tree, place] = _insert(t, tree, rows[row])
    scores /= trees
    return scores


@compiled
def attribute(t: Trees, point: NDArray[np.float32]) -> NDArray[np.float64]:
    """(dimensions, 2): each dimension's part in the score, for being too low and too high.

    All parts together are the score.
    """
    size = point.shape[0]
    parts = np.zeros((size, 2))
    for tree in range(t.counts.shape[0]):
        child = t.counts[tree, 0]
        if child == NONE:
            continue
        total = float(t.mass[tree, child] if child >= 0 else t.leaf_mass[tree, -1 - child])
        scale = np.log2(total + 1.0)
        rest, depth = 1.0, 0.0
        while child >= 0:
            inside, both = _sides(t, tree, child, point)
            apart = (both - inside) / both if both > 0.0 else 0.0
            if apart > 0.0:
                _share(t, tree, child, point, parts, scale * rest / (depth + 1.0) / both)
            rest *= 1.0 - apart
            went_left = float(point[t.dimension[tree, child]]) <= t.cut[tree, child]
            child = t.left[tree, child] if went_left else t.right[tree, child]
            depth += 1.0
        _, both = _sides(t, tree, child, point)
        if both > 0.0:
            _share(t, tree, child, point, parts, scale * rest / (depth + 1.0) / both)
        else:  # a sample: nothing tells it from the others
            mass = float(t.leaf_mass[tree, -1 - child])
            seen = (1.0 - mass / (2.0 * total)) / (depth + np.log2(mass + 1.0))
            parts += scale * rest * seen / (2.0 * size)
    parts /= t.counts.shape[0]
    return parts


@compiled
def _share(
    t: Trees, tree: int, child: int, point: NDArray[np.float32], parts: NDArray[np.float64],
    scale: float,
) -> None:  # fmt: skip
    """Add what each dimension lies outside of the child's box, times `scale`."""
    for i in range(point.shape[0]):
        if child >= 0:
            low, high = float(t.low[tree, child, i]), float(t.high[tree, child, i])
        else:
            low = high = float(t.points[tree, -1 - child, i])
        value = float(point[i])
        parts[i, 0] += max(0.0, low - value) * scale
        parts[i, 1] += max(0.0, value - high) * scale


@compiled
def nearest(t: Trees, point: NDArray[np.float32]) -> NDArray[np.float32]:
    """(trees, dimensions): the sample that each tree takes the point to; NaN of an empty one."""
    found = np.full((t.counts.shape[0], point.shape[0]), np.float32(np.nan))
    for tree in range(t.counts.shape[0]):
        child = t.counts[tree, 0]
        if child == NONE:
            continue
        while child >= 0:
            went_left = float(point[t.dimension[tree, child]]) <= t.cut[tree, child]
            child = t.left[tree, child] if went_left else t.right[tree, child]
        found[tree, :] = t.points[tree, -1 - child, :]
    return found
