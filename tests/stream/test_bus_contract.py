"""What every bus promises (`stream/bus.py`), held against each backend there is."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick import stream
from tallystick.stream import EmbeddedBus, Message

Open = Callable[[Path], Any]
SUITE: dict[str, Open] = {"EmbeddedBus": lambda folder: EmbeddedBus(folder / "stream.db")}


@pytest.fixture(params=SUITE)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Opens the bus, as the next process would: what was open is closed."""
    opened: list[Any] = []

    def again() -> Any:
        while opened:
            opened.pop().close()
        opened.append(SUITE[request.param](tmp_path))
        return opened[-1]

    yield again
    opened.pop().close()


def messages(first: int, end: int) -> list[Message]:
    """Messages from position `first` to before `end`, each of other bytes."""
    return [Message(position, b"\x00body %d" % position) for position in range(first, end)]


def test_every_bus_is_in_the_suite() -> None:
    """A bus at the room's front door without a row here is an error."""
    assert {name for name in stream.__all__ if name.endswith("Bus") and name != "Bus"} == set(SUITE)


def test_a_new_bus_holds_nothing(reopen: Callable[[], Any]) -> None:
    """No message, and nobody has read any."""
    bus = reopen()
    assert (bus.end(), bus.read(0, 10), bus.cursor("anybody")) == (0, [], 0)
    bus.publish([])
    assert (bus.end(), bus.read(0, 10)) == (0, [])


@given(cuts=st.sets(st.integers(0, 40)), start=st.integers(0, 45), limit=st.integers(0, 45))
def test_messages_come_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], start: int, limit: int
) -> None:
    """However they were published, wherever reading starts, now and for the next process."""
    borders = sorted(cuts | {0, 40})
    for open_bus in SUITE.values():
        folder = tmp_path_factory.mktemp("bus")
        bus = open_bus(folder)
        for first, end in pairwise(borders):
            bus.publish(messages(first, end))
        assert bus.end() == 40
        wanted = messages(0, 40)[start : start + limit]
        assert bus.read(start, limit) == wanted
        bus.close()
        again = open_bus(folder)
        assert again.read(start, limit) == wanted
        again.close()


def test_publishing_again_is_harmless(reopen: Callable[[], Any]) -> None:
    """A position that is there is dropped, whatever it says; what is new behind it is taken."""
    bus = reopen()
    bus.publish(messages(0, 5))
    bus.publish([Message(2, b"other"), Message(3, b"other")])
    bus.publish([Message(4, b"other"), *messages(5, 8)])
    assert bus.read(0, 10) == messages(0, 8)
    assert bus.end() == 8


@pytest.mark.parametrize(
    "gap", [messages(6, 8), [*messages(5, 6), *messages(7, 8)], messages(5, 8)[::-1]]
)
def test_a_gap_is_a_programmers_error(reopen: Callable[[], Any], gap: list[Message]) -> None:
    """Positions follow one another, or nothing of it is published."""
    bus = reopen()
    bus.publish(messages(0, 5))
    with pytest.raises(AssertionError, match="without gaps"):
        bus.publish(gap)
    assert bus.read(0, 10) == messages(0, 5)
    assert bus.end() == 5


def test_messages_and_cursors_outlive_the_process(reopen: Callable[[], Any]) -> None:
    """Opened again, the bus goes on where it stood, and so do its consumers."""
    bus = reopen()
    bus.publish(messages(0, 5))
    bus.commit("detect", 3)
    bus = reopen()
    assert (bus.end(), bus.cursor("detect"), bus.cursor("live")) == (5, 3, 0)
    bus.publish(messages(3, 9))
    assert bus.read(0, 10) == messages(0, 9)


def test_each_consumer_has_a_cursor_of_its_own(reopen: Callable[[], Any]) -> None:
    """Kept by name, forwards and (to see messages again) backwards."""
    bus = reopen()
    bus.publish(messages(0, 5))
    for consumer, position in (("a", 4), ("b", 2), ("a", 5), ("b", 1)):
        bus.commit(consumer, position)
    assert (bus.cursor("a"), bus.cursor("b"), bus.cursor("c")) == (5, 1, 0)
