"""Every alarm as it stands: what sources tell goes in, states and what is to be told come out.

No clock, no store, no waiting: the runner asks what is due, brings it here, and stores what has
changed. Whether somebody is told is decided by how things stand and not by the moment at which
they changed, so that what a suppressor or a switch held back is told later if it still holds.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.alarm import Alarm, Trace
from tallystick.watch.alarms.band import Bands
from tallystick.watch.alarms.composite import evaluate_rule, worst
from tallystick.watch.alarms.evaluate import Reading, evaluate, evaluation_range, judged
from tallystick.watch.alarms.order import children
from tallystick.watch.alarms.series import SERIES_PER_ALARM_MAX, Series
from tallystick.watch.alarms.sources.source import Told
from tallystick.watch.alarms.sources.tally import About
from tallystick.watch.alarms.standing import (
    Level,
    Noted,
    Row,
    Standing,
    Work,
    band_key,
    form_of,
    gone,
)
from tallystick.watch.alarms.suppress import Held, held
from tallystick.watch.alarms.telling import ended, firing
from tallystick.watch.notify.alert import Alert

TRACES_KEPT = 100
"""Traces of one alarm that are remembered; those of changes are stored too."""
UNSTORED_MAX = 10_000
"""Alerts, and traces, that wait for a store that cannot be written; then nothing new is told, and
the oldest traces are let go."""
_ONLY: Series = ()
_UPWARD = frozenset({">", ">=", "above", "outside"})
"""Comparisons that a period which still runs can only meet, never miss again, by more events."""
_replace = msgspec.structs.replace


class Board:
    """Owned by the event loop's thread; everything here is short."""

    def __init__(self, about: Callable[[str, Series], About], bands: Bands) -> None:
        """`about` leads to what an alarm's series last was about."""
        self.alarms: dict[str, Alarm] = {}
        """In the order of their evaluation."""
        self.dropped = 0
        """Series that are not watched because their alarm has too many; counted each time."""
        self.failures = 0
        """Evaluations that failed."""
        self.held_until_ns: int | None = None
        """When what is held back has to be looked at again, at the latest."""
        self._about = about
        self._bands = bands
        self._standing: dict[str, dict[Series, Standing]] = {}
        self._levels: dict[str, Level] = {}
        self._looked: dict[str, int] = {}
        self._last: dict[tuple[str, Series], Trace] = {}
        self._held_by: dict[tuple[str, Series], tuple[str, Trace]] = {}
        self._recent: dict[str, deque[Noted]] = {}
        self._open: dict[tuple[str, Series], None] = {}
        self._moved: set[str] = set()
        self._rows: dict[tuple[str, Series], None] = {}
        self._traces: list[Noted] = []
        self._alerts: list[Alert] = []

    def load(self, rows: Iterable[Row]) -> None:
        """What the store has kept; once, before `define`."""
        for alarm, series, standing in rows:
            if standing is not None:
                self._standing.setdefault(alarm, {})[series] = standing

    def recall(self, noted: Iterable[Noted]) -> None:
        """Why series are in their states, from traces that were stored, the newest first."""
        for name, series, trace in noted:
            standing = self._standing.get(name, {}).get(series)
            if standing and standing.state == trace.state and not trace.suppressed_by:
                self._last.setdefault((name, series), trace)

    def define(self, alarms: Sequence[Alarm], now_ns: int) -> None:
        """These are the alarms now, in the order of their evaluation.

        What an alarm was told of is ended where it is gone, or is about something else now.
        """
        self.alarms = {alarm.name: alarm for alarm in alarms}
        for name in [name for name in self._standing if name not in self.alarms]:
            self._drop(name, "The alarm was deleted.", now_ns)
            for kept in (self._standing, self._levels, self._looked, self._recent):
                kept.pop(name, None)
        for alarm in alarms:
            form = form_of(alarm)
            changed = "The alarm was changed and is evaluated anew."
            known = self._standing.setdefault(alarm.name, {})
            if self._drop(alarm.name, changed, now_ns, form):
                self._looked.pop(alarm.name, None)
            ends = [each.readings[-1].at_ns for each in known.values() if each.readings]
            if ends:
                self._looked.setdefault(alarm.name, max(ends))
            self._recent.setdefault(alarm.name, deque(maxlen=TRACES_KEPT))
            self._open |= {(alarm.name, series): None for series in known}
            self._relevel(alarm.name)
        self._moved = set(self.alarms)

    def standing(self, name: str) -> Mapping[Series, Standing]:
        """The series of an alarm."""
        return self._standing.get(name, {})

    def level(self, name: str) -> Level:
        """The alarm as a whole."""
        return self._levels.get(name, Level())

    def last(self, name: str, series: Series) -> Trace | None:
        """Why a series is as it is; None: it was not evaluated since the start."""
        return self._last.get((name, series))

    def recent(self, name: str) -> list[Noted]:
        """The last traces since the start, oldest first."""
        return [*self._recent.get(name, ())]

    @property
    def unsettled(self) -> bool:
        """Whether `settle` may have something to say now."""
        return bool(self._moved or self._open.keys() - self._held_by.keys())

    def ends(self, alarm: Alarm, newest_ns: int) -> list[int]:
        """The ends of the periods that were not looked at, up to this one; as far back as counts.

        A new alarm begins with what is known of the past.
        """
        period_ns = alarm.period_seconds * NS_PER_SECOND
        oldest = newest_ns - (evaluation_range(alarm) - 1) * period_ns
        looked = self._looked.get(alarm.name)
        set_back = looked is not None and looked > newest_ns + period_ns  # the clock was
        first = oldest if looked is None or set_back else max(looked + period_ns, oldest)
        return list(range(first, newest_ns + 1, period_ns))

    def take(self, alarm: Alarm, told: Sequence[tuple[int, Told]], now_ns: int) -> None:
        """What a source has told of periods that have ended, oldest first."""
        self._looked[alarm.name] = told[-1][0]
        self._admit(alarm, (series for _, each in told for series in each.values))
        for series, before in [*self._standing[alarm.name].items()]:
            standing = self._with(alarm, series, before, told)
            if before.state == "ALARM" and told[-1][0] < before.holds_ns:
                self._keep(alarm.name, series, standing)
                continue
            if gone(alarm, standing) and told[-1][1].absent is None:
                sentence = "OK: no data came for this series any more."
                trace = Trace(now_ns, "OK", before.state, sentence)
            else:
                trace = evaluate(alarm, standing.readings, before.state, now_ns)
            self._apply(alarm, series, standing, trace, now_ns)

    def fail(self, alarm: Alarm, why: str, now_ns: int) -> None:
        """An evaluation failed: nothing is known, whatever missing data counts as."""
        self.failures += 1
        sentence = f"INSUFFICIENT_DATA: it could not be evaluated. {why}"
        known = self._standing[alarm.name]
        if not known:
            trace = Trace(now_ns, "INSUFFICIENT_DATA", "INSUFFICIENT_DATA", sentence)
            self._recent[alarm.name].append(Noted(alarm.name, _ONLY, trace))
        for series, standing in [*known.items()]:
            points = tuple(judged(alarm, each) for each in standing.readings)
            trace = Trace(now_ns, "INSUFFICIENT_DATA", standing.state, sentence, points)
            self._apply(alarm, series, standing, trace, now_ns)

    def at_once(
        self,
        alarm: Alarm,
        series: Series,
        running: Reading,
        readings: Callable[[], list[Reading]],
        now_ns: int,
    ) -> None:
        """Something happened: `running` is its period by now, `readings` all up to it.

        It can raise the alarm before its period has ended; only an end lets it go again.
        """
        known = self._standing[alarm.name]
        if series not in known and not self._admit(alarm, [series]):
            return
        standing = known[series]
        if any(each.at_ns == running.at_ns for each in standing.readings):  # it comes late
            late = [running if r.at_ns == running.at_ns else r for r in standing.readings]
            standing = _replace(standing, readings=tuple(late))
            self._keep(alarm.name, series, standing)
        if standing.state == "ALARM" or alarm.comparison not in _UPWARD:
            return
        if alarm.band is not None:
            key = band_key(alarm.name, series)
            running = self._bands.preview(key, running, alarm.band.width)
        if judged(alarm, running).breaching is not True:
            return
        seen = {each.at_ns: each for each in (*standing.readings, running)}
        looked = [seen.get(each.at_ns, each) for each in readings()]
        trace = evaluate(alarm, looked, standing.state, now_ns)
        if trace.state == "ALARM":
            standing = _replace(standing, holds_ns=running.at_ns)
            self._apply(alarm, series, standing, trace, now_ns)

    def settle(self, now_ns: int) -> None:
        """Evaluate alarms over others where one of them has moved; decide who is told of what."""
        self._compose(now_ns)
        self.held_until_ns = None
        for name, series in [*self._open]:
            if len(self._alerts) < UNSTORED_MAX and self._look(name, series, now_ns):
                self._open.pop((name, series), None)

    def work(self) -> Work:
        """What has changed since the last time, to be stored together."""
        rows = tuple(
            Row(name, series, self._standing.get(name, {}).get(series))
            for name, series in self._rows
        )
        work = Work(rows, tuple(self._traces), tuple(self._alerts))
        self._rows, self._traces, self._alerts = {}, [], []
        return work

    def put_back(self, work: Work) -> None:
        """It could not be stored: it comes with the next `work`."""
        self._rows = {(row.alarm, row.series): None for row in work.rows} | self._rows
        self._traces = [*work.traces, *self._traces][-UNSTORED_MAX:]
        self._alerts = [*work.alerts, *self._alerts]

    def _admit(self, alarm: Alarm, found: Iterable[Series]) -> bool:
        """Let new series in while there is room; whether the last one is in."""
        known = self._standing[alarm.name]
        for series in dict.fromkeys(found):
            if series in known:
                continue
            if len(known) >= SERIES_PER_ALARM_MAX:
                self.dropped += 1
                return False
            known[series] = Standing(form_of(alarm))
        return True

    def _with(
        self, alarm: Alarm, series: Series, standing: Standing, told: Sequence[tuple[int, Told]]
    ) -> Standing:
        """The series with readings of these periods too."""
        readings, absent = [*standing.readings], standing.absent
        for end_ns, each in told:
            reading = Reading(end_ns, each.values.get(series, each.absent))
            if alarm.band is not None:
                key = band_key(alarm.name, series)
                reading = self._bands.expect(key, reading, alarm.band.width)
            readings.append(reading)
            absent = 0 if series in each.values else absent + 1
        return _replace(
            standing, readings=tuple(readings[-evaluation_range(alarm) :]), absent=absent
        )

    def _apply(
        self, alarm: Alarm, series: Series, standing: Standing, trace: Trace, now_ns: int
    ) -> None:
        """The series stands as the trace says."""
        changed = trace.state != standing.state
        if changed:
            left_ns = now_ns if standing.state == "ALARM" else standing.left_ns
            standing = _replace(standing, state=trace.state, since_ns=now_ns, left_ns=left_ns)
        key = (alarm.name, series)
        self._keep(alarm.name, series, standing)
        self._last[key] = trace
        self._recent[alarm.name].append(Noted(alarm.name, series, trace))
        if changed:
            self._traces.append(Noted(alarm.name, series, trace))
            self._relevel(alarm.name)
        if changed or gone(alarm, standing) or key in self._held_by:
            self._open[key] = None

    def _keep(self, name: str, series: Series, standing: Standing) -> None:
        self._standing[name][series] = standing
        self._rows[name, series] = None

    def _relevel(self, name: str) -> None:
        known = self._standing[name].values()
        level = Level(
            worst(each.state for each in known), max((each.left_ns for each in known), default=0)
        )
        if level != self._levels.get(name):
            self._levels[name] = level
            self._moved.add(name)

    def _compose(self, now_ns: int) -> None:
        if not self._moved:
            return
        states = {name: level.state for name, level in self._levels.items()}
        for alarm in self.alarms.values():
            if alarm.rule is None or self._moved.isdisjoint({alarm.name, *children(alarm)}):
                continue
            self._admit(alarm, [_ONLY])
            standing = self._standing[alarm.name][_ONLY]
            trace = evaluate_rule(alarm, states, standing.state, now_ns)
            self._apply(alarm, _ONLY, standing, trace, now_ns)
            states[alarm.name] = self._levels[alarm.name].state
        if self._held_by:  # what is held may be held no more
            self._open |= dict.fromkeys(self._held_by)
        self._moved.clear()

    def _look(self, name: str, series: Series, now_ns: int) -> bool:
        """Tell what has to be told of a series; False: it has to be looked at again."""
        alarm, standing = self.alarms.get(name), self._standing.get(name, {}).get(series)
        if alarm is None or standing is None:
            return True
        key = (name, series)
        if standing.fired is not None:
            if standing.state == "OK":
                last = self._last.get(key)
                self._tell_end(name, series, now_ns, last.sentence if last else "It is OK again.")
            elif not alarm.enabled:
                self._tell_end(name, series, now_ns, "The alarm was switched off.")
        elif standing.state == "ALARM" and alarm.enabled:
            hold = self._held(alarm, standing, now_ns)
            if hold is not None:
                self._note_held(key, hold, now_ns)
                return False
            self._tell(alarm, series, standing, now_ns)
        self._held_by.pop(key, None)
        if gone(alarm, standing) and standing.state != "ALARM":
            self._forget(name, series)
        return True

    def _held(self, alarm: Alarm, standing: Standing, now_ns: int) -> Held | None:
        if alarm.suppressor is None:
            return None
        other = self.level(alarm.suppressor.alarm)
        return held(alarm, standing.since_ns, other.state, other.left_ns or None, now_ns)

    def _note_held(self, key: tuple[str, Series], hold: Held, now_ns: int) -> None:
        until = hold.until_ns
        if until is not None and (self.held_until_ns is None or until < self.held_until_ns):
            self.held_until_ns = until
        trace = self._why(key, now_ns)
        if trace.suppressed_by == hold.by:
            return
        by, base = self._held_by.get(key, ("", trace))
        if not trace.suppressed_by:
            base = trace
        said = f"{base.sentence} {hold.sentence}"
        told = _replace(base, suppressed_by=hold.by, sentence=said)
        self._last[key] = told
        self._recent[key[0]].append(Noted(*key, told))
        if by != hold.by:
            self._traces.append(Noted(*key, told))
        self._held_by[key] = (hold.by, base)

    def _why(self, key: tuple[str, Series], now_ns: int) -> Trace:
        """The last trace of a series in ALARM; after a restart made again from its readings."""
        last = self._last.get(key)
        if last is not None:
            return last
        alarm, standing = self.alarms[key[0]], self._standing[key[0]][key[1]]
        if alarm.rule is None:
            return evaluate(alarm, standing.readings, "ALARM", now_ns)
        states = {name: level.state for name, level in self._levels.items()}
        return evaluate_rule(alarm, states, "ALARM", now_ns)

    def _tell(self, alarm: Alarm, series: Series, standing: Standing, now_ns: int) -> None:
        key = (alarm.name, series)
        trace = self._held_by[key][1] if key in self._held_by else self._why(key, now_ns)
        counted = _replace(standing, alerts=standing.alerts + 1)
        alert = firing(alarm, series, counted, trace, self._about(*key))
        self._keep(alarm.name, series, _replace(counted, fired=alert))
        self._alerts.append(alert)

    def _tell_end(self, name: str, series: Series, now_ns: int, why: str) -> None:
        standing = self._standing[name][series]
        if standing.fired is None:
            return
        counted = _replace(standing, alerts=standing.alerts + 1, fired=None)
        self._alerts.append(ended(name, series, counted, standing.fired, now_ns, why))
        self._keep(name, series, counted)

    def _drop(self, name: str, why: str, now_ns: int, form: str = "") -> list[Series]:
        """Let go of an alarm's series of another form, and end what they told."""
        found = [series for series, each in self._standing[name].items() if each.form != form]
        for series in found:
            self._tell_end(name, series, now_ns, why)
            self._forget(name, series)
        return found

    def _forget(self, name: str, series: Series) -> None:
        key = (name, series)
        del self._standing[name][series]
        self._rows[key] = None
        for kept in (self._last, self._held_by, self._open):
            kept.pop(key, None)
        self._bands.forget(band_key(name, series))
        if name in self.alarms:
            self._relevel(name)
