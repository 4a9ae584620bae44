"""What alerting without looking at the data is worth: no figure means anything without it."""

from collections.abc import Sequence

import numpy as np

from tallystick.watch.detect.bench.nab_score import Corpus, Floats, Labelled, Profile

CLOCK_PROBATIONS = 0.5
"""The clock alerts whenever this share of a file's probation has passed."""
RANDOM_ROUNDS = 10
"""Uniform random scores are drawn so often, and their figures averaged."""


def clock(file: Labelled) -> Floats:
    """An alert (1.0) every half probation, beginning at its end; no data is looked at."""
    scores = np.zeros(file.rows)
    scores[file.probation :: max(int(CLOCK_PROBATIONS * file.probation), 1)] = 1.0
    return scores


def blind(
    corpus: Corpus, profiles: Sequence[Profile], chance: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Profile scores of two baselines that see no data.

    `clock_half_probation` alerts at fixed steps; `uniform_random` is the mean of RANDOM_ROUNDS,
    each at the threshold that is best for it on these files.
    """

    def best(scores: Sequence[Floats]) -> dict[str, float]:
        return {name: found.score for name, found in corpus.best(scores, profiles).items()}

    always = {profile.name: 1.0 for profile in profiles}
    steps = corpus.at([clock(file) for file in corpus.files], always, profiles)
    ticks = {name: found.score for name, found in steps.items()}
    rounds = [
        best([chance.random(file.rows) for file in corpus.files]) for _ in range(RANDOM_ROUNDS)
    ]
    means = {name: float(np.mean([each[name] for each in rounds])) for name in ticks}
    return {"clock_half_probation": ticks, "uniform_random": means}
