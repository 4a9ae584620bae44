"""Who is on call: the sources of a schedule laid over each other. Pure."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

import msgspec

from tallystick.watch.notify.oncall.schedule import Schedule
from tallystick.watch.notify.oncall.span import Span

_Ranked = tuple[int, int, int, str, Span]


class Shift(msgspec.Struct, frozen=True):
    """Somebody's duty without a break: nanoseconds since the epoch, the end is no longer.

    `source` says where it comes from: `layer:<name>`, `ical`, `override` (of the file) or
    `override:<id>`.
    """

    schedule: str
    person: str
    starts_ns: int
    ends_ns: int
    source: str


class Gap(msgspec.Struct, frozen=True):
    """A time in which nobody is on call."""

    schedule: str
    starts_ns: int
    ends_ns: int


def on_call(schedule: Schedule, at_ns: int) -> str | None:
    """Who is on call at this moment; None: nobody."""
    for source in reversed(schedule.sources):
        spans = list(source.between(at_ns, at_ns + 1))
        if spans:
            return min(_ranked(spans, 0))[-1].person
    return None


def shifts(schedule: Schedule, from_ns: int, to_ns: int) -> tuple[Shift, ...]:
    """The shifts that touch the window, each whole, in order and apart from each other."""
    touching = [
        span for source in schedule.sources for span in source.between(from_ns, to_ns)
    ]  # a shift is part of one of these, so it is whole where all of them are looked at
    if not touching:
        return ()
    earliest_ns = min(span.starts_ns for span in touching)
    latest_ns = max(span.ends_ns for span in touching)
    ranked: list[_Ranked] = []
    for rank, source in enumerate(reversed(schedule.sources)):
        ranked += _ranked(source.between(earliest_ns, latest_ns), rank)
    return tuple(
        Shift(schedule.name, span.person, starts_ns, ends_ns, span.source)
        for span, starts_ns, ends_ns in _overlaid(ranked)
        if starts_ns < to_ns and ends_ns > from_ns
    )


def gaps(schedule: Schedule, from_ns: int, to_ns: int) -> tuple[Gap, ...]:
    """The times of the window in which nobody is on call, in order."""
    found, covered_ns = [], from_ns
    for shift in shifts(schedule, from_ns, to_ns):
        if shift.starts_ns > covered_ns:
            found.append(Gap(schedule.name, covered_ns, shift.starts_ns))
        covered_ns = shift.ends_ns
    if covered_ns < to_ns:
        found.append(Gap(schedule.name, covered_ns, to_ns))
    return tuple(found)


def _ranked(spans: Iterable[Span], rank: int) -> list[_Ranked]:
    """Spans by who speaks first: the lower rank; within one source what began last, the shorter."""
    return [(rank, -span.starts_ns, span.ends_ns, span.person, span) for span in spans]


def _overlaid(ranked: list[_Ranked]) -> Iterator[tuple[Span, int, int]]:
    """Which span speaks from when to when; a span that speaks again later comes again."""
    edges = sorted({edge for *_, span in ranked for edge in (span.starts_ns, span.ends_ns)})
    waiting = sorted(ranked, key=lambda each: each[-1].starts_ns, reverse=True)
    speaking: list[_Ranked] = []
    current: tuple[Span, int] | None = None
    for edge_ns in edges:
        while waiting and waiting[-1][-1].starts_ns <= edge_ns:
            heappush(speaking, waiting.pop())
        while speaking and speaking[0][-1].ends_ns <= edge_ns:
            heappop(speaking)
        speaker = speaking[0][-1] if speaking else None
        if current is not None and current[0] is not speaker:
            yield current[0], current[1], edge_ns
            current = None
        if speaker is not None and current is None:
            current = speaker, edge_ns
