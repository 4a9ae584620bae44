"""The random cut forest: how odd is a point among those that came before it?

Random Cut Forest is what the reference architecture's hosted detector runs. This one learns point
by point, holds a bounded sample, and explains itself.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.forest import kernels
from tallystick.watch.detect.forest.kernels import NONE, Trees

TREES_DEFAULT = 100
SAMPLES_DEFAULT = 256
FOREST_BYTES_MAX = 2 * 1024**3
"""Most memory of one forest."""
VALUE_MAX = 1e30
"""A larger value counts as this one: a bounding box in single precision holds it."""
_MASK = (1 << 64) - 1
_LARGE_STEP: Final = 0x9E3779B97F4A7C15


class _Saved(msgspec.Struct):
    v: int
    dimensions: int
    trees: int
    samples: int
    decay: float
    seen: int
    arrays: dict[str, bytes]


class RandomCutForest:
    """`trees` trees over samples of at most `samples` points of `dimensions` numbers each.

    The same points in the same order and the same seed give the same scores, also across
    `snapshot`. Values that are no numbers count as 0, larger ones than VALUE_MAX as that.
    """

    def __init__(
        self,
        dimensions: int,
        trees: int = TREES_DEFAULT,
        samples: int = SAMPLES_DEFAULT,
        *,
        seed: int = 0,
        decay: float = 0.0,
    ) -> None:
        """`decay`: how fast old points are forgotten, a point; 0: never.

        Raises:
            ValueError: it would take more than FOREST_BYTES_MAX.
        """
        needed = bytes_of(dimensions, trees, samples)
        if needed > FOREST_BYTES_MAX:
            raise ValueError(
                f"{trees} trees of {samples} samples in {dimensions} dimensions take"
                f" {needed / 1024**3:.1f} GiB; at most {FOREST_BYTES_MAX / 1024**3:.0f} are given"
            )
        self.dimensions = dimensions
        self.trees = trees
        self.samples = samples
        self.decay = decay
        self.seen = 0
        self._trees = _planted(dimensions, trees, samples, seed)

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """How odd each row is; nothing is learnt. About 1 is usual, higher is odder."""
        return kernels.score(self._trees, self._clean(rows))

    def learn(self, rows: NDArray[np.float64]) -> None:
        """Learn the rows, one after the other."""
        clean = self._clean(rows)
        kernels.learn(self._trees, clean, self.seen, self.decay)
        self.seen += len(clean)

    def score_and_learn(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score of each row by those before it only, within the rows too."""
        clean = self._clean(rows)
        scores = kernels.score_and_learn(self._trees, clean, self.seen, self.decay)
        self.seen += len(clean)
        return scores

    def score_without(
        self, rows: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """How odd learnt rows are among the others; `numbers`: which of the stream they were."""
        return kernels.score_without(self._trees, self._clean(rows), numbers)

    def attribution(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """(dimensions, 2): the score in parts, for being too low and too high."""
        return kernels.attribute(self._trees, self._clean(row.reshape(1, -1))[0])

    def expected(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """The usual point that is nearest: the median of what the trees hold there."""
        return np.asarray(np.median(self._near(row), axis=0), dtype=np.float64)

    def usual(self, row: NDArray[np.float64], share: float = 0.9) -> NDArray[np.float64]:
        """(2, dimensions): between which numbers this share of the nearest usual points lies."""
        edge = (1.0 - share) / 2
        found = np.quantile(self._near(row), [edge, 1.0 - edge], axis=0)
        return np.asarray(found, dtype=np.float64)

    def _near(self, row: NDArray[np.float64]) -> NDArray[np.float32]:
        """The sample that each tree takes the row to; not the row itself where others are near."""
        if not self.seen:
            return np.zeros((1, self.dimensions), np.float32)
        clean = self._clean(row.reshape(1, -1))[0]
        found = kernels.nearest(self._trees, clean)
        others = found[(found != clean).any(axis=1)]
        return others if len(others) else found

    def snapshot(self) -> bytes:
        """Everything learnt, for `restored`."""
        arrays = {name: each.tobytes() for name, each in self._trees._asdict().items()}
        saved = _Saved(1, self.dimensions, self.trees, self.samples, self.decay, self.seen, arrays)
        return msgspec.msgpack.encode(saved)

    def _clean(self, rows: NDArray[np.float64]) -> NDArray[np.float32]:
        clean = np.nan_to_num(rows, nan=0.0, posinf=VALUE_MAX, neginf=-VALUE_MAX)
        return np.ascontiguousarray(np.clip(clean, -VALUE_MAX, VALUE_MAX), dtype=np.float32)


def restored(data: bytes) -> RandomCutForest:
    """The forest of a snapshot.

    Raises:
        ValueError: it is none.
    """
    saved = msgspec.msgpack.decode(data, type=_Saved)
    if saved.v != 1 or min(saved.dimensions, saved.trees, saved.samples) < 1:
        raise ValueError("this is no snapshot of a forest")
    forest = RandomCutForest(saved.dimensions, saved.trees, saved.samples, decay=saved.decay)
    for name, array in forest._trees._asdict().items():  # noqa: SLF001  its own
        held = np.frombuffer(saved.arrays.get(name, b""), dtype=array.dtype)
        if held.size != array.size:
            raise ValueError(f"the snapshot of the forest lacks its {name}")
        array[:] = held.reshape(array.shape)
    forest.seen = saved.seen
    return forest


def bytes_of(dimensions: int, trees: int, samples: int) -> int:
    """About how much memory a forest takes."""
    return trees * samples * (12 * dimensions + 72)


def _planted(dimensions: int, trees: int, samples: int, seed: int) -> Trees:
    """Empty trees; each has a random generator of its own."""
    nodes = max(1, samples - 1)

    def whole(columns: int) -> NDArray[np.int32]:
        return np.zeros((trees, columns), np.int32)

    counts = np.array([[NONE, samples, nodes, 0]] * trees, np.int32)
    return Trees(
        points=np.zeros((trees, samples, dimensions), np.float32),
        leaf_mass=whole(samples),
        leaf_parent=whole(samples),
        left=whole(nodes),
        right=whole(nodes),
        parent=whole(nodes),
        dimension=whole(nodes),
        cut=np.zeros((trees, nodes)),
        mass=whole(nodes),
        low=np.zeros((trees, nodes, dimensions), np.float32),
        high=np.zeros((trees, nodes, dimensions), np.float32),
        free_leaves=np.tile(np.arange(samples, dtype=np.int32), (trees, 1)),
        free_nodes=np.tile(np.arange(nodes, dtype=np.int32), (trees, 1)),
        counts=counts,
        sample_leaf=whole(samples),
        sample_rank=np.zeros((trees, samples)),
        sample_number=np.zeros((trees, samples), np.int64),
        random=np.array(
            [((seed + 1) * 0x2545F4914F6CDD1D + tree * _LARGE_STEP * 7) & _MASK
             for tree in range(trees)],
            np.uint64,
        ),
    )  # fmt: skip
