"""One series of one alarm at one moment: its last periods in, its state and the reasons out.

This is CloudWatch's evaluation ("How alarm state is evaluated when data is missing" and "Avoiding
premature transitions to alarm state" of its user guide), whose tables stand in the tests:

- More periods are looked at than count: N are evaluated out of the last N + 2 (the *range*).
- N of the range have data: the newest N of them are evaluated; older ones and gaps do not count.
- Fewer have: all of them count, and only what is then still wanted is filled in as `missing` says:
  breaching, not breaching, or not at all.
- Not at all (`missing`, `ignore`) and all that there is breaches, though fewer than M: with
  `missing` it is an ALARM once the oldest of them is M periods old, for what should have come to
  contradict it did not come. Younger, or with `ignore`, the state stays as it was.
- No data: INSUFFICIENT_DATA with `missing`; `ignore` keeps the state.

A reading that has no band yet (`Bands` learns it) is no data, except that it can never be filled in
as breaching: while the newest one has none, the alarm knows too little.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from tallystick.watch.alarms.alarm import Alarm, Comparison, Datapoint, State, Trace
from tallystick.watch.alarms.sentences import EXTRA_PERIODS, Grounds, Why, sentence_of

_AGAINST: Mapping[Comparison, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
}


class Reading(NamedTuple):
    """One period of one series, not held against anything yet.

    `at_ns` is where the period ends; `value` is None where no data came, and so is what is no
    finite number; `low` and `high` are the band, where the alarm has one and it is known.
    """

    at_ns: int
    value: float | None
    low: float | None = None
    high: float | None = None


def is_data(value: float | None) -> TypeGuard[float]:
    """Whether a period's value is one: a finite number."""
    return value is not None and math.isfinite(value)


def evaluation_range(alarm: Alarm) -> int:
    """How many periods `evaluate` looks at."""
    return alarm.periods + EXTRA_PERIODS


def judged(alarm: Alarm, reading: Reading) -> Datapoint:
    """The reading held against the threshold or its band; `breaching` is None if it cannot be."""
    at_ns, value, low, high = reading
    if not is_data(value):
        return Datapoint(at_ns, None, low, high, None)
    return Datapoint(at_ns, float(value), low, high, _breaches(alarm, value, low, high))


def evaluate(alarm: Alarm, readings: Sequence[Reading], before: State, now_ns: int) -> Trace:
    """The state of a series, and why.

    `readings` are one a period, the newest last, None for gaps; what is older than the range is
    not looked at, and what it lacks at its old end is missing.
    """
    looked = tuple(judged(alarm, reading) for reading in readings[-evaluation_range(alarm) :])
    grounds = _grounds(alarm, looked, before)
    return Trace(now_ns, grounds.state, before, sentence_of(alarm, grounds), looked)


def _breaches(alarm: Alarm, value: float, low: float | None, high: float | None) -> bool | None:
    if alarm.threshold is not None and alarm.comparison in _AGAINST:
        return _AGAINST[alarm.comparison](value, alarm.threshold)
    if low is None or high is None:
        return None
    under, over = value < low, value > high
    return {"below": under, "above": over}.get(alarm.comparison, under or over)


def _grounds(alarm: Alarm, looked: tuple[Datapoint, ...], before: State) -> Grounds:
    known = [point for point in looked if point.breaching is not None]
    used = tuple(known[-alarm.periods :])
    wanted = alarm.periods - len(used)
    if looked and looked[-1].value is not None and looked[-1].breaching is None:
        return Grounds("INSUFFICIENT_DATA", "unlearnt", used, wanted)
    breaching = sum(point.breaching is True for point in used)
    if wanted == 0:
        gaps = used != looked[-alarm.periods :]
        return Grounds(_state(breaching >= alarm.datapoints), "counted", used, 0, gaps)
    if alarm.missing in {"breaching", "notBreaching"}:
        unlearnt = sum(point.value is not None for point in looked) - len(known)
        filled = max(0, wanted - unlearnt) if alarm.missing == "breaching" else 0
        return Grounds(_state(breaching + filled >= alarm.datapoints), "filled", used, wanted)
    if breaching >= alarm.datapoints or breaching < len(used):
        return Grounds(_state(breaching >= alarm.datapoints), "counted", used, wanted)
    state, why = _all_breaching(alarm, looked, used, before)
    return Grounds(state, why, used, wanted)


def _all_breaching(
    alarm: Alarm, looked: tuple[Datapoint, ...], used: tuple[Datapoint, ...], before: State
) -> tuple[State, Why]:
    """Where nothing is filled in, and all that came (less than M, perhaps nothing) breaches."""
    if alarm.missing == "ignore":
        return before, "kept"
    if not used:
        return "INSUFFICIENT_DATA", "empty"
    age = len(looked) - looked.index(used[0])
    return ("ALARM", "uncontradicted") if age >= alarm.datapoints else (before, "kept")


def _state(breaching: bool) -> State:
    return "ALARM" if breaching else "OK"
