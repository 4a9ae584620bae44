"""The drift monitor: whether what the detectors look at, and what they make of it, is as it was.

Features: the last values of each are held against a reference window (two-sample Kolmogorov-Smirnov
distance over the reference's own sixteenths). Calibration: of a detector's p-values the share below
one in a hundred is held against what it was at first. Neither alerts anybody by itself: both are
told by `GET /v1/detection` and as gauges, and say when a challenger should be trained.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.drift.state import DriftState
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen, QuoteSeen

WINDOW = 2_000
"""Values of the reference, and of what is held against it."""
PARTS = 16
BINS = PARTS + 1
"""Sixteenths of the reference, and what is beyond all of it."""
SIGNIFICANT = math.sqrt(-math.log(1e-6 / 2) / 2) * math.sqrt(2 / WINDOW)
"""Kolmogorov-Smirnov distance of two windows that chance exceeds once in a million."""
DISTANCE_MIN = 0.2
"""What differs by less is no drift, however significant: days and hours differ too."""
WINDOWS_MAX = 5
"""After so many drifting windows the world is another one: they become the reference."""
TAIL = 1e-2
"""p-values below this are counted."""
LOOKS = 10_000
"""p-values of which a share is made; the older ones count half after each so many."""
TAIL_TIMES = 3.0
"""A share that is so many times another one is a drift of calibration."""
TAIL_SIGMAS = 5.0
STREAMS_MAX = 200

Floats = NDArray[np.float64]
_T = TypeVar("_T")


class _Feature(msgspec.Struct):
    """A feature's reference and its newest window; `waiting` is the reference while it is made."""

    observed: int = 0
    waiting: list[float] = []
    edges: list[float] = []
    reference: list[float] = []
    newest: list[float] = []
    distance: float = 0.0
    drifting: int = 0
    drifted_at: str | None = None
    shifts: int = 0


class _Calibration(msgspec.Struct):
    """A detector's judged looks and small p-values: at first, and lately."""

    observed: int = 0
    first_looks: float = 0.0
    first_small: float = 0.0
    looks: float = 0.0
    small: float = 0.0
    drifting: bool = False
    drifted_at: str | None = None


class _Saved(msgspec.Struct):
    v: Literal[1]
    at: str
    features: dict[str, _Feature]
    calibrations: dict[str, _Calibration]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class DriftMonitor:
    """Watches distributions; bounded by STREAMS_MAX streams of each kind, more are not watched."""

    def __init__(self) -> None:
        self._at = ""
        self._features: dict[str, _Feature] = {}
        self._calibrations: dict[str, _Calibration] = {}

    def features(self, observations: Sequence[Observation]) -> None:
        """Take the features of these observations."""
        if not observations:
            return
        self._at = observations[-1].at
        for stream, values in _values(observations).items():
            known = _room(self._features, stream, _Feature)
            if known is not None:
                _take(known, np.asarray(values), self._at)

    def p_values(self, detector: str, p_values: Iterable[float]) -> None:
        """Take what a detector judged; NaN is what it did not."""
        known = _room(self._calibrations, detector, _Calibration)
        values = np.fromiter(p_values, np.float64)
        values = values[np.isfinite(values)]
        if known is None or not len(values):
            return
        known.observed += len(values)
        small = float(np.count_nonzero(values < TAIL))
        if known.first_looks < LOOKS:
            known.first_looks += len(values)
            known.first_small += small
            return
        known.looks += len(values)
        known.small += small
        if known.looks > 2 * LOOKS:
            known.looks, known.small = known.looks / 2, known.small / 2
        drifting = _is_off(known)
        if drifting and not known.drifting:
            known.drifted_at = self._at or None
        known.drifting = drifting

    def state(self) -> tuple[DriftState, ...]:
        """How each stream stands, by name."""
        limit = max(SIGNIFICANT, DISTANCE_MIN)
        features = [
            DriftState(
                name, "feature", each.observed, round(each.distance, 4), round(limit, 4),
                each.drifting > 0, each.drifted_at, None, each.shifts,
            )
            for name, each in sorted(self._features.items())
        ]  # fmt: skip
        calibrations = [
            DriftState(
                name, "calibration", each.observed, round(_times(each), 4),
                round(math.log10(TAIL_TIMES), 4), each.drifting, each.drifted_at,
                round(_share(each), 6),
            )
            for name, each in sorted(self._calibrations.items())
        ]  # fmt: skip
        return (*features, *calibrations)

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        return _ENCODER.encode(_Saved(1, self._at, self._features, self._calibrations))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: the bytes are none; nothing has changed.
        """
        saved = _DECODER.decode(data)
        self._at, self._features = saved.at, saved.features
        self._calibrations = saved.calibrations


def _room(known: dict[str, _T], name: str, make: type[_T]) -> _T | None:
    found = known.get(name)
    if found is None and len(known) < STREAMS_MAX:
        found = known[name] = make()
    return found


def _values(observations: Sequence[Observation]) -> dict[str, list[float]]:
    """The numbers of a batch, by the name of their feature."""
    values: dict[str, list[float]] = {
        "order_quantity": [], "order_distance_bps": [], "call_duration_us": [],
        "quote_spread_bps": [],
    }  # fmt: skip
    sizes, distances, durations, spreads = values.values()
    for each in observations:
        if type(each) is OrderSeen:
            if each.event == "decided":
                sizes.append(each.quantity)
                if each.mid and each.fill_price is not None:
                    distances.append((each.fill_price / each.mid - 1) * 1e4)
        elif type(each) is CallSeen:
            durations.append(each.duration_us)
        elif type(each) is QuoteSeen and each.bid > 0:
            spreads.append((each.ask / each.bid - 1) * 1e4)
    return {name: found for name, found in values.items() if found}


def _take(known: _Feature, values: Floats, at: str) -> None:
    values = values[np.isfinite(values)]
    known.observed += len(values)
    if not known.edges:
        known.waiting += values.tolist()
        if len(known.waiting) >= WINDOW:
            _refer(known, np.array(known.waiting))
        return
    counts = np.bincount(np.searchsorted(known.edges, values, side="right"), minlength=BINS)
    newest: Floats = np.array(known.newest) + counts
    if newest.sum() >= WINDOW:
        _compare(known, newest, at)
        newest = np.zeros(BINS)
    known.newest = newest.tolist()


def _refer(known: _Feature, values: Floats) -> None:
    """These values are the reference."""
    inner = np.quantile(values, np.arange(1, PARTS) / PARTS)
    edges = np.append(inner, np.nextafter(values.max(), np.inf))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=BINS)
    known.edges, known.waiting = edges.tolist(), []
    known.reference = (counts / counts.sum()).tolist()
    known.newest = [0.0] * BINS


def _compare(known: _Feature, newest: Floats, at: str) -> None:
    shares = newest / newest.sum()
    known.distance = float(np.abs(np.cumsum(shares) - np.cumsum(known.reference)).max())
    if known.distance <= max(SIGNIFICANT, DISTANCE_MIN):
        known.drifting = 0
        return
    if known.drifting == 0:
        known.drifted_at = at
    known.drifting += 1
    if known.drifting > WINDOWS_MAX:
        known.edges, known.waiting = [], []
        known.drifting, known.distance = 0, 0.0
        known.shifts += 1


def _share(known: _Calibration) -> float:
    """The share of small p-values: lately, or at first while that is all there is."""
    if known.looks > 0:
        return known.small / known.looks
    return known.first_small / known.first_looks if known.first_looks > 0 else 0.0


def _times(known: _Calibration) -> float:
    """log10 of the share lately over the share at first; nothing seen counts half a look."""
    if known.looks <= 0 or known.first_looks <= 0:
        return 0.0
    lately = (known.small + 0.5) / (known.looks + 1)
    return math.log10(lately / ((known.first_small + 0.5) / (known.first_looks + 1)))


def _is_off(known: _Calibration) -> bool:
    first = (known.first_small + 0.5) / (known.first_looks + 1)
    sigma = math.sqrt(first * (1 - first) * known.looks)
    is_large = abs(_times(known)) > math.log10(TAIL_TIMES)
    return is_large and abs(known.small - first * known.looks) > TAIL_SIGMAS * sigma
