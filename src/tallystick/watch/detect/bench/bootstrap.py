"""How far a score could be from itself on other files of the same kind."""

from collections.abc import Sequence

import numpy as np

from tallystick.watch.detect.bench.nab_score import FileScore, Profile, points, raw_total

ROUNDS = 2_000
"""So many corpora are drawn."""
COVERS = 0.9
"""Share of them that the interval covers."""


def interval(
    files: Sequence[FileScore],
    profile: Profile,
    chance: np.random.Generator,
    rounds: int = ROUNDS,
) -> tuple[float, float]:
    """The middle COVERS of the scores of corpora whose files are drawn, with replacement, of these.

    The threshold stays. The score of a corpus without a window is 0.
    """
    drawn = chance.integers(max(len(files), 1), size=(rounds, len(files)))
    windows, hits, earned, penalty = (
        np.array(column, dtype=np.float64)[drawn].sum(axis=1)
        for column in (
            [file.windows for file in files],
            [file.hits for file in files],
            [file.earned for file in files],
            [file.penalty for file in files],
        )
    )
    raw = raw_total(profile, windows, hits, earned, penalty)
    scores = np.where(windows > 0, points(raw, np.maximum(windows, 1), profile), 0.0)
    low, high = np.quantile(scores, [(1 - COVERS) / 2, (1 + COVERS) / 2])
    return float(low), float(high)
