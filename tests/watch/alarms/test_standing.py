"""How a series stands: what its readings depend on, and when it is gone."""

import msgspec
import pytest

from tallystick.watch.alarms.alarm import Alarm, Band, MetricSource, Missing
from tallystick.watch.alarms.evaluate import evaluation_range
from tallystick.watch.alarms.series import series_of
from tallystick.watch.alarms.standing import Standing, Work, band_key, form_of, gone

ALARM = Alarm("slow", "Slow.", source=MetricSource("m", by=("route",)), threshold=0.5)
replace = msgspec.structs.replace


def test_what_readings_depend_on() -> None:
    """Another metric, period, statistic or a band; not a threshold, a text or a switch."""
    form = form_of(ALARM)
    same = replace(ALARM, threshold=9.0, description="x", enabled=False, periods=9)
    assert form_of(same) == form
    for other in (
        replace(ALARM, statistic="p50"),
        replace(ALARM, period_seconds=300),
        replace(ALARM, source=MetricSource("m")),
        replace(ALARM, threshold=None, band=Band()),
    ):
        assert form_of(other) != form


@pytest.mark.parametrize(
    ("by", "missing", "expected"),
    [(("route",), "missing", True), (("route",), "breaching", False), ((), "missing", False)],
)
def test_a_series_is_gone_when_nothing_is_left_of_it(
    by: tuple[str, ...], missing: Missing, expected: bool
) -> None:
    """Only one of several, and not where silence itself is what should fire."""
    alarm = replace(ALARM, source=MetricSource("m", by=by), missing=missing)
    assert gone(alarm, Standing("f", absent=evaluation_range(alarm))) is expected
    assert not gone(alarm, Standing("f", absent=evaluation_range(alarm) - 1))


def test_work_is_something_or_nothing() -> None:
    """Nothing is stored where nothing has changed."""
    assert not Work((), (), ())
    assert band_key("a", series_of({"b": "c"})) != band_key("a", ())
