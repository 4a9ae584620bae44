"""A house of alarms in virtual time: metrics, log rows and a notifier that do as they are told."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import TallystickError
from tallystick.watch.alarms.alarm import Alarm
from tallystick.watch.alarms.check import check_alarms
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.alarms.samples import Sample
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.notify.alert import Alert

START_NS = 1_700_000_040 * NS_PER_SECOND
"""A whole minute."""


@dataclass
class House:
    """Alarms, their surroundings, and what they told."""

    path: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(START_NS))
    metrics: dict[str, float] = field(default_factory=dict)
    """By name; one that ends in `_total` is a counter."""
    rows: Callable[[str, int, int], Awaitable[Sequence[Mapping[str, object]]]] | None = None
    raised: list[Alert] = field(default_factory=list)
    trouble: TallystickError | None = None
    """What the notifier says instead of taking an alert."""
    stores: list[AlarmStore] = field(default_factory=list)

    def open(self, *alarms: Alarm, ledger_size: int = 0) -> Runner:
        """A runner on the house's file, as after a start; without alarms it waits for them."""
        store = AlarmStore(self.path)
        self.stores.append(store)
        runner = Runner(
            store,
            self.clock,
            gather=self._gather,
            raise_alert=self._take,
            log_rows=self._ask,
            ledger_size=ledger_size,
            region="example.com/ledger",
        )
        if alarms:
            runner.define(check_alarms(alarms))
        return runner

    async def go(self, runner: Runner, seconds: float) -> None:
        """Let this much time pass, doing what is due when it is."""
        end_ns = self.clock.now_ns() + round(seconds * NS_PER_SECOND)
        while True:
            next_ns = await runner.round()
            await runner.answered()
            now_ns = self.clock.now_ns()
            if next_ns > now_ns:
                await runner.round()  # what was answered meanwhile
            if next_ns > end_ns:
                break
            self.clock.advance(max(0, next_ns - now_ns) / NS_PER_SECOND)
        self.clock.advance(max(0, end_ns - self.clock.now_ns()) / NS_PER_SECOND)

    def told(self) -> list[tuple[str, bool]]:
        """Of each alert its alarm, and whether it fires."""
        return [(each.labels["alarm"], each.ends_at is None) for each in self.raised]

    def _gather(self) -> list[Sample]:
        return [
            Sample(name, {}, "counter" if name.endswith("_total") else "gauge", value)
            for name, value in self.metrics.items()
        ]

    def _take(self, alert: Alert) -> None:
        if self.trouble is not None:
            raise self.trouble
        if alert.id not in {each.id for each in self.raised}:
            self.raised.append(alert)

    async def _ask(self, query: str, start: int, end: int) -> Sequence[Mapping[str, object]]:
        assert self.rows is not None
        return await self.rows(query, start, end)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house whose file is fresh."""
    made = House(tmp_path / "alarms.db")
    yield made
    for store in made.stores:
        store.close()
