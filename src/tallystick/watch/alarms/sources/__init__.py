"""Where an alarm's numbers come from: metrics, log queries, events, detectors; a file each."""

from tallystick.watch.alarms.sources.detector import anomalies_happened, detector_series
from tallystick.watch.alarms.sources.events import Happened, Listening, event_series
from tallystick.watch.alarms.sources.logs import LogRows, LogValues, rows_of
from tallystick.watch.alarms.sources.metric import MetricValues
from tallystick.watch.alarms.sources.source import Source, Told
from tallystick.watch.alarms.sources.tally import About, Tally

__all__ = [
    "About",
    "Happened",
    "Listening",
    "LogRows",
    "LogValues",
    "MetricValues",
    "Source",
    "Tally",
    "Told",
    "anomalies_happened",
    "detector_series",
    "event_series",
    "rows_of",
]
