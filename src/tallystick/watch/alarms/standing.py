"""How one series of one alarm stands, and what it takes to store and tell that. Values only."""

import hashlib
from typing import NamedTuple

import msgspec

from tallystick.watch.alarms.alarm import Alarm, State, Trace
from tallystick.watch.alarms.evaluate import Reading, evaluation_range
from tallystick.watch.alarms.series import Series, series_key
from tallystick.watch.notify.alert import Alert


class Standing(msgspec.Struct, frozen=True):
    """A series as it stands; every evaluation makes a new value.

    `since_ns` is when it came into its state, `left_ns` when it last went out of ALARM (0: never).
    `readings` are the last periods, oldest first; it was `absent` from so many of the last ones.
    Raised before a period had ended, it stays in ALARM until that end, `holds_ns`.
    `fired` is the alert that says so, until its end is told; `alerts` counts them, ends too.
    `form` is the digest of the definition that they are of.
    """

    form: str
    state: State = "INSUFFICIENT_DATA"
    since_ns: int = 0
    left_ns: int = 0
    readings: tuple[Reading, ...] = ()
    absent: int = 0
    holds_ns: int = 0
    fired: Alert | None = None
    alerts: int = 0


class Level(NamedTuple):
    """An alarm as a whole: its worst series' state, and when one last went out of ALARM."""

    state: State = "INSUFFICIENT_DATA"
    left_ns: int = 0


class Row(NamedTuple):
    """A series to be stored; None: to be forgotten."""

    alarm: str
    series: Series
    standing: Standing | None


class Noted(NamedTuple):
    """A trace to be stored."""

    alarm: str
    series: Series
    trace: Trace


class Work(NamedTuple):
    """What has to commit together: states, why they changed, and what is to be told of it."""

    rows: tuple[Row, ...]
    traces: tuple[Noted, ...]
    alerts: tuple[Alert, ...]

    def __bool__(self) -> bool:
        return bool(self.rows or self.traces or self.alerts)


def form_of(alarm: Alarm) -> str:
    """The digest of what a reading depends on: with another one they begin anew."""
    said = [
        alarm.source, alarm.rule, alarm.statistic, alarm.period_seconds, alarm.band is not None,
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]


def gone(alarm: Alarm, standing: Standing) -> bool:
    """Whether nothing has come of one series of several for as long as is looked back.

    What should fire when nothing comes (`breaching`) stays.
    """
    by = getattr(alarm.source, "by", ())
    lasting = not by or alarm.missing == "breaching"
    return not lasting and standing.absent >= evaluation_range(alarm)


def band_key(name: str, series: Series) -> str:
    """Under which the band of an alarm's series is learnt."""
    return f"{name} {series_key(series)}"
