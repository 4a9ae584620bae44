"""Metrics of the process as an alarm's numbers: what `Samples` has kept."""

from tallystick.watch.alarms.alarm import Alarm, MetricSource
from tallystick.watch.alarms.samples import Samples
from tallystick.watch.alarms.sources.source import Told


class MetricValues:
    """Every metric is sampled, so there is nothing to be waited for."""

    settle_seconds = 0.0

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def told(self, alarm: Alarm, start_ns: int, end_ns: int) -> Told:
        """What each series of the metric came to."""
        assert isinstance(alarm.source, MetricSource)  # noqa: S101  who asks has looked
        return Told(self._samples.values(alarm.source, alarm.statistic, start_ns, end_ns))
