"""Local time of a place and the moments that it names, where clocks go forward and back.

A wall time is met the first moment at which the clocks there have shown it or more. So one that
comes twice is met the first time, one that is left out is met as the clocks jump over it, and what
is later on the wall is never earlier in time: hand-overs neither overlap nor leave a hole.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tallystick.clock import NS_PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def moment_of(wall: datetime, zone: ZoneInfo) -> int:
    """When this naive wall time is met in `zone`: nanoseconds since the epoch."""
    met = _seconds(wall.replace(tzinfo=zone, fold=0))
    if _shown(met, zone) == wall:
        return met * NS_PER_SECOND
    # Left out: `fold=1` counts with the later offset, which is a moment before the jump.
    before, after = _seconds(wall.replace(tzinfo=zone, fold=1)), met
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _shown(middle, zone) >= wall else (middle, after)
    return after * NS_PER_SECOND


def wall_at(at_ns: int, zone: ZoneInfo) -> datetime:
    """What the clocks in `zone` show, naive, to the second."""
    return _shown(at_ns // NS_PER_SECOND, zone)


def midnight(day: date) -> datetime:
    """The wall time at which a day begins."""
    return datetime.combine(day, time())


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _SECOND


def _shown(seconds: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + seconds * _SECOND).astimezone(zone).replace(tzinfo=None, fold=0)
