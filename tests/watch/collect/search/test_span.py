"""Ranges cut into pieces that people can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.collect.search.span import aligned, exact

HOUR_NS = 3_600 * NS_PER_SECOND


@pytest.mark.parametrize(
    ("seconds", "buckets", "expected"),
    [(3_600, 60, 60), (86_400, 60, 1_800), (86_400 * 30, 60, 43_200), (1, 60, 0.02), (60, 12, 5)],
)
def test_buckets_have_readable_lengths(seconds: float, buckets: int, expected: float) -> None:
    """The smallest length of the list that needs no more buckets than were asked for."""
    span = aligned(1_000 * HOUR_NS, 1_000 * HOUR_NS + int(seconds * NS_PER_SECOND), buckets)
    assert span.bucket_ns == expected * NS_PER_SECOND


@given(st.integers(0, 4 * 10**18), st.integers(1, 4 * 10**18), st.integers(1, 1_000))
def test_the_range_is_covered_by_few_buckets(start: int, length: int, buckets: int) -> None:
    """No moment of the range is outside, and there is at most one bucket more than asked for."""
    span = aligned(start, start + length, buckets)
    assert span.earliest_ns <= start
    assert span.latest_ns >= start + length
    assert span.buckets <= buckets + 1
    assert span.earliest_ns % span.bucket_ns == 0
    other = exact(start, start + length, buckets)
    assert other.earliest_ns == start
    assert other.latest_ns >= start + length
    assert other.buckets == buckets
