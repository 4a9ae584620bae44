"""The configuration as the kernels read it, and evidence as a score from 0 to 1."""

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.metric.config import MetricConfig
from tallystick.watch.detect.metric.state import RULES

Floats = NDArray[np.float64]


def evidence_of(score: float) -> float:
    """The evidence (mean of log1p(-log10 p)) at which a score is reached."""
    return math.log1p(-math.log10(1.0 - score))


def scores_of(evidence: Floats) -> Floats:
    """Evidence as a number from 0 to 1: 1 - p of a family's p-value that would give as much."""
    scores: Floats = 1.0 - np.power(10.0, -np.expm1(evidence))
    return scores


def p_value_of(evidence: float) -> float:
    """The p-value of a single family that would give as much evidence."""
    return math.pow(10.0, -math.expm1(evidence))


def rules_of(config: MetricConfig) -> np.void:
    """The record of a configuration."""
    rules = np.zeros((), RULES)
    for name in RULES.names or ():
        if name != "level":
            rules[name] = getattr(config, name)
    rules["level"] = evidence_of(config.threshold)
    return cast("np.void", rules[()])
