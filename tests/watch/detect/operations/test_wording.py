"""How times, spans and surprises read."""

import pytest

from tallystick.watch.detect.operations.wording import span, stamp, surprise, time_of_day, took


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (45, "45 s"), (130, "2.2 min"), (7_300, "2 h"), (864_000, "10 days")],
)
def test_spans(seconds: float, text: str) -> None:
    """Two digits of the largest unit of which there are two."""
    assert span(seconds) == text


def test_durations() -> None:
    """Milliseconds with two digits."""
    assert (took(850), took(1_234_000)) == ("0.85 ms", "1,200 ms")


def test_times() -> None:
    """A stamp, and a time of day to end a phrase with; nothing for what is no time."""
    assert stamp(1_790_683_200.5) == "2026-09-29T12:00:00.500000Z"
    assert time_of_day(1_790_683_200.5) == " at 12:00:00"
    for broken in (float("nan"), float("inf"), -1.0, 1e11):
        assert (stamp(broken), time_of_day(broken)) == ("", "")


def test_surprise() -> None:
    """-log10 of the p-value, 12 at most."""
    assert (surprise(1e-6), surprise(0.0)) == (6.0, 12.0)
