"""A backtest: any period of the past, looked at by any versions, as they would have live.

The same watcher with the same detectors reads the same entries, so what a version finds here is
what it found or would have found then, under the same ids. What came before the period is learnt
first, without being counted. Verdicts are looked for behind the period too: people judge later.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp
from tallystick.errors import Misconfigured
from tallystick.ledger.notices import AnomalyJudged
from tallystick.stream.message import Message
from tallystick.watch.detect.alerting import Alerting
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.feedback import Suppressions, judged
from tallystick.watch.detect.models.comparison import OBSERVATIONS, Shadow, at_seconds
from tallystick.watch.detect.models.report import Backtest, Outcome
from tallystick.watch.detect.models.version import Model
from tallystick.watch.detect.observation import Observation, TimeSeen, UnreadableError
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.supervised.classifier import decode
from tallystick.watch.detect.watcher import Watcher

BATCH = 512
"""Observations that are handed to the detectors at once."""
VERSIONS_MAX = 2
CLASSIFIER = "classifier.json"
"""The artefact that ranks what is found, as live."""
_LEAF = b"\x00"
"""RFC 6962 section 2.1: what a leaf's hash begins with."""

Happening = Message | Observation
Build = Callable[[DetectConfig, Mapping[str, bytes]], list[Detector]]
OnFound = Callable[[str, Anomaly], None]
"""Hears each anomaly of the period with the version that found it."""


class _Stamp(msgspec.Struct):
    at: str = ""


_STAMP = msgspec.json.Decoder(_Stamp)


class Period(msgspec.Struct, frozen=True):
    """Which entries count: [first, last) by position and by time (seconds); None is open."""

    first: int | None = None
    last: int | None = None
    since: float | None = None
    until: float | None = None

    def before(self, position: int | None, at: float | None) -> bool:
        """Whether this comes before the period."""
        early = self.first is not None and position is not None and position < self.first
        return early or (self.since is not None and at is not None and at < self.since)

    def behind(self, position: int | None, at: float | None) -> bool:
        """Whether this comes behind the period."""
        late = self.last is not None and position is not None and position >= self.last
        return late or (self.until is not None and at is not None and at >= self.until)


class _Found(msgspec.Struct, frozen=True):
    """What is kept of an anomaly."""

    id: str
    detector: str
    held: bool
    delay: float | None
    positions: tuple[int, ...]


class _Trial:
    """One version at work."""

    def __init__(self, model: Model, build: Build) -> None:
        self.model = model
        self.found: list[_Found] = []  # bounded by: what people would have been told
        self._watcher = Watcher(
            build(model.config, model.artefacts), model.version, model.config.disabled
        )
        self._suppressions = Suppressions()
        trained = model.artefacts.get(CLASSIFIER)
        classifier = None if trained is None else decode(trained)
        self._alerting = Alerting(self._suppressions, classifier, model.config.likely_min)

    def see(self, observations: Sequence[Observation]) -> list[Anomaly]:
        """Look at observations; what nobody would have been alerted of says why."""
        return self._alerting.decide(self._watcher.see(observations))

    def noted(self) -> list[str]:
        """What its detectors have to say to whoever replays."""
        return self._watcher.noted()

    def learn(self, position: int, entry: bytes) -> None:
        """Take a verdict."""
        self._suppressions.learn(position, entry)


class Replay:
    """Takes what happened, in order, and reports at the end."""

    def __init__(
        self,
        models: Sequence[Model],
        build: Build,
        period: Period = Period(),  # noqa: B008  immutable
        on_found: OnFound = lambda _version, _anomaly: None,
    ) -> None:
        """One version, or two of which the second is the challenger.

        Raises:
            Misconfigured: none, more, or the same one twice; or one cannot be built.
            Refused: the classifier of one cannot be read.
        """
        versions = {model.version for model in models}
        if not 1 <= len(models) <= VERSIONS_MAX or len(versions) != len(models):
            sentence = "A backtest is of one version, or of two that are not the same."
            raise Misconfigured(sentence)
        self._trials = [_Trial(model, build) for model in models]
        self._period = period
        self._on_found = on_found
        self._shadow = Shadow(*[m.version for m in models]) if len(models) > 1 else None
        self._batch: list[Observation] = []
        self._inside = False
        self._verdicts: dict[str, AnomalyJudged] = {}
        self._times = array("d")
        self._base = -1
        self._last: Message | None = None
        self._stamps: tuple[str | None, str | None] = (None, None)
        self._first = 0
        self._latest = 0.0
        self._warm_up = self._entries = self._lines = self._observed = self._unreadable = 0

    def take(self, happenings: Iterable[Happening]) -> None:
        """What happened next."""
        for each in happenings:
            if isinstance(each, Message):
                self._take_entry(each)
            else:
                self._take_line(each)

    def noted(self) -> list[tuple[str, str]]:
        """What detectors have to say to whoever replays, each with its version."""
        return [(each.model.version, note) for each in self._trials for note in each.noted()]

    def report(self) -> Backtest:
        """What the versions found.

        Raises:
            Misconfigured: no entry lies in the period.
        """
        self._flush()
        last = self._last
        if last is None:
            raise Misconfigured("No entry lies in this period.")
        return Backtest(
            from_=self._first,
            to=last.position + 1,
            since=self._stamps[0],
            until=self._stamps[1],
            leaf=sha256(_LEAF + last.body).hexdigest(),
            warm_up=self._warm_up,
            entries=self._entries,
            lines=self._lines,
            observed=self._observed,
            unreadable=self._unreadable,
            versions=tuple(self._outcome(trial) for trial in self._trials),
            comparison=None if self._shadow is None else self._shadow.report(),
        )

    def _take_entry(self, message: Message) -> None:
        stamp = _stamp_of(message.body)
        if stamp is not None:  # the ledger's time: the newest that any entry so far says
            self._latest = max(self._latest, parse_own_stamp(stamp) / NS_PER_SECOND)
        at = self._latest
        verdict = judged(message.body)
        if verdict is not None:
            self._verdicts[verdict.anomaly] = verdict
        if self._period.behind(message.position, at):
            return
        self._turn(inside=not self._period.before(message.position, at))
        self._note_time(message.position, at)
        if self._inside:
            self._entries += 1
            if self._last is None:
                self._first = message.position
            self._stamps = (self._stamps[0] or stamp, stamp or self._stamps[1])
            self._last = message
        else:
            self._warm_up += 1
        try:
            seen = entry_seen(message.position, message.body)
        except UnreadableError:
            self._unreadable += self._inside
            return
        if seen is not None:
            self._add(seen)
        if verdict is not None:  # it holds from the next entry on
            self._flush()
            for trial in self._trials:
                trial.learn(message.position, message.body)

    def _take_line(self, seen: Observation) -> None:
        if self._period.behind(None, seen.at_seconds):
            return
        by_time = self._period.since is not None
        self._turn(
            inside=not self._period.before(None, seen.at_seconds)
            if by_time
            else self._inside or self._period.first in {None, 0}
        )
        self._lines += self._inside and not isinstance(seen, TimeSeen)
        self._add(seen)

    def _turn(self, *, inside: bool) -> None:
        if inside != self._inside:
            self._flush()
            self._inside = inside

    def _add(self, seen: Observation) -> None:
        self._batch.append(seen)
        if len(self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        found = [trial.see(batch) for trial in self._trials]
        if not self._inside:
            return
        observed = sum(not isinstance(each, TimeSeen) for each in batch)  # a second is no event
        self._observed += observed
        for trial, anomalies in zip(self._trials, found, strict=True):
            for anomaly in anomalies:
                trial.found.append(self._kept(anomaly))
                self._on_found(trial.model.version, anomaly)
        if self._shadow is not None:
            self._shadow.add(found[0], found[1], observed)

    def _note_time(self, position: int, at: float) -> None:
        """When each entry was, for delays."""
        if self._base < 0:
            self._base = position
        missing = position - self._base - len(self._times)
        self._times.extend([float("nan")] * missing)
        self._times.append(at)

    def _kept(self, anomaly: Anomaly) -> _Found:
        delay = None
        if len(anomaly.positions) > 1:
            place = anomaly.positions[0] - self._base
            began = self._times[place] if 0 <= place < len(self._times) else float("nan")
            since = at_seconds(anomaly) - began
            delay = since if since >= 0 else None  # no number where the time is not known
        positions = (*anomaly.positions, *(() if anomaly.position is None else (anomaly.position,)))
        return _Found(anomaly.id, anomaly.detector, anomaly.held is not None, delay, positions)

    def _outcome(self, trial: _Trial) -> Outcome:
        verdicts = self._verdicts
        by_id = {each.id for each in trial.found}
        at = {position for each in trial.found for position in each.positions}
        said = [self._verdict_on(each) for each in trial.found]
        counts = Counter(said)
        confirmed = [each for each in verdicts.values() if each.verdict == "confirmed"]
        confirmed = [each for each in confirmed if self._concerns(each)]
        hit = [each for each in confirmed if each.anomaly in by_id or each.position in at]
        scale = OBSERVATIONS / self._observed if self._observed else 0.0
        known = counts["confirmed"] + counts["dismissed"]
        delays = sorted(each.delay for each in trial.found if each.delay is not None)
        return Outcome(
            version=trial.model.version,
            revision=trial.model.revision,
            found=len(trial.found),
            held=sum(each.held for each in trial.found),
            confirmed=counts["confirmed"],
            dismissed=counts["dismissed"],
            unjudged=counts[None],
            missed=len(confirmed) - len(hit),
            precision=round(counts["confirmed"] / known, 4) if known else None,
            recall=round(len(hit) / len(confirmed), 4) if confirmed else None,
            found_per_100k=round(len(trial.found) * scale, 2),
            false_per_100k=round(counts["dismissed"] * scale, 2),
            false_per_100k_max=round((counts["dismissed"] + counts[None]) * scale, 2),
            delay_seconds=round(delays[len(delays) // 2], 3) if delays else None,
            detectors=dict(sorted(Counter(each.detector for each in trial.found).items())),
        )

    def _verdict_on(self, found: _Found) -> str | None:
        """What people said of it, or of another anomaly of the same detector and entry."""
        verdict = self._verdicts.get(found.id)
        return None if verdict is None else verdict.verdict

    def _concerns(self, verdict: AnomalyJudged) -> bool:
        """Whether the anomaly lies in the period; one of no entry does where a version found it."""
        last = self._last
        if verdict.position is not None:
            return last is not None and self._first <= verdict.position <= last.position
        ids = (each.id for trial in self._trials for each in trial.found)
        return verdict.anomaly in ids


def _stamp_of(entry: bytes) -> str | None:
    """The entry's own time; None for raw bytes, and where it is no time."""
    if not entry.startswith(b"{"):
        return None
    try:
        stamp = _STAMP.decode(entry).at
        parse_own_stamp(stamp)
    except (msgspec.DecodeError, ValueError):
        return None
    return stamp
