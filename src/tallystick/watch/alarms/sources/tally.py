"""What happened, counted by alarm, series and period: events and anomalies."""

from collections.abc import Container
from typing import NamedTuple

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.alarm import Alarm
from tallystick.watch.alarms.evaluate import Reading, evaluation_range
from tallystick.watch.alarms.series import SERIES_PER_ALARM_MAX, Series, Values
from tallystick.watch.alarms.sources.source import Told
from tallystick.watch.alarms.standing import form_of

SETTLE_SECONDS = 1.0
"""How long after a period's end it is looked at: what happened at its end may be on its way."""


class About(NamedTuple):
    """Where to look: the entry and the order that something was about."""

    position: int | None = None
    order_id: str | None = None


NOTHING = About()


class Counted(msgspec.Struct):
    """One series: how often in which period (its number since 1970), and the last occurrence."""

    periods: dict[int, int]
    about: About


class Kept(msgspec.Struct):
    """One alarm: its definition's digest, since when it listens, how long its periods are."""

    form: str
    since_ns: int
    period_ns: int
    series: list[tuple[Series, Counted]]


class Tally:
    """Counts for some periods back; owned by the event loop's thread.

    It survives a restart through `snapshot` and `restore`, together with the stream's position:
    then every event counts once.
    """

    settle_seconds = SETTLE_SECONDS

    def __init__(self) -> None:
        self.dropped = 0
        """Occurrences of series beyond those that one alarm may have."""
        self._alarms: dict[str, Kept] = {}
        self._series: dict[str, dict[Series, Counted]] = {}

    def listen(self, alarm: Alarm, now_ns: int) -> None:
        """Begin to count for an alarm; where the same is counted already, that goes on."""
        form = form_of(alarm)
        known = self._alarms.get(alarm.name)
        if known is None or known.form != form:
            period_ns = alarm.period_seconds * NS_PER_SECOND
            self._alarms[alarm.name] = Kept(form, now_ns, period_ns, [])
            self._series[alarm.name] = {}

    def only(self, names: Container[str]) -> None:
        """Count no more for any other alarm."""
        for name in [name for name in self._alarms if name not in names]:
            del self._alarms[name], self._series[name]

    def count(self, alarm: Alarm, series: Series, at_ns: int, about: About) -> float | None:
        """Something happened; what its period has come to by now. None: there is no room."""
        kept, found = self._alarms[alarm.name], self._series[alarm.name]
        counted = found.get(series)
        if counted is None:
            if len(found) >= SERIES_PER_ALARM_MAX and not self._make_room(alarm, at_ns):
                self.dropped += 1
                return None
            counted = found[series] = Counted({}, about)
        number = at_ns // kept.period_ns
        periods = counted.periods
        periods[number] = periods.get(number, 0) + 1
        if len(periods) > 2 * evaluation_range(alarm):
            for old in sorted(periods)[: -evaluation_range(alarm)]:
                del periods[old]
        counted.about = about
        return _statistic(alarm, periods[number])

    async def told(self, alarm: Alarm, start_ns: int, end_ns: int) -> Told:  # noqa: ARG002  port
        """How often it happened in a period; unknown where nobody listened yet."""
        kept = self._alarms[alarm.name]
        if end_ns <= kept.since_ns:
            return Told({} if _by(alarm) else {(): None})
        number = (end_ns - 1) // kept.period_ns
        told: Values = {
            series: _statistic(alarm, counted.periods[number])
            for series, counted in self._series[alarm.name].items()
            if number in counted.periods
        }
        return Told({**told} if told or _by(alarm) else {(): 0.0}, 0.0)

    def readings(self, alarm: Alarm, series: Series, at_ns: int) -> list[Reading]:
        """The periods up to the one at this moment, which may still run."""
        kept = self._alarms[alarm.name]
        counted = self._series[alarm.name].get(series)
        newest = at_ns // kept.period_ns
        found = []
        for number in range(newest - evaluation_range(alarm) + 1, newest + 1):
            end_ns = (number + 1) * kept.period_ns
            count = 0 if counted is None else counted.periods.get(number, 0)
            known = end_ns > kept.since_ns or count
            found.append(Reading(end_ns, _statistic(alarm, count) if known else None))
        return found

    def about(self, alarm: str, series: Series) -> About:
        """Where to look: what happened last."""
        counted = self._series.get(alarm, {}).get(series)
        return NOTHING if counted is None else counted.about

    def snapshot(self) -> dict[str, Kept]:
        """Everything counted, for `restore`."""
        return {
            name: Kept(kept.form, kept.since_ns, kept.period_ns, [*self._series[name].items()])
            for name, kept in self._alarms.items()
        }

    def restore(self, kept: dict[str, Kept]) -> None:
        """Go on from a snapshot; before anything is listened for."""
        self._alarms = kept
        self._series = {name: dict(each.series) for name, each in kept.items()}

    def _make_room(self, alarm: Alarm, at_ns: int) -> bool:
        """Let go of series of which nothing was heard within what is looked at."""
        found = self._series[alarm.name]
        oldest = at_ns // self._alarms[alarm.name].period_ns - evaluation_range(alarm)
        for series in [s for s, c in found.items() if max(c.periods, default=0) < oldest]:
            del found[series]
        return len(found) < SERIES_PER_ALARM_MAX


def _statistic(alarm: Alarm, count: int) -> float:
    return count / alarm.period_seconds if alarm.statistic == "rate" else float(count)


def _by(alarm: Alarm) -> bool:
    return bool(getattr(alarm.source, "by", ()))
