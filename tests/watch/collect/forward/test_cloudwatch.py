"""CloudWatch Logs as a destination: what the contract suite does not ask."""

import pytest

from tallystick.watch.collect.forward.cloudwatch import SPAN_MS_MAX, _refused, _within_a_day


def test_a_request_spans_less_than_a_day() -> None:
    """Events a day apart go in requests of their own, in order."""
    events = [(0, "a"), (SPAN_MS_MAX - 1, "b"), (SPAN_MS_MAX, "c"), (3 * SPAN_MS_MAX, "d")]

    assert [list(piece) for piece in _within_a_day(events)] == [events[:2], events[2:3], events[3:]]
    assert list(_within_a_day([])) == []


@pytest.mark.parametrize(
    ("info", "refused"),
    [
        ({}, 0),
        ({"tooOldLogEventEndIndex": 3}, 3),
        ({"expiredLogEventEndIndex": 2, "tooOldLogEventEndIndex": 4}, 4),
        ({"tooNewLogEventStartIndex": 8}, 2),
        ({"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 9}, 2),
    ],
)
def test_refused_events_are_counted(info: dict[str, int], refused: int) -> None:
    """As PutLogEvents tells them: the old ones end somewhere, the new ones begin somewhere."""
    assert _refused(info, 10) == refused
