"""What the calendar says of a moment: is the market open, and are spreads wide by habit?"""

from functools import lru_cache

from tallystick.clock import NS_PER_SECOND
from tallystick.fx.session import end_of_day_ns, session

ROLL_BEFORE_NS = 30 * 60 * NS_PER_SECOND
"""Spreads widen so long before 17:00 in New York, when the trade date rolls ..."""
ROLL_AFTER_NS = 120 * 60 * NS_PER_SECOND
"""... and are back so long after it, and after the week has opened."""
PAUSE_NS = 5 * 60 * NS_PER_SECOND
"""Many venues pause while the trade date rolls: nothing is expected so long before and after."""
_MINUTE_NS = 60 * NS_PER_SECOND
_LONGEST_NS = 22 * 3_600 * NS_PER_SECOND
"""Further than this from the end of a day it began not long ago, or not on this day."""
SECONDS_MAX = 4e9
"""No moment after this (2096) is believed."""


def is_moment(at_seconds: float) -> bool:
    """Whether these seconds since the epoch may be a time of this market."""
    return ROLL_AFTER_NS / NS_PER_SECOND <= at_seconds < SECONDS_MAX


def is_open(at_seconds: float) -> bool:
    """Whether quotes are to be expected: the market is open, and does not pause for the roll."""
    return _is_open_in(round(at_seconds * NS_PER_SECOND) // _MINUTE_NS)


@lru_cache(maxsize=1_024)
def _is_open_in(minute: int) -> bool:
    """The same of a minute since the epoch: it begins, and ends, with whole ones."""
    at_ns = minute * _MINUTE_NS
    if not session(at_ns).open:
        return False
    ends_ns = end_of_day_ns(at_ns)
    rolled = ends_ns - at_ns > PAUSE_NS
    return rolled and (ends_ns - at_ns < _LONGEST_NS or end_of_day_ns(at_ns - PAUSE_NS) == ends_ns)


class Roll:
    """Whether spreads are wide by the calendar; remembers the answer until it changes."""

    def __init__(self) -> None:
        self._start_ns = self._end_ns = 0
        self._rolling = False

    def at(self, at_seconds: float) -> bool:
        """Around the end of the trading day, and after the week has opened."""
        at_ns = round(at_seconds * NS_PER_SECOND)
        if not self._start_ns <= at_ns < self._end_ns:
            self._find(at_ns)
        return self._rolling

    def _find(self, at_ns: int) -> None:
        """The answer for this moment and the rest of its minute."""
        self._start_ns = at_ns - at_ns % _MINUTE_NS
        self._end_ns = self._start_ns + _MINUTE_NS
        earlier_ns = self._start_ns - ROLL_AFTER_NS
        ends_ns = end_of_day_ns(self._start_ns)
        self._rolling = (
            ends_ns - self._start_ns <= ROLL_BEFORE_NS
            or end_of_day_ns(earlier_ns) != ends_ns
            or not session(earlier_ns).open
        )
