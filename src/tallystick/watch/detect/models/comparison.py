"""Two versions side by side: what both found, and what only one of them did.

Two anomalies are one *case* when they are about the same subject (account, else route, else what
was compared) within `CASE_SECONDS` of the stream's own time: versions may notice the same thing at
different orders, and by different detectors. Each anomaly is in one case at most.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp
from tallystick.watch.detect.score import Anomaly

CASE_SECONDS = 900.0
"""Two anomalies of one subject that lie further apart are two cases."""
OPEN_CASES_MAX = 10_000
"""Most subjects whose unmatched anomalies are held; the least recently named goes first."""
WAITING_MAX = 64
"""Most unmatched anomalies of one subject and version that are held."""
EXAMPLES_MAX = 100
"""How many anomalies that only one version found are told."""
OBSERVATIONS = 100_000
"""Rates are told for so many."""

Side = Literal["champion", "challenger"]
SIDES: tuple[Side, Side] = ("champion", "challenger")


class Tally(msgspec.Struct, frozen=True):
    """What two versions found, of one detector or of all, in numbers of anomalies."""

    champion: int = 0
    challenger: int = 0
    both: int = 0


class Example(msgspec.Struct, frozen=True):
    """An anomaly that only one of two versions found."""

    side: Side
    id: str
    at: str
    detector: str
    subject: str
    sentence: str


class Comparison(msgspec.Struct, frozen=True):
    """Champion and challenger on the same observations.

    `missed` are cases of the champion alone, `extra` of the challenger alone; `agreement` is the
    share of all cases that both found (1 where nobody found any). `earlier_seconds` is how much
    earlier the challenger was, in the middle, where both found a case: below 0 it was later. Rates
    are of anomalies in 100,000 observations. `detectors` counts, as `both`, what the same detector
    of both versions found.
    """

    champion: str
    challenger: str
    observed: int
    all: Tally
    missed: int
    extra: int
    agreement: float
    champion_per_100k: float
    challenger_per_100k: float
    earlier_seconds: float | None
    detectors: dict[str, Tally]
    examples: tuple[Example, ...]


class _Waiting(msgspec.Struct):
    """Unmatched anomalies of one subject: their times, for either version."""

    champion: list[float]
    challenger: list[float]

    def of(self, side: Side) -> list[float]:
        return self.champion if side == "champion" else self.challenger


class Matching:
    """Pairs up the anomalies of two versions, one by one as they come; bounded.

    A key is what has to be the same.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    def match(self, side: Side, key: str, at_seconds: float) -> float | None:
        """The time of the other version's nearest unmatched anomaly of this key; else it waits."""
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = _Waiting([], [])
            if len(self._waiting) > OPEN_CASES_MAX:
                self._waiting.popitem(last=False)
        self._waiting.move_to_end(key)
        others = waiting.of("challenger" if side == "champion" else "champion")
        near = [each for each in others if abs(each - at_seconds) <= CASE_SECONDS]
        if near:
            found = min(near, key=lambda each: (abs(each - at_seconds), each))
            others.remove(found)
            return found
        own = waiting.of(side)
        own.append(at_seconds)
        del own[:-WAITING_MAX]
        return None

    def snapshot(self) -> dict[str, _Waiting]:
        """What waits, for `restore`."""
        return dict(self._waiting)

    def restore(self, waiting: dict[str, _Waiting]) -> None:
        """Go on from a snapshot."""
        self._waiting = OrderedDict(waiting)


class _Saved(msgspec.Struct):
    v: Literal[1]
    observed: int
    all: Tally
    detectors: dict[str, Tally]
    earlier: list[float]
    examples: list[Example]
    cases: dict[str, _Waiting]
    same: dict[str, _Waiting]


class Shadow:
    """Compares what two versions find as they find it; memory is bounded.

    The order within a batch does not matter to the counts of either version, and hardly to those
    of both.
    """

    def __init__(self, champion: str, challenger: str) -> None:
        self.champion = champion
        self.challenger = challenger
        self._observed = 0
        self._all = Tally()
        self._detectors: dict[str, Tally] = {}  # bounded by: the detectors that there are
        self._earlier: deque[float] = deque(maxlen=1_000)
        self._examples: deque[Example] = deque(maxlen=EXAMPLES_MAX)
        self._cases = Matching()
        self._same = Matching()

    def add(self, found: Sequence[Anomaly], shadow_found: Sequence[Anomaly], observed: int) -> None:
        """What champion and challenger found among this many more observations."""
        self._observed += observed
        for side, anomalies in zip(SIDES, (found, shadow_found), strict=True):
            for anomaly in anomalies:
                self._add(side, anomaly)

    def report(self) -> Comparison:
        """Everything so far."""
        both, champion, challenger = self._all.both, self._all.champion, self._all.challenger
        cases = champion + challenger - both
        scale = OBSERVATIONS / self._observed if self._observed else 0.0
        earlier = sorted(self._earlier)
        return Comparison(
            champion=self.champion,
            challenger=self.challenger,
            observed=self._observed,
            all=self._all,
            missed=champion - both,
            extra=challenger - both,
            agreement=round(both / cases, 4) if cases else 1.0,
            champion_per_100k=round(champion * scale, 2),
            challenger_per_100k=round(challenger * scale, 2),
            earlier_seconds=round(earlier[len(earlier) // 2], 3) if earlier else None,
            detectors=dict(sorted(self._detectors.items())),
            examples=tuple(self._examples),
        )

    def snapshot(self) -> bytes:
        """Everything counted, for `restore`."""
        saved = _Saved(
            1, self._observed, self._all, self._detectors, list(self._earlier),
            list(self._examples), self._cases.snapshot(), self._same.snapshot(),
        )  # fmt: skip
        return msgspec.msgpack.encode(saved)

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: it is none.
        """
        saved = msgspec.msgpack.decode(data, type=_Saved)
        self._observed, self._all, self._detectors = saved.observed, saved.all, saved.detectors
        self._earlier.extend(saved.earlier)
        self._examples.extend(saved.examples)
        self._cases.restore(saved.cases)
        self._same.restore(saved.same)

    def _add(self, side: Side, anomaly: Anomaly) -> None:
        at = at_seconds(anomaly)
        subject = subject_of(anomaly)
        other = self._cases.match(side, subject, at)
        if other is None:
            self._examples.append(
                Example(side, anomaly.id, anomaly.at, anomaly.detector, subject, anomaly.sentence)
            )
        else:
            self._earlier.append(at - other if side == "champion" else other - at)
            self._drop_example(subject, other)
        self._all = _counted(self._all, side, both=other is not None)
        name = anomaly.detector
        known = self._detectors.get(name, Tally())
        same = self._same.match(side, f"{name} {subject}", at) is not None
        self._detectors[name] = _counted(known, side, both=same)

    def _drop_example(self, subject: str, at: float) -> None:
        """The other version found it too: it is no difference any more."""
        for example in self._examples:
            if example.subject == subject and _seconds(example.at) == at:
                self._examples.remove(example)
                return


def subject_of(anomaly: Anomaly) -> str:
    """Whom or what a case is about."""
    if anomaly.account is not None:
        return f"account {anomaly.account}"
    return f"route {anomaly.route}" if anomaly.route is not None else f"entity {anomaly.entity}"


def at_seconds(anomaly: Anomaly) -> float:
    """When it was, in seconds since the epoch."""
    return _seconds(anomaly.at)


def _seconds(stamp: str) -> float:
    return parse_own_stamp(stamp) / NS_PER_SECOND


def _counted(tally: Tally, side: Side, *, both: bool) -> Tally:
    return Tally(
        tally.champion + (side == "champion"),
        tally.challenger + (side == "challenger"),
        tally.both + both,
    )
