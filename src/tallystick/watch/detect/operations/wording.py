"""How times, spans and surprises read in a sentence for an operator."""

import math

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.score import P_VALUE_MIN
from tallystick.watch.detect.wording import grouped, rounded

_SECONDS_MAX = 4e9
"""A stamp beyond this (the year 2096) is no time of day that is worth saying."""
_UNITS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"))


def surprise(p_value: float) -> float:
    """-log10 of a p-value, never above 12."""
    return -math.log10(max(p_value, P_VALUE_MIN))


def stamp(at_seconds: float) -> str:
    """RFC 3339 of seconds since the epoch; empty where they are no time."""
    if not 0 <= at_seconds < _SECONDS_MAX:
        return ""
    return rfc3339(round(at_seconds * NS_PER_SECOND))


def time_of_day(at_seconds: float) -> str:
    """` at 09:14:02`, to end a phrase with; empty where the seconds are no time."""
    text = stamp(at_seconds)
    return f" at {text[11:19]}" if text else ""


def span(seconds: float) -> str:
    """`45 s`, `3.5 min`, `2 h`, `9 days`: two digits."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{grouped(rounded(seconds / size))} {unit}"
    return f"{grouped(rounded(seconds))} s"


def took(duration_us: float) -> str:
    """`0.85 ms`, `1,200 ms`: two digits."""
    return f"{grouped(rounded(duration_us / 1_000))} ms"
