"""Suppressions: what people dismissed is told less often, and never silenced for ever.

The rule. Of each stream (a detector and an entity) the last verdicts are remembered, and the share
of its anomalies that are worth an alert is estimated: a beta distribution whose prior is the share
of the whole detector, whose own prior is one half.

    detector  m = (A/2 + C) / (A + C + D)             A = DETECTOR_PRIOR
    stream    share = (K m + c) / (K + c + d)         K = STREAM_PRIOR

c and d are the stream's confirmed and dismissed verdicts, C and D the detector's. A verdict's
weight halves every HALF_LIFE_SECONDS. Oddness counts too: a dismissal says "as odd as this, or
less, is not worth it", so its weight falls from one to nothing as an anomaly is 10 to 1,000 times
rarer than what was dismissed; a confirmation says the same of what is as odd or more.

An anomaly is held back when the share is below PRECISION_MIN: an alert of which fewer than one in
four is worth its reader's time is over the budget. The first dismissal alone holds nothing back,
two do; after some weeks without a word the stream may speak again. What somebody dismissed until a
time is held back until then, unless it is 1,000 times rarer, or something like it was confirmed.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp, rfc3339
from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.feedback.reading import judged, surprise_of
from tallystick.watch.detect.score import Anomaly

DETECTOR_PRIOR = 10.0
"""Verdicts that the even prior of a detector weighs as much as."""
STREAM_PRIOR = 2.0
"""Verdicts that a stream's prior, the detector's share, weighs as much as."""
PRECISION_MIN = 0.25
"""An alert is due where at least this share of its like is expected to be worth it."""
HALF_LIFE_SECONDS = 30 * 86_400.0
"""After this long a verdict counts half."""
ALIKE_DECADES = 1.0
"""What is up to ten times rarer than the judged one is just like it."""
EXTREME_DECADES = 3.0
"""What is a thousand times rarer is not like it at all."""
STREAMS_MAX = 10_000
"""Most streams remembered; the one that was judged longest ago goes first."""
VERDICTS_MAX = 16
"""Most verdicts remembered of a stream, the newest."""
DETECTORS_MAX = 200
"""Most detectors with a share of their own."""
WEIGHT_MIN = 1e-6
_ANY = ""
"""In the place of a detector: of every detector about the entity."""

Stream = tuple[str, str]


class _Verdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One verdict; times are seconds since the epoch, `until` 0.0 where there is no end."""

    anomaly: str
    detector: str
    position: int
    at: float
    confirmed: bool
    surprise: float
    until: float


class _Share(msgspec.Struct, array_like=True, gc=False):
    """A detector's verdicts, weighed as at `at`."""

    at: float = 0.0
    confirmed: float = 0.0
    dismissed: float = 0.0

    def add(self, at: float, *, confirmed: bool, weight: float) -> None:
        """One verdict more, or less (`weight` -1), that was said at `at`."""
        if at > self.at:
            factor = _decay(at - self.at)
            self.at, self.confirmed, self.dismissed = (
                at, self.confirmed * factor, self.dismissed * factor,
            )  # fmt: skip
        weight *= _decay(self.at - at)
        if confirmed:
            self.confirmed = max(0.0, self.confirmed + weight)
        else:
            self.dismissed = max(0.0, self.dismissed + weight)

    def mean(self, at: float) -> float:
        """The detector's expected share at `at`."""
        factor = _decay(at - self.at)
        confirmed, dismissed = self.confirmed * factor, self.dismissed * factor
        return (DETECTOR_PRIOR / 2 + confirmed) / (DETECTOR_PRIOR + confirmed + dismissed)


class _Saved(msgspec.Struct):
    v: Literal[1]
    position: int
    streams: list[tuple[str, str, list[_Verdict]]]
    detectors: dict[str, _Share]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Suppressions:
    """Learns from verdicts in the ledger which anomalies are not worth an alert.

    `position` is the next entry's that is looked at; those before are dropped.
    """

    def __init__(self, *, streams_max: int = STREAMS_MAX) -> None:
        self.position = 0
        self._streams_max = streams_max
        self._streams: OrderedDict[Stream, list[_Verdict]] = OrderedDict()
        self._stream_of: dict[str, Stream] = {}
        self._detectors: OrderedDict[str, _Share] = OrderedDict()

    def __len__(self) -> int:
        """Streams of which something was said."""
        return len(self._streams)

    def learn(self, position: int, entry: bytes) -> bool:
        """Look at a ledger entry; whether it was a verdict, and new."""
        if position < self.position:
            return False
        self.position = position + 1
        said = judged(entry)
        if said is None:
            return False
        try:
            verdict = _verdict(position, said)
        except ValueError:
            return False  # a number or a time that this version cannot read
        self._forget(said.anomaly)
        self._remember((_ANY if said.scope == "entity" else said.detector, said.entity), verdict)
        return True

    def held(self, anomaly: Anomaly) -> str | None:
        """Why nobody is to be alerted of it, as a sentence; None: somebody is."""
        heard = list(self._heard(anomaly.detector, anomaly.entity))
        at = parse_own_stamp(anomaly.at) / NS_PER_SECOND
        return self._sentence(heard, anomaly.detector, at, surprise_of(anomaly.p_value))

    def held_streams(self, at_seconds: float) -> int:
        """Streams of which an anomaly just like the dismissed ones would be held back now."""
        return sum(self._is_held(stream, at_seconds) for stream in self._streams)

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        streams = [(*stream, heard) for stream, heard in self._streams.items()]
        return _ENCODER.encode(_Saved(1, self.position, streams, dict(self._detectors)))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: the bytes are none; nothing has changed.
        """
        saved = _DECODER.decode(data)
        self.position = saved.position
        self._streams = OrderedDict(
            ((detector, entity), heard) for detector, entity, heard in saved.streams
        )
        self._stream_of = {
            each.anomaly: stream for stream, heard in self._streams.items() for each in heard
        }
        self._detectors = OrderedDict(saved.detectors)

    def _sentence(
        self, heard: list[_Verdict], detector: str, at: float, surprise: float
    ) -> str | None:
        """Why one that is so odd is held back, by what was heard of its stream."""
        until = _until(heard, at, surprise)
        if until is not None:
            return f"Held back until {until}: its like was dismissed until then."
        confirmed, dismissed = _weights(heard, at, surprise)
        if dismissed < WEIGHT_MIN:
            return None
        share = self._detectors.get(detector, _Share()).mean(at)
        expected = (STREAM_PRIOR * share + confirmed) / (STREAM_PRIOR + confirmed + dismissed)
        if expected >= PRECISION_MIN:
            return None
        count = sum(not each.confirmed for each in heard)
        return (
            f"Held back: {count} of its like were dismissed; {100 * expected:.0f} % of them are"
            f" expected to be worth an alert, and {100 * PRECISION_MIN:.0f} % have to be."
        )

    def _heard(self, detector: str, entity: str) -> Iterator[_Verdict]:
        """What was said of a stream, or of its entity as a whole."""
        yield from self._streams.get((detector, entity), ())
        yield from self._streams.get((_ANY, entity), ())

    def _remember(self, stream: Stream, verdict: _Verdict) -> None:
        heard = self._streams.setdefault(stream, [])
        self._streams.move_to_end(stream)
        heard.append(verdict)
        self._stream_of[verdict.anomaly] = stream
        for old in heard[:-VERDICTS_MAX]:
            self._stream_of.pop(old.anomaly, None)
        del heard[:-VERDICTS_MAX]
        if len(self._streams) > self._streams_max:
            _stream, gone = self._streams.popitem(last=False)
            for each in gone:
                self._stream_of.pop(each.anomaly, None)
        share = self._detectors.setdefault(verdict.detector, _Share())
        self._detectors.move_to_end(verdict.detector)
        share.add(verdict.at, confirmed=verdict.confirmed, weight=1.0)
        if len(self._detectors) > DETECTORS_MAX:
            self._detectors.popitem(last=False)

    def _forget(self, anomaly: str) -> None:
        """What was said of this anomaly before: it was changed."""
        stream = self._stream_of.pop(anomaly, None)
        if stream is None:
            return
        heard = self._streams[stream]
        for each in [each for each in heard if each.anomaly == anomaly]:
            heard.remove(each)
            if each.detector in self._detectors:
                share = self._detectors[each.detector]
                share.add(each.at, confirmed=each.confirmed, weight=-1.0)
        if not heard:
            del self._streams[stream]

    def _is_held(self, stream: Stream, at: float) -> bool:
        heard = self._streams[stream]
        dismissed = [each for each in heard if not each.confirmed]
        if not dismissed:
            return False
        usual = min(dismissed, key=lambda each: each.surprise)
        return self._sentence(heard, usual.detector, at, usual.surprise) is not None


def _until(heard: list[_Verdict], at: float, surprise: float) -> str | None:
    """Until when the like of it was dismissed, and nobody confirmed since; RFC 3339."""
    confirmed = max((each.position for each in heard if each.confirmed), default=-1)
    ends = [
        each.until
        for each in heard
        if each.position > confirmed
        and at < each.until
        and surprise < each.surprise + EXTREME_DECADES
    ]
    return rfc3339(round(max(ends)) * NS_PER_SECOND) if ends else None


def _weights(heard: list[_Verdict], at: float, surprise: float) -> tuple[float, float]:
    """How much was confirmed and dismissed of what is as odd as this."""
    confirmed = dismissed = 0.0
    for each in heard:
        weight = _decay(at - each.at)
        further = each.surprise - surprise if each.confirmed else surprise - each.surprise
        likeness = (EXTREME_DECADES - further) / (EXTREME_DECADES - ALIKE_DECADES)
        weight *= min(1.0, max(0.0, likeness))
        if each.confirmed:
            confirmed += weight
        else:
            dismissed += weight
    return confirmed, dismissed


def _decay(seconds: float) -> float:
    return math.exp2(-max(0.0, seconds) / HALF_LIFE_SECONDS)


def _verdict(position: int, said: AnomalyJudged) -> _Verdict:
    until = 0.0 if said.until is None else parse_own_stamp(said.until) / NS_PER_SECOND
    at = parse_own_stamp(said.at) / NS_PER_SECOND
    surprise = surprise_of(float(said.p_value))
    is_confirmed = said.verdict == "confirmed"
    return _Verdict(
        said.anomaly, said.detector, position, at, is_confirmed, surprise,
        0.0 if is_confirmed else until,
    )  # fmt: skip
