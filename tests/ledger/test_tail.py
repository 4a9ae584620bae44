"""The newest rows in memory: the same rows as a list of all of them gives, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger import tail as tail_module
from tallystick.ledger.store import Row
from tallystick.ledger.tail import Tail


def row(number: int) -> Row:
    """A row that can be told from others."""
    return Row(b"%d" % number, bytes(32))


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(0, 200), st.integers(1, 40))
def test_it_gives_what_was_added_or_nothing(counts: list[int], start: int, count: int) -> None:
    """Older rows are for the store to say; rows that are kept come without a hole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail_module, "TAIL_ROWS", 10)
        tail = Tail()
        rows: list[Row] = []
        for more in counts:
            added = [row(len(rows) + n) for n in range(more)]
            tail.add(len(rows), added)
            rows += added
            assert min(10, len(rows)) <= len(tail) <= max(20, more)
    start = min(start, max(0, len(rows) - 1))
    count = min(count, len(rows) - start)
    if count:
        found = tail.rows(start, count)
        assert found == (rows[start : start + count] if start >= len(rows) - len(tail) else None)
    tail.clear()
    assert (len(tail), tail.rows(start, count)) == (0, None)
