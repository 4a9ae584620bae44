"""The constants of the multivariate detector, as data; two settings are shipped."""

import hashlib

import msgspec


class VectorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that decide what is odd.

    warm_up: rows before a slot is judged.
    memory_rows: how far back a slot remembers; memory_rows_all: how far all slots together do.
    smoothing: weight of the newest row in the level that is judged; 1 judges each row by itself.
    cold_rows: so many of its own rows weigh as much as what all slots know; cold_history_rows: the
    same of how odd its rows usually are.
    ordinary_p: a row rarer than this is learnt less, the rarer the less, but `learn_min` at least.
    tail_most: a look beyond the tail is remembered as at most so many mean excesses beyond it.
    explain_p: a row this rare or more is explained.
    mix: what the looks count: distance, largest deviation, rarity, isolation.
    agreement: how much it counts that several looks find a row odd; at 0 the oddest look decides.
    normal: coordinates are made normal, so that heavy tails and rare flags hide nothing; takes some
    hundred rows to learn.
    trees, tree_depth, tree_rows: the forest; every `rebuild_rows` rows one tree is grown anew from
    tree_rows drawn of a sample of `sample_rows`.
    seed: of the draws, so that the same rows give the same scores.
    """

    warm_up: int = 30
    memory_rows: int = 10_000
    memory_rows_all: int = 20_000
    smoothing: float = 1.0
    cold_rows: int = 20
    cold_history_rows: int = 600
    ordinary_p: float = 0.05
    learn_min: float = 0.05
    tail_most: float = 5.0
    explain_p: float = 1e-3
    mix: tuple[float, float, float, float] = (0.5, 0.5, 1.5, 0.75)
    agreement: float = 0.0
    normal: bool = True
    trees: int = 32
    tree_depth: int = 10
    tree_rows: int = 256
    rebuild_rows: int = 64
    sample_rows: int = 4_096
    seed: int = 88_172_645_463_325_252


EVENTS = VectorConfig()
"""Rows that stand for themselves, such as orders of many accounts."""
SENSORS = VectorConfig(
    warm_up=300,
    smoothing=0.3,
    agreement=2.0,
    normal=False,
    ordinary_p=0.3,
    learn_min=0.002,
    tail_most=2.5,
    mix=(1.0, 1.0, 1.0, 1.0),
)
"""Rows of one process, each close to the one before, where oddness lasts for a while."""


def version(*configs: VectorConfig) -> str:
    """Twelve hex digits that change with any number of these configurations."""
    return hashlib.sha256(msgspec.json.encode(configs)).hexdigest()[:12]
