"""The word `tracing`: nothing is traced until somebody wants it."""

from tallystick.tracing import current, untraced


def test_nothing_is_traced_by_default() -> None:
    """Not even where the caller traces."""
    assert untraced("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0) is None
    assert current.get() is None
