"""Alarms at work: samples are taken, what is due is evaluated, what has changed is stored and told.

One loop does what is due and rests until the next thing is. Events and anomalies are counted as
they come and can raise an alarm at once. Log queries run beside the loop, few at a time, so that a
slow one holds up no other alarm.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog

from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.errors import TallystickError, TemporaryError
from tallystick.stream import Message
from tallystick.stream.rules import read_event
from tallystick.watch.alarms.alarm import (
    Alarm,
    DetectorSource,
    EventSource,
    LogSource,
    MetricSource,
)
from tallystick.watch.alarms.band import Bands
from tallystick.watch.alarms.board import Board
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.keeper import Keeper, Raise
from tallystick.watch.alarms.place import Place, place_bytes, read_place
from tallystick.watch.alarms.samples import SAMPLE_SECONDS, Sample, Samples, interval_seconds
from tallystick.watch.alarms.series import Series
from tallystick.watch.alarms.sources import (
    Happened,
    Listening,
    LogRows,
    LogValues,
    MetricValues,
    Source,
    Tally,
    Told,
    anomalies_happened,
)
from tallystick.watch.alarms.standing import Work
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.detect.score import Anomaly

LOG_QUERIES_MAX = 2
"""Log queries of alarms that run at once."""
LOG_PERIODS_MAX = 10
"""Most periods back that an alarm asks the log store for at once."""
LOG_ANSWER_SECONDS_MAX = 30.0
"""Longest that one question may take, waiting included; the engine stops a query earlier."""
LOG_TRIES = 10
"""How often a question is asked while the log store says that it is too busy."""
KEEP_SECONDS = 10
"""How often the stream's position and what was counted are kept while nothing changes."""
KEEP_BANDS_SECONDS = 600
"""How often what bands have learnt is kept."""
RETRY_SECONDS = 1.0
"""Pause when the store or the notifier cannot be used."""
KNOWN_MAX = 1_000
"""Anomalies and events that are no entries, remembered by their ids: after a crash they are told
again, and count once."""

_log = structlog.get_logger("watch")
Gather = Callable[[], Iterable[Sample]]
"""Gives every metric as it is now; called on the event loop's thread."""


class Runner:
    """On one event loop. `take`, `hear` and `on_anomalies` belong to its thread."""

    def __init__(
        self,
        store: AlarmStore,
        clock: Clock,
        *,
        gather: Gather,
        raise_alert: Raise,
        log_rows: LogRows,
        ledger_size: int = 0,
        region: str = "",
    ) -> None:
        """Take up what the store has kept; nothing is evaluated yet.

        At the very first start the ledger's entries (`ledger_size`) are the past.
        """
        self.samples = Samples()
        self.tally = Tally()
        self.bands = Bands()
        self.board = Board(self.tally.about, self.bands)
        self.gather_failures = 0
        self.worked_ns = self.sampled_ns = clock.now_ns()
        """When the last whole round ended: looked at, stored and told; and when samples came."""
        self._store = store
        self._clock = clock
        self._gather = gather
        self._keeper = Keeper(store, raise_alert)
        self._region = region
        self._listening = Listening((), region)
        self._unreadable = 0
        metrics, logs = MetricValues(self.samples), LogValues(log_rows)
        self._sources: dict[type, Source] = {
            MetricSource: metrics,
            LogSource: logs,
            EventSource: self.tally,
            DetectorSource: self.tally,
        }
        self._woken = asyncio.Event()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(LOG_QUERIES_MAX)
        self._due: dict[str, int] = {}
        self._interval_ns = SAMPLE_SECONDS[0] * NS_PER_SECOND
        self._sample_ns = 0
        self._retry_ns: int | None = None
        self._counted = False
        self._urgent = False
        self._kept_ns = self._bands_kept_ns = clock.now_ns()
        self._known: deque[str] = deque(maxlen=KNOWN_MAX)
        self.position = self._begin(ledger_size)
        """The next ledger entry that will be looked at: where the relay begins to feed."""

    def define(self, alarms: Sequence[Alarm]) -> None:
        """These are the alarms now, in the order of their evaluation.

        Raises:
            Refused: `BAD_PATTERN`; nothing has changed.
        """
        now_ns = self._clock.now_ns()
        listening = Listening(alarms, self._region)
        self._unreadable += self._listening.unreadable
        self._listening = listening
        counting = [a for a in alarms if isinstance(a.source, EventSource | DetectorSource)]
        self.tally.only({alarm.name for alarm in counting})
        for alarm in counting:
            self.tally.listen(alarm, now_ns)
        self.board.define(alarms, now_ns)
        self._due = {alarm.name: 0 for alarm in alarms if alarm.source is not None}
        self._interval_ns = interval_seconds(alarms) * NS_PER_SECOND
        self._counted = self._urgent = True
        self._woken.set()

    @property
    def unreadable(self) -> int:
        """Entries that could not be read."""
        return self._unreadable + self._listening.unreadable

    async def run(self) -> None:
        """Do what is due, for ever; cancelled at the end."""
        try:
            while True:
                self._woken.clear()
                next_ns = await self.round()
                await rest(self._woken, self._clock, next_ns)
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def round(self) -> int:
        """Do what is due now; when the next thing is, in nanoseconds since the epoch."""
        now_ns = self._clock.now_ns()
        self._sample(now_ns)
        self.board.settle(now_ns)  # what fired at once is told, whatever comes after it
        await self._evaluate(now_ns)
        self.board.settle(now_ns)
        stored = await self._commit(now_ns)
        told = await self._keeper.tell()
        if not told:
            self._retry(now_ns)
        if stored and told:
            self.worked_ns = self._clock.now_ns()
        return self._next_ns()

    async def answered(self) -> None:
        """Wait for the log queries that run now."""
        await asyncio.gather(*self._asking.values())

    async def take(self, messages: list[Message]) -> None:
        """The relay's consumer: entries in order, each looked at once, by its position."""
        fresh = [message for message in messages if message.position >= self.position]
        now_ns = self._clock.now_ns()
        happened: list[Happened] = []
        for message in self._listening.worth_reading(fresh):
            event = self._listening.entry(message)
            if event is not None:
                happened += self._listening.happened(event, now_ns)
        self._count(happened, now_ns)
        if fresh:
            self.position = fresh[-1].position + 1
            self._counted = True

    async def hear(self, body: bytes) -> None:
        """An event that is no entry, in its bytes; what came of it is stored when this returns.

        It may be told again, and counts once. What cannot be read is counted.
        """
        try:
            event = read_event(body)
        except (ValueError, RecursionError):
            self._unreadable += 1
            return
        now_ns = self._clock.now_ns()
        if event.id in self._known:
            return
        self._known.append(event.id)
        self._urgent = True
        self._count(self._listening.happened(event, now_ns), now_ns)
        self.board.settle(now_ns)
        await self._commit(now_ns)

    def on_anomalies(self, anomalies: Sequence[Anomaly]) -> None:
        """Anomalies were found; one that is told again counts once."""
        known = set(self._known)
        fresh = [*{each.id: each for each in anomalies if each.id not in known}.values()]
        self._known.extend(each.id for each in fresh)
        now_ns = self._clock.now_ns()
        happened = anomalies_happened(self.board.alarms.values(), fresh, now_ns)
        self._urgent = self._urgent or bool(happened)
        self._count(happened, now_ns)

    def close(self) -> None:
        """Keep what is known; after `run` has ended."""
        self._keeper.close()
        work = self.board.work()
        try:
            self._store.commit(work, {"place": self._place(), "bands": self.bands.snapshot()})
        except TemporaryError as error:  # a restart looks again at what came since it was kept
            self.board.put_back(work)
            _log.warning("alarms.kept_later", reason=str(error))

    def _begin(self, ledger_size: int) -> int:
        rows = self._store.rows()
        self.board.load(rows)
        for name in {row.alarm for row in rows if row.standing and row.standing.state == "ALARM"}:
            self.board.recall(self._store.traces(name))
        learnt, body = self._store.kept("bands"), self._store.kept("place")
        try:
            if learnt is not None:
                self.bands.restore(learnt)
            place = None if body is None else read_place(body)
        except ValueError as error:  # another version's: begin anew
            _log.warning("alarms.kept_void", reason=str(error))
            place = None
        if place is not None and place.position > ledger_size:
            _log.warning("alarms.place_void", position=place.position, ledger_size=ledger_size)
            place = None
        if place is None:  # kept now: what comes from here on is looked at, whatever happens
            place = Place(ledger_size, {}, [])
            self._store.commit(Work((), (), ()), {"place": place_bytes(place)})
        self.tally.restore(place.counted)
        self._known.extend(place.known)
        return place.position

    def _sample(self, now_ns: int) -> None:
        """Take samples where it is time; those taken in time belong to that moment exactly."""
        if 0 < self._sample_ns - now_ns <= self._interval_ns:  # more: the clock was set back
            return
        due_ns = now_ns - now_ns % self._interval_ns
        at_ns = due_ns if now_ns - due_ns < self._interval_ns // 2 else now_ns
        self._sample_ns = due_ns + self._interval_ns
        try:
            self.samples.take(at_ns, self._gather())
            self.sampled_ns = now_ns
        except TallystickError as error:
            self.gather_failures += 1
            _log.warning("alarms.not_sampled", reason=str(error))
        except Exception:  # noqa: BLE001  outermost loop of sampling
            # A gauge's bug must stop no alarm, nor go unseen.
            self.gather_failures += 1
            _log.exception("alarms.sampling_broken")

    async def _evaluate(self, now_ns: int) -> None:
        for name, due_ns in [*self._due.items()]:
            alarm = self.board.alarms.get(name)
            if alarm is None or name in self._asking:
                continue
            source = self._sources[type(alarm.source)]
            period_ns = alarm.period_seconds * NS_PER_SECOND
            settle_ns = round(source.settle_seconds * NS_PER_SECOND)
            if 0 < due_ns - now_ns <= period_ns + settle_ns:  # more: the clock was set back
                continue
            newest_ns = (now_ns - settle_ns) // period_ns * period_ns
            self._due[name] = newest_ns + period_ns + settle_ns
            ends = self.board.ends(alarm, newest_ns)
            if not ends:
                continue
            if isinstance(alarm.source, LogSource):
                work = self._ask(alarm, source, ends[-LOG_PERIODS_MAX:])
                self._asking[name] = asyncio.create_task(work, name=f"alarm-{name}")
            else:
                await self._look(alarm, source, ends)

    async def _ask(self, alarm: Alarm, source: Source, ends: list[int]) -> None:
        """Beside the loop: evaluate an alarm whose answer takes its time."""
        try:
            async with self._places:
                await self._look(alarm, source, ends)
        finally:
            self._asking.pop(alarm.name, None)
            self._woken.set()

    async def _look(self, alarm: Alarm, source: Source, ends: list[int]) -> None:
        """Evaluate an alarm over periods that have ended; what goes wrong is its trace."""
        try:
            told = [(end_ns, await _told(alarm, source, end_ns, self._clock)) for end_ns in ends]
            if self.board.alarms.get(alarm.name) is alarm:  # else it was changed meanwhile
                self.board.take(alarm, told, self._clock.now_ns())
        except TallystickError as error:
            why = str(error)
        except TimeoutError:
            why = f"There was no answer within {LOG_ANSWER_SECONDS_MAX:g} s."
        except Exception as error:  # noqa: BLE001  outermost loop of an alarm
            # Its bug must not stop the other alarms, nor go unseen.
            _log.exception("alarms.evaluation_broken", alarm=alarm.name)
            why = f"It failed: {type(error).__name__}."
        else:
            return
        if self.board.alarms.get(alarm.name) is alarm:
            _log.warning("alarms.not_evaluated", alarm=alarm.name, reason=why)
            self.board.fail(alarm, why, self._clock.now_ns())

    def _count(self, happened: Iterable[Happened], now_ns: int) -> None:
        """Count all of it, then look once at each period that it was in."""
        running: dict[tuple[str, Series, int], tuple[Happened, float]] = {}
        for each in happened:
            period_ns = each.alarm.period_seconds * NS_PER_SECOND
            value = self.tally.count(each.alarm, each.series, each.at_ns, each.about)
            if value is not None:
                end_ns = (each.at_ns // period_ns + 1) * period_ns
                running[each.alarm.name, each.series, end_ns] = (each, value)
        for (_, series, end_ns), (last, value) in running.items():
            readings = partial(self.tally.readings, last.alarm, series, last.at_ns)
            self.board.at_once(last.alarm, series, Reading(end_ns, value), readings, now_ns)
        self._counted = self._counted or bool(running)
        if self._urgent or self.board.unsettled:
            self._woken.set()

    async def _commit(self, now_ns: int) -> bool:
        """Store what has changed; False: it cannot be stored now, and comes with the next round."""
        work = self.board.work()
        kept = self._to_keep(now_ns, told=bool(work.alerts or work.traces))
        if not (work or kept) or await self._keeper.commit(work, kept):
            return True
        self.board.put_back(work)
        self._counted = self._urgent = True
        self._retry(now_ns)
        return False

    def _to_keep(self, now_ns: int, *, told: bool) -> dict[str, bytes]:
        """What is stored beside states: always together with a change that came of it."""
        kept: dict[str, bytes] = {}
        waited_ns = now_ns - self._kept_ns
        if (self._counted or self._urgent) and (
            told or self._urgent or waited_ns >= KEEP_SECONDS * NS_PER_SECOND
        ):
            kept["place"] = self._place()
            self._kept_ns = now_ns
            self._counted = self._urgent = False
        if len(self.bands) and now_ns - self._bands_kept_ns >= KEEP_BANDS_SECONDS * NS_PER_SECOND:
            kept["bands"] = self.bands.snapshot()
            self._bands_kept_ns = now_ns
        return kept

    def _place(self) -> bytes:
        return place_bytes(Place(self.position, self.tally.snapshot(), [*self._known]))

    def _retry(self, now_ns: int) -> None:
        self._retry_ns = now_ns + round(RETRY_SECONDS * NS_PER_SECOND)

    def _next_ns(self) -> int:
        asked = self._asking
        moments = [self._sample_ns, *(at for name, at in self._due.items() if name not in asked)]
        if self.board.held_until_ns is not None:
            moments.append(self.board.held_until_ns)
        if self._retry_ns is not None:
            moments.append(self._retry_ns)
            self._retry_ns = None
        return min(moments)


async def _told(alarm: Alarm, source: Source, end_ns: int, clock: Clock) -> Told:
    """What a source says of one period; asked again a moment later while it is too busy."""
    start_ns = end_ns - alarm.period_seconds * NS_PER_SECOND
    async with asyncio.timeout(LOG_ANSWER_SECONDS_MAX):
        for _ in range(LOG_TRIES - 1):
            try:
                return await source.told(alarm, start_ns, end_ns)
            except TemporaryError as error:
                await clock.sleep(error.retry_after_seconds)
        return await source.told(alarm, start_ns, end_ns)
