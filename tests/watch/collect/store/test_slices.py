"""Time slices: they go backwards, leave nothing out, and grow."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.collect.store.parts import Part
from tallystick.watch.collect.store.slices import FIRST_LINES, overlapping, slices


def part(rows: int, min_time: int, max_time: int) -> Part:
    """A part with lines in this span."""
    return Part("p", "main", "", 0, rows, 1, 1, 1, rows, min_time, max_time, {}, "")


spans = st.tuples(st.integers(-(10**18), 10**18), st.integers(0, 10**16), st.integers(1, 10**7))


@given(st.lists(spans, max_size=5), st.integers(-(10**18), 2 * 10**18))
def test_every_moment_is_in_one_slice(found: list[tuple[int, int, int]], before: int) -> None:
    """They touch, begin at the bound, and end at or before the oldest line."""
    parts = [part(rows, start, start + width) for start, width, rows in found]
    spans = list(slices(parts, before))
    assert len(spans) < 200
    if not parts or before <= min(each.min_time for each in parts):
        assert not spans
        return
    assert spans[0][1] == before
    assert spans[-1][0] == min(each.min_time for each in parts)
    assert all(older[1] == newer[0] for newer, older in pairwise(spans))
    assert all(start < end for start, end in spans)


def test_the_first_slice_has_few_lines() -> None:
    """Ten million lines over a day: the newest slice covers about nine minutes of them."""
    day = 86_400 * 10**9
    (start, end), *older = slices([part(10_000_000, 0, day - 1)], day)
    assert end == day
    assert abs((end - start) / day * 10_000_000 - FIRST_LINES) < 10
    assert len(older) == 3


def test_parts_that_touch_a_span() -> None:
    """The end of a span is not in it; both ends of a part are."""
    ten = part(1, 10, 20)
    assert overlapping([ten], 20, 30) == [ten]
    assert overlapping([ten], 0, 10) == []
    assert overlapping([ten], 21, 30) == []
