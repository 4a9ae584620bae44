"""Many streams of metrics, each judged by its own past: the detector's front."""

import math
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.metric import kernels
from tallystick.watch.detect.metric.config import DEFAULT, MetricConfig, version
from tallystick.watch.detect.metric.reason import (
    MetricExample,
    MetricFamily,
    MetricReason,
    MetricScore,
)
from tallystick.watch.detect.metric.state import FAMILIES, STREAM

STREAMS_MAX = 1_000
"""Streams that are known at once (about 50 KiB each); the least recently used goes first."""
_STREAMS_AT_FIRST = 4
_BAND_SCALES = 3.0
"""Scales around the expected value that an explanation calls usual."""

Floats = NDArray[np.float64]


class _Saved(msgspec.Struct):
    form: str
    names: list[str]
    records: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


def _form(config: MetricConfig) -> str:
    return f"metric {version(config)} {STREAM.itemsize}"


def evidence_of(score: float) -> float:
    """The evidence (mean of log1p(-log10 p)) at which a score is reached."""
    return math.log1p(-math.log10(1.0 - score))


def scores_of(evidence: Floats) -> Floats:
    """Evidence as a number from 0 to 1: 1 - 10 ** -(e ** evidence - 1)."""
    scores: Floats = 1.0 - np.power(10.0, -np.expm1(evidence))
    return scores


class MetricStreams:
    """Scores each point of each stream by the stream's own past, then learns it.

    Strictly causal and deterministic; memory per stream and time per point are constant. At most
    `streams_max` streams are known. Numbers that are not finite score 0 and are not learnt.
    """

    def __init__(self, config: MetricConfig = DEFAULT, streams_max: int = STREAMS_MAX) -> None:
        self.config = config
        self._limit = max(1, streams_max)
        self._rows: OrderedDict[str, int] = OrderedDict()
        self._records = np.zeros(min(_STREAMS_AT_FIRST, self._limit), STREAM)
        self._levels = np.array(sorted(evidence_of(t) for t in config.thresholds.values()))
        self._threshold = config.thresholds[config.sensitivity]
        self._rules = np.array(
            [
                config.refractory_share,
                config.refractory_min,
                config.refractory_max,
                config.escalation,
                config.warm_up,
                config.smoothing,
                config.softening,
                config.age_power,
            ]
        )

    def __len__(self) -> int:
        return len(self._rows)

    def observe(self, stream: str, at_seconds: float, value: float) -> MetricScore:
        """Score a point, then learn it."""
        score = float(self.observe_many(stream, np.array([at_seconds]), np.array([value]))[0])
        p_value = float(self._records[self._rows[stream]]["last_joint"])
        return MetricScore(score=score, p_value=p_value, alarm=score >= self._threshold)

    def observe_many(self, stream: str, at_seconds: Floats, values: Floats) -> Floats:
        """Score, then learn, each point in turn; how they are cut into calls changes nothing."""
        return self._observe(
            self._row(stream),
            np.ascontiguousarray(at_seconds, np.float64),
            np.ascontiguousarray(values, np.float64),
        )

    def observe_batch(self, streams: Sequence[str], at_seconds: Floats, values: Floats) -> Floats:
        """The scores of points of many streams, one after the other."""
        return np.array(
            [
                self.observe(stream, at, value).score
                for stream, at, value in zip(
                    streams, at_seconds.tolist(), values.tolist(), strict=True
                )
            ]
        )

    def explain(self, stream: str) -> MetricReason:
        """Why the stream's last point was scored as it was.

        Raises:
            KeyError: the stream is not known, or no longer.
        """
        record = self._records[self._rows[stream]]
        surprise = [math.log1p(-math.log10(p)) for p in record["last_p"].tolist()]
        whole = sum(surprise) or 1.0
        families = sorted(
            (
                MetricFamily(name=name, p_value=p, share=part / whole)
                for name, p, part in zip(FAMILIES, record["last_p"].tolist(), surprise, strict=True)
            ),
            key=lambda family: -family.share,
        )
        expected = float(record["last_expected"])
        band = _BAND_SCALES * float(record["scale"])
        came = float(record["last_value"])
        nearest = None
        place = int(record["last_nearest"])
        if place >= 0:
            nearest = MetricExample(
                at_seconds=float(record["memory_at"][place]),
                value=float(record["memory"][0, place] * record["unit"] + record["anchor"]),
            )
        return MetricReason(
            at_seconds=float(record["last_at"]),
            came=came,
            expected=expected,
            low=expected - band,
            high=expected + band,
            score=float(record["last_score"]),
            families=tuple(families),
            nearest=nearest,
            sentence=f"{came:.6g} came where {expected:.6g} was expected.",
        )

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        names = list(self._rows)
        records = self._records[[self._rows[name] for name in names]]
        return _ENCODER.encode(
            _Saved(form=_form(self.config), names=names, records=records.tobytes())
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of a detector of the same configuration.

        Raises:
            ValueError: the bytes are no snapshot of such a detector; it is as it was.
        """
        try:
            saved = _DECODER.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError("These bytes are no snapshot of metric streams.") from error
        if saved.form != _form(self.config) or len(saved.records) != STREAM.itemsize * len(
            saved.names
        ):
            raise ValueError("The snapshot was taken by another form of the metric detector.")
        records = np.frombuffer(saved.records, STREAM).copy()[-self._limit :]
        names = saved.names[-self._limit :]
        self._records = records if len(records) else np.zeros(1, STREAM)
        self._rows = OrderedDict((name, row) for row, name in enumerate(names))

    def _observe(self, row: int, at_seconds: Floats, values: Floats) -> Floats:
        if at_seconds.shape != values.shape or values.ndim != 1:
            raise ValueError("A point has one time and one value.")
        evidence = np.zeros(len(values))
        kernels.observe(self._records[row], at_seconds, values, self._levels, self._rules, evidence)
        return scores_of(evidence)

    def _row(self, stream: str) -> int:
        row = self._rows.get(stream)
        if row is not None:
            self._rows.move_to_end(stream)
            return row
        if len(self._rows) >= self._limit:
            _, row = self._rows.popitem(last=False)
        else:
            row = len(self._rows)
            if row == len(self._records):
                more = np.zeros(min(2 * row, self._limit), STREAM)
                more[:row] = self._records
                self._records = more
        self._records[row] = np.zeros((), STREAM)
        self._rows[stream] = row
        return row
