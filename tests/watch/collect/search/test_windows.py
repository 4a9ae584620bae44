"""Windows: they tile the range, newest first, with about equally many events."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.collect.query import Search
from tallystick.watch.collect.search.windows import WINDOW_EVENTS, windows
from tallystick.watch.collect.store import Part

TIMES = st.integers(0, 10**6)


def part(first: int, length: int, rows: int) -> Part:
    """A part with so many lines in this stretch of time."""
    return Part(
        path="index=x/part-1.parquet", index="x", day="2026-11-22", hour=0, rows=rows,
        size=1, line_bytes=1,
        first_seq=1, last_seq=rows, min_time=first, max_time=first + length, columns={},
        sha256="",
    )  # fmt: skip


@given(
    st.lists(st.builds(part, TIMES, TIMES, st.integers(1, 50 * WINDOW_EVENTS)), max_size=8),
    st.none() | TIMES,
    st.none() | TIMES,
)
def test_windows_tile_the_range(
    parts: list[Part], earliest: int | None, latest: int | None
) -> None:
    """Each begins where the next older one ends; the ends are those of the search."""
    cuts = list(windows(tuple(parts), Search(earliest_ns=earliest, latest_ns=latest)))
    assert cuts[0][1] == latest
    assert cuts[-1][0] == earliest
    for (newer, _), (_, older) in pairwise(cuts):
        assert newer == older
        assert newer is not None
        assert earliest is None or newer > earliest
        assert latest is None or newer < latest


def test_a_large_part_is_cut() -> None:
    """Into as many windows as it has times the events of one."""
    found = list(windows((part(0, 10**6, 10 * WINDOW_EVENTS),), Search()))
    assert 10 <= len(found) <= 11
