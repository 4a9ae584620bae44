"""Bytes under way are counted before they are there."""

import pytest

from tallystick.errors import Crowded
from tallystick.watch.collect.ingest import Flight


def test_room_is_made_before_and_given_back_after() -> None:
    """A load grows in steps; what does not fit is refused and changes nothing."""
    flight = Flight(100)
    with flight.load() as first, flight.load() as second:
        first.reserve(40)
        first.reserve(60)
        first.reserve(10)  # it has more already
        assert flight.used == 60
        second.reserve(40)
        assert flight.fullness == 1
        with pytest.raises(Crowded, match="try again"):
            second.reserve(41)
        assert (flight.used, flight.refused) == (100, 1)
    assert (flight.used, flight.fullness) == (0, 0)


def test_room_is_given_back_after_an_error() -> None:
    """However a request ends."""
    flight = Flight(100)

    def fail() -> None:
        with flight.load() as load:
            load.reserve(70)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert flight.used == 0
