"""What is planted is declared, suits who it happens to, and really happens."""

import random

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.observation import LogSeen, QuoteSeen
from tallystick.watch.detect.trades.hours import HOUR_NS
from tallystick.watch.detect.trades.kinds import KINDS
from tallystick.watch.detect.trades.plan import Plan, day, weeks
from tallystick.watch.detect.trades.planted import LEVELS, Level, Planted
from tallystick.watch.detect.trades.planting import staged
from tallystick.watch.detect.trades.watching import Met, Watched, _Own, read

WEEKS = sorted(name for name, kind in KINDS.items() if kind.scale == "weeks")
DAY = sorted(name for name, kind in KINDS.items() if kind.scale == "day")


def plan_with(kinds: tuple[str, ...], each: int, level: Level = "moderate") -> Plan:
    """Twelve days, or five hours, with so many of each kind."""
    base = weeks(days=12) if KINDS[kinds[0]].scale == "weeks" else day(accounts=40, hours=5)
    warm = 7 * 24 if base.scale == "weeks" else 1
    return msgspec.structs.replace(base, kinds=kinds, each=each, level=level, warm_up_hours=warm)


def declared(plan: Plan, seed: int) -> list[Planted]:
    """What is planted under this seed."""
    return staged(plan, random.Random(seed)).planted  # noqa: S311  a simulation


def test_there_is_a_kind_for_every_feature_that_detection_promises() -> None:
    """Point 2 of what must work, feature by feature, and the slow attacker."""
    assert set(KINDS) == {
        "access_denied", "cancel_ratio", "crossed_quotes", "drift", "layering", "limit_creep",
        "log_silence", "margin_run_up", "new_address", "new_currency", "new_key", "off_market",
        "order_burst", "order_size", "reject_streak", "round_trip", "route_errors",
        "route_latency", "stale_prices", "unusual_hour", "wash_trades",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_says_what_each_level_means_and_who_may_find_it(name: str) -> None:
    """A bench whose plants nobody can describe proves nothing."""
    kind = KINDS[name]

    assert tuple(kind.levels) == LEVELS
    assert len(set(kind.levels.values())) == len(LEVELS)
    assert kind.detectors
    assert kind.grace_seconds > 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kinds", [tuple(WEEKS), tuple(DAY)], ids=["weeks", "day"])
def test_all_that_is_planted_is_declared_after_the_warm_up(
    kinds: tuple[str, ...], level: Level
) -> None:
    """Two of each kind, in order of time, within the stream, each on somebody of its own."""
    plan = plan_with(kinds, 2, level)
    simulator = staged(plan, random.Random(4))  # noqa: S311  a simulation
    found = simulator.planted

    assert sorted(one.kind for one in found) == sorted([*kinds, *kinds])
    assert found == sorted(found, key=lambda one: one.start_ns)
    warm_ns = simulator.start_ns + plan.warm_up_hours * HOUR_NS
    for one in found:
        assert one.level == level
        assert one.kind == "drift" or warm_ns <= one.start_ns < one.end_ns < simulator.end_ns
        assert one.accounts or one.pairs or one.routes or one.services
        assert one.note
    accounts = [name for one in found for name in one.accounts]
    assert len(accounts) == len(set(accounts))


def test_the_same_seed_plants_and_simulates_the_same() -> None:
    """A figure of the bench can be had again, byte for byte; another seed is another desk."""
    plan = msgspec.structs.replace(
        weeks(accounts=20, days=4), kinds=("order_size", "layering"), each=1, warm_up_hours=24
    )
    first = staged(plan, random.Random(4))  # noqa: S311  a simulation
    again = staged(plan, random.Random(4))  # noqa: S311  a simulation

    assert first.planted == again.planted
    assert all(
        one == other for one, other in zip(first.happenings(), again.happenings(), strict=True)
    )
    assert first.planted != declared(plan, 5)


def test_whatever_is_planted_on_an_account_shows_in_its_own_events() -> None:
    """Each deed leaves at least as many entries or calls of its account as it says."""
    least = {
        "order_size": 1, "off_market": 1, "order_burst": 60, "cancel_ratio": 60, "layering": 30,
        "wash_trades": 16, "round_trip": 20, "unusual_hour": 4, "new_currency": 2,
        "limit_creep": 30, "margin_run_up": 3, "reject_streak": 10, "new_address": 5, "new_key": 5,
        "access_denied": 12, "drift": 20,
    }  # fmt: skip
    simulator = staged(plan_with(tuple(WEEKS), 2), random.Random(9))  # noqa: S311  a simulation
    met = [Met(one) for one in simulator.planted]
    own = _Own(met)
    for one in simulator.happenings():
        seen = read([one], Watched())
        if seen:
            own.count(seen)
    for each in met:
        assert len(own.moments[id(each)]) >= least[each.planted.kind], each.planted


def test_what_is_planted_in_the_plumbing_shows_there() -> None:
    """A silent pair has no quotes, a frozen one no new price, a crossed one is crossed."""
    plan = plan_with(("stale_prices", "crossed_quotes", "log_silence"), 2)
    simulator = staged(plan, random.Random(9))  # noqa: S311  a simulation
    inside: dict[int, list[object]] = {number: [] for number in range(len(simulator.planted))}
    for one in simulator.happenings():
        if isinstance(one, QuoteSeen | LogSeen):
            for number, planted in enumerate(simulator.planted):
                start, end = planted.start_ns / NS_PER_SECOND, planted.end_ns / NS_PER_SECOND
                about = one.pair if isinstance(one, QuoteSeen) else f"{one.index} {one.service}"
                if start + 1 < one.at_seconds < end and about in (
                    *planted.pairs,
                    *planted.services,
                ):
                    inside[number].append(one)
    for number, planted in enumerate(simulator.planted):
        quotes = [one for one in inside[number] if isinstance(one, QuoteSeen)]
        if planted.kind == "log_silence" or "silent" in planted.note:
            assert not inside[number]
        elif planted.kind == "stale_prices":
            assert len(quotes) > 10
            assert len({one.bid for one in quotes}) == 1
        else:
            assert quotes
            assert all(one.bid > one.ask for one in quotes)
