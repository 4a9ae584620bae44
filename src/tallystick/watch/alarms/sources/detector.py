"""Anomalies as an alarm's numbers: those of a detector (or family) are counted.

What is held back alerts nobody, here as elsewhere: somebody has said that it is nothing.
"""

from collections.abc import Iterable, Sequence

from tallystick.clock import parse_rfc3339
from tallystick.watch.alarms.alarm import Alarm, DetectorSource
from tallystick.watch.alarms.series import Series, series_of
from tallystick.watch.alarms.sources.events import LABEL_CHARACTERS_MAX, Happened
from tallystick.watch.alarms.sources.tally import About
from tallystick.watch.detect.score import Anomaly


def anomalies_happened(
    alarms: Iterable[Alarm], anomalies: Sequence[Anomaly], now_ns: int
) -> list[Happened]:
    """What the anomalies are to each alarm that counts them."""
    return [
        Happened(alarm, detector_series(alarm, each), _at(each, now_ns), _about(each))
        for alarm in alarms
        if isinstance(alarm.source, DetectorSource)
        for each in anomalies
        if each.held is None
        and alarm.source.name in {"", each.detector}
        and alarm.source.family in {"", each.family}
    ]


def detector_series(alarm: Alarm, anomaly: Anomaly) -> Series:
    """The series that an anomaly belongs to: `by` are its members (`account`, `pair` ...)."""
    by = alarm.source.by if isinstance(alarm.source, DetectorSource) else ()
    values = {name: getattr(anomaly, name, None) for name in by}
    return series_of(
        {
            name: "" if value is None else str(value)[:LABEL_CHARACTERS_MAX]
            for name, value in values.items()
        }
    )


def _at(anomaly: Anomaly, now_ns: int) -> int:
    try:
        return min(parse_rfc3339(anomaly.at), now_ns)
    except ValueError:
        return now_ns


def _about(anomaly: Anomaly) -> About:
    return About(anomaly.position, anomaly.order_id)
