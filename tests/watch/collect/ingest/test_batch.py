"""Who may write where, and the names of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.limits import INGEST_EVENTS_MAX
from tallystick.watch.collect.ingest import Batch, Writer, event_key, is_index
from tallystick.watch.collect.ingest.batch import Gathering


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("main", True), ("a-b_1", True), ("0", True), ("x" * 80, True), ("x" * 81, False),
     ("", False), ("-a", False), ("_a", False), ("Main", False), ("a/b", False), ("a.b", False),
     ("ä", False), ("a\n", False)],
)  # fmt: skip
def test_names_of_indexes(name: str, is_one: bool) -> None:
    """They are folders too, so nothing that a path could mean."""
    assert is_index(name) is is_one
    assert Writer().may_write(name) is is_one


def test_the_index_of_lines_that_name_none() -> None:
    """The first on the token's list, else main."""
    assert Writer().index == "main"
    assert Writer("t", ("web", "main")).index == "web"


@given(st.text(), st.text(), st.text(), st.text())
def test_an_id_counts_within_its_index(index: str, event: str, other: str, another: str) -> None:
    """The same id elsewhere is another event."""
    same = (index, event) == (other, another)
    assert (event_key(index, event) == event_key(other, another)) is same


def test_gathering_keeps_keys_beside_their_lines() -> None:
    """Without any id there is nothing to keep."""
    gathering = Gathering()
    gathering.add(b"a")
    assert gathering.batch() == Batch([b"a"])
    gathering.add(b"b", 7)
    assert gathering.batch(b"r") == Batch([b"a", b"b"], [None, 7], b"r")


def test_gathering_has_a_limit() -> None:
    """On events, good or bad."""
    gathering = Gathering()
    for number in range(INGEST_EVENTS_MAX):
        assert gathering.count() == number
    with pytest.raises(Refused, match="events"):
        gathering.count()
