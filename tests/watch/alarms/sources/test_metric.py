"""Metrics as an alarm's numbers."""

import asyncio

from tallystick.watch.alarms.alarm import Alarm, MetricSource
from tallystick.watch.alarms.samples import Sample, Samples
from tallystick.watch.alarms.sources import MetricValues, Told

S = 1_000_000_000
START = 1_700_000_040 * S


def test_it_says_what_the_samples_came_to() -> None:
    """By the alarm's own statistic; a series that is gone is no data."""
    samples = Samples()
    for at in (0, 30, 60):
        samples.take(START + at * S, [Sample("lag", {}, "gauge", float(at))])
    slow = Alarm(
        "slow", "Something is odd.", source=MetricSource("lag"), statistic="maximum", threshold=1.0
    )
    told = asyncio.run(MetricValues(samples).told(slow, START, START + 60 * S))
    assert told == Told({(): 60.0}, None)
