"""What an alarm must be: each refusal with its code, its member and a sentence."""

import msgspec
import pytest

from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import (
    Alarm,
    Band,
    DetectorSource,
    EventSource,
    LogSource,
    MetricSource,
    Source,
    Suppressor,
)
from tallystick.watch.alarms.check import ALARMS_MAX, LABELS_MAX, check_alarm, check_alarms

METRIC = MetricSource("up")
PATTERN = '{"detail-type": ["Order Filled"]}'
GOOD = Alarm("up", "It is up.", source=METRIC, threshold=1.0)
RULE = Alarm("both", "Both.", rule="ALARM(up)")


def _changed(alarm: Alarm = GOOD, **members: object) -> Alarm:
    return msgspec.structs.replace(alarm, **members)


@pytest.mark.parametrize(
    "alarm",
    [
        GOOD,
        RULE,
        _changed(name="A.b_c-1", labels={"team": "fx"}, unit="ms", runbook="# Do"),
        _changed(period_seconds=10, periods=500, datapoints=500),
        _changed(period_seconds=86_400, periods=7, datapoints=1),
        _changed(threshold=None, band=Band(), comparison="outside"),
        _changed(suppressor=Suppressor("other", 10, 86_400)),
        _changed(RULE, suppressor=Suppressor("up")),
        _changed(source=MetricSource("a", {"x": "5*"}, ("x",), "b", {"y": "z"})),
        _changed(source=LogSource("level=error | stats count by host", "count", ("host",))),
        _changed(source=EventSource(PATTERN, ("$.account",)), statistic="count"),
        _changed(source=DetectorSource("stale_prices", by=("pair",)), statistic="count"),
    ],
    ids=range(12),
)
def test_what_works_comes_back(alarm: Alarm) -> None:
    """Every kind of source, rules, bands, suppressors, and the limits themselves."""
    assert check_alarm(alarm) is alarm


@pytest.mark.parametrize(
    ("alarm", "field", "sentence"),
    [
        (_changed(name=""), "name", "cannot be an alarm's name"),
        (_changed(name="-a"), "name", "begins with a letter or digit"),
        (_changed(name="a/b"), "name", "1 to 64 letters"),
        (_changed(name="a" * 65), "name", "1 to 64 letters"),
        (_changed(description=" "), "description", "what it is about"),
        (_changed(description="x" * 501), "description", "longer than 500"),
        (_changed(runbook="x" * 16_385), "runbook", "longer than 16384"),
        (_changed(unit="x" * 33), "unit", "longer than 32"),
        (_changed(labels={"alarm": "x"}), "labels", "neither alarm nor severity"),
        (_changed(labels={"a-b": "x"}), "labels", "label 'a-b' cannot be used"),
        (_changed(labels={"a": "x" * 257}), "labels", "at most 256"),
        (
            _changed(labels={f"a{i}": "" for i in range(LABELS_MAX + 1)}),
            "labels",
            "at most 32 labels",
        ),
        (_changed(source=None), "source", "either a source or a rule"),
        (_changed(rule="TRUE"), "source", "either a source or a rule"),
        (_changed(RULE, threshold=1.0), "threshold", "neither a threshold"),
        (_changed(RULE, band=Band()), "threshold", "neither a threshold"),
        (_changed(RULE, rule="a OR b"), "rule", "does not fit at character 1"),
        (_changed(threshold=None), "threshold", "either a threshold or a band"),
        (_changed(band=Band()), "threshold", "either a threshold or a band"),
        (_changed(comparison="above"), "comparison", "'above' does not fit"),
        (
            _changed(threshold=None, band=Band()),
            "comparison",
            "a band takes outside, above, below",
        ),
        (_changed(threshold=float("nan")), "threshold", "a finite number"),
        (
            _changed(threshold=None, band=Band(0), comparison="above"),
            "band",
            "more than 0 and at most 100",
        ),
        (_changed(period_seconds=0), "period_seconds", "not 0 seconds"),
        (_changed(period_seconds=45), "period_seconds", "not 45 seconds"),
        (_changed(period_seconds=86_460), "period_seconds", "up to a day"),
        (_changed(periods=0), "periods", "1 to 500 periods, not 0"),
        (_changed(periods=501), "periods", "not 501"),
        (_changed(period_seconds=86_400, periods=8), "periods", "seven days"),
        (_changed(datapoints=2), "datapoints", "from 1 to 1 periods on, not 2"),
        (_changed(datapoints=0), "datapoints", "not 0"),
        (_changed(suppressor=Suppressor("up")), "suppressor", "itself quiet"),
        (
            _changed(suppressor=Suppressor("b", -1)),
            "suppressor",
            "0 to 86400 seconds, not -1",
        ),
        (
            _changed(suppressor=Suppressor("b", 0, 86_401)),
            "suppressor",
            "not 86401",
        ),
    ],
)
def test_what_cannot_work_is_refused(alarm: Alarm, field: str, sentence: str) -> None:
    """The member that is wrong is named, and what would be right."""
    with pytest.raises(Refused) as refusal:
        check_alarm(alarm)
    assert (refusal.value.code, refusal.value.field) == ("ALARM_UNUSABLE", field)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (MetricSource(""), "ALARM_UNUSABLE"),
        (MetricSource("a", over_labels={"x": "y"}), "ALARM_UNUSABLE"),
        (MetricSource("a", by=("x", "x")), "ALARM_UNUSABLE"),
        (MetricSource("a", by=tuple("abcdef")), "ALARM_UNUSABLE"),
        (LogSource("a | nonsense"), "BAD_QUERY"),
        (EventSource("{"), "BAD_PATTERN"),
        (EventSource(PATTERN, ("account",)), "ALARM_UNUSABLE"),
    ],
)
def test_sources_are_read(source: Source, code: str) -> None:
    """A pattern or a query that cannot be used is refused before it is stored."""
    with pytest.raises(Refused) as refusal:
        check_alarm(_changed(source=source, statistic="count"))
    assert refusal.value.code == code


@pytest.mark.parametrize("source", [EventSource(PATTERN), DetectorSource()], ids=["events", "any"])
def test_what_is_counted_has_no_percentile(source: Source) -> None:
    """A p99 of events means nothing."""
    with pytest.raises(Refused, match="they have no p99") as refusal:
        check_alarm(_changed(source=source, statistic="p99"))
    assert refusal.value.field == "statistic"


def test_many_alarms_are_checked_together() -> None:
    """Each by itself, with its name in the sentence; then how they hang together."""
    assert check_alarms([RULE, GOOD]) == (GOOD, RULE)
    with pytest.raises(Refused, match=r"^up: .* not 9") as refusal:
        check_alarms([_changed(datapoints=9)])
    assert refusal.value.field == "datapoints"
    with pytest.raises(Refused) as unknown:
        check_alarms([RULE])
    assert unknown.value.code == "ALARM_REFERENCE"
    with pytest.raises(Refused) as many:
        check_alarms(_changed(name=f"a{i}") for i in range(ALARMS_MAX + 1))
    assert many.value.code == "ALARMS_TOO_MANY"
