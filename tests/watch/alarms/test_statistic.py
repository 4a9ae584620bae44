"""What a metric came to in a period."""

import pytest

from tallystick.watch.alarms.alarm import Statistic
from tallystick.watch.alarms.statistic import (
    Growth,
    Summary,
    of_counter,
    of_gauge,
    of_histogram,
    quantile_of,
    share,
)

BOUNDS = (0.1, 0.5, 1.0)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("average", 2.5),
        ("sum", 10.0),
        ("minimum", 1.0),
        ("maximum", 4.0),
        ("count", 4),
        ("last", 6.0),
        ("increase", 3.0),
        ("rate", 0.05),
        ("p50", 2.5),
        ("p90", 3.7),
    ],
)
def test_gauges_are_pooled(statistic: Statistic, value: float) -> None:
    """All samples count alike; `last` and `increase` add up over the gauges."""
    summaries = [Summary(2, 3.0, 1.0, 2.0, 0.0, 2.0, 60), Summary(2, 7.0, 3.0, 4.0, 3.0, 4.0, 60)]
    assert of_gauge(summaries, statistic, [4.0, 1.0, 3.0, 2.0], 60.0) == pytest.approx(value)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("rate", 2.0), ("increase", 90.0), ("sum", 90.0), ("count", 90.0), ("last", 190.0)],
)
def test_counters_grow(statistic: Statistic, value: float) -> None:
    """Each over the seconds that are known of it; anything else is what they are."""
    grown = [Growth((60.0,), (100.0,), 60.0), Growth((30.0,), (90.0,), 30.0)]
    assert of_counter(grown, statistic) == value


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("count", 100),
        ("increase", 100),
        ("rate", 10.0),
        ("sum", 40.0),
        ("average", 0.4),
        ("p50", 0.1),
        ("p90", 0.5),
        ("p95", 0.75),
        ("p99", 0.95),
        ("minimum", 0.0),
        ("maximum", 1.0),
    ],
)
def test_a_percentile_is_interpolated_within_its_bucket(statistic: Statistic, value: float) -> None:
    """Fifty up to 0.1, forty up to 0.5, ten up to 1."""
    grown = [Growth((40.0, 50, 40, 10, 0), (0.0,) * 5, 10.0)]
    assert of_histogram(grown, statistic, BOUNDS) == pytest.approx(value)


def test_beyond_the_last_bound_is_that_bound() -> None:
    """Nobody knows how far beyond: Prometheus answers the same."""
    assert of_histogram([Growth((9.0, 0, 0, 0, 5), (0.0,) * 5, 10.0)], "p99", BOUNDS) == 1.0


def test_nothing_observed_is_no_latency_but_a_count_of_zero() -> None:
    """An idle route has no percentile; that nobody called it is known."""
    idle = [Growth((0.0, 0, 0, 0, 0), (0.0,) * 5, 60.0)]
    assert of_histogram(idle, "p99", BOUNDS) is None
    assert of_histogram(idle, "average", BOUNDS) is None
    assert of_histogram(idle, "count", BOUNDS) == 0
    assert of_histogram(idle, "rate", BOUNDS) == 0
    assert of_histogram([], "count", BOUNDS) is None
    assert of_counter([], "rate") is None
    assert of_gauge([], "average", [], 60.0) is None


def test_shares() -> None:
    """Nothing is divided by nothing, nor by what is not known."""
    assert share(1.0, 4.0) == 0.25
    assert share(0.0, 0.0) is None
    assert share(1.0, None) is None
    assert share(None, 1.0) is None


def test_quantiles_are_named() -> None:
    """`p99.9` is 0.999; an average is none."""
    assert quantile_of("p99.9") == pytest.approx(0.999)
    assert quantile_of("average") is None
