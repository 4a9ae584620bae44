"""Metric shift: does a number of the house run otherwise than it does at this time?

Requests, errors and latency of each route, quotes and spread, orders and volume of each pair, and
lines of each service, in windows of ten seconds, each judged by the metric detector against the
series' own past. Its evidence is then ranked among that of all series of one kind: a shift is told
when it stands out among everything that such series do.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from tallystick.watch.detect.metric import DEFAULT, MetricReason, MetricStreams
from tallystick.watch.detect.observation import (
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)
from tallystick.watch.detect.operations.kernels import SKETCH_WIDTH, Floats, Sketch
from tallystick.watch.detect.operations.prices.market import is_moment, is_open
from tallystick.watch.detect.operations.series.kernels import rank_each
from tallystick.watch.detect.operations.series.windows import (
    WINDOW_SECONDS,
    WINDOW_SECONDS_MAX,
    Counted,
    Point,
    Windows,
)
from tallystick.watch.detect.operations.wording import stamp, surprise, time_of_day
from tallystick.watch.detect.score import (
    ALARM_P_MAX,
    P_VALUE_MIN,
    Contribution,
    Example,
    Finding,
    Judged,
    Reason,
)
from tallystick.watch.detect.wording import grouped, once_in

THINGS_MAX = 300
"""Most routes, pairs and services that have series."""
SERIES_OF_THING_MAX = 4
CONFIG = msgspec.structs.replace(DEFAULT, smoothing=3.0)
"""A shift of half a minute is to be seen: surprise is averaged over three windows, not twenty."""
REFRACTORY_SECONDS = 900.0
WORDS = {
    "route_requests": ("requests", "requests in 10 s"),
    "route_error_share": ("error share", "% of the calls"),
    "route_p50": ("median latency", "ms"),
    "route_p99": ("p99 latency", "ms"),
    "pair_quotes": ("quotes", "quotes in 10 s"),
    "pair_spread": ("spread", "bps"),
    "pair_orders": ("orders", "orders in 10 s"),
    "pair_volume": ("volume", "of the base currency in 10 s"),
    "service_lines": ("log lines", "log lines in 10 s"),
}
"""How a series is called, and its unit."""
_PERCENT = {"route_error_share"}
_PLACES = {feature: place for place, feature in enumerate(WORDS)}


class _Saved(msgspec.Struct, tag="series", forbid_unknown_fields=True):
    streams: bytes
    things: list[tuple[str, Counted]]
    ranks: list[tuple[str, bytes]]
    start: float | None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class MetricShift:
    """Counts what comes, and scores each series when its window is over."""

    names = ("metric_shift",)
    observes = (CallSeen, OrderSeen, QuoteSeen, LogSeen, TimeSeen)

    def __init__(self, entities_max: int = THINGS_MAX, alarm_p: float = ALARM_P_MAX) -> None:
        self._alarm_p = alarm_p
        self._things_max = entities_max
        self._windows = Windows(entities_max)
        self._streams = MetricStreams(CONFIG, SERIES_OF_THING_MAX * entities_max)
        self._ranks: Sketch = np.zeros((len(WORDS), SKETCH_WIDTH), np.float32)
        self._start: float | None = None

    def __len__(self) -> int:
        return len(self._windows)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Count; a tick that ends a window scores it, with the p-value of its oddest series."""
        p_values = np.full(len(batch), np.nan)
        findings: list[Finding] = []
        for row, seen in enumerate(batch):
            if type(seen) is not TimeSeen:
                self._windows.add(seen)
            elif is_moment(seen.at_seconds):
                p_values[row] = self._tick(seen.at_seconds, row, findings)
        return Judged(p_values.tolist(), findings)

    def snapshot(self) -> bytes:
        """Everything learnt, and what the open window has counted."""
        return _ENCODER.encode(
            _Saved(
                self._streams.snapshot(),
                self._windows.save(),
                [(feature, self._ranks[n].tobytes()) for feature, n in _PLACES.items()],
                self._start,
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        known = {name: np.frombuffer(held, np.float32) for name, held in saved.ranks}
        if any(len(each) != SKETCH_WIDTH for each in known.values()) or known.keys() - WORDS.keys():
            raise ValueError("these ranks are of another detector")
        ranks = np.zeros_like(self._ranks)
        for name, held in known.items():
            ranks[_PLACES[name]] = held
        self._streams.restore(saved.streams)
        self._windows.load(saved.things)
        self._ranks = ranks
        self._start = saved.start

    def _tick(self, at_seconds: float, row: int, findings: list[Finding]) -> float:
        """End the window when it is over; the p-value of the oddest series in it, else NaN."""
        start = self._start
        if start is not None and 0.0 <= at_seconds - start < WINDOW_SECONDS:
            return np.nan
        self._start = at_seconds
        whole = start is not None and 0.0 <= at_seconds - start <= WINDOW_SECONDS_MAX
        points = list(self._windows.close(is_open(at_seconds), whole))
        if not points:
            return np.nan
        p_values = self._judge(points, at_seconds)
        for n in np.flatnonzero(p_values < self._alarm_p).tolist():
            why = self._streams.explain(_stream(points[n]))
            findings.append(_finding(row, points[n], float(p_values[n]), why))
        # So many looks were taken in this window (Bonferroni); NaN where none could be.
        known = p_values[~np.isnan(p_values)]
        return min(1.0, float(known.min()) * len(known)) if len(known) else np.nan

    def _judge(self, points: list[Point], at_seconds: float) -> Floats:
        """The p-value of each series' point, by the rank of its evidence among its kind; learnt.

        NaN where the series is too new.
        """
        values = np.array([point.value for point in points], np.float64)
        streams = [_stream(point) for point in points]
        evidence = -np.log10(
            np.maximum(self._streams.observe_each(streams, at_seconds, values), P_VALUE_MIN)
        ).sum(axis=1)
        kinds = [_PLACES[point.feature] if point.known else -1 for point in points]
        p_values = np.full(len(points), np.nan)
        rank_each(self._ranks, np.array(kinds, np.int64), evidence, self._alarm_p, p_values)
        return p_values


def _stream(point: Point) -> str:
    return f"{point.feature} {point.of}"


def _shown(point: Point, value: float) -> float:
    """A number of the series as a person reads it."""
    number = float(np.expm1(min(value, 60.0))) if point.logarithmic else value
    if point.feature in _PERCENT:
        number *= 100
    return float(f"{max(0.0, number):.3g}")


def _finding(row: int, point: Point, p_value: float, why: MetricReason) -> Finding:
    word, unit = WORDS[point.feature]
    came, expected, low, high = (
        _shown(point, value) for value in (why.came, why.expected, why.low, why.high)
    )
    nearest = None
    if why.nearest is not None and stamp(why.nearest.at_seconds):
        was = grouped(_shown(point, why.nearest.value))
        when = time_of_day(why.nearest.at_seconds)
        nearest = Example(stamp(why.nearest.at_seconds), f"{point.of}: {was} {unit}{when}")
    usual = f"about {grouped(expected)}, between {grouped(low)} and {grouped(high)}"
    return Finding(
        row=row,
        detector="metric_shift",
        family="operations",
        entity=f"{point.of} {word}",
        p_value=p_value,
        refractory_seconds=REFRACTORY_SECONDS,
        reason=Reason(
            expected=usual,
            came=f"{grouped(came)} {unit}",
            sentence=(
                f"{point.of}: {word} shifted to {grouped(came)} {unit}; at this time usually "
                f"{usual} ({once_in(p_value)})."
            ),
            contributions=(Contribution(point.feature, unit, came, low, high, surprise(p_value)),),
            nearest=nearest,
        ),
    )
