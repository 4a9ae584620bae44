"""The bench: clean and planted streams through the shipped watcher, and what came of it."""

import random
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tallystick.watch.detect.trades.kinds import KINDS
from tallystick.watch.detect.trades.outcome import Report, clean_of, kind_results, precision
from tallystick.watch.detect.trades.plan import Plan, day, weeks
from tallystick.watch.detect.trades.planted import Level, Scale
from tallystick.watch.detect.trades.planting import staged
from tallystick.watch.detect.trades.watching import Watched, watch
from tallystick.watch.detect.watcher import Watcher

INSTANCES_MIN: Final = 20
"""Planted of each kind at least: a recall of 0.9 then stands on two misses."""
EACH: Final[dict[Scale, int]] = {"weeks": 2, "day": 4}
"""Of each kind in one stream."""
EVENTS: Final[dict[Scale, int]] = {"weeks": 190_000, "day": 410_000}
"""Events of one stream, about: to know how many streams make how many events."""
CLEAN_SEED: Final = 1_000
"""Clean streams have seeds of their own, this far from the planted ones."""
STARTS: Final[dict[Scale, tuple[str, ...]]] = {
    "weeks": ("2026-03-02", "2025-06-02", "2025-09-01", "2025-11-24"),
    "day": ("2026-03-10", "2026-03-06", "2026-03-18", "2026-03-31", "2025-11-28"),
}
"""First days. Weeks: two quarters' ends with their clock changes, a summer, Thanksgiving to
Christmas. Days: a Tuesday, jobs reports, a central bank, a quarter's end, the day after
Thanksgiving."""


Chance = Callable[[int], random.Random]
"""The source of chance that a seed stands for."""


class BenchPlan(msgspec.Struct, frozen=True):
    """What to measure.

    `events` clean ones at least, half of each scale; at least `instances` of every kind in `kinds`,
    at this `level`. `quick`: short streams of few accounts, to see that everything works; their
    figures mean little.
    """

    seed: int = 7
    events: int = 1_000_000
    kinds: tuple[str, ...] = tuple(KINDS)
    level: Level = "moderate"
    instances: int = INSTANCES_MIN
    quick: bool = False


class Stream(msgspec.Struct, frozen=True):
    """One stream of the bench, by its plan and seed."""

    plan: Plan
    seed: int

    @property
    def events(self) -> int:
        """How many it will have, about."""
        return EVENTS[self.plan.scale]


def streams(bench: BenchPlan) -> list[Stream]:
    """All streams: clean ones first."""
    scales: tuple[Scale, ...] = tuple(
        scale for scale in EACH if any(KINDS[name].scale == scale for name in bench.kinds)
    )  # fmt: skip
    found: list[Stream] = []
    for scale in scales:
        share = bench.events / len(scales)
        clean = max(1, -int(-share // EVENTS[scale])) if bench.events else 0
        found += [
            Stream(_plan(bench, scale, number), bench.seed + CLEAN_SEED + number)
            for number in range(clean)
        ]
    for scale in scales:
        for number in range(-(-bench.instances // EACH[scale])):
            plan = msgspec.structs.replace(
                _plan(bench, scale, number), kinds=bench.kinds, each=EACH[scale], level=bench.level
            )
            found.append(Stream(plan, bench.seed + number))
    return found


def _plan(bench: BenchPlan, scale: Scale, number: int) -> Plan:
    start = STARTS[scale][number % len(STARTS[scale])]
    if not bench.quick:
        return weeks(start) if scale == "weeks" else day(start)
    if scale == "weeks":
        return msgspec.structs.replace(weeks(start, days=12), warm_up_hours=8 * 24)
    return msgspec.structs.replace(day(start, accounts=30, hours=4), warm_up_hours=2)


def run(
    bench: BenchPlan,
    make_watcher: Callable[[], Watcher],
    cpu_seconds: Callable[[], float],
    chance: Chance,
    tell: Callable[[int], None] = lambda _events: None,
) -> tuple[Report, list[Watched]]:
    """Run all streams, each through a watcher that is new; the report, and each stream's result.

    `cpu_seconds` is the process's own clock of work done; `chance` gives the source of a seed;
    `tell` hears of every batch how many observations it had.
    """
    warm = (weeks(accounts=10, days=2), day(accounts=10, hours=1))
    for _ in results_of(
        [Stream(plan, bench.seed) for plan in warm], make_watcher, cpu_seconds, chance
    ):
        pass  # kernels are compiled now, and count in no figure
    results = list(results_of(streams(bench), make_watcher, cpu_seconds, chance, tell))
    clean = [one for stream, one in results if not stream.plan.each]
    planted = [one for stream, one in results if stream.plan.each]
    every = [one for _stream, one in results]
    cpu = sum(one.cpu_seconds for one in every) or 1e-9
    events = sum(one.events for one in every)
    report = Report(
        seed=bench.seed,
        level=bench.level,
        kinds=kind_results(planted),
        clean=clean_of(clean),
        clean_weeks=clean_of([one for one in clean if not one.quotes]),
        clean_day=clean_of([one for one in clean if one.quotes]),
        beside=clean_of(planted),
        precision_at_budget=precision(planted),
        events=events,
        cpu_seconds=round(cpu, 2),
        events_per_cpu_second=round(events / cpu),
        rows_per_cpu_second=round(sum(one.rows for one in every) / cpu),
    )
    return report, every


def results_of(
    wanted: list[Stream],
    make_watcher: Callable[[], Watcher],
    cpu_seconds: Callable[[], float],
    chance: Chance,
    tell: Callable[[int], None] = lambda _events: None,
) -> Iterator[tuple[Stream, Watched]]:
    """One stream after the other."""
    for stream in wanted:
        simulator = staged(stream.plan, chance(stream.seed))
        yield (
            stream,
            watch(simulator.happenings(), simulator.planted, make_watcher(), cpu_seconds, tell),
        )
