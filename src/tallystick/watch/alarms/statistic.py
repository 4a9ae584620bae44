"""What a metric came to in one period: pure arithmetic over what `samples` has kept."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tallystick.watch.alarms.alarm import Statistic


class Summary(NamedTuple):
    """A gauge in a period: its samples' number, sum and bounds, the value before, the last one."""

    number: float
    total: float
    low: float
    high: float
    before: float
    last: float
    last_at: int


class Growth(NamedTuple):
    """What has grown: by how much, to what, over how many seconds."""

    grown: tuple[float, ...]
    top: tuple[float, ...]
    seconds: float


def quantile_of(statistic: Statistic) -> float | None:
    """0.999 of `p99.9`; None for what is no percentile."""
    return float(statistic[1:]) / 100 if statistic.startswith("p") else None


def share(part: float | None, whole: float | None) -> float | None:
    """A part of a whole; None where either is not known, or there is nothing to divide."""
    return None if part is None or not whole else part / whole


def of_gauge(
    summaries: Sequence[Summary], statistic: Statistic, samples: Sequence[float], seconds: float
) -> float | None:
    """A statistic over the samples of all gauges together; None without any.

    `last` is the sum of each one's last value, `increase` of what each has changed by.
    """
    if not summaries:
        return None
    quantile = quantile_of(statistic)
    if quantile is not None:
        return _between(sorted(samples), quantile)
    count = sum(each.number for each in summaries)
    total = sum(each.total for each in summaries)
    increase = sum(each.last - each.before for each in summaries)
    told = {
        "average": total / count,
        "sum": total,
        "minimum": min(each.low for each in summaries),
        "maximum": max(each.high for each in summaries),
        "count": count,
        "last": sum(each.last for each in summaries),
        "increase": increase,
        "rate": increase / seconds,
    }
    return told[statistic]


def of_counter(grown: Sequence[Growth], statistic: Statistic) -> float | None:
    """`rate` a second, and `increase`, `sum` and `count` of what was counted; else what it is."""
    if not grown:
        return None
    if statistic == "rate":
        return sum(each.grown[0] / each.seconds for each in grown)
    if statistic in {"increase", "sum", "count"}:
        return sum(each.grown[0] for each in grown)
    return sum(each.top[0] for each in grown)


def of_histogram(
    grown: Sequence[Growth], statistic: Statistic, bounds: Sequence[float]
) -> float | None:
    """A statistic of what was observed; counts are 0 and the rest unknown where nothing was.

    A percentile is interpolated within its bucket; above the last bound it is that bound.
    """
    if not grown:
        return None
    columns = zip(*(each.grown[1:] for each in grown), strict=True)
    counts: list[float] = [sum(column) for column in columns]
    count, total = sum(counts), sum(each.grown[0] for each in grown)
    quantile = quantile_of(statistic)
    if quantile is None and statistic not in {"average", "minimum", "maximum", "last"}:
        rate = sum(sum(each.grown[1:]) / each.seconds for each in grown)
        return {"rate": rate, "sum": total}.get(statistic, count)
    if count <= 0:
        return None
    if statistic == "average":
        return total / count
    if quantile is None:
        quantile = 0.0 if statistic == "minimum" else 1.0
    return _within(counts, bounds, quantile)


def _between(ordered: Sequence[float], quantile: float) -> float | None:
    """The value at a quantile of samples in order, interpolated between the two beside it."""
    if not ordered:
        return None
    place = quantile * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _within(counts: Sequence[float], bounds: Sequence[float], quantile: float) -> float:
    """The value at a quantile of counts in buckets."""
    wanted = quantile * sum(counts)
    edges = [0.0, *bounds]
    seen = 0.0
    for (low, high), count in zip(pairwise(edges), counts, strict=False):
        if count > 0 and seen + count >= wanted:
            return low + (high - low) * (wanted - seen) / count
        seen += count
    return edges[-1]
