"""The circuit breaker of one target: who fails again and again is left alone for a while."""

from tallystick.clock import NS_PER_SECOND

FAILURES_MAX = 5
"""Failures in a row before a target is left alone."""
OPEN_SECONDS = 10.0
OPEN_SECONDS_MAX = 300.0
"""How long: the first time, doubled each time a trial fails, at most."""


class Breaker:
    """Closed: everything goes. Open: nothing, until a time. Then one trial decides."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_seconds = OPEN_SECONDS
        self.open_until_ns = 0
        """0 while it is closed."""

    def allows(self, now_ns: int, most: int) -> int:
        """How many attempts may be made now."""
        if self.open_until_ns == 0:
            return most
        return 1 if now_ns >= self.open_until_ns else 0

    def succeeded(self) -> None:
        """An attempt was taken."""
        self._failures = 0
        self._open_seconds = OPEN_SECONDS
        self.open_until_ns = 0

    def failed(self, now_ns: int) -> None:
        """An attempt found nobody there, or nobody able."""
        self._failures += 1
        if self.open_until_ns:
            self._open_seconds = min(self._open_seconds * 2, OPEN_SECONDS_MAX)
        elif self._failures < FAILURES_MAX:
            return
        self.open_until_ns = now_ns + round(self._open_seconds * NS_PER_SECOND)
