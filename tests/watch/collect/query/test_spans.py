"""Classes of time: which span is chosen, and where classes begin."""

from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.collect.query.spans import NICE_NS, chosen_ns


@pytest.mark.parametrize(
    ("seconds", "bins", "span"),
    [
        (0, 100, 0.001),
        (3_600, 100, 60),
        (3_600, 60, 60),
        (86_400, 100, 900),
        (7 * 86_400, 100, 7_200),
        (365 * 86_400, 100, 7 * 86_400),
        (10**9, 1, 36_400 * 86_400),
    ],
)
def test_the_smallest_nice_span_is_chosen(seconds: int, bins: int, span: float) -> None:
    """With at most so many classes."""
    assert chosen_ns(seconds * NS_PER_SECOND, bins) == span * NS_PER_SECOND


def test_nice_spans_grow() -> None:
    """So that the first that fits is the smallest."""
    assert list(NICE_NS) == sorted(NICE_NS)


def test_a_span_is_chosen_from_the_bounds_or_from_what_is_found(log: Any) -> None:
    """An hour by 100 classes is a class a minute; by 7 a class of ten."""
    assert len(log.table("earliest=-1h latest=now | timechart count")) == 60
    assert len(log.table("| timechart count")) == 60
    assert len(log.table("| timechart bins=7 count")) == 6
    assert len(log.table("| timechart bins=7 count BY route")) == 6


@pytest.mark.parametrize(
    ("span", "start"),
    [
        ("7m", "2026-11-22T04:00:00.000000Z"),
        ("1d", "2026-11-22T00:00:00.000000Z"),
        ("1w", "2026-11-16T00:00:00.000000Z"),
        ("1mon", "2026-11-01T00:00:00.000000Z"),
        ("1q", "2026-10-01T00:00:00.000000Z"),
        ("1y", "2026-01-01T00:00:00.000000Z"),
    ],
)
def test_where_a_class_begins(log: Any, span: str, start: str) -> None:
    """On whole spans of the calendar in UTC, weeks on Monday."""
    first = log.table(f"| timechart span={span} count")[0]
    if span != "7m":
        assert first["_time"] == start
    else:
        assert str(first["_time"]) <= "2026-11-22T04:00:16.123456Z"
    assert log.table(f"| bin _time span={span} | stats count BY _time")[0] == first


def test_gaps_of_months_are_filled(open_log: Any) -> None:
    """By the calendar."""
    log = open_log([{"timestamp": f"2026-0{month}-15T00:00:00Z"} for month in (1, 4)])
    assert [row["count"] for row in log.table("| timechart span=1mon count")] == [1, 0, 0, 1]
    assert len(log.table("| timechart span=1mon count BY host")) == 4


def test_too_many_gaps_stay_open(open_log: Any) -> None:
    """Rather than that a chart has a million points."""
    log = open_log([{"timestamp": f"2026-0{month}-15T00:00:00Z"} for month in (1, 4)])
    assert len(log.table("| timechart span=1s count")) == 2
