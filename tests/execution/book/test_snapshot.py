"""A snapshot is the book, and comes back as one."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution import Book
from tallystick.execution.book import restore, snapshot


@given(seed=st.integers(0, 2**32), before=st.integers(1, 60), after=st.integers(0, 30))
def test_a_snapshot_is_the_book(words: Any, flows: Any, seed: int, before: int, after: int) -> None:
    """It comes back equal, and stays equal while both fold the same entries."""
    flow, book = flows(words, seed), Book()
    flow.entries_for(book, before)

    again = restore(snapshot(book))

    assert words.book_state(again) == words.book_state(book)
    for entry in flow.entries_for(book, after):
        again.apply(entry)
    assert words.book_state(again) == words.book_state(book)
    assert words.book_balances(again) == words.book_balances(book)


def test_other_bytes_are_no_snapshot() -> None:
    """The caller can tell, and fold from the start instead."""
    for data in (b"", b"{}", b'{"size":1,"accounts":[{}],"house":{},"stopped":[]}'):
        with pytest.raises(msgspec.DecodeError):
            restore(data)
