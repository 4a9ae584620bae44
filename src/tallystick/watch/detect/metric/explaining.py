"""Why a point was odd, from what the kernels left of it in the stream's record."""

import math

import numpy as np

from tallystick.watch.detect.metric.config import MetricConfig
from tallystick.watch.detect.metric.reason import MetricExample, MetricFamily, MetricReason
from tallystick.watch.detect.metric.rules import scores_of
from tallystick.watch.detect.metric.state import FAMILIES

_SAYS = {
    "novelty": "value, short and long mean are together unlike any before",
    "seasonal": "unlike any value about this time of the day",
    "turbulence": "the spread of the last points is unlike any before",
    "extremes": "the share of extreme points is unlike any before",
}
"""What each family means, for a person."""


def _families(p_values: list[float], config: MetricConfig) -> tuple[MetricFamily, ...]:
    parts = [
        weight * math.log1p(-math.log10(p)) ** config.emphasis
        for weight, p in zip(config.weights, p_values, strict=True)
    ]
    whole = sum(parts) or 1.0
    families = (
        MetricFamily(name=name, p_value=p, share=part / whole, says=_SAYS[name])
        for name, p, part in zip(FAMILIES, p_values, parts, strict=True)
    )
    return tuple(sorted(families, key=lambda family: -family.share))


def _nearest(record: np.void) -> MetricExample | None:
    value = float(record["last_nearest"])
    if math.isnan(value):
        return None
    return MetricExample(at_seconds=float(record["last_nearest_at"]), value=value)


def reason_of(record: np.void, config: MetricConfig) -> MetricReason:
    """Why the last point of a stream's record was scored as it was."""
    families = _families([p or 1.0 for p in record["last_p"].tolist()], config)
    came, expected = float(record["last_value"]), float(record["last_expected"])
    low, high = float(record["last_low"]), float(record["last_high"])
    return MetricReason(
        at_seconds=float(record["last_at"]),
        came=came,
        expected=expected,
        low=low,
        high=high,
        score=float(scores_of(np.array([record["last_told"]]))[0]),
        families=families,
        nearest=_nearest(record),
        sentence=f"{came:.6g} came where {expected:.6g} is usual ({low:.6g} to {high:.6g}): "
        f"{families[0].says}.",
    )
