"""Traces: one request's way through the rooms, and how long each took.

The rooms say when a stage began and ended; wiring decides what becomes of it. A request that is not
traced costs one comparison.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol


class Trace(Protocol):
    """One request. Times are nanoseconds of the monotonic clock."""

    trace_id: str
    """32 lower-case hexadecimal digits (W3C Trace Context, section 3.2.2.3)."""

    def stage(self, name: str, start_ns: int, end_ns: int) -> None:
        """A part of the way, named `room.verb`; it lies within the request."""
        ...

    def end(self, name: str, end_ns: int, status: int, **names: str | int) -> None:
        """The request is over: `name` is its method and route, `names` what it touched."""
        ...


Begin = Callable[[str | None, int], Trace | None]
"""Takes the `traceparent` of a request and when it came (nanoseconds of the monotonic clock); gives
its trace, or None where nobody wants one."""

current: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the request that this task works on."""


def untraced(_traceparent: str | None, _start_ns: int) -> Trace | None:
    """Traces nothing."""
    return None
