"""The univariate metric detector: a number a minute, and when it is odd."""

from tallystick.watch.detect.metric.config import (
    DEFAULT,
    MetricConfig,
    Sensitivity,
    version,
)
from tallystick.watch.detect.metric.reason import (
    MetricExample,
    MetricFamily,
    MetricReason,
    MetricScore,
)
from tallystick.watch.detect.metric.streams import STREAMS_MAX, MetricStreams

__all__ = [
    "DEFAULT",
    "STREAMS_MAX",
    "MetricConfig",
    "MetricExample",
    "MetricFamily",
    "MetricReason",
    "MetricScore",
    "MetricStreams",
    "Sensitivity",
    "version",
]
