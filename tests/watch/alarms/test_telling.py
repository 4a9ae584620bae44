"""What the notifier is told."""

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.alarms.alarm import Alarm, Band, Comparison, Datapoint, MetricSource, Trace
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.series import series_of
from tallystick.watch.alarms.sources import About
from tallystick.watch.alarms.standing import Standing
from tallystick.watch.alarms.telling import RUNBOOK_CHARACTERS_MAX, chart_of, ended, firing
from tallystick.watch.notify.alert import ALERT_BYTES_MAX, fingerprint

AT = 1_700_000_000 * NS_PER_SECOND
ALARM = Alarm(
    "slow", "Orders are slow.", severity="critical", source=MetricSource("m", by=("route",)),
    statistic="p99", comparison=">", threshold=0.5, unit="seconds", labels={"team": "fx"},
    runbook="# Look\n" + "x" * 20_000,
)  # fmt: skip
SERIES = series_of({"route": "/v1/orders"})
STANDING = Standing("f", "ALARM", AT, alerts=1)
TRACE = Trace(
    AT, "ALARM", "OK", "ALARM: it came to 900 ms.", (Datapoint(AT, 0.9, None, None, True),)
)


def test_the_same_state_makes_the_same_alert() -> None:
    """Another change, series or alarm makes another; its end has its fingerprint."""
    alert = firing(ALARM, SERIES, STANDING, TRACE, About(7, "O-7"))
    assert alert == firing(ALARM, SERIES, STANDING, TRACE, About(7, "O-7"))
    labels = {"alarm": "slow", "team": "fx", "route": "/v1/orders"}
    assert alert.labels == labels
    assert alert.fingerprint == fingerprint(labels)
    assert alert.severity == "critical"
    assert alert.starts_at == rfc3339(AT)
    assert alert.details["value"] == 0.9
    assert alert.details["threshold"] == 0.5
    assert len(str(alert.details["runbook"])) == RUNBOOK_CHARACTERS_MAX < ALERT_BYTES_MAX
    later = Standing("f", "ALARM", AT + 1, alerts=3)
    assert firing(ALARM, SERIES, later, TRACE, About()).id != alert.id
    assert firing(ALARM, (), STANDING, TRACE, About()).id != alert.id
    over = ended("slow", SERIES, Standing("f", "OK", AT + 2, alerts=2), alert, AT + 2, "It is OK.")
    assert (over.fingerprint, over.starts_at) == (alert.fingerprint, alert.starts_at)
    assert over.ends_at == rfc3339(AT + 2)
    assert over.summary == "It is OK."
    assert over.id != alert.id


@pytest.mark.parametrize(
    ("comparison", "low", "high"),
    [(">", None, 0.5), (">=", None, 0.5), ("<", 0.5, None), ("<=", 0.5, None)],
)
def test_a_chart_shows_the_side_that_breaches(
    comparison: Comparison, low: float | None, high: float | None
) -> None:
    """Gaps are points without a value."""
    alarm = Alarm(
        "a", "Something is odd.", source=MetricSource("m"), comparison=comparison, threshold=0.5
    )
    chart = chart_of(alarm, [Reading(1, 0.4), Reading(2, None)])
    assert chart is not None
    assert (chart.low, chart.high) == (low, high)
    assert [point.value for point in chart.points] == [0.4, None]


def test_a_chart_of_a_band_and_of_nothing() -> None:
    """The newest band; an alarm over others has no chart."""
    alarm = Alarm(
        "a", "Something is odd.", source=MetricSource("m"), comparison="outside", band=Band()
    )
    chart = chart_of(alarm, [Reading(1, 5.0, 1.0, 2.0)])
    assert chart is not None
    assert (chart.low, chart.high) == (1.0, 2.0)
    assert chart_of(alarm, []) is None
    assert chart_of(Alarm("a", "Something is odd.", rule="TRUE"), [Reading(1, 5.0)]) is None
