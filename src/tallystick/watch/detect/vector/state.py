"""What the kernels work on: the configuration's numbers, and everything learnt, in arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.vector.config import VectorConfig

LOOKS = 4
"""Ways to look at a row: distance, largest deviation, rarity, isolation."""
BINS = 64
"""Of every histogram."""
KEPT = 8
"""Ordinary rows that a slot keeps, to show what is usual."""

F8 = NDArray[np.float64]
F4 = NDArray[np.float32]
I8 = NDArray[np.int64]


class Numbers(NamedTuple):
    """The configuration, as the kernels read it; `mix` is how much each look counts."""

    warm_up: float
    memory: float
    memory_all: float
    smoothing: float
    cold: float
    ordinary_p: float
    learn_min: float
    explain_p: float
    rebuild: int
    drawn: int
    tail_most: float
    mix: F8


class Slots(NamedTuple):
    """What each slot knows of itself; the first axis is the slot, `d` the coordinate.

    `fast` is the smoothed level, `mean` its mean, `near` and `far` its means over a few and over
    many rows; the spreads are mean squares of the level's distance from each. `covariance` is of
    the deviations (lower triangle, row by row), `history` a histogram of the sums of looks, `run`
    how many rows have been odd lately, `kept` the last ordinary rows with their tags.
    """

    seen: F8
    run: F8
    fast: F8
    mean: F8
    near: F8
    far: F8
    spread: F4
    near_spread: F4
    far_spread: F4
    covariance: F4
    history: F4
    kept: F4
    kept_tag: I8
    kept_count: I8


class Shared(NamedTuple):
    """What all slots know together.

    `histories` has a histogram for each look and one for their sum; `values` one for each
    coordinate's deviation, and its total behind it; both count in `unit`, which grows instead of
    the past fading. `sample` holds rows that the trees of the forest (`feature` -1 at a leaf,
    `cut`, `depth`; children of node i at 2i+1 and 2i+2) are grown from. `counts`: rows learnt, rows
    sampled, the tree to replace next. `dice` is the state of the generator.
    """

    spread: F8
    covariance: F8
    histories: F8
    values: F8
    unit: F8
    sample: F4
    feature: NDArray[np.int16]
    cut: F4
    depth: F4
    counts: I8
    dice: NDArray[np.uint64]


class Judgement(NamedTuple):
    """What is said of each row, in arrays to be filled; see `VectorScores`."""

    p_values: F8
    surprise: F8
    expected: F8
    low: F8
    high: F8
    nearest: F8
    nearest_tag: I8


def numbers(config: VectorConfig) -> Numbers:
    """The configuration for the kernels."""
    return Numbers(
        warm_up=float(config.warm_up),
        memory=float(config.memory_rows),
        memory_all=float(config.memory_rows_all),
        smoothing=config.smoothing,
        cold=float(config.cold_rows),
        ordinary_p=config.ordinary_p,
        learn_min=config.learn_min,
        explain_p=config.explain_p,
        rebuild=config.rebuild_rows,
        drawn=config.tree_rows,
        tail_most=config.tail_most,
        mix=np.array(config.mix),
    )


def empty_slots(slots: int, features: int) -> Slots:
    """Slots that know nothing. Memory is taken by the system when a slot is first used."""
    s, d = slots, features
    levels = [np.zeros((s, d)) for _ in range(4)]
    spreads = [np.zeros((s, d), np.float32) for _ in range(3)]
    return Slots(
        np.zeros(s),
        np.zeros(s),
        *levels,
        *spreads,
        np.zeros((s, d * (d + 1) // 2), np.float32),
        np.zeros((s, BINS), np.float32),
        np.zeros((s, KEPT, d), np.float32),
        np.zeros((s, KEPT), np.int64),
        np.zeros(s, np.int64),
    )


def empty_shared(features: int, config: VectorConfig) -> Shared:
    """A population that knows nothing."""
    d = features
    nodes = (config.trees, 2 ** (config.tree_depth + 1) - 1)
    return Shared(
        np.zeros(d),
        np.zeros(d * (d + 1) // 2),
        np.zeros((LOOKS + 1, BINS)),
        np.zeros((d, BINS + 1)),
        np.ones(1),
        np.zeros((config.sample_rows, d), np.float32),
        np.full(nodes, -1, np.int16),
        np.zeros(nodes, np.float32),
        np.zeros(nodes, np.float32),
        np.zeros(3, np.int64),
        np.array([config.seed], np.uint64),
    )


def empty_judgement(rows: int, features: int) -> Judgement:
    """Nothing said yet: NaN everywhere, and no nearest row."""
    blanks = [np.full((rows, features), np.nan) for _ in range(5)]
    return Judgement(np.full(rows, np.nan), *blanks, np.full(rows, -1, np.int64))
