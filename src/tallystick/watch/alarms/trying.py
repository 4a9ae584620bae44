"""Trying an alarm out: what it would have done over what is still known of the past.

Metrics are known for as long as their samples are kept, log lines as long as the log store has
them, events from the ledger, anomalies from their store. What is looked at is what the alarm would
have seen; nobody is told of anything.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import (
    Alarm,
    DetectorSource,
    EventSource,
    LogSource,
    MetricSource,
    Trace,
)
from tallystick.watch.alarms.composite import worst
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.order import children
from tallystick.watch.alarms.past import Past
from tallystick.watch.alarms.replay import changes, replay, replay_rule, summary
from tallystick.watch.alarms.samples import Samples
from tallystick.watch.alarms.series import SERIES_PER_ALARM_MAX, Series, Values
from tallystick.watch.alarms.sources import (
    Happened,
    Listening,
    LogRows,
    LogValues,
    MetricValues,
    Source,
    Told,
    anomalies_happened,
)

PERIODS_MAX = 10_080
"""Most periods that are tried out: a week of minutes; of a longer range the newest."""
QUERIES_MAX = 200
"""Most log queries of one trial, a period each; of a longer range the newest."""
CHANGES_MAX = 100
"""Most changes of one series that are told, the newest."""
_TURN = 50

History = list[tuple[int, Told]]
"""The ends of periods, oldest first, and what they came to."""


class Tried(msgspec.Struct, frozen=True):
    """One series: what it came to in a sentence, its newest changes, and its last trace.

    It fired so often, and was in ALARM for so many seconds in all.
    """

    labels: dict[str, str]
    sentence: str
    fired: int
    alarm_seconds: int
    changes: tuple[Trace, ...]
    last: Trace


class Trial(msgspec.Struct, frozen=True):
    """What an alarm would have done in a range (RFC 3339), one entry a series.

    `note` says what could not be looked at, empty where all could.
    """

    earliest: str
    latest: str
    periods: int
    series: tuple[Tried, ...]
    note: str = ""


class Trying:
    """Looks at the past; on the event loop, the work is done in threads."""

    def __init__(self, samples: Samples, log_rows: LogRows, past: Past, region: str) -> None:
        self._samples = samples
        self._metrics = MetricValues(samples)
        self._logs = LogValues(log_rows)
        self._past = past
        self._region = region

    async def try_out(
        self, alarm: Alarm, others: Mapping[str, Alarm], start_ns: int, end_ns: int
    ) -> Trial:
        """What the alarm would have done between two moments; `others` are those of its rule.

        Raises:
            Refused: `BAD_RANGE`; what its source refuses.
        """
        if not 0 <= start_ns < end_ns:
            raise Refused("BAD_RANGE", "A trial ends after it begins.", field="earliest")
        ends, note = self._ends(alarm, start_ns, end_ns)
        histories = await self._histories(alarm, others, start_ns, end_ns)
        told = await asyncio.to_thread(_tried, alarm, histories)
        first, last = (ends[0], ends[-1]) if ends else (start_ns, end_ns)
        return Trial(rfc3339(first), rfc3339(last), len(ends), told, note)

    async def _histories(
        self, alarm: Alarm, others: Mapping[str, Alarm], start_ns: int, end_ns: int
    ) -> dict[Series, list[Trace]]:
        """The traces of each series."""
        if alarm.rule is None:
            ends, _ = self._ends(alarm, start_ns, end_ns)
            history = await self._history(alarm, ends)
            return await asyncio.to_thread(_replayed, alarm, history)
        levels: dict[str, list[Trace]] = {}
        for name in children(alarm):
            if name not in others:
                raise Refused("ALARM_REFERENCE", f"There is no alarm {name!r}.", field="rule")
            found = await self._histories(others[name], others, start_ns, end_ns)
            levels[name] = _level(found.values())
        return {(): await asyncio.to_thread(replay_rule, alarm, levels)}

    def _ends(self, alarm: Alarm, start_ns: int, end_ns: int) -> tuple[list[int], str]:
        """The ends of the periods that are looked at, and what is left out."""
        period_ns = alarm.period_seconds * NS_PER_SECOND
        newest = end_ns // period_ns * period_ns
        if isinstance(alarm.source, EventSource | DetectorSource):  # it fires before its end
            newest = -(-end_ns // period_ns) * period_ns
        oldest = (start_ns // period_ns + 1) * period_ns
        note = ""
        if isinstance(alarm.source, MetricSource):
            since = self._samples.since_ns()
            if since is None or since > start_ns:
                at = "now" if since is None else rfc3339(since)
                note = f"Samples of metrics are known since {at}."
                oldest = max(oldest, (end_ns if since is None else since) // period_ns * period_ns)
                oldest += period_ns if since is None or oldest <= since else 0
        most = QUERIES_MAX if isinstance(alarm.source, LogSource) else PERIODS_MAX
        if (newest - oldest) // period_ns >= most:
            oldest = newest - (most - 1) * period_ns
            note = f"The newest {most:,} periods were looked at, since {rfc3339(oldest)}."
        return list(range(oldest, newest + 1, period_ns)), note

    async def _history(self, alarm: Alarm, ends: Sequence[int]) -> History:
        if isinstance(alarm.source, MetricSource | LogSource):
            source = self._metrics if isinstance(alarm.source, MetricSource) else self._logs
            return await _asked(alarm, source, ends)
        return await asyncio.to_thread(self._counted, alarm, ends)

    def _counted(self, alarm: Alarm, ends: Sequence[int]) -> History:
        """In a thread: what happened, counted by period."""
        period_ns = alarm.period_seconds * NS_PER_SECOND
        counts: defaultdict[int, Counter[Series]] = defaultdict(Counter)
        if ends:
            for each in self._happened(alarm, ends[0] - period_ns, ends[-1]):
                counts[(each.at_ns // period_ns + 1) * period_ns][each.series] += 1
        per = alarm.period_seconds if alarm.statistic == "rate" else 1
        by = getattr(alarm.source, "by", ())
        history: History = []
        for end_ns in ends:
            values: Values = {series: n / per for series, n in counts[end_ns].items()}
            history.append((end_ns, Told(values if values or by else {(): 0.0}, 0.0)))
        return history

    def _happened(self, alarm: Alarm, start_ns: int, end_ns: int) -> Iterable[Happened]:
        if isinstance(alarm.source, DetectorSource):
            found = list(self._past.anomalies(start_ns, end_ns))
            yield from anomalies_happened([alarm], found, end_ns)
        elif isinstance(alarm.source, EventSource):
            listening = Listening([alarm], self._region)
            for message in listening.worth_reading(self._past.entries(start_ns, end_ns)):
                event = listening.entry(message)
                if event is not None:
                    yield from listening.happened(event, end_ns)


async def _asked(alarm: Alarm, source: Source, ends: Sequence[int]) -> History:
    """What a source says of these periods; others have their turn in between."""
    period_ns = alarm.period_seconds * NS_PER_SECOND
    history: History = []
    for number, end_ns in enumerate(ends):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        history.append((end_ns, await source.told(alarm, end_ns - period_ns, end_ns)))
    return history


def _replayed(alarm: Alarm, history: History) -> dict[Series, list[Trace]]:
    """The traces of each series that comes up in it."""
    found = dict.fromkeys(series for _, told in history for series in told.values)
    return {
        series: replay(
            alarm,
            [Reading(end_ns, told.values.get(series, told.absent)) for end_ns, told in history],
        )
        for series in [*found][:SERIES_PER_ALARM_MAX]
    }


def _tried(alarm: Alarm, histories: Mapping[Series, Sequence[Trace]]) -> tuple[Tried, ...]:
    told = []
    for series, traces in histories.items():
        if traces:
            came = summary(traces, alarm.period_seconds)
            newest = tuple(changes(traces)[-CHANGES_MAX:])
            told.append(
                Tried(
                    dict(series), came.sentence, came.fired, came.alarm_seconds, newest, traces[-1]
                )
            )
    return tuple(told)


def _level(histories: Iterable[Sequence[Trace]]) -> list[Trace]:
    """An alarm as a whole: the worst of its series at each moment."""
    at: defaultdict[int, list[Trace]] = defaultdict(list)
    for traces in histories:
        for trace in traces:
            at[trace.at_ns].append(trace)
    return [
        Trace(at_ns, worst(t.state for t in at[at_ns]), worst(t.before for t in at[at_ns]), "")
        for at_ns in sorted(at)
    ]
