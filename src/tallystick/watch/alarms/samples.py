"""Samples of the process's own metrics, kept for a while: what metric alarms are computed from.

Of every series the samples of the last hour or so are kept, and one row a minute of twelve hours.
What only grows (counters, histograms) is kept as what it came to, so that a minute's row says all;
a counter that falls was set back to zero and goes on from there. Its rows stand there only where
it changed: a route that nobody calls costs nothing.

A period is the time after its beginning up to and with its end: the sample that is taken at the
end belongs to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from tallystick.watch.alarms.alarm import Alarm, MetricSource, Statistic
from tallystick.watch.alarms.labels import fits
from tallystick.watch.alarms.rings import Ring
from tallystick.watch.alarms.series import Series, Values, series_of
from tallystick.watch.alarms.statistic import (
    Growth,
    Summary,
    of_counter,
    of_gauge,
    of_histogram,
    quantile_of,
    share,
)

SAMPLES_KEPT = 600
"""Samples of one series as they were taken: 100 minutes of one every ten seconds."""
MINUTES_KEPT = 720
"""Minutes of one series that are known after that."""
SAMPLE_SECONDS = (10, 5, 2)
"""How often samples are taken: the longest of these that is a fifth of the shortest period or less,
and of which every period is a multiple."""
SAMPLES_PER_PERIOD_MIN = 5
METRIC_SERIES_MAX = 2_000
"""Most series of gauges and counters (at most 70 KiB each); further ones are not kept."""
HISTOGRAM_SERIES_MAX = 1_500
"""Most series of histograms: about two hundred operations with all their answers. One that never
rests has 200 KiB; most rest."""
_MINUTE_MS = 60_000
_NS_PER_MS = 1_000_000

Kind = Literal["counter", "gauge", "histogram"]


class Sample(NamedTuple):
    """A metric's value now.

    A histogram's `value` is the sum of what was observed, `counts` how much of it was at most each
    of `bounds` and above the one before; the last count is of what was above all.
    """

    name: str
    labels: Mapping[str, str]
    kind: Kind
    value: float
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class Samples:
    """Of every metric the last samples. Owned by the event loop's thread."""

    def __init__(self) -> None:
        self.dropped = 0
        """Series that were not kept because there are too many; counted at every sample."""
        self._forget()

    def _forget(self) -> None:
        self._families: dict[str, dict[Series, _Gauge | _Grows]] = {}
        self._gathered = _Gauge()
        self._gauges = 0
        self._histograms = 0

    def take(self, at_ns: int, samples: Iterable[Sample]) -> None:
        """What all metrics are now. Everything that is reported at all is in every taking.

        A clock that was set back by more than a minute is a new beginning.
        """
        at = at_ns // _NS_PER_MS
        newest = self._gathered.newest()
        if newest is not None and at <= newest:
            if newest - at <= _MINUTE_MS:
                return
            self._forget()
        first = len(self._gathered) == 0
        for sample in samples:
            track = self._track(sample, newborn=not first)
            if track is None:
                self.dropped += 1
            elif isinstance(track, _Gauge):
                track.add(at, sample.value)
            elif sample.kind == "histogram":
                track.add(at, (sample.value, *sample.counts))
            else:
                track.add(at, (sample.value,))
        self._gathered.add(at, 1.0)

    def since_ns(self) -> int | None:
        """How far back values can be given; None while there are none."""
        first = self._gathered.first()
        return None if first is None else int(first) * _NS_PER_MS

    def values(
        self, source: MetricSource, statistic: Statistic, start_ns: int, end_ns: int
    ) -> Values:
        """What each series of the source came to in a period; see `alarm.Statistic`.

        Without `by` there is always one series, whatever is known.
        """
        start, end = start_ns // _NS_PER_MS, end_ns // _NS_PER_MS
        above = self._values(source.name, source.labels, source.by, statistic, start, end)
        if source.over is not None:
            below = self._values(source.over, source.over_labels, source.by, statistic, start, end)
            absent = 0.0 if statistic in _ADDS else None  # nobody has counted anything yet
            above = {
                series: share(above.get(series, absent), value) for series, value in below.items()
            }
        return above if above or source.by else {(): None}

    def _values(
        self,
        name: str,
        labels: Mapping[str, str],
        by: tuple[str, ...],
        statistic: Statistic,
        start: int,
        end: int,
    ) -> Values:
        groups: dict[Series, list[_Gauge | _Grows]] = {}
        for series, track in self._families.get(name, {}).items():
            own = dict(series)
            if fits(own, labels):
                key = series_of({label: own.get(label, "") for label in by})
                groups.setdefault(key, []).append(track)
        looked = self._gathered.summary(start, end)
        if looked is None:
            return dict.fromkeys(groups)
        return {key: self._value(group, statistic, start, end) for key, group in groups.items()}

    def _value(
        self, tracks: list["_Gauge | _Grows"], statistic: Statistic, start: int, end: int
    ) -> float | None:
        gauges = [track for track in tracks if isinstance(track, _Gauge)]
        if gauges:
            quantile = quantile_of(statistic)
            numbers = [] if quantile is None else [n for g in gauges for n in g.each(start, end)]
            summaries = [each for g in gauges if (each := g.summary(start, end)) is not None]
            return of_gauge(summaries, statistic, numbers, (end - start) / 1_000)
        looked = self._gathered.summary(start, end)
        until = end if looked is None else min(end, looked.last_at)
        grown = [
            growth
            for track in tracks
            if isinstance(track, _Grows) and (growth := track.growth(start, until)) is not None
        ]
        bounds = next((track.bounds for track in tracks if isinstance(track, _Grows)), ())
        return of_histogram(grown, statistic, bounds) if bounds else of_counter(grown, statistic)

    def _track(self, sample: Sample, *, newborn: bool) -> "_Gauge | _Grows | None":
        family = self._families.setdefault(sample.name, {})
        series = series_of(sample.labels)
        track = family.get(series)
        if track is not None and _is_of(track, sample):
            return track
        if sample.kind == "histogram":
            if self._histograms >= HISTOGRAM_SERIES_MAX:
                return None
            self._histograms += 1
        elif self._gauges >= METRIC_SERIES_MAX:
            return None
        else:
            self._gauges += 1
        family[series] = track = (
            _Gauge() if sample.kind == "gauge" else _Grows(sample.bounds, newborn=newborn)
        )
        return track


def interval_seconds(alarms: Sequence[Alarm]) -> int:
    """How often these alarms want samples."""
    periods = [each.period_seconds for each in alarms if isinstance(each.source, MetricSource)]
    longest = min(periods, default=60) // SAMPLES_PER_PERIOD_MIN
    return next(
        (
            seconds
            for seconds in SAMPLE_SECONDS
            if seconds <= longest and all(period % seconds == 0 for period in periods)
        ),
        SAMPLE_SECONDS[-1],
    )


_ADDS = frozenset({"rate", "increase", "count", "sum"})


def _is_of(track: "_Gauge | _Grows", sample: Sample) -> bool:
    """Whether the metric is still what it was: else it begins anew."""
    if isinstance(track, _Gauge):
        return sample.kind == "gauge"
    return sample.kind != "gauge" and track.bounds == sample.bounds


class _Gauge:
    """What goes up and down: each sample, then what a minute came to."""

    def __init__(self) -> None:
        self._fine = Ring(2, SAMPLES_KEPT)
        self._coarse = Ring(6, MINUTES_KEPT)
        self._minute: Summary | None = None

    def __len__(self) -> int:
        return len(self._fine)

    def first(self) -> float | None:
        """When it was first seen, of what is still known."""
        known = [ring.at(0) for ring in (self._fine, self._coarse) if len(ring)]
        return min(known, default=None)

    def newest(self) -> float | None:
        """When it was last seen."""
        return self._fine.at(len(self._fine) - 1) if len(self._fine) else None

    def add(self, at: int, value: float) -> None:
        self._fine.add((at, value))
        seen = self._minute
        if seen is None:
            whole = Summary(1, value, value, value, value, value, at)
        else:
            low, high = min(seen.low, value), max(seen.high, value)
            total = seen.total + value
            whole = Summary(seen.number + 1, total, low, high, seen.before, value, at)
        over = seen is not None and at // _MINUTE_MS > seen.last_at // _MINUTE_MS
        if over or at % _MINUTE_MS == 0:
            self._coarse.add((at, whole.number, whole.total, whole.low, whole.high, whole.last))
            self._minute = None
        else:
            self._minute = whole

    def each(self, start: int, end: int) -> Iterator[float]:
        """The samples of a period; of one that is long ago, each minute's average."""
        if self._fine.reaches(start):
            ring = self._fine
            yield from (ring.row(i)[0] for i in range(ring.after(start), ring.after(end)))
            return
        ring = self._coarse
        for i in range(ring.after(start), ring.after(end)):
            count, total, *_ = ring.row(i)
            yield total / count

    def summary(self, start: int, end: int) -> Summary | None:
        """What a period came to; None: nothing was seen in it."""
        fine = self._fine.reaches(start)
        ring = self._fine if fine else self._coarse
        first, behind = ring.after(start), ring.after(end)
        if first == behind:
            return None
        rows = [ring.row(i) for i in range(first, behind)]
        before = ring.row(first - 1)[-1] if first else rows[0][-1]
        last_at = int(ring.at(behind - 1))
        if fine:
            numbers = [row[0] for row in rows]
            low, high = min(numbers), max(numbers)
            return Summary(len(rows), sum(numbers), low, high, before, numbers[-1], last_at)
        return Summary(
            sum(row[0] for row in rows),
            sum(row[1] for row in rows),
            min(row[2] for row in rows),
            max(row[3] for row in rows),
            before,
            rows[-1][4],
            last_at,
        )


class _Grows:
    """What only grows, as it came to: one number, or a histogram's sum and counts."""

    def __init__(self, bounds: tuple[float, ...], *, newborn: bool) -> None:
        """`newborn`: it was not there at the sample before, so it began at zero."""
        self.bounds = bounds
        self._newborn = newborn
        self._fine: Ring | None = None
        self._coarse: Ring | None = None
        self._raw: tuple[float, ...] = ()
        self._sum: tuple[float, ...] = ()
        self._minute = -1

    def add(self, at: int, values: tuple[float, ...]) -> None:
        if self._fine is None or self._coarse is None:
            self._fine = Ring(1 + len(values), SAMPLES_KEPT)
            self._coarse = Ring(1 + len(values), MINUTES_KEPT)
            self._sum = self._raw = values
            self._fine.add((at, *values))
            self._coarse.add((at, *values))
        elif values != self._raw:
            whole = self._raw
            set_back = sum(values[1:] or values) < sum(whole[1:] or whole)
            base = (0.0,) * len(values) if set_back else whole
            added = [now - then for now, then in zip(values, base, strict=True)]
            self._sum = tuple(n + more for n, more in zip(self._sum, added, strict=True))
            self._raw = values
            self._fine.add((at, *self._sum))
        minute = at // _MINUTE_MS
        if minute > self._minute:
            self._minute = minute
            newest = self._coarse.row(len(self._coarse) - 1)
            if tuple(newest) != self._sum:
                self._coarse.add((at, *self._sum))

    def growth(self, start: int, end: int) -> Growth | None:
        """By how much it has grown, and over how many seconds; None: it is not known."""
        if self._fine is None or self._coarse is None or end <= start:
            return None
        ring = self._fine if self._fine.reaches(start) else self._coarse
        last = ring.after(end) - 1
        if last < 0:
            return None
        first = ring.after(start) - 1
        if first >= 0:
            base, since = ring.row(first), start
        elif not ring.whole:
            return None
        elif self._newborn:
            base, since = [0.0] * len(ring.row(0)), start
        else:
            base, since = ring.row(0), int(ring.at(0))
        if since >= end:
            return None
        top = ring.row(last)
        grown = tuple(b - a for a, b in zip(base, top, strict=True))
        return Growth(grown, tuple(top), (end - since) / 1_000)
