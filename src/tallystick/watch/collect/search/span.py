"""The stretch of time that a question is about, and how it is cut into equal pieces."""

from dataclasses import dataclass

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.search.relation import Events, sql

BUCKETS_MAX = 1_000
"""Most buckets of a histogram."""
BUCKETS_DEFAULT = 60
"""Buckets that a histogram has about, where nobody says how many."""
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_NICE_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
    _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 90 * _DAY, 365 * _DAY,
)  # fmt: skip
"""Lengths that people can read off an axis."""


REACH_NS = 2**62
"""Times are counted so far from 1970 (from 1823 to 2116): differences then fit into 64 bits."""


def reachable(at_ns: int) -> int:
    """The time, or the nearest one that can be counted with."""
    return min(max(at_ns, -REACH_NS), REACH_NS)


@dataclass(frozen=True)
class Span:
    """From `earliest_ns` to before `latest_ns`, in `buckets` pieces of `bucket_ns`."""

    earliest_ns: int
    bucket_ns: int
    buckets: int

    @property
    def latest_ns(self) -> int:
        """The end of the last bucket."""
        return self.earliest_ns + self.bucket_ns * self.buckets

    def bucket(self) -> Sql:
        """SQL: the number of an event's bucket, from 0."""
        return Sql("(epoch_ns(_time) - ?) // ?", (self.earliest_ns, self.bucket_ns))


def aligned(earliest_ns: int, latest_ns: int, buckets: int = BUCKETS_DEFAULT) -> Span:
    """A span of at most `buckets` + 1 readable buckets that covers the range.

    Its ends are round times, so it may be a little longer than what was asked for.
    """
    length_ns = max(latest_ns - earliest_ns, 1)
    fitting = (
        int(seconds * NS_PER_SECOND)
        for seconds in _NICE_SECONDS
        if seconds * NS_PER_SECOND * buckets >= length_ns
    )
    bucket_ns = next(fitting, -(-length_ns // buckets))
    first = earliest_ns // bucket_ns
    last = -(-latest_ns // bucket_ns)
    return Span(first * bucket_ns, bucket_ns, max(last - first, 1))


def exact(earliest_ns: int, latest_ns: int, buckets: int) -> Span:
    """So many equal buckets from the one time on, the last of them up to the other."""
    length_ns = max(latest_ns - earliest_ns, 1)
    return Span(earliest_ns, -(-length_ns // buckets), buckets)


def bounds(events: Events) -> Sql:
    """SQL that tells the first and the last time of the events, and how many there are."""
    return sql("SELECT min(epoch_ns(_time)), max(epoch_ns(_time)), count(*) FROM ", events.relation)
