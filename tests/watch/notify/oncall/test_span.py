"""Spans: which of them touch a window."""

from tallystick.watch.notify.oncall.span import Span, Spans


def test_the_end_is_no_longer_part_of_it() -> None:
    """A span touches a window if some of it lies inside; an end that meets does not."""
    span = Span("ann", 10, 20, "override")
    assert [span.touches(*window) for window in ((0, 10), (0, 11), (19, 30), (20, 30))] == [
        False,
        True,
        True,
        False,
    ]


def test_spans_are_found_by_the_window() -> None:
    """Only those that touch it, each whole."""
    early, late = Span("ann", 0, 10, "override"), Span("bob", 10, 20, "override")
    assert Spans([early, late]).between(5, 10) == [early]
    assert Spans([early, late]).between(5, 11) == [early, late]
