"""The one frozen configuration of the metric detector: the same for every stream."""

import hashlib
from typing import Literal

import msgspec

Sensitivity = Literal["standard", "low_fp", "low_fn"]
"""Which threshold alarms: the balance of NAB's three profiles between false and missed alarms."""

GENERATION = 1
"""Raised by hand when code changes the scores without a change of the configuration."""


class MetricConfig(msgspec.Struct, frozen=True):
    """Every constant of the detector.

    warm_up: points of a stream before which nothing alarms.
    smoothing: points over which the log of each family's residual is averaged.
    softening: what is added to a residual (in scales of the stream) before its logarithm.
    age_power: how the evidence that an alarm needs grows with the stream's age.
    refractory_share, refractory_min, refractory_max: points after an alarm during which a further
        one must be stronger; a share of the stream's age, between two bounds.
    escalation: how many times stronger it must be at once after the alarm, falling to 0 in a line.
    """

    sensitivity: Sensitivity = "standard"
    thresholds: dict[str, float] = msgspec.field(
        default_factory=lambda: {"standard": 0.86, "low_fp": 0.89, "low_fn": 0.82}
    )
    warm_up: int = 100
    smoothing: float = 20.0
    softening: float = 2.0
    age_power: float = 0.12
    refractory_share: float = 1 / 6
    refractory_min: float = 30.0
    refractory_max: float = 400.0
    escalation: float = 2.0


DEFAULT = MetricConfig()


def version(config: MetricConfig = DEFAULT) -> str:
    """Twelve hex digits that name this configuration and generation of the code."""
    return hashlib.sha256(b"%d" % GENERATION + msgspec.json.encode(config)).hexdigest()[:12]
