"""A quiet day and a wild but normal one of real ticks, with ordinary clients: nothing is odd."""

import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from tallystick.watch.detect.trades.plan import Plan
from tallystick.watch.detect.trades.recorded import Recorded
from tallystick.watch.detect.trades.simulator import Simulator
from tallystick.watch.detect.trades.watching import watch
from tallystick.watch.detect.watcher import Watcher

ACCOUNTS: Final = 60
ACTIVITY: Final = 4.0


class TickDay(msgspec.Struct, frozen=True):
    """One day of real ticks: how many quotes, and what was said about it.

    `moved_bps` is the largest move within a minute, `widest_bps` the widest spread, both in basis
    points: the day of the jobs report has ten times the others'. The first day is there to be
    learnt from.
    """

    date: str
    quotes: int
    moved_bps: float
    widest_bps: float
    alerts: tuple[str, ...]


class TickDays(msgspec.Struct, frozen=True):
    """All days, and how many events they had; `alerts` leaves out the first day."""

    days: tuple[TickDay, ...]
    events: int
    alerts: int


def replay(
    folder: Path,
    source: random.Random,
    watcher: Watcher,
    cpu_seconds: Callable[[], float],
    tell: Callable[[int], None] = lambda _events: None,
) -> TickDays:
    """Replay every day below `folder` with simulated clients on its prices.

    Raises:
        Misconfigured: there are no such files.
    """
    recorded = Recorded(folder)
    first = datetime.strptime(recorded.days[0], "%Y%m%d").date()  # noqa: DTZ007  a date
    last = datetime.strptime(recorded.days[-1], "%Y%m%d").date()  # noqa: DTZ007  a date
    plan = Plan(
        start=first.isoformat(), scale="day", accounts=ACCOUNTS,
        hours=24 * ((last - first).days + 1), activity=ACTIVITY, operations=True, life=False,
    )  # fmt: skip
    simulator = Simulator(plan, source, recorded)
    result = watch(simulator.happenings(), (), watcher, cpu_seconds, tell)
    said: dict[str, list[str]] = {}
    for alert in result.false:
        said.setdefault(alert.at[:10].replace("-", ""), []).append(
            f"{alert.detector}: {alert.sentence}"
        )
    days = tuple(_day(folder, name, tuple(said.get(name, ()))) for name in recorded.days)
    return TickDays(days, result.events, sum(len(one.alerts) for one in days[1:]))


def _day(folder: Path, name: str, alerts: tuple[str, ...]) -> TickDay:
    """What kind of day it was, over all pairs."""
    recorded = Recorded(folder)
    quotes, moved, widest = 0, 0.0, 0.0
    for symbol in recorded.pairs:
        minute, opened = -1, 0.0
        for tick in recorded.of_day(symbol, name):
            mid = (tick.bid + tick.ask) / 2
            if tick.at_ns // 60_000_000_000 != minute:
                minute, opened = tick.at_ns // 60_000_000_000, mid
            moved = max(moved, abs(mid / opened - 1) * 1e4)
            widest = max(widest, (tick.ask - tick.bid) / mid * 1e4)
            quotes += 1
    return TickDay(name, quotes, round(moved, 1), round(widest, 1), alerts)
