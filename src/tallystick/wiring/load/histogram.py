"""Latencies counted in log-linear buckets, as HdrHistogram does: small, exact to 0.8 %, mergeable.

A value below 256 has a bucket of its own. From there on each doubling of the value is cut into 128
equal buckets, so a bucket is never wider than 1/128 of the values in it. Own, because it is these
lines: the library for it has not had a release in years and brings a C extension.
"""

from collections.abc import Iterable, Mapping
from typing import Self

LINEAR_BITS = 7
"""Each doubling is cut into 2 ** 7 = 128 buckets."""
_LINEAR = 1 << (LINEAR_BITS + 1)
VALUE_MAX = (1 << 40) - 1
"""Largest value that is told apart; microseconds: twelve days. Larger ones count as this."""
_BUCKETS = _LINEAR + ((40 - LINEAR_BITS - 1) << LINEAR_BITS)


class Histogram:
    """How often values (whole numbers, from 0 on) came; counts never overflow, memory is fixed."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.total = 0
        self.max = 0

    def record(self, value: int) -> None:
        """Count one value."""
        if value > VALUE_MAX:  # noqa: PLR1730  three times as fast, for every request
            value = VALUE_MAX
        if value < _LINEAR:
            self._counts[value] += 1
        else:
            shift = value.bit_length() - LINEAR_BITS - 1
            self._counts[(shift << LINEAR_BITS) + (value >> shift)] += 1
        self.count += 1
        self.total += value
        if value > self.max:  # noqa: PLR1730  likewise
            self.max = value

    def merge(self, other: Self) -> None:
        """Add what another one counted: the same as if all had been counted here."""
        self._counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.total += other.total
        self.max = max(self.max, other.max)

    def quantile(self, share: float) -> int:
        """The smallest bucket's top below or at which at least `share` of the values lie.

        The top of the last bucket is the largest value itself. 0 where nothing was counted.
        """
        wanted, seen = max(1, -int(-share * self.count // 1)), 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= wanted and count:
                return min(_top(index), self.max)
        return 0

    @property
    def mean(self) -> float:
        """The mean; 0 where nothing was counted."""
        return self.total / self.count if self.count else 0.0

    def buckets(self) -> dict[int, int]:
        """The largest value of each bucket that is not empty, and how many are in it."""
        return {_top(index): count for index, count in enumerate(self._counts) if count}

    @classmethod
    def of(cls, values: Iterable[int] | Mapping[int, int]) -> Self:
        """A histogram of these values, or of what `buckets` gave (whose maximum is a top)."""
        made = cls()
        pairs = values.items() if isinstance(values, Mapping) else ((one, 1) for one in values)
        for value, count in pairs:
            made.record(value)
            made._counts[_index(min(value, VALUE_MAX))] += count - 1
            made.count += count - 1
            made.total += value * (count - 1)
        return made


def _index(value: int) -> int:
    if value < _LINEAR:
        return value
    shift = value.bit_length() - LINEAR_BITS - 1
    return (shift << LINEAR_BITS) + (value >> shift)


def _top(index: int) -> int:
    """The largest value that is counted in a bucket."""
    if index < _LINEAR:
        return index
    shift = (index >> LINEAR_BITS) - 1
    return ((index - (shift << LINEAR_BITS) + 1) << shift) - 1
