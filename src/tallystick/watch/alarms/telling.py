"""What an alarm tells the notifier: that a series fires, and that it does not any more. Pure."""

import hashlib
from collections.abc import Sequence

import msgspec

from tallystick.clock import rfc3339
from tallystick.watch.alarms.alarm import Alarm, Trace
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.sentences import headline
from tallystick.watch.alarms.series import Series
from tallystick.watch.alarms.sources.tally import About
from tallystick.watch.alarms.standing import Standing
from tallystick.watch.notify.alert import Alert, fingerprint
from tallystick.watch.notify.message import Chart, Point

SOURCE = "alarms"
RUNBOOK_CHARACTERS_MAX = 8_000
"""How much of a runbook goes with an alert."""
_SUMMARY_CHARACTERS_MAX = 1_000


def firing(alarm: Alarm, series: Series, standing: Standing, trace: Trace, about: About) -> Alert:
    """The alert of a series that is in ALARM: the same state makes the same alert."""
    labels = {"alarm": alarm.name, **alarm.labels, **dict(series)}
    links = {"alarm": f"/v1/alarms/{alarm.name}"}
    if about.order_id is not None:
        links["order"] = f"/v1/orders/{about.order_id}"
    return Alert(
        id=_id(alarm.name, series, standing, "firing"),
        fingerprint=fingerprint(labels),
        severity=alarm.severity,
        summary=f"{headline(alarm, dict(series))} {trace.sentence}".strip()[
            :_SUMMARY_CHARACTERS_MAX
        ],
        source=SOURCE,
        starts_at=rfc3339(standing.since_ns),
        labels=labels,
        position=about.position,
        order_id=about.order_id,
        links=links,
        details=_details(alarm, trace),
    )


def ended(
    name: str, series: Series, standing: Standing, fired: Alert, at_ns: int, why: str
) -> Alert:
    """The end of an alert that was told, and why it has ended."""
    return msgspec.structs.replace(
        fired,
        id=_id(name, series, standing, "ended"),
        summary=why[:_SUMMARY_CHARACTERS_MAX],
        ends_at=rfc3339(at_ns),
    )


def chart_of(alarm: Alarm, readings: Sequence[Reading]) -> Chart | None:
    """What was looked at, as a small chart; None for an alarm over others."""
    if alarm.source is None or not readings:
        return None
    points = tuple(Point(each.at_ns, each.value) for each in readings)
    last = readings[-1]
    if alarm.band is not None:
        return Chart(alarm.name, alarm.unit, points, last.low, last.high)
    above = alarm.comparison in {">", ">="}
    low, high = (None, alarm.threshold) if above else (alarm.threshold, None)
    return Chart(alarm.name, alarm.unit, points, low, high)


def _details(alarm: Alarm, trace: Trace) -> dict[str, str | int | float]:
    details: dict[str, str | int | float] = {"state": "ALARM"}
    if alarm.threshold is not None:
        details["threshold"] = alarm.threshold
        details["comparison"] = alarm.comparison
    if alarm.source is not None:
        details["statistic"] = alarm.statistic
        details["period_seconds"] = alarm.period_seconds
    known = [each for each in trace.datapoints if each.value is not None]
    if known and known[-1].value is not None:
        details["value"] = known[-1].value
    if known and known[-1].low is not None and known[-1].high is not None:
        details |= {"low": known[-1].low, "high": known[-1].high}
    if alarm.unit:
        details["unit"] = alarm.unit
    if alarm.rule:
        details["rule"] = alarm.rule
    if alarm.runbook:
        details["runbook"] = alarm.runbook[:RUNBOOK_CHARACTERS_MAX]
    return details


def _id(name: str, series: Series, standing: Standing, what: str) -> str:
    """Stable for one change of one series, and never that of another."""
    said = [name, series, standing.alerts, standing.since_ns, what]
    return f"alarm-{hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]}"
