"""Why an alarm is in its state, in one sentence for the person who was woken by it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from tallystick.watch.alarms.alarm import Alarm, Datapoint, State

Why = Literal["counted", "filled", "uncontradicted", "kept", "empty", "unlearnt"]
"""How a state came about: enough data; missing data filled in; all that came breaches and nothing
contradicts it; too little came, so it stays; none came; its band is not known yet."""
EXTRA_PERIODS = 2
"""Periods beyond N that are looked at for data; CloudWatch's tables look at 5 for an N of 3."""
VALUES_SAID_MAX = 5
"""Values that a sentence lists, the newest; the trace has all of them."""

SYMBOL_CHARACTERS_MAX = 3
"""A unit so short has no plural."""

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_NAMES = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second"))


class Grounds(NamedTuple):
    """What a state was decided by.

    `used` are the datapoints that count, oldest first; `wanted` is how many more N would have
    been. `gaps`: they are not simply the last N periods.
    """

    state: State
    why: Why
    used: tuple[Datapoint, ...]
    wanted: int
    gaps: bool = False


def sentence_of(alarm: Alarm, grounds: Grounds) -> str:
    """The state and why, such as `ALARM: 3 of the last 5 minutes were above 500 ms (...)`."""
    return f"{grounds.state}: {_SAID[grounds.why](alarm, grounds)}."


def headline(alarm: Alarm, series: Mapping[str, str]) -> str:
    """What the alarm is about, with the labels of its series: `Slow (pair EURUSD).`."""
    text = alarm.description.strip().rstrip(".") or alarm.name
    labels = ", ".join(f"{name} {value}" for name, value in sorted(series.items()))
    return f"{text} ({labels})." if labels else f"{text}."


def amount(value: float, unit: str) -> str:
    """A number in its unit as people say it.

    The units `share` (5 %), `seconds` (26 h, 420 ms) and `bytes` (1.2 GB) are put into words;
    another one stands behind the number as it is.
    """
    if unit in _UNITS:
        return _UNITS[unit](value)
    return f"{_number(value)} {_one_of(unit) if value == 1 else unit}".rstrip()


def _one_of(unit: str) -> str:
    """`trade` of `trades`, `anomaly` of `anomalies`; a short one (`ms`, `bps`) is a symbol."""
    if len(unit) <= SYMBOL_CHARACTERS_MAX or not unit.endswith("s") or unit.endswith("ss"):
        return unit
    return f"{unit[:-3]}y" if unit.endswith("ies") else unit[:-1]


def span(seconds: int, count: int = 1) -> str:
    """A number of periods: `minute`, `5 minutes`, `3 periods of 10 seconds`."""
    size, name = next(each for each in _NAMES if seconds % each[0] == 0)
    each = name if seconds == size else f"{seconds // size} {name}s"
    if count == 1:
        return each
    return f"{count} {name}s" if seconds == size else f"{count} periods of {each}"


def limit_of(alarm: Alarm, used: Sequence[Datapoint] = ()) -> str:
    """What a value is held against: `above 500 ms`, `outside what is usual (10 to 40 ms)`."""
    if alarm.threshold is not None and alarm.comparison in _BESIDE:
        return _BESIDE[alarm.comparison].format(amount(alarm.threshold, alarm.unit))
    usual = next((point for point in reversed(used) if point.breaching), None) or next(
        iter(used[-1:]), None
    )
    said = f"{alarm.comparison} what is usual"
    if usual is None or usual.low is None or usual.high is None:
        return said
    low = amount(usual.low, alarm.unit if alarm.unit in _UNITS else "")
    return f"{said} ({low} to {amount(usual.high, alarm.unit)})"


_BESIDE = {">": "above {}", ">=": "at least {}", "<": "below {}", "<=": "at most {}"}


def _counted(alarm: Alarm, grounds: Grounds) -> str:
    if alarm.periods > 1:
        return f"{_share(alarm, grounds)}; {_fires(alarm)}"
    (point,) = grounds.used
    came = f"{amount(point.value or 0.0, alarm.unit)} in the last {span(alarm.period_seconds)}"
    if alarm.statistic == "count" and alarm.comparison == ">=" and alarm.threshold is not None:
        return f"{came}; it fires from {_number(alarm.threshold)} on"
    verb = "is" if point.breaching else "is not"
    return f"{came} {verb} {limit_of(alarm, grounds.used)}"


def _filled(alarm: Alarm, grounds: Grounds) -> str:
    taken = "breaching" if alarm.missing == "breaching" else "fine"
    if not grounds.used:
        return f"no data came in {_range(alarm)}, which counts as {taken}"
    count = "counts" if grounds.wanted == 1 else "count"
    gaps = f"{grounds.wanted} without data {count} as {taken}"
    return f"{_share(alarm, grounds)}, and {gaps}; {_fires(alarm)}"


def _uncontradicted(alarm: Alarm, grounds: Grounds) -> str:
    return (
        f"all that came in {_range(alarm)} was {limit_of(alarm, grounds.used)}"
        f" ({_values(alarm, grounds.used)}), and what should have followed is missing"
    )


def _kept(alarm: Alarm, grounds: Grounds) -> str:
    if not grounds.used:
        return f"it stays so, as no data came in {_range(alarm)}"
    return (
        f"it stays so, as too little came in {_range(alarm)}:"
        f" {len(grounds.used)} {limit_of(alarm, grounds.used)} ({_values(alarm, grounds.used)});"
        f" {_fires(alarm)}"
    )


def _empty(alarm: Alarm, _: Grounds) -> str:
    return f"no data came in {_range(alarm)}"


def _unlearnt(*_: object) -> str:
    return "too little is known yet to say what is usual"


_SAID: Mapping[Why, Callable[[Alarm, Grounds], str]] = {
    "counted": _counted,
    "filled": _filled,
    "uncontradicted": _uncontradicted,
    "kept": _kept,
    "empty": _empty,
    "unlearnt": _unlearnt,
}


def _share(alarm: Alarm, grounds: Grounds) -> str:
    """`3 of the last 5 minutes were above 500 ms (612, 588, 701)`."""
    over = [point for point in grounds.used if point.breaching]
    of = f"of the last {span(alarm.period_seconds, alarm.periods)}"
    if grounds.gaps:
        of += " with data"
    if grounds.wanted:
        of = f"of the {len(grounds.used)} with data in {_range(alarm)}"
    limit = limit_of(alarm, grounds.used)
    if grounds.wanted and len(grounds.used) == 1:
        verb = "was" if over else "was not"
        return (
            f"the one with data in {_range(alarm)} {verb} {limit} ({_values(alarm, grounds.used)})"
        )
    if not over:
        return f"none {of} was {limit} ({_values(alarm, grounds.used)})"
    verb = "was" if len(over) == 1 else "were"
    return f"{len(over)} {of} {verb} {limit} ({_values(alarm, over)})"


def _values(alarm: Alarm, points: Sequence[Datapoint]) -> str:
    """The newest values, oldest first; a plain unit was said with the limit."""
    unit = alarm.unit if alarm.unit in _UNITS else ""
    said = [amount(point.value or 0.0, unit) for point in points[-VALUES_SAID_MAX:]]
    return ", ".join(said if len(points) == len(said) else ["...", *said])


def _fires(alarm: Alarm) -> str:
    return f"it fires from {alarm.datapoints} on"


def _range(alarm: Alarm) -> str:
    """All that was looked at, also where less than N had data."""
    return f"the last {span(alarm.period_seconds, alarm.periods + EXTRA_PERIODS)}"


def _number(value: float) -> str:
    if abs(value) >= 1_000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _share_said(value: float) -> str:
    return f"{_number(value * 100)} %"


def _seconds_said(value: float) -> str:
    for size, name in ((2 * _DAY, "days"), (2 * _HOUR, "h"), (2 * _MINUTE, "min"), (1, "s")):
        if abs(value) >= size:
            length = {"days": _DAY, "h": _HOUR, "min": _MINUTE}.get(name, 1)
            return f"{_number(value / length)} {name}"
    return f"{_number(value * 1_000)} ms"


def _bytes_said(value: float) -> str:
    for size, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= size:
            return f"{_number(value / size)} {name}"
    return f"{_number(value)} B"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "share": _share_said,
    "seconds": _seconds_said,
    "bytes": _bytes_said,
}
