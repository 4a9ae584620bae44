"""One canonical log line and one count for every API call."""

from collections import defaultdict

import structlog

from tallystick.clock import Clock

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the latency histogram, after the OpenTelemetry advice for HTTP servers."""
NS_PER_US = 1_000
_BOUNDS_US = tuple(int(bound * 1_000_000) for bound in BUCKETS_SECONDS)

Fields = dict[str, str | int | None]
"""What a call touched, in OpenTelemetry's or our own names."""


class RouteCount:
    """What one (method, route, status) has seen: calls, their time, and a histogram of it."""

    __slots__ = ("buckets", "calls", "total_us")

    def __init__(self) -> None:
        self.calls = 0
        self.total_us = 0
        self.buckets = [0] * (len(_BOUNDS_US) + 1)

    def add(self, duration_us: int) -> None:
        """Count one call."""
        self.calls += 1
        self.total_us += duration_us
        for number, bound in enumerate(_BOUNDS_US):
            if duration_us <= bound:
                self.buckets[number] += 1
                return
        self.buckets[-1] += 1


class Calls:
    """Counts calls and writes their lines; owned by the event loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log: structlog.typing.FilteringBoundLogger | None = None
        self.counts: defaultdict[tuple[str, str, int], RouteCount] = defaultdict(RouteCount)

    def start_ns(self) -> int:
        """When a call began, for `answered`."""
        return self._clock.monotonic_ns()

    def answered(self, method: str, route: str, status: int, start_ns: int, fields: Fields) -> None:
        """One call is over: count it and say so, with whatever names it touched."""
        duration_us = (self._clock.monotonic_ns() - start_ns) // NS_PER_US
        self.counts[method, route, status].add(duration_us)
        if self._log is None:
            self._log = structlog.get_logger("api").bind()  # once: binding costs as much as saying
        say = self._log.info if status < 500 else self._log.error
        say(
            "api.request_answered",
            **{
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "duration_us": duration_us,
                **fields,
            },
        )
