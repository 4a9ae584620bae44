"""The front desk of alarms: definitions, how they stand, why, and what one would have done.

Alarms come from files (those that are shipped, and the operator's folder) and from the API. One
made through the API may stand in the place of a shipped one; deleting it brings that back. What
stands in the operator's files is changed there.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
import structlog

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Misconfigured, Refused
from tallystick.watch.alarms.alarm import Alarm, LogSource, State, Trace
from tallystick.watch.alarms.board import TRACES_KEPT
from tallystick.watch.alarms.check import check_alarms
from tallystick.watch.alarms.order import needed_by
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.alarms.store import AlarmStore, Definition
from tallystick.watch.alarms.telling import chart_of
from tallystick.watch.alarms.trying import Trial, Trying
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.message import Chart

_log = structlog.get_logger("watch")
Origin = Literal["shipped", "file", "api"]


class Known(msgspec.Struct, frozen=True):
    """An alarm, where it comes from, and which version of it this is.

    `version` is 0 for what stands in a file; `changed_at` (RFC 3339) and `author` are of the API.
    """

    alarm: Alarm
    origin: Origin
    version: int = 0
    changed_at: str | None = None
    author: str = ""


class SeriesState(msgspec.Struct, frozen=True):
    """One series of an alarm: its state, since when (RFC 3339; None: never evaluated), and why.

    `value` is the newest period's; `told`: the notifier knows that it fires.
    """

    labels: dict[str, str]
    state: State
    since: str | None
    value: float | None
    sentence: str
    told: bool
    suppressed_by: str = ""


class AlarmState(msgspec.Struct, frozen=True):
    """An alarm as a whole is in its worst series' state."""

    name: str
    state: State
    enabled: bool
    series: tuple[SeriesState, ...]


class Traced(msgspec.Struct, frozen=True):
    """A trace, and the labels of its series."""

    labels: dict[str, str]
    trace: Trace


class Alarms:
    """Belongs to the event loop's thread; what is awaited does its work in a thread."""

    def __init__(
        self,
        store: AlarmStore,
        runner: Runner,
        trying: Trying,
        files: Sequence[Alarm],
        clock: Clock,
        *,
        shipped: Sequence[Alarm] = (),
        check_query: Callable[[str], object] = lambda _query: None,
    ) -> None:
        """`files`: all alarms that stand in files, those of `shipped` among them.

        `check_query` raises `Refused` for a log query that cannot be understood.

        Raises:
            Misconfigured: the alarms cannot work together.
        """
        self._store = store
        self._runner = runner
        self._trying = trying
        self._clock = clock
        self._check_query = check_query
        ours = {alarm.name: alarm for alarm in shipped}
        self._files = {
            alarm.name: Known(alarm, "shipped" if ours.get(alarm.name) == alarm else "file")
            for alarm in files
        }
        self._made: dict[str, Known] = {}
        self._changing = asyncio.Lock()
        self._all: dict[str, Known] = {}
        try:
            self._check({})
        except Refused as refusal:
            raise Misconfigured(f"Alarms cannot be used. {refusal}") from refusal
        self._use(self._usable({each.alarm.name: _known(each) for each in store.definitions()}))

    def list(self) -> tuple[Known, ...]:
        """Every alarm, by name."""
        return tuple(self._all[name] for name in sorted(self._all))

    def get(self, name: str) -> Known:
        """The alarm with this name.

        Raises:
            Refused: `UNKNOWN_ALARM`.
        """
        known = self._all.get(name)
        if known is None:
            raise Refused("UNKNOWN_ALARM", f"There is no alarm {name[:100]!r}.")
        return known

    async def put(self, alarm: Alarm, author: str, expected: int | None = None) -> Known:
        """Make an alarm, or change it; durable, and evaluated from now on, when it returns.

        `expected` is the version that it replaces (0: none that was made here); None: any.

        Raises:
            Refused: `ALARM_IN_FILE`, `ALARM_CHANGED`, `ALARMS_TOO_MANY`, and whatever is wrong
                with it: see `check_alarms`.
        """
        async with self._changing:
            self._refuse_file(alarm.name)
            if isinstance(alarm.source, LogSource):
                self._check_query(alarm.source.query)
            trial = Known(alarm, "api")
            self._check({**self._made, alarm.name: trial})
            now_ns = self._clock.now_ns()
            made = await asyncio.to_thread(self._store.define, alarm, author, now_ns, expected)
            self._use({**self._made, alarm.name: _known(made)})
        return self._all[alarm.name]

    async def delete(self, name: str, author: str, expected: int | None = None) -> Known:
        """Delete an alarm that was made here; what it was. A shipped one comes back in its place.

        Raises:
            Refused: `UNKNOWN_ALARM`, `ALARM_IN_FILE`, `ALARM_CHANGED`, `ALARM_IN_USE`.
        """
        async with self._changing:
            known = self.get(name)
            if known.origin == "shipped":
                raise _comes_with_us(name)
            if known.origin != "api":
                raise _in_file(name)
            left = {each: made for each, made in self._made.items() if each != name}
            if name not in self._files:
                users = needed_by(name, [each.alarm for each in self._merged(left).values()])
                if users:
                    sentence = f"{name} is needed by {', '.join(users)}: change them first."
                    raise Refused("ALARM_IN_USE", sentence)
            self._check(left)
            now_ns = self._clock.now_ns()
            await asyncio.to_thread(self._store.undefine, name, author, now_ns, expected)
            self._use(left)
        return known

    def state(self, name: str) -> AlarmState:
        """How an alarm stands.

        Raises:
            Refused: `UNKNOWN_ALARM`.
        """
        alarm = self.get(name).alarm
        board = self._runner.board
        series = []
        for labels, standing in sorted(board.standing(name).items()):
            last = board.last(name, labels)
            newest = standing.readings[-1].value if standing.readings else None
            series.append(
                SeriesState(
                    labels=dict(labels),
                    state=standing.state,
                    since=rfc3339(standing.since_ns) if standing.since_ns else None,
                    value=newest,
                    sentence=last.sentence if last else "",
                    told=standing.fired is not None,
                    suppressed_by=last.suppressed_by if last else "",
                )
            )
        return AlarmState(name, board.level(name).state, alarm.enabled, tuple(series))

    def states(self) -> tuple[AlarmState, ...]:
        """How every alarm stands, by name."""
        return tuple(self.state(name) for name in sorted(self._all))

    async def traces(self, name: str, limit: int = TRACES_KEPT) -> tuple[Traced, ...]:
        """Why it is as it is: the newest evaluations first, and changes from before the start.

        Raises:
            Refused: `UNKNOWN_ALARM`.
        """
        self.get(name)
        recent = self._runner.board.recent(name)[::-1]
        stored = await asyncio.to_thread(self._store.traces, name)
        seen = {(each.series, each.trace.at_ns, each.trace.sentence) for each in recent}
        older = [e for e in stored if (e.series, e.trace.at_ns, e.trace.sentence) not in seen]
        found = sorted([*recent, *older], key=lambda each: -each.trace.at_ns)
        newest = found[: max(0, min(limit, TRACES_KEPT))]
        return tuple(Traced(dict(each.series), each.trace) for each in newest)

    async def try_out(self, alarm: Alarm, start_ns: int, end_ns: int) -> Trial:
        """What an alarm would have done between two moments; it need not be known.

        Raises:
            Refused: whatever is wrong with the alarm; `BAD_RANGE`; what its source refuses.
        """
        merged = {**self._all, alarm.name: Known(alarm, "api")}
        check_alarms(each.alarm for each in merged.values())
        others = {name: each.alarm for name, each in merged.items()}
        return await self._trying.try_out(alarm, others, start_ns, end_ns)

    def chart(self, alert: Alert) -> Chart | None:
        """The small chart of an alert of ours; None for any other alert. For any thread."""
        known = self._all.get(alert.labels.get("alarm", ""))
        if known is None or alert.source != "alarms":
            return None
        series_now = [*self._runner.board.standing(known.alarm.name).items()]  # at one moment
        for series, standing in series_now:
            if all(alert.labels.get(label) == value for label, value in series):
                return chart_of(known.alarm, standing.readings)
        return None

    def gauges(self) -> Iterator[tuple[str, str, float, dict[str, str]]]:
        """What an operator watches: name, meaning, figure, labels."""
        runner = self._runner
        states = Counter(runner.board.level(name).state for name in self._all)
        for state in ("OK", "ALARM", "INSUFFICIENT_DATA"):
            yield "tallystick_alarms", "Alarms by state.", states[state], {"state": state}
        failures = runner.board.failures + runner.gather_failures
        yield "tallystick_alarm_failures_total", "Evaluations that failed.", failures, {}
        dropped = runner.board.dropped + runner.tally.dropped + runner.samples.dropped
        yield "tallystick_alarm_series_dropped_total", "Series beyond the limits.", dropped, {}
        unreadable = "Entries that alarms could not read."
        yield "tallystick_alarm_unreadable_total", unreadable, runner.unreadable, {}

    def _merged(self, made: dict[str, Known]) -> dict[str, Known]:
        return {**self._files, **made}

    def _check(self, made: dict[str, Known]) -> tuple[Alarm, ...]:
        return check_alarms(each.alarm for each in self._merged(made).values())

    def _usable(self, made: dict[str, Known]) -> dict[str, Known]:
        """Those that can work with today's files: what people made must not keep us from starting.

        The others are said, and left in the store.
        """
        used: dict[str, Known] = {}
        left, reasons = dict(made), dict[str, str]()
        before = len(left) + 1
        while left and len(left) < before:
            before = len(left)
            for name, known in [*left.items()]:
                try:
                    self._check({**used, name: known})
                except Refused as refusal:
                    reasons[name] = str(refusal)
                else:
                    used[name] = left.pop(name)
        for name in left:
            _log.error("alarms.not_usable", alarm=name, reason=reasons[name])
        return used

    def _use(self, made: dict[str, Known]) -> None:
        self._runner.define(self._check(made))
        self._made = made
        self._all = self._merged(made)

    def _refuse_file(self, name: str) -> None:
        known = self._files.get(name)
        if known is not None and known.origin == "file":
            raise _in_file(name)


def _known(made: Definition) -> Known:
    return Known(made.alarm, "api", made.version, rfc3339(made.changed_at_ns), made.author)


def _comes_with_us(name: str) -> Refused:
    sentence = f"The alarm {name} comes with the product; one of its name takes its place"
    return Refused("ALARM_IN_FILE", f"{sentence}, and with enabled = false it tells nobody.")


def _in_file(name: str) -> Refused:
    return Refused("ALARM_IN_FILE", f"The alarm {name} stands in a file and is changed there.")
