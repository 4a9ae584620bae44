"""A circuit breaker: who fails again and again is left alone for a while."""

from tallystick.clock import NS_PER_SECOND

FAILURES_MAX = 5
"""Failures in a row before somebody is left alone."""
OPEN_SECONDS = 10.0
OPEN_SECONDS_MAX = 300.0
"""How long: the first time, doubled each time a trial fails, at most."""


class Breaker:
    """Closed: everything goes. Open: nothing, until a time. Then one trial decides."""

    def __init__(
        self, failures_max: int = FAILURES_MAX, seconds_max: float = OPEN_SECONDS_MAX
    ) -> None:
        self._failures_max = failures_max
        self._seconds_max = seconds_max
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
            self._open_seconds = min(self._open_seconds * 2, self._seconds_max)
        elif self._failures < self._failures_max:
            return
        self.open_until_ns = now_ns + round(self._open_seconds * NS_PER_SECOND)
