"""Detection as a whole: who watches, who watches in the shadow, and what people say of it.

Verdicts and promotions are entries of the ledger. Detection learns them from the same entries that
it looks at, so a replay makes the same detection, and finds the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from tallystick.errors import Corrupt, Misconfigured, Refused
from tallystick.stream.message import Message
from tallystick.watch.detect.alerting import Alerting
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.drift.monitor import DriftMonitor
from tallystick.watch.detect.drift.state import DriftState
from tallystick.watch.detect.feedback import Suppressions
from tallystick.watch.detect.models import Champion, Comparison, Model, Shadow
from tallystick.watch.detect.models.beside import Beside
from tallystick.watch.detect.observation import Observation, TimeSeen
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.supervised.classifier import decode
from tallystick.watch.detect.watcher import Watcher

Build = Callable[[DetectConfig, Mapping[str, bytes]], list[Detector]]
ModelOf = Callable[[str | None], tuple[Model, str | None]]
"""The model of a version (None: the shipped one), and a sentence where it had to be another."""
CLASSIFIER = "classifier.json"
"""The artefact of a model that ranks what is found."""
_NOTICES = (b'"kind":"anomaly_judged"', b'"kind":"model_promoted"')


class _Saved(msgspec.Struct):
    v: Literal[1]
    champion: bytes
    suppressions: bytes
    monitor: bytes
    model: str
    watcher: bytes
    challenger: str | None = None
    challenging: bytes = b""
    shadow: bytes = b""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Detection:
    """What the detection process owns. `notes` are sentences for the operator, taken by `noted`."""

    def __init__(self, model_of: ModelOf, build: Build) -> None:
        self._model_of = model_of
        self._build = build
        self._notes: list[str] = []  # bounded by: one for each promotion, taken at once
        self._champion = Champion()
        self._suppressions = Suppressions()
        self._monitor = DriftMonitor()
        self._watcher = self._champion_watching()
        self._challenger: Watcher | Beside | None = None
        self._shadow: Shadow | None = None

    @property
    def position(self) -> int:
        """The next entry's that will be taken."""
        return self._watcher.position

    @property
    def model(self) -> str:
        """The version that alerts."""
        return self._watcher.model

    @property
    def challenger(self) -> str | None:
        """The version that watches in the shadow."""
        return None if self._challenger is None else self._challenger.model

    @property
    def observed(self) -> int:
        """Observations looked at since the start."""
        return self._watcher.observed

    @property
    def unreadable(self) -> int:
        """Entries of a known kind that could not be read since the start."""
        return self._watcher.unreadable

    def findings(self) -> dict[str, int]:
        """How often each detector found something since the start."""
        return {name: self._watcher.findings[name] for name in self._watcher.names}

    def noted(self) -> list[str]:
        """What the operator should hear; said once."""
        notes, self._notes = self._notes, []
        challengers = [] if self._challenger is None else [self._challenger]
        return notes + [note for each in (self._watcher, *challengers) for note in each.noted()]

    def drift(self) -> tuple[DriftState, ...]:
        """What drifts: features, and the calibration of the detectors."""
        return self._monitor.state()

    def held_streams(self, at_seconds: float) -> int:
        """How many streams' anomalies are held back now."""
        return self._suppressions.held_streams(at_seconds)

    def comparison(self) -> Comparison | None:
        """What champion and challenger found so far."""
        return None if self._shadow is None else self._shadow.report()

    def challenge(self, version: str | None) -> None:
        """Let a version watch in the shadow from now on, or none."""
        if version is not None and version == self.challenger:
            return
        if version is None or version == self.model:
            self._dismiss_challenger()
            return
        self._dismiss_challenger()
        watcher = self._watching(version)
        # One whose model asks somebody over a network watches in a thread: nobody waits for it.
        model, _note = self._model_of(version)
        watcher.inherit(self._watcher)
        challenger = watcher if model.promotable else Beside(watcher)
        self._challenger, self._shadow = challenger, Shadow(self.model, challenger.model)

    def take(self, messages: Sequence[Message]) -> list[Anomaly]:
        """Look at ledger entries; what one of them changes holds from the next one on."""
        found: list[Anomaly] = []
        waiting: list[Message] = []
        for message in messages:
            waiting.append(message)
            if any(kind in message.body for kind in _NOTICES):
                found += self._took(waiting)
                waiting = []
                self._learn(message)
        return found + self._took(waiting)

    def see(self, observations: Sequence[Observation]) -> list[Anomaly]:
        """Look at what is not on the ledger."""
        found = self._watcher.see(observations)
        if self._challenger is not None and self._shadow is not None:
            ticks = sum(isinstance(each, TimeSeen) for each in observations)
            shadow_found = self._challenger.see(observations)
            self._shadow.add(found, shadow_found, len(observations) - ticks)
        return self._alerting.decide(found)

    def snapshot(self) -> bytes:
        """Everything learnt."""
        challenger, shadow = self._challenger, self._shadow
        return _ENCODER.encode(
            _Saved(
                v=1,
                champion=self._champion.snapshot(),
                suppressions=self._suppressions.snapshot(),
                monitor=self._monitor.snapshot(),
                model=self.model,
                watcher=self._watcher.snapshot(),
                challenger=self.challenger,
                challenging=b"" if challenger is None else challenger.snapshot(),
                shadow=b"" if shadow is None else shadow.snapshot(),
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            Corrupt: the bytes are no snapshot of this version; this must be thrown away.
        """
        try:
            saved = _DECODER.decode(data)
            self._champion.restore(saved.champion)
            self._suppressions.restore(saved.suppressions)
            self._monitor.restore(saved.monitor)
            self._watcher = self._champion_watching()
            self._watcher.restore(saved.watcher)
            if saved.challenger is not None:
                self.challenge(saved.challenger)
                if self._challenger is not None and self._shadow is not None:
                    self._challenger.restore(saved.challenging)
                    self._shadow.restore(saved.shadow)
        except ValueError as error:
            raise Corrupt(f"The state of detection cannot be read: {error}.") from error

    def _took(self, messages: Sequence[Message]) -> list[Anomaly]:
        if not messages:
            return []
        before = self._watcher.observed
        found = self._watcher.take(messages)
        if self._challenger is not None and self._shadow is not None:
            observed = self._watcher.observed - before
            self._shadow.add(found, self._challenger.take(messages), observed)
        return self._alerting.decide(found)

    def _learn(self, message: Message) -> None:
        self._suppressions.learn(message.position, message.body)
        if not self._champion.learn(message.position, message.body):
            return
        challenger = self._challenger
        if isinstance(challenger, Watcher) and challenger.model == self._champion.version:
            self._watcher = challenger  # it has watched: nothing has to be learnt anew
            self._watcher.monitor = self._monitor
            self._alerting = self._alerting_of(self._champion.version)
        else:
            before = self._watcher
            self._watcher = self._champion_watching()
            self._watcher.inherit(before)
        self._dismiss_challenger()

    def _dismiss_challenger(self) -> None:
        if isinstance(self._challenger, Beside):
            self._challenger.close()
        self._challenger = self._shadow = None

    def _champion_watching(self) -> Watcher:
        watcher = self._watching(self._champion.version)
        watcher.monitor = self._monitor
        self._alerting = self._alerting_of(self._champion.version)
        return watcher

    def _alerting_of(self, version: str | None) -> Alerting:
        model, _note = self._model_of(version)
        classifier, trained = None, model.artefacts.get(CLASSIFIER)
        if trained is not None:
            try:
                classifier = decode(trained)
            except Refused as error:
                self._notes.append(f"{error} Alerts go on without it.")
        return Alerting(self._suppressions, classifier, model.config.likely_min)

    def _watching(self, version: str | None) -> Watcher:
        """A version's watcher; the shipped one's where it cannot be built: nobody is left blind."""
        model, note = self._model_of(version)
        try:
            detectors = self._build(model.config, model.artefacts)
        except (Misconfigured, Refused) as error:
            model, _ = self._model_of(None)
            detectors = self._build(model.config, model.artefacts)
            note = f"{error} The shipped version {model.version} runs in its place."
        if note is not None:
            self._notes.append(note)
        return Watcher(detectors, model.version, model.config.disabled)
