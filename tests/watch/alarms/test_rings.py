"""Rings: rows in order of time, the oldest of which fall out."""

from tallystick.watch.alarms.rings import Ring


def test_rows_are_found_by_their_time() -> None:
    """`after` leads to the first row that is later; a row is given without its time."""
    ring = Ring(2, 10)
    for at in (10, 20, 30):
        ring.add((at, at / 10))
    assert (ring.after(9), ring.after(10), ring.after(25), ring.after(30)) == (0, 1, 2, 3)
    assert [*ring.row(1)] == [2.0]
    assert ring.at(2) == 30


def test_only_the_newest_are_kept() -> None:
    """However much is added, no more than a fourth over the length stays, and the newest do."""
    ring = Ring(3, 100)
    for at in range(10_000):
        ring.add((at, at, -at))
        assert len(ring) <= 125
    assert [*ring.row(len(ring) - 1)] == [9_999, -9_999]
    assert len(ring) >= 100
    assert [ring.at(i) for i in range(3)] == [ring.at(0), ring.at(0) + 1, ring.at(0) + 2]


def test_it_knows_how_far_back_it_reaches() -> None:
    """Before anything fell out everything is known, after that from its first row on."""
    ring = Ring(1, 4)
    assert ring.reaches(0)
    for at in range(100):
        ring.add((at,))
    assert not ring.whole
    assert ring.reaches(ring.at(0))
    assert not ring.reaches(ring.at(0) - 1)
