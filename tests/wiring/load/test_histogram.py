"""Latencies are counted exactly enough, in fixed memory, and histograms add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.wiring.load import Histogram
from tallystick.wiring.load.histogram import VALUE_MAX

VALUES = st.lists(st.integers(0, VALUE_MAX), min_size=1, max_size=200)
SHARES = st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0])


def exact(values: list[int], share: float) -> int:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(1, -int(-share * len(ordered) // 1)) - 1]


@given(values=VALUES, share=SHARES)
def test_a_quantile_is_never_too_small_and_at_most_a_128th_too_large(
    values: list[int], share: float
) -> None:
    """Whatever was counted, a quantile is the true one or the top of its narrow bucket."""
    right = exact(values, share)

    assert right <= Histogram.of(values).quantile(share) <= right + right // 128


@given(values=VALUES)
def test_count_mean_and_maximum_are_exact(values: list[int]) -> None:
    """These do not come from buckets."""
    histogram = Histogram.of(values)

    assert (histogram.count, histogram.max) == (len(values), max(values))
    assert histogram.mean == pytest.approx(sum(values) / len(values))
    assert histogram.quantile(1.0) == max(values)


@given(one=VALUES, other=VALUES)
def test_two_histograms_are_the_histogram_of_both(one: list[int], other: list[int]) -> None:
    """Processes can measure apart and add up what they found."""
    merged, both = Histogram.of(one), Histogram.of(one + other)
    merged.merge(Histogram.of(other))

    assert merged.buckets() == both.buckets()
    assert (merged.count, merged.total, merged.max) == (both.count, both.total, both.max)


@given(values=VALUES)
def test_buckets_survive_a_file(values: list[int]) -> None:
    """What `buckets` gives makes a histogram with the same buckets again."""
    histogram = Histogram.of(values)

    assert Histogram.of(histogram.buckets()).buckets() == histogram.buckets()
    assert sum(histogram.buckets().values()) == len(values)


def test_every_small_value_has_its_own_bucket() -> None:
    """Below 256 nothing is rounded."""
    assert Histogram.of(range(256)).buckets() == dict.fromkeys(range(256), 1)


def test_nothing_counted_is_zero_and_too_large_is_the_largest() -> None:
    """The ends of the scale."""
    assert (Histogram().quantile(0.5), Histogram().mean) == (0, 0.0)
    assert Histogram.of([VALUE_MAX + 1]).max == VALUE_MAX
