"""A boosted forest as plain tables: taken from scikit-learn once, then scored without it.

No pickle: a forest is read from JSON, checked, and can do nothing but compare numbers.
"""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Refused
from tallystick.watch.detect.supervised.kernels import forest_scores

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

NODES_MAX = 2_000_000
NUMBER_MAX = float(np.finfo(np.float64).max)


class ForestTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A forest as it is written: node i of all trees, a leaf has feature -1.

    `base` is the margin before any tree; a row goes to `left` where its `feature` is at most the
    `threshold`, where it is missing by `missing_left`. Children come after their parents.
    """

    base: float
    roots: tuple[int, ...]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    missing_left: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]


class Forest:
    """A checked forest, ready to score; made by `checked_forest` or `forest_of`."""

    def __init__(self, table: ForestTable) -> None:
        self.table = table
        self._roots = np.array(table.roots, np.int64)
        kinds = (table.feature, table.missing_left, table.left, table.right)
        self._nodes = np.array(kinds, np.int64).T.copy()
        self._numbers = np.array((table.threshold, table.value), np.float64).T.copy()

    def margins(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-odds of every row; equal to scikit-learn's within rounding."""
        out = np.full(len(rows), self.table.base)
        forest_scores(np.ascontiguousarray(rows), self._roots, self._nodes, self._numbers, out)
        return out


def checked_forest(table: ForestTable, features: int) -> Forest:
    """The forest of a table that was read.

    Raises:
        Refused: BAD_MODEL: it is no forest over so many features: it could loop, or look beyond.
    """
    nodes = len(table.feature)
    lengths = {len(c) for c in (table.threshold, table.missing_left, table.left, table.right)}
    if not 0 < nodes <= NODES_MAX or lengths | {len(table.value)} != {nodes}:
        raise Refused("BAD_MODEL", "The model's trees are not whole.")
    if any(not 0 <= root < nodes for root in table.roots):
        raise Refused("BAD_MODEL", "A tree of the model begins nowhere.")
    for node, feature in enumerate(table.feature):
        if not -1 <= feature < features or table.missing_left[node] not in (0, 1):
            raise Refused("BAD_MODEL", "A tree of the model looks at a feature that is not there.")
        # A child behind its parent: every walk ends.
        if feature >= 0 and not (
            node < table.left[node] < nodes and node < table.right[node] < nodes
        ):
            raise Refused("BAD_MODEL", "A tree of the model leads nowhere.")
    return Forest(table)


def forest_of(model: "HistGradientBoostingClassifier") -> Forest:
    """The trees of a fitted model of two classes with numeric features only."""
    columns: list[list[float]] = [[] for _ in range(6)]
    roots: list[int] = []
    for stage in model._predictors:  # noqa: SLF001  scikit-learn has no public form of its trees
        nodes = stage[0].nodes
        start = len(columns[0])
        roots.append(start)
        leaf = nodes["is_leaf"].astype(bool)
        threshold = np.nan_to_num(nodes["num_threshold"], posinf=NUMBER_MAX, neginf=-NUMBER_MAX)
        parts = (
            np.where(leaf, -1, nodes["feature_idx"].astype(np.int64)),
            np.where(leaf, 0.0, threshold),
            np.where(leaf, 0, nodes["missing_go_to_left"]),
            np.where(leaf, 0, nodes["left"].astype(np.int64) + start),
            np.where(leaf, 0, nodes["right"].astype(np.int64) + start),
            np.where(leaf, nodes["value"], 0.0),
        )
        for column, part in zip(columns, parts, strict=True):
            column.extend(part.tolist())
    feature, threshold_, missing, left, right, value = columns
    base = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    return Forest(
        ForestTable(
            base,
            tuple(roots),
            tuple(map(int, feature)),
            tuple(threshold_),
            tuple(map(int, missing)),
            tuple(map(int, left)),
            tuple(map(int, right)),
            tuple(value),
        )
    )
