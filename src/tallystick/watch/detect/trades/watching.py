"""One simulated stream through one watcher: what was found, of what was planted, at what cost."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import (
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)
from tallystick.watch.detect.operations.reading import call_seen
from tallystick.watch.detect.orders.reading import entry_seen
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.trades.planted import Planted
from tallystick.watch.detect.trades.simulator import Happening
from tallystick.watch.detect.watcher import Watcher

BATCH: Final = 512
"""Observations handed to the watcher at once; it may not change what is found."""
AFTERMATH_SECONDS: Final = 24 * 3_600.0
"""After a deed its account's positions are not what they were: findings about it count neither
for nor against."""


class Met(msgspec.Struct):
    """A planted anomaly, and the findings about it.

    `delay_seconds` and `delay_events` (the accounts', pair's, route's or service's own events since
    it began) are those of the first right finding. `fired` counts all findings about it by name.
    """

    planted: Planted
    found: bool = False
    by: str = ""
    delay_seconds: float = 0.0
    delay_events: int = 0
    fired: dict[str, int] = msgspec.field(default_factory=dict)


class Watched(msgspec.Struct):
    """What one stream gave.

    `events` are entries, calls, quotes and log volumes, not the ticks of time. `false` are findings
    that nothing planted explains, `alerts` all of them: p-value, and whether something does.
    """

    events: int = 0
    entries: int = 0
    calls: int = 0
    quotes: int = 0
    logs: int = 0
    rows: int = 0
    cpu_seconds: float = 0.0
    met: list[Met] = msgspec.field(default_factory=list)
    false: list[Anomaly] = msgspec.field(default_factory=list)
    alerts: list[tuple[float, bool]] = msgspec.field(default_factory=list)


def watch(
    happenings: Iterable[Happening],
    planted: Iterable[Planted],
    watcher: Watcher,
    cpu_seconds: Callable[[], float],
    tell: Callable[[int], None] = lambda _events: None,
) -> Watched:
    """Show it all to the watcher, and hold what it says against what was planted.

    `cpu_seconds` is the process's own clock of work done; `tell` hears of every batch how many
    events it had.
    """
    result = Watched(met=[Met(one) for one in sorted(planted, key=lambda one: one.start_ns)])
    seen = _Own(result.met)
    for batch in _batches(happenings):
        before = cpu_seconds()
        observations = read(batch, result)
        anomalies = watcher.see(observations)
        result.cpu_seconds += cpu_seconds() - before
        result.rows += len(observations)
        if result.met:
            seen.count(observations)
        for anomaly in anomalies:
            _judge(anomaly, result, seen)
        tell(len(batch))
    result.events = result.entries + result.calls + result.quotes + result.logs
    return result


def read(batch: Iterable[Happening], counts: Watched) -> list[Observation]:
    """The observations in what happened, as the product reads them."""
    found: list[Observation] = []
    for one in batch:
        if type(one) is Message:
            counts.entries += 1
            entry = entry_seen(one.position, one.body)
            if entry is not None:
                found.append(entry)
        elif isinstance(one, dict):
            counts.calls += 1
            call = call_seen(one)
            if call is not None:
                found.append(call)
        elif type(one) is QuoteSeen:
            counts.quotes += 1
            found.append(one)
        elif type(one) is LogSeen:
            counts.logs += 1
            found.append(one)
        elif type(one) is TimeSeen:
            found.append(one)
    return found


def _batches(happenings: Iterable[Happening]) -> Iterator[list[Happening]]:
    batch: list[Happening] = []
    for one in happenings:
        batch.append(one)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Own:
    """The moments of the events that a planted anomaly is about, while it lasts."""

    def __init__(self, met: list[Met]) -> None:
        self._waiting = list(reversed(met))
        self._open: dict[str, list[Met]] = {}
        self.moments: dict[int, list[float]] = {}

    def count(self, observations: list[Observation]) -> None:
        """Take in a batch."""
        last_ns = observations[-1].at_seconds * NS_PER_SECOND if observations else 0
        while self._waiting and self._waiting[-1].planted.start_ns <= last_ns:
            one = self._waiting.pop()
            self.moments[id(one)] = []
            for name in names_of(one.planted):
                self._open.setdefault(name, []).append(one)
        if not self._open:
            return
        for each in observations:
            for name in _about(each):
                for one in self._open.get(name, ()):
                    planted = one.planted
                    if planted.start_ns <= each.at_seconds * NS_PER_SECOND <= _until_ns(planted):
                        self.moments[id(one)].append(each.at_seconds)


def names_of(planted: Planted) -> tuple[str, ...]:
    """Whom it is about."""
    return (*planted.accounts, *planted.pairs, *planted.routes, *planted.services)


def _about(each: Observation) -> tuple[str, ...]:
    """Whom or what an observation is about, in the names of `names_of`."""
    if type(each) is CallSeen:
        return (each.route,) if each.account is None else (each.account, each.route)
    if type(each) is LogSeen:
        return (f"{each.index} {each.service}",)
    if type(each) is QuoteSeen:
        return (each.pair,)
    return (each.account,) if type(each) is OrderSeen else ()


def _until_ns(planted: Planted) -> int:
    return planted.end_ns + int(planted.grace_seconds * NS_PER_SECOND)


def _judge(anomaly: Anomaly, result: Watched, seen: _Own) -> None:
    at_ns = parse_own_stamp(anomaly.at)
    explained = False
    for one in result.met:
        planted = one.planted
        if planted.start_ns > at_ns:
            break
        if not concerns(anomaly, planted):
            # A deed shows in the totals too, whoever they are about.
            explained |= anomaly.detector == "metric_shift" and at_ns <= _until_ns(planted)
            continue
        if at_ns > _until_ns(planted):
            explained |= at_ns <= _until_ns(planted) + AFTERMATH_SECONDS * NS_PER_SECOND
            continue
        explained = True
        one.fired[anomaly.detector] = one.fired.get(anomaly.detector, 0) + 1
        if anomaly.detector in planted.detectors and not one.found:
            one.found = True
            one.by = anomaly.detector
            one.delay_seconds = (at_ns - planted.start_ns) / NS_PER_SECOND
            until = at_ns / NS_PER_SECOND
            one.delay_events = sum(at <= until for at in seen.moments.get(id(one), ()))
    result.alerts.append((anomaly.p_value, explained))
    if not explained:
        result.false.append(anomaly)


def concerns(anomaly: Anomaly, planted: Planted) -> bool:
    """Whether the finding is about whom the deed is about."""
    names = names_of(planted)
    return (
        anomaly.account in names
        or anomaly.pair in planted.pairs
        or anomaly.route in names
        or any(name in anomaly.entity for name in names)
    )
