"""Builds the alarms: what they look at, where they are kept, and the loop that evaluates them."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

from tallystick.clock import Clock
from tallystick.ledger import Ledger
from tallystick.stream.relay import Relay
from tallystick.watch.alarms.alarm import Alarm, DetectorSource, EventSource
from tallystick.watch.alarms.alarms import Alarms
from tallystick.watch.alarms.files import read_alarms, shipped
from tallystick.watch.alarms.past import HousePast
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.alarms.samples import Sample
from tallystick.watch.alarms.sources.logs import rows_of
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.alarms.trying import Trying
from tallystick.watch.collect.search import LogSearch, Question
from tallystick.watch.detect.found import Found
from tallystick.watch.notify import Notifier
from tallystick.wiring import tasks
from tallystick.wiring.settings import Settings

ALARMS_FILE = "alarms.db"


class Alarming:
    """Alarms over everything that the house measures, says and finds."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        relay: Relay,
        search: LogSearch,
        found: Found,
        notifier: Notifier,
        gather: Callable[[], Iterable[Sample]],
        clock: Clock,
    ) -> None:
        """Open everything; nothing is evaluated yet.

        Raises:
            Misconfigured, Corrupt: with a sentence for the operator.
        """
        self._relay = relay
        self._clock = clock
        folder = None if settings.alarms is None else Path(settings.alarms).expanduser()
        rows = rows_of(search)
        self._store = AlarmStore(settings.folder / ALARMS_FILE)
        self.runner = Runner(
            self._store,
            clock,
            gather=gather,
            raise_alert=notifier.raise_alert,
            log_rows=rows,
            ledger_size=ledger.size,
            region=ledger.origin,
        )
        trying = Trying(self.runner.samples, rows, HousePast(ledger, found), ledger.origin)
        self.alarms = Alarms(
            self._store,
            self.runner,
            trying,
            read_alarms(folder),
            clock,
            shipped=shipped(),
            check_query=lambda query: search.plan(search.read(Question(query, None, None))),
        )

    def tells_rule(self, name: str) -> bool:
        """Whether an alarm of this name tells what the event rule would tell: once is enough."""
        return any(
            known.alarm.name == name and _fires_at_one(known.alarm)
            for known in self.alarms.list()
            if isinstance(known.alarm.source, EventSource)
        )

    def tells_detector(self, name: str) -> bool:
        """Whether an alarm tells of this detector's anomalies."""
        return any(
            known.alarm.source.name == name and _fires_at_one(known.alarm)
            for known in self.alarms.list()
            if isinstance(known.alarm.source, DetectorSource)
        )

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """The loops, each with its name."""
        yield "alarms", tasks.patiently("alarms", self.runner.run, self._clock)
        yield "alarms-feed", tasks.patiently("alarms-feed", self._feed, self._clock)

    async def _feed(self) -> None:
        await self._relay.feed("alarms", self.runner.take, self.runner.position)

    def close(self) -> None:
        """Keep where it is, and let go of the file."""
        self.runner.close()
        self._store.close()


def _fires_at_one(alarm: Alarm) -> bool:
    """Whether each event is told by it: one that waits for several lets the first go untold."""
    if not alarm.enabled or alarm.statistic != "count" or alarm.threshold is None:
        return False
    low = alarm.threshold <= 1 if alarm.comparison == ">=" else alarm.threshold < 1
    return low and alarm.comparison in {">", ">="} and alarm.datapoints == 1
