"""Pins: nothing goes away under a reader, and everything goes once nobody reads."""

from tallystick.watch.collect.store.pins import Pins


def test_what_nobody_reads_goes_at_once() -> None:
    """In the thread of who lets go of it."""
    gone: list[str] = []
    Pins().retire(lambda: gone.append("a"))
    assert gone == ["a"]


def test_what_is_read_goes_with_its_last_reader() -> None:
    """A reader who came later does not hold it up."""
    pins, gone = Pins(), list[str]()
    one, two = pins.enter(), pins.enter()
    pins.retire(lambda: gone.append("a"))
    with pins.reading():
        pins.leave(one)
        pins.leave(one)
        assert gone == []
        pins.retire(lambda: gone.append("b"))
        pins.leave(two)
        assert gone == ["a"]
    assert gone == ["a", "b"]
