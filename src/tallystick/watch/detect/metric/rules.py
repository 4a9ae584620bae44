"""The configuration as the kernels read it, and evidence as a score from 0 to 1."""

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.metric.config import MetricConfig
from tallystick.watch.detect.metric.state import GAUGE_DELAY_MAX, NUMBERS

Floats = NDArray[np.float64]


def evidence_of(score: float) -> float:
    """The evidence (log1p(-log10 p)) at which a score is reached."""
    return math.log1p(-math.log10(1.0 - score))


def scores_of(evidence: Floats) -> Floats:
    """Evidence as a number from 0 to 1: 1 - p of a family's p-value that would give as much."""
    scores: Floats = 1.0 - np.power(10.0, -np.expm1(evidence))
    return scores


def p_value_of(evidence: float) -> float:
    """The p-value of a single family that would give as much evidence."""
    return math.pow(10.0, -math.expm1(evidence))


def rules_of(config: MetricConfig) -> np.void:
    """The record of a configuration.

    Raises:
        ValueError: a number that the kernels could not work with.
    """
    for delay in (config.turbulence_delay, config.extremes_delay):
        if not 1 <= delay <= GAUGE_DELAY_MAX:
            raise ValueError(f"A delay is 1 to {GAUGE_DELAY_MAX} points, not {delay}.")
    if not all(0.0 < score < 1.0 for score in config.alarm_scores.values()):
        raise ValueError("A score that alarms is between 0 and 1.")
    spans = (*config.state_spans, config.turbulence_span, config.extremes_span, config.smoothing)
    if min(spans) < 1.0 or min(config.softening) <= 0.0 or config.emphasis <= 0.0:
        raise ValueError("Spans are a point at least, softening and emphasis more than 0.")
    if min(config.weights) < 0.0 or not any(config.weights):
        raise ValueError("Weights are not negative, and not all of them 0.")
    rules = np.zeros((), NUMBERS)
    for name in NUMBERS.names or ():
        if name != "level":
            rules[name] = getattr(config, name)
    rules["level"] = evidence_of(config.threshold)
    return cast("np.void", rules[()])
