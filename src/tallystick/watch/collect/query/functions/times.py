"""Functions of time. A moment is seconds since the epoch, as in Splunk; the calendar is UTC's."""

import re
from typing import Final

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.functions.function import Arguments, Function
from tallystick.watch.collect.query.times import relative_steps
from tallystick.watch.collect.query.values import Value, sql
from tallystick.watch.collect.query.wording import bad, shown

_LETTER = re.compile(r"%([0-9]?[NQ]|-?[A-Za-z]|%)|(%)")
_SPELLED = {
    **{f"%{letter}": f"%{letter}" for letter in "aAbBdfHIjmMpSUwWyYgn"},
    "%%": "%%",
    "%-d": "%-d",
    "%-H": "%-H",
    "%-m": "%-m",
    "%e": "%-d",
    "%h": "%b",
    "%k": "%-H",
    "%l": "%-I",
    "%F": "%Y-%m-%d",
    "%T": "%H:%M:%S",
    "%R": "%H:%M",
    "%D": "%m/%d/%y",
    "%Q": "%g",
    "%3N": "%g",
    "%3Q": "%g",
    "%6N": "%f",
    "%6Q": "%f",
    "%9N": "%n",
    "%9Q": "%n",
    "%N": "%n",
}
"""C's letters and Splunk's, and how DuckDB spells them."""
_ZONES = {"%Z": "UTC", "%z": "+0000"}


def _format(call: Arguments, *, read: bool) -> str:
    text = call.literal(1, "a format such as %Y-%m-%d")

    def spelled(match: re.Match[str]) -> str:
        letter = match[0]
        if letter in _ZONES:
            return "%z" if read else _ZONES[letter]
        if letter not in _SPELLED:
            raise bad(call.at(1), f"{shown(letter)} is no part of a time format")
        return _SPELLED[letter]

    return _LETTER.sub(spelled, text)


def _strftime(call: Arguments) -> Value:
    if call.literal(1, "a format such as %Y-%m-%d") == "%s":
        return Value("text", sql("CAST(TRY_CAST(floor({}) AS BIGINT) AS VARCHAR)", call.number(0)))
    form = _format(call, read=False)
    return Value("text", sql("strftime({}, {})", call.values[0].time(), form))


def _strptime(call: Arguments) -> Value:
    if call.literal(1, "a format such as %Y-%m-%d") == "%s":
        return Value("number", call.number(0))
    parsed = sql("try_strptime({}, {})", call.text(0), _format(call, read=True))
    return Value("number", sql("(epoch_us({}) / 1e6)", parsed))


def _now(call: Arguments) -> Value:
    return Value("number", sql("CAST({} AS DOUBLE)", float(call.now_ns // NS_PER_SECOND)))


def _relative_time(call: Arguments) -> Value:
    steps = relative_steps(call.literal(1, "steps such as -1d@d"), call.at(1))
    moment = sql("CAST({} AS TIMESTAMP)", call.values[0].time())
    for step in steps:
        moment = _stepped(moment, step)
    return Value("number", sql("(epoch_us({}) / 1e6)", moment))


def _stepped(moment: Sql, step: tuple[str, str, int]) -> Sql:
    """One step: `("+", unit of SQL, count)` or `("@", unit of SQL, weekday)`."""
    kind, unit, count = step
    if kind == "+":
        return sql(f"TRY({{}} + INTERVAL ({count}) {unit})", moment)
    if unit == "week":
        days = (count - 1) % 7  # DuckDB's weeks begin on Monday
        return sql(
            f"(date_trunc('week', {{}} - INTERVAL ({days}) DAY) + INTERVAL ({days}) DAY)", moment
        )
    return sql(f"date_trunc('{unit}', {{}})", moment)


TIMES: Final[dict[str, Function]] = {
    "now": Function(0, 0, _now),
    "relative_time": Function(2, 2, _relative_time),
    "strftime": Function(2, 2, _strftime),
    "strptime": Function(2, 2, _strptime),
    "time": Function(0, 0, _now),
}
