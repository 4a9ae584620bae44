"""Series: labels, however they come."""

from tallystick.watch.alarms.series import read_key, series_key, series_of


def test_the_same_labels_are_the_same_series() -> None:
    """In whatever order they stand; its key leads back to it."""
    one, other = series_of({"b": "2", "a": "1"}), series_of({"a": "1", "b": "2"})
    assert one == other == (("a", "1"), ("b", "2"))
    assert series_key(one) == series_key(other)
    assert read_key(series_key(one)) == one
    assert read_key(series_key(())) == ()
