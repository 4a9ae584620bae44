"""Samples: what metrics came to, by period, from what was kept of them."""

import random
from collections.abc import Mapping

import pytest

from tallystick.watch.alarms.alarm import MetricSource, Statistic
from tallystick.watch.alarms.samples import (
    HISTOGRAM_SERIES_MAX,
    METRIC_SERIES_MAX,
    Kind,
    Sample,
    Samples,
)
from tallystick.watch.alarms.series import Series

S = 1_000_000_000
START = 1_700_000_040 * S  # a whole minute
BOUNDS = (0.1, 0.5, 1.0)


def gauge(value: float, name: str = "lag", **labels: str) -> Sample:
    """A gauge's sample."""
    return Sample(name, labels, "gauge", value)


def counter(value: float, name: str = "calls_total", **labels: str) -> Sample:
    """A counter's sample."""
    return Sample(name, labels, "counter", value)


def value(
    samples: Samples,
    statistic: Statistic,
    start_s: int,
    end_s: int,
    name: str = "lag",
    labels: Mapping[str, str] | None = None,
) -> float | None:
    """What the one series came to between two seconds after START."""
    source = MetricSource(name, dict(labels or {}))
    return samples.values(source, statistic, START + start_s * S, START + end_s * S)[()]


def test_a_period_ends_with_the_sample_at_its_end() -> None:
    """The sample at the beginning belongs to the period before."""
    samples = Samples()
    for second in range(0, 130, 10):
        samples.take(START + second * S, [gauge(second)])
    assert value(samples, "minimum", 0, 60) == 10
    assert value(samples, "maximum", 0, 60) == 60
    assert value(samples, "average", 60, 120) == 95
    assert value(samples, "count", 60, 120) == 6
    assert value(samples, "increase", 60, 120) == 60


def test_a_period_without_samples_has_no_data() -> None:
    """Neither before the first, nor in a gap, nor for a metric that is not there."""
    samples = Samples()
    assert value(samples, "average", 0, 60) is None
    samples.take(START + 70 * S, [gauge(1), counter(5)])
    samples.take(START + 200 * S, [gauge(1), counter(6)])
    assert value(samples, "average", 0, 60) is None
    assert value(samples, "average", 120, 180) is None
    assert value(samples, "increase", 120, 180, "calls_total") is None
    assert value(samples, "average", 60, 120, "unheard") is None


def test_a_counter_that_is_set_back_goes_on_from_zero() -> None:
    """A part of the process that begins anew costs nothing that was counted."""
    samples = Samples()
    for at, total in ((0, 100), (20, 130), (40, 5), (60, 10)):
        samples.take(START + at * S, [counter(total)])
    assert value(samples, "increase", 0, 60, "calls_total") == 40
    assert value(samples, "rate", 0, 60, "calls_total") == pytest.approx(40 / 60)


def test_the_first_call_of_all_is_counted() -> None:
    """A series that was not there a moment ago began at zero: its first error is an error."""
    samples = Samples()
    samples.take(START, [counter(7, status="200")])
    samples.take(START + 30 * S, [counter(8, status="200"), counter(1, status="500")])
    samples.take(START + 60 * S, [counter(9, status="200"), counter(1, status="500")])
    assert value(samples, "increase", 0, 60, "calls_total", {"status": "5*"}) == 1
    assert value(samples, "increase", 0, 60, "calls_total", {"status": "200"}) == 2


def test_what_was_counted_before_the_start_is_not_counted_now() -> None:
    """A ledger of a million entries did not write them in its first minute."""
    samples = Samples()
    samples.take(START + 30 * S, [counter(1_000_000)])
    samples.take(START + 60 * S, [counter(1_000_030)])
    assert value(samples, "increase", 0, 60, "calls_total") == 30
    assert value(samples, "rate", 0, 60, "calls_total") == 1


def test_each_combination_of_labels_is_a_series_by_itself() -> None:
    """With `by`; labels that are not named there are added up."""
    samples = Samples()
    for at in (0, 60):
        samples.take(
            START + at * S,
            [
                counter(at, route="a", status="200"),
                counter(2 * at, route="a", status="500"),
                counter(3 * at, route="b", status="200"),
            ],
        )
    source = MetricSource("calls_total", by=("route",))
    found = samples.values(source, "increase", START, START + 60 * S)
    assert found == {(("route", "a"),): 180, (("route", "b"),): 180}


def test_a_share_of_what_was_not_counted_yet_is_none_of_it() -> None:
    """No error so far is a share of 0; without any call there is no share."""
    samples = Samples()
    source = MetricSource("errors_total", by=("route",), over="calls_total")
    samples.take(START, [counter(0, route="a"), counter(0, route="b")])
    samples.take(START + 60 * S, [counter(10, route="a"), counter(0, route="b")])
    a: Series = (("route", "a"),)
    b: Series = (("route", "b"),)
    assert samples.values(source, "rate", START, START + 60 * S) == {a: 0.0, b: None}
    errors = counter(5, "errors_total", route="a")
    samples.take(START + 120 * S, [counter(20, route="a"), counter(0, route="b"), errors])
    assert samples.values(source, "rate", START + 60 * S, START + 120 * S) == {a: 0.5, b: None}


def test_histograms_give_percentiles_of_the_period() -> None:
    """Of what was observed in it, not since the start."""
    samples = Samples()

    def observed(*counts: int) -> Sample:
        return Sample("latency", {}, "histogram", sum(counts) * 0.05, BOUNDS, counts)

    samples.take(START, [observed(1_000, 0, 0, 0)])
    samples.take(START + 60 * S, [observed(1_000, 0, 10, 0)])
    assert value(samples, "p50", 0, 60, "latency") == 0.75
    assert value(samples, "count", 0, 60, "latency") == 10
    samples.take(START + 120 * S, [observed(1_000, 0, 10, 0)])
    assert value(samples, "p50", 60, 120, "latency") is None


@pytest.mark.parametrize("kind", ["gauge", "counter"])
@pytest.mark.parametrize("statistic", ["average", "minimum", "maximum", "last", "increase", "sum"])
def test_hours_later_a_minute_still_says_the_same(kind: Kind, statistic: Statistic) -> None:
    """What fell out of the samples stands in the rows of minutes: the same numbers, seeded."""
    chance = random.Random(7)  # noqa: S311  a seed, no secret
    samples = Samples()
    source = MetricSource("m")
    total = 0.0
    early: dict[int, float | None] = {}
    for second in range(0, 3 * 3_600 + 10, 10):
        total += chance.randrange(5)
        level = chance.random() if kind == "gauge" else total
        samples.take(START + second * S, [Sample("m", {}, kind, level)])
        if second % 600 == 0 and second:
            period = START + (second - 600) * S, START + second * S
            early[second] = samples.values(source, statistic, *period)[()]
    for second, then in early.items():
        period = START + (second - 600) * S, START + second * S
        now = samples.values(source, statistic, *period)[()]
        assert now == pytest.approx(then), second


def test_samples_that_come_late_are_still_counted_once() -> None:
    """What was counted in a busy moment shows in the next period: nothing is lost or doubled."""
    samples = Samples()
    for at, total in ((0, 0), (10, 10), (50, 50), (66, 66), (120, 120)):
        samples.take(START + at * S, [counter(total)])
    first = value(samples, "increase", 0, 60, "calls_total")
    second = value(samples, "increase", 60, 120, "calls_total")
    assert (first, second) == (50, 70)


def test_series_are_bounded() -> None:
    """Beyond so many they are not kept, and that is counted."""
    samples = Samples()
    many = [gauge(1, n=str(n)) for n in range(METRIC_SERIES_MAX + 5)]
    histograms = [
        Sample("h", {"n": str(n)}, "histogram", 0.0, BOUNDS, (1, 0, 0, 0))
        for n in range(HISTOGRAM_SERIES_MAX + 3)
    ]
    samples.take(START, [*many, *histograms])
    assert samples.dropped == 8
    assert value(samples, "count", -10, 0) == METRIC_SERIES_MAX


def test_it_says_what_it_knows() -> None:
    """Since when."""
    samples = Samples()
    assert samples.since_ns() is None
    samples.take(START, [gauge(1), counter(1)])
    assert samples.since_ns() == START


def test_a_clock_that_is_set_back() -> None:
    """By a moment: that sample is left out. By more: it is a new beginning."""
    samples = Samples()
    samples.take(START + 60 * S, [gauge(1)])
    samples.take(START + 50 * S, [gauge(9)])
    assert value(samples, "maximum", 0, 60) == 1
    samples.take(START - 3_600 * S, [gauge(5)])
    assert samples.since_ns() == START - 3_600 * S
    assert value(samples, "maximum", -3_660, -3_600) == 5


def test_a_metric_that_becomes_something_else_begins_anew() -> None:
    """Other buckets after an update of a part, or a counter that was a gauge: nothing breaks."""
    samples = Samples()
    samples.take(START, [gauge(1, "m"), Sample("h", {}, "histogram", 1.0, (1.0,), (1, 0))])
    changed = [counter(5, "m"), Sample("h", {}, "histogram", 2.0, BOUNDS, (1, 1, 0, 0))]
    samples.take(START + 10 * S, changed)
    samples.take(START + 60 * S, [counter(8, "m"), changed[1]])
    assert value(samples, "increase", 0, 60, "m") == 8
    assert value(samples, "count", 0, 60, "h") == 2
