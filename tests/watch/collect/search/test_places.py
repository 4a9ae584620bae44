"""Places: so much at once, and an honest no for the next."""

import threading

import pytest

from tallystick.errors import Crowded, ShuttingDown
from tallystick.watch.collect.search.places import Places


def test_one_too_many_is_refused_and_a_free_place_is_taken() -> None:
    """A place is free again when its work is over, whether or not anybody waited for it."""
    places = Places(2, "searches")
    go_on = threading.Event()
    running = [places.submit(go_on.wait) for _ in range(2)]
    with pytest.raises(Crowded, match="2 searches"):
        places.submit(lambda: True)
    assert places.taken == 2
    go_on.set()
    assert all(future.result() for future in running)
    places.close()
    assert places.taken == 0


def test_work_that_fails_gives_its_place_back() -> None:
    """The error is the caller's, the place is free."""
    places = Places(1, "searches")

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        places.submit(fail).result()
    assert places.submit(lambda: 7).result() == 7
    places.close()


def test_work_in_pieces_holds_one_place() -> None:
    """From the first piece to the last nobody else gets it."""
    places = Places(1, "searches")
    with places.place():
        assert places.piece(lambda: 1).result() == 1
        with pytest.raises(Crowded):
            places.take()
    assert places.taken == 0
    places.close()


def test_after_the_end_nothing_begins() -> None:
    """Shutting down is said as such."""
    places = Places(1, "searches")
    places.close()
    with pytest.raises(ShuttingDown):
        places.submit(lambda: 1)
    with pytest.raises(ShuttingDown):
        places.piece(lambda: 1)
