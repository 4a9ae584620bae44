"""Time slices: a search for the newest lines looks at the newest time first, then further back.

Pure arithmetic over what the manifest knows of the parts.
"""

from collections.abc import Iterator, Sequence

from tallystick.watch.collect.store.parts import Part

FIRST_LINES = 60_000
"""About how many lines the newest slice has."""
_GROWTH = 6


def slices(parts: Sequence[Part], before_ns: int) -> Iterator[tuple[int, int]]:
    """Spans of time from `before_ns` (exclusive) backwards: (from, to), the newest first.

    Each holds about `_GROWTH` times as many lines as the one before; together they hold all.
    """
    oldest = min((part.min_time for part in parts), default=before_ns)
    end, lines = before_ns, FIRST_LINES
    while end > oldest:
        start = _start(parts, oldest, end, lines)
        yield start, end
        end = start
        lines *= _GROWTH


def overlapping(parts: Sequence[Part], start: int, end: int) -> list[Part]:
    """The parts with lines in a span of time; `end` is exclusive."""
    return [part for part in parts if part.min_time < end and part.max_time >= start]


def _start(parts: Sequence[Part], oldest: int, end: int, lines: int) -> int:
    """The latest moment since which there are about so many lines, before `end`."""
    near = overlapping(parts, oldest, end)
    low, high = oldest, end - 1
    while low < high:
        middle = (low + high + 1) // 2
        if sum(_between(part, middle, end) for part in near) >= lines:
            low = middle
        else:
            high = middle - 1
    return low


def _between(part: Part, start: int, end: int) -> float:
    """About how many lines of a part are in a span, as if they were spread evenly."""
    width = part.max_time - part.min_time + 1
    inside = min(end, part.max_time + 1) - max(start, part.min_time)
    return part.rows * max(inside, 0) / width
