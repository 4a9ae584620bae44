"""Where the runner was."""

import pytest

from tallystick.watch.alarms.place import Place, place_bytes, read_place


def test_a_place_comes_back_as_it_was() -> None:
    """Bytes of another version are no place."""
    place = Place(7, {}, ["an-1"])
    assert read_place(place_bytes(place)) == place
    with pytest.raises(ValueError, match="no place"):
        read_place(b"\x00")
