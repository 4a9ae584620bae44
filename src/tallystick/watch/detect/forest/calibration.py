"""From a score to a probability: how seldom is a usual point at least this odd?"""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.score import P_VALUE_MIN

REFERENCE_SCORES_MAX = 4_096
"""Most scores of usual points that are kept to compare with."""
TAIL_QUANTILE = 0.98
"""From here on the tail is taken to be exponential: too few scores were seen to count them."""
GRADE_P_MAX = 1e-3
"""A probability above this gets the grade 0."""
SIGMAS = 3.0
"""The vendor's advice for a cut-off: so many standard deviations above the mean score."""


class Calibration:
    """The scores of usual points, sorted; none: every probability is 1."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self.scores = np.sort(scores)
        count = len(scores)
        self._from = float(np.quantile(self.scores, TAIL_QUANTILE)) if count else np.inf
        beyond = self.scores[self.scores > self._from]
        excess = float(np.mean(beyond - self._from)) if len(beyond) else 0.0
        self._scale = max(excess, 1e-9)
        self.cutoff = (
            float(np.mean(self.scores) + SIGMAS * np.std(self.scores)) if count else np.inf
        )
        """Mean and three standard deviations: the threshold for a bare score."""

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of usual points that are at least as odd, estimated."""
        count = len(self.scores)
        if not count:
            return np.ones(len(scores))
        above = count - np.searchsorted(self.scores, scores, side="left")
        ranked = (1.0 + above) / (1.0 + count)
        beyond = np.maximum(0.0, scores - self._from) / self._scale
        tail = (1.0 - TAIL_QUANTILE) * np.exp(-np.minimum(beyond, 700.0))
        return np.maximum(P_VALUE_MIN, np.where(scores > self._from, tail, ranked))


def grades(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 for what is usual, up to 1 for what is as improbable as can be told."""
    span = np.log(P_VALUE_MIN / GRADE_P_MAX)
    return np.asarray(np.clip(np.log(p_values / GRADE_P_MAX) / span, 0.0, 1.0))
