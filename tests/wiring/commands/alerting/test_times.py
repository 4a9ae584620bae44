"""Moments and lengths of time as options."""

import pytest

from tallystick.clock import NS_PER_SECOND, SystemClock, parse_rfc3339
from tallystick.errors import Refused
from tallystick.wiring.commands.times import length, moment


def test_moments() -> None:
    """RFC 3339 is that moment; what has a sign is from now."""
    stamp = "2026-11-22T04:00:00Z"
    assert moment(stamp) == parse_rfc3339(stamp)
    before = SystemClock().now_ns()
    assert before <= moment("+1h") - 3_600 * NS_PER_SECOND <= SystemClock().now_ns()


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("30m", 1_800), ("2h", 7_200)])
def test_lengths(text: str, seconds: int) -> None:
    """In seconds; nothing is nothing."""
    assert length(text) == seconds


def test_what_is_none_is_said_without_a_query() -> None:
    """The sentence is about the option."""
    with pytest.raises(Refused, match=r"^yesterday is no time such as"):
        moment("yesterday")
    with pytest.raises(Refused, match=r"^abc is no length of time such as"):
        length("abc")
