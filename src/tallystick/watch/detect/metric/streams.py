"""Many streams of metrics, each judged by its own past: the detector's front."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.metric import kernels
from tallystick.watch.detect.metric.config import DEFAULT, MetricConfig, version
from tallystick.watch.detect.metric.explaining import reason_of
from tallystick.watch.detect.metric.reason import MetricReason, MetricScore
from tallystick.watch.detect.metric.rules import p_value_of, rules_of, scores_of
from tallystick.watch.detect.metric.state import BLANK, FAMILIES, STREAM

STREAMS_MAX = 1_000
"""Streams that are known at once (about 83 KiB each); the least recently used goes first."""
_STREAMS_AT_FIRST = 4

Floats = NDArray[np.float64]


class _Saved(msgspec.Struct):
    form: str
    names: list[str]
    records: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class MetricStreams:
    """Scores each point of each stream by the stream's own past, then learns it.

    Strictly causal and deterministic; memory per stream and time per point are constant. At most
    `streams_max` streams are known. A time or value that is not finite scores 0 and is not learnt;
    repeated times, gaps and clocks that go back are taken as they come.
    """

    def __init__(self, config: MetricConfig = DEFAULT, streams_max: int = STREAMS_MAX) -> None:
        self.config = config
        self._limit = max(1, streams_max)
        self._rows: OrderedDict[str, int] = OrderedDict()
        self._records = np.zeros(min(_STREAMS_AT_FIRST, self._limit), STREAM)
        self._rules = rules_of(config)
        self._threshold = config.threshold
        self._form = f"metric {version(config)} {STREAM.itemsize}"

    def __len__(self) -> int:
        return len(self._rows)

    def observe(self, stream: str, at_seconds: float, value: float) -> MetricScore:
        """Score a point, then learn it."""
        told = self._observe(self._row(stream), np.array([at_seconds]), np.array([value]))
        score = float(scores_of(told)[0])
        record = self._records[self._rows[stream]]
        p_value = p_value_of(float(record["last_joint"])) if np.isfinite(value) else 1.0
        return MetricScore(score=score, p_value=p_value, alarm=score >= self._threshold)

    def observe_many(self, stream: str, at_seconds: Floats, values: Floats) -> Floats:
        """The scores of points of one stream; how they are cut into calls changes nothing.

        Raises:
            ValueError: not as many times as values.
        """
        return scores_of(
            self._observe(
                self._row(stream),
                np.ascontiguousarray(at_seconds, np.float64),
                np.ascontiguousarray(values, np.float64),
            )
        )

    def observe_batch(self, streams: Sequence[str], at_seconds: Floats, values: Floats) -> Floats:
        """The scores of points of many streams, one after the other, as `observe` gives them.

        Raises:
            ValueError: not as many streams, times and values.
        """
        if not len(streams) == len(at_seconds) == len(values):
            raise ValueError("A point has one stream, one time and one value.")
        ats = np.ascontiguousarray(at_seconds, np.float64)
        numbers = np.ascontiguousarray(values, np.float64)
        told = np.zeros(len(streams))
        for i, stream in enumerate(streams):
            told[i : i + 1] = self._observe(self._row(stream), ats[i : i + 1], numbers[i : i + 1])
        return scores_of(told)

    def observe_each(self, streams: Sequence[str], at_seconds: float, values: Floats) -> Floats:
        """The p-values, a column a family, of a point of each of several streams at one moment.

        They are scored and learnt as by `observe`, one after the other. A family that has judged
        nothing yet gives 1.

        Raises:
            ValueError: a stream is named twice, there are more than are known at once, or not as
                many as values.
        """
        if not len(set(streams)) == len(streams) == len(values) or len(streams) > self._limit:
            raise ValueError("At one moment a stream has one point.")
        told = np.zeros((len(streams), len(FAMILIES)))
        if streams:
            rows = np.array([self._row(stream) for stream in streams])
            kernels.observe_each(self._records, rows, self._rules, at_seconds, values, told)
        told[told == 0.0] = 1.0
        return told

    def explain(self, stream: str) -> MetricReason:
        """Why the stream's last point was scored as it was.

        Raises:
            KeyError: the stream is not known, or no longer.
        """
        return reason_of(self._records[self._rows[stream]], self.config)

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`; about 83 KiB a stream."""
        names = list(self._rows)
        records = self._records[[self._rows[name] for name in names]]
        return _ENCODER.encode(_Saved(form=self._form, names=names, records=records.tobytes()))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of a detector of the same configuration.

        Raises:
            ValueError: the bytes are no snapshot of such a detector; it is as it was.
        """
        try:
            saved = _DECODER.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError("These bytes are no snapshot of metric streams.") from error
        if saved.form != self._form:
            raise ValueError(f"A snapshot of {saved.form!r}, but this detector is {self._form!r}.")
        if len(saved.records) != STREAM.itemsize * len(saved.names):
            raise ValueError("The snapshot of metric streams is cut short.")
        names = saved.names[-self._limit :]
        records = np.zeros(max(1, len(names)), STREAM)
        records[: len(names)] = np.frombuffer(saved.records, STREAM)[-self._limit :]
        self._records = records
        self._rows = OrderedDict((name, row) for row, name in enumerate(names))

    def _observe(self, row: int, at_seconds: Floats, values: Floats) -> Floats:
        if at_seconds.shape != values.shape or values.ndim != 1:
            raise ValueError("A point has one time and one value.")
        told = np.zeros(len(values))
        kernels.observe(self._records[row], self._rules, at_seconds, values, told)
        return told

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
        self._records[row] = BLANK
        self._rows[stream] = row
        return row
