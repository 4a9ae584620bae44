"""The random cut forest against its definition, and against figures of the open library."""

import numpy as np
import pytest

from tallystick.watch.detect.forest import RandomCutForest, kernels, restored
from tallystick.watch.detect.forest.forest import VALUE_MAX
from tallystick.watch.detect.forest.kernels import NONE, Trees

LIBRARY = {
    (0, 0, 0): 0.548, (1, 1, 1): 0.691, (2, 0, 0): 0.845, (3, 3, 0): 2.06,
    (4, 4, 4): 3.59, (8, 0, 0): 3.83, (20, 20, 20): 6.93,
}  # fmt: skip
"""Scores by the open random cut forest library (krcf 0.4.0, 200 trees of 256 samples, mean of two
seeds) after 3,000 standard normal points of three dimensions."""


def normal(seed: int, rows: int, dimensions: int) -> np.ndarray:
    """Standard normal rows."""
    return np.random.default_rng(seed).normal(size=(rows, dimensions))


def checked(trees: Trees, tree: int) -> int:
    """Walk one tree, hold it to every invariant, and give how many samples it has."""

    def walk(child: int, parent: int) -> tuple[int, np.ndarray, np.ndarray]:
        if child < 0:
            leaf = -1 - child
            assert trees.leaf_parent[tree, leaf] == parent
            assert trees.leaf_mass[tree, leaf] > 0
            point = trees.points[tree, leaf]
            return int(trees.leaf_mass[tree, leaf]), point, point
        assert trees.parent[tree, child] == parent
        left = walk(int(trees.left[tree, child]), child)
        right = walk(int(trees.right[tree, child]), child)
        low, high = np.minimum(left[1], right[1]), np.maximum(left[2], right[2])
        assert (low == trees.low[tree, child]).all()
        assert (high == trees.high[tree, child]).all()
        assert trees.mass[tree, child] == left[0] + right[0]
        dimension, cut = trees.dimension[tree, child], trees.cut[tree, child]
        assert left[2][dimension] <= cut < right[1][dimension]
        return left[0] + right[0], low, high

    root = int(trees.counts[tree, 0])
    return 0 if root == NONE else walk(root, NONE)[0]


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_trees_stay_trees_while_points_come_and_go(decay: float) -> None:
    """Boxes are tight, cuts separate, masses add up, also with equal points and tiny steps."""
    forest = RandomCutForest(2, 5, 32, seed=1, decay=decay)
    rows = np.concatenate([normal(1, 200, 2), np.ones((50, 2)), normal(2, 200, 2).round(0)])
    for start in range(0, len(rows), 37):
        forest.learn(rows[start : start + 37])
        for tree in range(5):
            held = checked(forest._trees, tree)
            assert held == min(32, forest.seen) == forest._trees.counts[tree, 3]


def test_two_points_by_hand() -> None:
    """A tree of two points: the score by the definition, to the last digit."""
    forest = RandomCutForest(1, 3, 4, seed=1)
    forest.learn(np.array([[0.0], [1.0]]))

    known = (1 - 1 / 4) / (1 + np.log2(2)) * np.log2(3)  # a sample of mass 1 at depth 1
    cut_off = 1.0 / 2.0  # from 0..1 to 0..2: half of the cuts lie between
    beyond = (cut_off / (0 + 1) + (1 - cut_off) / (1 + 1)) * np.log2(3)

    assert forest.score(np.array([[0.0], [1.0], [2.0]])) == pytest.approx([known, known, beyond])


def test_an_empty_forest_and_a_forest_of_one_point() -> None:
    """Nothing is odd to who knows nothing; then everything but the one point is."""
    forest = RandomCutForest(2, 2, 8)
    row = np.array([[1.0, 1.0]])
    assert forest.score(row) == [0.0]
    assert forest.expected(row[0]).tolist() == [0.0, 0.0]

    forest.learn(row)
    assert forest.score(row + 1) == pytest.approx([1.0])
    assert forest.score(row) == pytest.approx([0.5])
    assert forest.expected(row[0] + 5).tolist() == [1.0, 1.0]


def test_a_forest_of_one_sample() -> None:
    """The smallest sample that SageMaker allows holds one point at a time."""
    forest = RandomCutForest(1, 4, 1, seed=2)
    forest.learn(normal(1, 50, 1))
    assert all(checked(forest._trees, tree) == 1 for tree in range(4))


def test_scores_are_those_of_the_open_library() -> None:
    """Its forest and ours, grown on the same distribution, agree within their own spread."""
    forest = RandomCutForest(3, 200, 256, seed=7, decay=1 / 2_560)
    forest.learn(normal(1, 3_000, 3))

    ours = forest.score(np.array(list(LIBRARY), np.float64))

    assert ours == pytest.approx(list(LIBRARY.values()), rel=0.08)


def test_the_parts_of_a_score_are_the_score() -> None:
    """Attribution adds up, and names the dimension and the direction."""
    forest = RandomCutForest(3, 50, 128, seed=3)
    forest.learn(normal(4, 1_000, 3))
    for row in (np.array([8.0, 0.0, 0.0]), np.array([0.0, -9.0, 0.0]), normal(5, 1, 3)[0]):
        parts = forest.attribution(row)
        assert parts.sum() == pytest.approx(forest.score(row.reshape(1, -1))[0])
    parts = forest.attribution(np.array([0.0, -9.0, 0.0]))
    assert parts[1, 0] > 0.9 * parts.sum()


def test_batches_and_a_restart_change_nothing() -> None:
    """The same points give the same scores, however they are cut and whoever was restarted."""
    rows = normal(6, 400, 4)
    whole = RandomCutForest(4, 10, 64, seed=5, decay=0.001)
    expected = whole.score_and_learn(rows)

    cut = RandomCutForest(4, 10, 64, seed=5, decay=0.001)
    first = cut.score_and_learn(rows[:123])
    again = restored(cut.snapshot())
    found = np.concatenate([first, again.score_and_learn(rows[123:])])

    assert (found == expected).all()
    assert restored(whole.snapshot()).snapshot() == whole.snapshot()


def test_it_sees_no_later_point() -> None:
    """Streams with one beginning have one score there."""
    rows = normal(6, 300, 2)
    one, other = (RandomCutForest(2, 10, 64, seed=5) for _ in range(2))
    same = one.score_and_learn(rows)[:200]
    assert (other.score_and_learn(np.concatenate([rows[:200], rows[200:] * 9]))[:200] == same).all()


def test_left_out_points_look_like_new_ones() -> None:
    """Scores without the point itself are distributed as those of points never seen."""
    rows = normal(8, 200, 2)
    forest = RandomCutForest(2, 50, 256, seed=1)
    forest.learn(rows)
    left_out = forest.score_without(rows, np.arange(200))
    fresh = forest.score(normal(9, 2_000, 2))

    assert np.median(left_out) == pytest.approx(np.median(fresh), rel=0.1)
    assert np.median(forest.score(rows)) < 0.95 * np.median(fresh)
    assert all(checked(forest._trees, tree) == 200 for tree in range(50))


def test_without_decay_every_point_is_as_likely_held() -> None:
    """The reservoir is uniform over the stream; with decay the newest points prevail."""
    rows = normal(1, 1_000, 1)
    uniform, recent = (RandomCutForest(1, 100, 50, seed=3, decay=decay) for decay in (0.0, 0.02))
    for forest in (uniform, recent):
        forest.learn(rows)
    held = uniform._trees.sample_number
    assert abs(held.mean() - 499.5) < 15
    assert recent._trees.sample_number.mean() > 900


def test_poisoned_points_break_nothing() -> None:
    """What is no number, or too large for one, is learnt as something, and scores stay finite."""
    poison = np.array([[np.nan, 1.0], [np.inf, -np.inf], [1e300, 5e-324], [0.0, 0.0]])
    forest = RandomCutForest(2, 10, 16, seed=1)
    forest.learn(np.concatenate([normal(1, 100, 2), poison, normal(2, 100, 2), poison]))
    assert np.isfinite(forest.score(np.concatenate([poison, normal(3, 10, 2)]))).all()
    assert all(checked(forest._trees, tree) == 16 for tree in range(10))
    assert np.abs(forest._trees.points).max() <= np.float32(VALUE_MAX)


def test_a_forest_that_is_too_large_is_refused() -> None:
    """The limit is said before the memory is taken."""
    with pytest.raises(ValueError, match="GiB"):
        RandomCutForest(10_000, 1_000, 2_048)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x80"], ids=["empty", "json", "no members"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    """A forest is not made of anything."""
    with pytest.raises(ValueError, match=r"."):
        restored(data)


def test_a_snapshot_that_lacks_something_is_refused() -> None:
    """Arrays of another size are no part of this forest."""
    import msgspec  # noqa: PLC0415  here only

    saved = msgspec.msgpack.decode(RandomCutForest(2, 2, 4).snapshot())
    saved["arrays"]["cut"] = b""
    with pytest.raises(ValueError, match="lacks its cut"):
        restored(msgspec.msgpack.encode(saved))


def test_the_trees_own_generator_is_uniform() -> None:
    """Numbers in [0, 1) with the mean and spread of uniform ones."""
    state = np.array([12345], np.uint64)
    drawn = np.array([kernels._uniform(state, 0) for _ in range(2_000)])
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert abs(drawn.mean() - 0.5) < 0.03
    assert abs(drawn.std() - np.sqrt(1 / 12)) < 0.02
