"""The watcher: takes messages and log lines, feeds the detectors, and says what is odd.

One thread owns a watcher. A message is known by its position and taken once; an anomaly's id is
made of the detector and that position, so a replay after a restart finds the same anomalies under
the same ids, and whoever is told can tell that it has heard them.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from tallystick.errors import Corrupt
from tallystick.stream.message import Message
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.observation import (
    CallSeen,
    Observation,
    OrderSeen,
    UnreadableError,
    call_seen,
    order_seen,
)
from tallystick.watch.detect.score import Anomaly, Reason, Score

ANOMALIES_KEPT_MAX = 1_000
"""Most recent anomalies that are kept for those who ask."""
REFRACTORY_ENTITIES_MAX = 10_000
"""Most entities that are held back at once; the longest known goes first."""


class _Saved(msgspec.Struct):
    v: Literal[1]
    position: int
    detectors: dict[str, bytes]
    quiet: list[tuple[str, str, float]]
    recent: list[Anomaly]
    untold: list[Anomaly]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Watcher:
    """Feeds `detectors` and calls `on_anomaly` once for each anomaly, in order.

    When `on_anomaly` raises, the error goes to the caller and the anomaly stays untold: the next
    `take` or `take_call` tells it first. `position` is the next message's that will be taken.
    `unreadable` counts entries and log lines of a known kind that could not be read.
    """

    def __init__(
        self, detectors: Iterable[Detector], on_anomaly: Callable[[Anomaly], None]
    ) -> None:
        self.position = 0
        self.unreadable = 0
        self._detectors = {detector.name: detector for detector in detectors}
        self._of_orders = self._that_observe(OrderSeen)
        self._of_calls = self._that_observe(CallSeen)
        self._on_anomaly = on_anomaly
        self._quiet: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._recent: deque[Anomaly] = deque(maxlen=ANOMALIES_KEPT_MAX)
        self._untold: deque[Anomaly] = deque()  # bounded by: one a detector, told at once

    def take(self, messages: Iterable[Message]) -> int:
        """Look at messages in order of position; those seen before are dropped.

        Gives how many were new.
        """
        self._tell()
        taken = 0
        for message in messages:
            if message.position < self.position:
                continue
            self.position = message.position + 1
            taken += 1
            try:
                order = order_seen(message.position, message.body)
            except UnreadableError:
                self.unreadable += 1
                continue
            if order is not None:
                self._look(order, self._of_orders)
        return taken

    def take_call(self, line: Mapping[str, object]) -> None:
        """Look at one log line; lines that are no answered API call are ignored."""
        self._tell()
        try:
            call = call_seen(line)
        except UnreadableError:
            self.unreadable += 1
            return
        if call is not None:
            self._look(call, self._of_calls)

    def take_call_seen(self, call: CallSeen) -> None:
        """Look at a call that nobody had to read from a log line."""
        self._tell()
        self._look(call, self._of_calls)

    def recent(self, limit: int) -> list[Anomaly]:
        """The last anomalies, newest first."""
        return list(self._recent)[: -limit - 1 : -1] if limit > 0 else []

    def snapshot(self) -> bytes:
        """Everything learnt up to `position`, for `restore`; save it before the stream's cursor."""
        return _ENCODER.encode(
            _Saved(
                v=1,
                position=self.position,
                detectors={name: each.snapshot() for name, each in self._detectors.items()},
                quiet=[(name, entity, until) for (name, entity), until in self._quiet.items()],
                recent=list(self._recent),
                untold=list(self._untold),
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot, at its `position`; a detector it does not know starts afresh.

        Raises:
            Corrupt: the bytes are no snapshot of this version; the watcher must be thrown away.
        """
        try:
            saved = _DECODER.decode(data)
            for name, state in saved.detectors.items():
                if name in self._detectors:
                    self._detectors[name].restore(state)
        except ValueError as error:
            raise Corrupt(f"The detectors' saved state cannot be read: {error}.") from error
        self.position = saved.position
        self._quiet = OrderedDict(((name, entity), until) for name, entity, until in saved.quiet)
        self._recent = deque(saved.recent, maxlen=ANOMALIES_KEPT_MAX)
        self._untold = deque(saved.untold)  # bounded by: what was saved

    def _that_observe(self, kind: type[Observation]) -> list[Detector]:
        return [each for each in self._detectors.values() if issubclass(kind, each.observes)]

    def _look(self, observation: Observation, detectors: Iterable[Detector]) -> None:
        for detector in detectors:
            score = detector.observe(observation)
            if score is not None and score.reason is not None:
                self._note(detector, observation, score, score.reason)
        if self._untold:
            self._tell()

    def _note(
        self, detector: Detector, observation: Observation, score: Score, reason: Reason
    ) -> None:
        key = (detector.name, score.entity)
        if observation.at_seconds < self._quiet.get(key, 0.0):
            return
        self._quiet[key] = observation.at_seconds + detector.refractory_seconds
        self._quiet.move_to_end(key)
        if len(self._quiet) > REFRACTORY_ENTITIES_MAX:
            self._quiet.popitem(last=False)
        anomaly = _anomaly(detector.name, observation, score, reason)
        self._recent.append(anomaly)
        self._untold.append(anomaly)

    def _tell(self) -> None:
        while self._untold:
            self._on_anomaly(self._untold[0])
            self._untold.popleft()


def _anomaly(detector: str, observation: Observation, score: Score, reason: Reason) -> Anomaly:
    order = observation if isinstance(observation, OrderSeen) else None
    call = None if isinstance(observation, OrderSeen) else observation
    source = f"{order.position}" if order else f"{observation.at}:{score.entity}"
    return Anomaly(
        id=f"{detector}:{source}",
        detector=detector,
        at=observation.at,
        p_value=score.p_value,
        expected=reason.expected,
        came=reason.came,
        sentence=reason.sentence,
        contributions=reason.contributions,
        account=observation.account,
        pair=order.pair if order else None,
        route=call.route if call else None,
        position=order.position if order else None,
        order_id=order.order_id if order else None,
    )
