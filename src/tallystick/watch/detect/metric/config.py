"""The one frozen configuration of the metric detector: the same for every stream."""

import hashlib
from typing import Literal

import msgspec

Sensitivity = Literal["standard", "low_fp", "low_fn"]
"""Which threshold alarms: how a false alarm weighs against a missed one, as NAB's profiles do."""

GENERATION = 1
"""Raised by hand when code changes the scores without a change of the configuration."""


class MetricConfig(msgspec.Struct, frozen=True):
    """Every constant that was chosen, in points (records) where it is a length of time.

    sensitivity, alarm_scores: the score from 0 to 1 that alarms, for each sensitivity; the
        refractory period counts from the alarms of the one that is set.
    warm_up: points of a stream before which nothing alarms.
    state_spans: over how many points the coordinates of a state are averaged (novelty).
    turbulence_span, extremes_span: over how many points spread and share of extremes are averaged.
    turbulence_delay, extremes_delay: how old their past numbers are at least.
    softening: a residual much smaller than this (in the family's unit) is no surprise.
    weights: of the families, in the order of `state.FAMILIES`; novelty sees most and counts twice.
    emphasis: power of the mean of the families' evidence: 1 asks all of them alike, a large one
        only the most certain.
    smoothing, smoothing_share: over how many points surprise is averaged; a share of the stream's
        age, up to a bound.
    age_power: the evidence that an alarm needs grows with this power of the stream's age: an old
        stream was looked at more often.
    refractory_share, refractory_min, refractory_max: how slowly an alarm is forgotten; a share of
        the stream's age, between two bounds.
    escalation: how many times stronger than the last alarm a point must be to alarm right after it.
    """

    sensitivity: Sensitivity = "standard"
    alarm_scores: dict[str, float] = msgspec.field(
        default_factory=lambda: {"standard": 0.689, "low_fp": 0.71, "low_fn": 0.667}
    )
    warm_up: int = 150
    state_spans: tuple[float, float, float] = (1.0, 8.0, 100.0)
    turbulence_span: float = 24.0
    turbulence_delay: int = 48
    extremes_span: float = 144.0
    extremes_delay: int = 288
    softening: tuple[float, float, float, float] = (3.0, 0.5, 0.5, 0.5)
    weights: tuple[float, float, float, float] = (2.0, 1.0, 1.0, 1.0)
    emphasis: float = 1.5
    smoothing: float = 20.0
    smoothing_share: float = 1 / 80
    age_power: float = 0.11
    refractory_share: float = 1 / 8
    refractory_min: float = 30.0
    refractory_max: float = 200.0
    escalation: float = 2.5

    @property
    def threshold(self) -> float:
        """The score that alarms."""
        return self.alarm_scores[self.sensitivity]

    @property
    def thresholds(self) -> dict[str, float]:
        """By profile of NAB, the threshold on this configuration's scores.

        It is one for all three, as the scores are held back relative to one alarm level. Measured,
        the best levels of the profiles lie so close that sharing it costs a point at most.
        """
        return {"standard": self.threshold, "low_fp": self.threshold, "low_fn": self.threshold}


DEFAULT = MetricConfig()


def version(config: MetricConfig = DEFAULT) -> str:
    """Twelve hex digits that name this configuration and generation of the code."""
    return hashlib.sha256(b"%d" % GENERATION + msgspec.json.encode(config)).hexdigest()[:12]
