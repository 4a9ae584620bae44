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
    cold_history: float
    ordinary_p: float
    learn_min: float
    explain_p: float
    rebuild: int
    drawn: int
    agreement: float
    normal: bool
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
    coordinate's deviation, and its total behind it; all count in `unit`, which grows instead of the
    past fading. `normal` says what deviation of a normal distribution the middle of each bin of
    `values` stands for, `ends` where its two tails begin and their mean excess, in bins.

    `sample` holds rows that the trees of the forest are grown from: `feature` (-1 at a leaf),
    `cut`, `depth`; the children of node i are 2i + 1 and 2i + 2. `counts`: rows learnt, rows
    sampled, the tree to replace next, rows in the histograms, and their number when `normal` was
    made. `dice` is the state of the generator.
    """

    spread: F8
    covariance: F8
    histories: F8
    values: F8
    normal: F8
    ends: F8
    unit: F8
    sample: F4
    feature: NDArray[np.int16]
    cut: F4
    depth: F4
    counts: I8
    dice: NDArray[np.uint64]


class Row(NamedTuple):
    """One row while it is judged, and room to work in.

    `values` as they came, `level` smoothed, `strays` in the slot's deviations, `places` where those
    are in the histograms, `normal` the same made normal; `low` the factor of their covariance and
    `solved` with low solved = normal; `looks` the four and their sum.
    """

    values: F8
    level: F8
    strays: F8
    places: F8
    normal: F8
    solved: F8
    low: F8
    looks: F8
    nobody: F4
    drawn: I8
    stack: I8


class VectorScores(NamedTuple):
    """What is said of each row; see `VectorStreams.observe`."""

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
        cold_history=float(config.cold_history_rows),
        ordinary_p=config.ordinary_p,
        learn_min=config.learn_min,
        explain_p=config.explain_p,
        rebuild=config.rebuild_rows,
        drawn=config.tree_rows,
        agreement=config.agreement,
        normal=config.normal,
        tail_most=config.tail_most,
        mix=np.array(config.mix),
    )


def empty_slots(slots: int, features: int) -> Slots:
    """Slots that know nothing. The system gives memory to a slot when it is first used."""
    s, d = slots, features
    return Slots(
        seen=np.zeros(s),
        run=np.zeros(s),
        fast=np.zeros((s, d)),
        mean=np.zeros((s, d)),
        near=np.zeros((s, d)),
        far=np.zeros((s, d)),
        spread=np.zeros((s, d), np.float32),
        near_spread=np.zeros((s, d), np.float32),
        far_spread=np.zeros((s, d), np.float32),
        covariance=np.zeros((s, d * (d + 1) // 2), np.float32),
        history=np.zeros((s, BINS), np.float32),
        kept=np.zeros((s, KEPT, d), np.float32),
        kept_tag=np.zeros((s, KEPT), np.int64),
        kept_count=np.zeros(s, np.int64),
    )


def empty_shared(features: int, config: VectorConfig) -> Shared:
    """A population that knows nothing."""
    d = features
    nodes = (config.trees, 2 ** (config.tree_depth + 1) - 1)
    return Shared(
        spread=np.zeros(d),
        covariance=np.zeros(d * (d + 1) // 2),
        histories=np.zeros((LOOKS + 1, BINS)),
        values=np.zeros((d, BINS + 1)),
        normal=np.zeros((d, BINS)),
        ends=np.zeros((d, 4)),
        unit=np.ones(1),
        sample=np.zeros((config.sample_rows, d), np.float32),
        feature=np.full(nodes, -1, np.int16),
        cut=np.zeros(nodes, np.float32),
        depth=np.zeros(nodes, np.float32),
        counts=np.zeros(5, np.int64),
        dice=np.array([config.seed], np.uint64),
    )


def empty_row(features: int, config: VectorConfig) -> Row:
    """Room for one row."""
    d = features
    return Row(
        values=np.zeros(d),
        level=np.zeros(d),
        strays=np.zeros(d),
        places=np.zeros(d),
        normal=np.zeros(d),
        solved=np.zeros(d),
        low=np.zeros((d, d)),
        looks=np.zeros(LOOKS + 1),
        nobody=np.zeros(BINS, np.float32),
        drawn=np.zeros(config.tree_rows, np.int64),
        stack=np.zeros((2 * config.tree_depth + 4, 4), np.int64),
    )


def unsaid(rows: int, features: int) -> VectorScores:
    """Nothing said yet: NaN everywhere, and no nearest row."""
    return VectorScores(
        p_values=np.full(rows, np.nan),
        surprise=np.full((rows, features), np.nan),
        expected=np.full((rows, features), np.nan),
        low=np.full((rows, features), np.nan),
        high=np.full((rows, features), np.nan),
        nearest=np.full((rows, features), np.nan),
        nearest_tag=np.full(rows, -1, np.int64),
    )
