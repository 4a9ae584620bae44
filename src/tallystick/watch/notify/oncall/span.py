"""A stretch of time with somebody on call: what layers, calendars and overrides are made of."""

from collections.abc import Iterable
from typing import Protocol

import msgspec


class Span(msgspec.Struct, frozen=True, order=True):
    """`person` has the duty from `starts_ns` until `ends_ns`, nanoseconds; the end is no longer."""

    person: str
    starts_ns: int
    ends_ns: int
    source: str

    def touches(self, from_ns: int, to_ns: int) -> bool:
        """Whether some of it lies in the window."""
        return self.starts_ns < to_ns and self.ends_ns > from_ns


class Source(Protocol):
    """Somebody who says who has the duty; pure, and the same for the same question."""

    def between(self, from_ns: int, to_ns: int) -> Iterable[Span]:
        """The spans that touch the window, each whole and longer than nothing, in any order."""
        ...


class Spans:
    """Spans that are known one by one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = tuple(spans)

    def between(self, from_ns: int, to_ns: int) -> list[Span]:
        """Those that touch the window."""
        return [span for span in self._spans if span.touches(from_ns, to_ns)]
