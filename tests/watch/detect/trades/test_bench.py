"""The bench's streams: enough of every kind, clean ones with seeds of their own."""

import random

import msgspec

from tallystick.watch.detect.trades.bench import BenchPlan, Stream, run, streams
from tallystick.watch.detect.trades.kinds import KINDS
from tallystick.watch.detect.watcher import Watcher


def instances(found: list[Stream], kind: str) -> int:
    """How many of a kind these streams plant."""
    return sum(
        one.plan.each
        for one in found
        if kind in one.plan.kinds and KINDS[kind].scale == one.plan.scale
    )


def test_the_default_bench_plants_twenty_of_every_kind_and_a_million_clean_events() -> None:
    """A recall of 0.9 stands on at least twenty; no clean stream has a planted one's seed."""
    found = streams(BenchPlan())
    clean = [one for one in found if not one.plan.each]

    assert all(instances(found, kind) >= 20 for kind in KINDS)
    assert sum(one.events for one in clean) >= 1_000_000
    assert {one.plan.scale for one in clean} == {"weeks", "day"}
    seeds = {one.seed for one in found if one.plan.each}
    assert not seeds & {one.seed for one in clean}


def test_one_kind_alone_runs_the_one_simulation_that_it_needs() -> None:
    """Nobody waits for weeks to measure a stale price."""
    found = streams(BenchPlan(kinds=("stale_prices",), events=0, instances=3))

    assert [(one.plan.scale, one.plan.each) for one in found] == [("day", 4)]
    assert streams(BenchPlan(kinds=("layering",), events=0))[0].plan.scale == "weeks"


def test_a_small_bench_says_all_that_the_report_promises() -> None:
    """Through a watcher that finds nothing: recall 0, no false alert, and it is JSON."""
    told: list[int] = []
    bench = BenchPlan(kinds=("crossed_quotes",), events=1, instances=2, quick=True)
    report, every = run(bench, lambda: Watcher([]), lambda: 0.0, random.Random, told.append)
    facts = msgspec.json.decode(msgspec.json.encode(report))

    assert facts["kinds"]["crossed_quotes"]["planted"] == 4
    assert facts["kinds"]["crossed_quotes"]["recall"] == 0
    assert facts["clean"]["alerts"] == facts["beside"]["alerts"] == 0
    assert facts["clean"]["events"] == facts["clean_day"]["events"] > 20_000
    assert facts["clean_weeks"]["events"] == 0
    assert facts["precision_at_budget"] is None
    assert len(every) == 2
    assert sum(told) > facts["events"]  # ticks of time are shown too, and are no events
