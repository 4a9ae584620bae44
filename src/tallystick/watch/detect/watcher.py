"""The watcher: reads what happened into observations, asks the detectors, and says what is odd.

It is a pure core: no time, no chance, no input or output. An entry is known by its position and
taken once; an anomaly's id is made of the detector and that position, so a replay after a restart
finds the same anomalies under the same ids, and whoever is told can tell that it has heard them.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from typing import Literal, Protocol

import msgspec

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Corrupt
from tallystick.stream.message import Message
from tallystick.watch.detect.detector import Detector, Noting
from tallystick.watch.detect.observation import Observation, UnreadableError
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.score import Anomaly, Finding

REFRACTORY_ENTITIES_MAX = 100_000
"""Most (detector, entity) pairs that are held back at once; the longest known goes first."""

Kinds = tuple[type[Observation], ...]


class _Saved(msgspec.Struct):
    v: Literal[2]
    position: int
    detectors: list[tuple[list[str], bytes]]
    quiet: list[tuple[str, str, float, float]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Monitor(Protocol):
    """Who looks at all that is looked at, odd or not: whether it drifts."""

    def features(self, observations: Sequence[Observation]) -> None:
        """What was observed."""
        ...

    def p_values(self, detector: str, p_values: Sequence[float]) -> None:
        """How a detector judged it; NaN for what it did not judge."""
        ...


class Watcher:
    """Hands observations to `detectors` in batches, and findings on as anomalies.

    `position` is the next entry's that will be taken. `unreadable` counts entries of a known kind
    that could not be read. `observed` counts observations,
    `findings` anomalies by name, since the start. `model` is written into each anomaly;
    `monitor`, where there is one, hears of everything.
    """

    def __init__(
        self,
        detectors: Iterable[Detector],
        model: str = "",
        disabled: Iterable[str] = (),
    ) -> None:
        self.position = 0
        self.unreadable = 0
        self.observed = 0
        self.findings: Counter[str] = Counter()
        self.model = model
        self._detectors = list(detectors)
        self._disabled = frozenset(disabled)
        self.monitor: Monitor | None = None
        self._quiet: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """What its findings may be called."""
        names = (name for detector in self._detectors for name in detector.names)
        return [name for name in names if name not in self._disabled]

    def noted(self) -> list[str]:
        """What its detectors have to say to the operator; said once."""
        noting = (each for each in self._detectors if isinstance(each, Noting))
        return [note for each in noting for note in each.noted()]

    def take(self, messages: Iterable[Message]) -> list[Anomaly]:
        """Look at entries in order of position; those seen before are dropped."""
        observations: list[Observation] = []
        for message in messages:
            if message.position < self.position:
                continue
            self.position = message.position + 1
            try:
                seen = entry_seen(message.position, message.body)
            except UnreadableError:
                self.unreadable += 1
                continue
            if seen is not None:
                observations.append(seen)
        return self.see(observations)

    def see(self, observations: Sequence[Observation]) -> list[Anomaly]:
        """Look at observations in the order in which they came."""
        if not observations:
            return []
        self.observed += len(observations)
        found: list[tuple[int, Finding]] = []
        by_kind = _by_kind(observations)
        known: dict[Kinds, list[int]] = {}
        for detector in self._detectors:
            rows = known.get(detector.observes)
            if rows is None:
                rows = known[detector.observes] = _rows(by_kind, detector.observes)
            if not rows:
                continue
            # All of them: the batch itself, and not a copy of it.
            every = len(rows) == len(observations)
            batch = observations if every else [observations[row] for row in rows]
            judged = detector.observe(batch)
            found += [(rows[one.row], one) for one in judged.findings]
            if self.monitor is not None:
                self.monitor.p_values(_looks(detector.names), judged.p_values)
        if self.monitor is not None:
            self.monitor.features(observations)
        found.sort(key=lambda each: each[0])
        return [
            anomaly
            for row, finding in found
            if (anomaly := self._anomaly(observations[row], finding)) is not None
        ]

    def snapshot(self) -> bytes:
        """Everything learnt up to `position`, for `restore`."""
        return _ENCODER.encode(
            _Saved(
                v=2,
                position=self.position,
                detectors=[(list(each.names), each.snapshot()) for each in self._detectors],
                quiet=[(*key, *span) for key, span in self._quiet.items()],
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot, at its `position`; a detector it does not know starts afresh.

        Raises:
            Corrupt: the bytes are no snapshot of this version; the watcher must be thrown away.
        """
        try:
            saved = _DECODER.decode(data)
            states = {tuple(names): state for names, state in saved.detectors}
            for detector in self._detectors:
                state = states.get(tuple(detector.names))
                if state is not None:
                    detector.restore(state)
        except ValueError as error:
            raise Corrupt(f"The detectors' saved state cannot be read: {error}.") from error
        self.position = saved.position
        self._quiet = OrderedDict(
            ((name, entity), (since, until)) for name, entity, since, until in saved.quiet
        )

    def inherit(self, other: "Watcher") -> None:
        """Go on with what another one has learnt, at its position; of another shape: afresh."""
        states = {tuple(each.names): each for each in other._detectors}  # noqa: SLF001  its own class
        for detector in self._detectors:
            known = states.get(tuple(detector.names))
            if known is not None:
                with suppress(ValueError):  # learnt by a detector of another shape
                    detector.restore(known.snapshot())
        self.position = other.position
        self._quiet = other._quiet.copy()  # noqa: SLF001  its own class

    def _anomaly(self, observation: Observation, finding: Finding) -> Anomaly | None:
        """The finding as a fact; None for one that is disabled or within a refractory period."""
        if finding.detector in self._disabled:
            return None
        at, key = observation.at_seconds, (finding.detector, finding.entity)
        since, until = self._quiet.get(key, (0.0, 0.0))
        # A clock that went back does not prolong the silence: before its beginning none is kept.
        if since <= at < until:
            return None
        self._quiet[key] = (at, at + finding.refractory_seconds)
        self._quiet.move_to_end(key)
        if len(self._quiet) > REFRACTORY_ENTITIES_MAX:
            self._quiet.popitem(last=False)
        self.findings[finding.detector] += 1
        return anomaly_of(observation, finding, self.model)


def anomaly_of(observation: Observation, finding: Finding, model: str) -> Anomaly:
    """The fact that a finding about this observation is."""
    stamp = getattr(observation, "at", None) or rfc3339(
        round(observation.at_seconds * NS_PER_SECOND)
    )
    position = getattr(observation, "position", None)
    reason = finding.reason
    return Anomaly(
        id=anomaly_id(finding.detector, position, f"{stamp}|{finding.entity}"),
        detector=finding.detector,
        family=finding.family,
        entity=finding.entity,
        at=stamp,
        p_value=finding.p_value,
        expected=reason.expected,
        came=reason.came,
        sentence=reason.sentence,
        contributions=reason.contributions,
        nearest=reason.nearest,
        account=getattr(observation, "account", None),
        pair=getattr(observation, "pair", None),
        route=getattr(observation, "route", None),
        position=position,
        order_id=getattr(observation, "order_id", None),
        positions=reason.positions or (() if position is None else (position,)),
        model=model,
    )


def anomaly_id(detector: str, position: int | None, otherwise: str) -> str:
    """`order_size-1234`; what is not on the ledger is named by a hash of `otherwise`."""
    if position is not None:
        return f"{detector}-{position}"
    return f"{detector}-{sha256(otherwise.encode(errors='surrogatepass')).hexdigest()[:16]}"


def _looks(names: tuple[str, ...]) -> str:
    """What a detector's p-values are called, each the oddest of its looks."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _by_kind(observations: Sequence[Observation]) -> dict[type[Observation], list[int]]:
    """The rows of each kind."""
    found: defaultdict[type[Observation], list[int]] = defaultdict(list)
    for row, each in enumerate(observations):
        found[type(each)].append(row)
    return found


def _rows(by_kind: Mapping[type[Observation], list[int]], observes: Kinds) -> list[int]:
    """The rows that a detector looks at, in order."""
    parts = [by_kind[kind] for kind in observes if kind in by_kind]
    return parts[0] if len(parts) == 1 else sorted(chain.from_iterable(parts))
