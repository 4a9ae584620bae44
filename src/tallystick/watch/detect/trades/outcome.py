"""What the bench says: recall and delay by kind, false alerts, who fired at what, and the cost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from tallystick.watch.detect.score import Family
from tallystick.watch.detect.trades.kinds import KINDS
from tallystick.watch.detect.trades.planted import Level
from tallystick.watch.detect.trades.watching import Met, Watched

PER: Final = 100_000
"""False alerts are counted per so many events."""
BUDGET: Final = 10.0
"""Alerts per PER events that a desk has time for."""


class Delay(msgspec.Struct, frozen=True):
    """From the beginning of the deed to the first right finding."""

    p50: float
    p95: float


class KindResult(msgspec.Struct, frozen=True):
    """One kind: how many were planted and found, how fast, and which detectors spoke.

    `first` counts whose finding came first, `fired` in how many of the planted ones each detector
    spoke at all: the row of the confusion table. Delays in events count the entity's own events.
    """

    feature: str
    family: Family
    planted: int
    found: int
    recall: float
    delay_seconds: Delay | None
    delay_events: Delay | None
    first: dict[str, int]
    fired: dict[str, int]


class Clean(msgspec.Struct, frozen=True):
    """False alerts, and of how many events.

    `per_100k` counts all events, `per_100k_acts` only entries and calls: what somebody did.
    """

    events: int
    acts: int
    alerts: int
    per_100k: float
    per_100k_acts: float
    by_detector: dict[str, float]
    """Per PER events."""


class Report(msgspec.Struct, frozen=True):
    """All of it.

    `clean` is from streams in which nothing was planted, `beside` from what lies outside of the
    planted spans. `precision_at_budget`: of the alerts with the smallest p-values, as many as the
    budget allows, the share that was about something planted.
    """

    seed: int
    level: Level
    kinds: dict[str, KindResult]
    clean: Clean
    clean_weeks: Clean
    clean_day: Clean
    beside: Clean
    precision_at_budget: float | None
    events: int
    cpu_seconds: float
    events_per_cpu_second: float
    rows_per_cpu_second: float


def kind_results(streams: Iterable[Watched]) -> dict[str, KindResult]:
    """By kind, in the order of the kinds' table."""
    met: dict[str, list[Met]] = {}
    for stream in streams:
        for one in stream.met:
            met.setdefault(one.planted.kind, []).append(one)
    return {name: _kind_result(name, met[name]) for name in KINDS if name in met}


def _kind_result(name: str, met: Sequence[Met]) -> KindResult:
    found = [one for one in met if one.found]
    return KindResult(
        feature=KINDS[name].feature,
        family=KINDS[name].family,
        planted=len(met),
        found=len(found),
        recall=len(found) / len(met),
        delay_seconds=_delay([one.delay_seconds for one in found]),
        delay_events=_delay([float(one.delay_events) for one in found]),
        first=_counted(one.by for one in found),
        fired=_counted(detector for one in met for detector in one.fired),
    )


def clean_of(streams: Sequence[Watched]) -> Clean:
    """The false alerts of these streams."""
    events = sum(one.events for one in streams)
    acts = sum(one.entries + one.calls for one in streams)
    alerts = [alert for one in streams for alert in one.false]
    by_detector = _counted(alert.detector for alert in alerts)
    return Clean(
        events=events,
        acts=acts,
        alerts=len(alerts),
        per_100k=_share(len(alerts), events),
        per_100k_acts=_share(len(alerts), acts),
        by_detector={name: _share(count, events) for name, count in by_detector.items()},
    )


def precision(streams: Sequence[Watched]) -> float | None:
    """Precision at the alert budget over streams with plants; None where nothing was said."""
    budget = int(sum(one.events for one in streams) * BUDGET / PER)
    told = [alert for one in streams for alert in one.alerts]
    alerts = sorted(told, key=itemgetter(0))[: max(1, budget)]
    return sum(right for _p_value, right in alerts) / len(alerts) if alerts else None


def _delay(values: list[float]) -> Delay | None:
    if not values:
        return None
    values.sort()
    last = len(values) - 1
    return Delay(round(values[last // 2], 3), round(values[round(0.95 * last)], 3))


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _share(count: int, events: int) -> float:
    return round(PER * count / events, 2) if events else 0.0
