"""No trade while the market is closed."""

from typing import Any

import msgspec
import pytest

from tallystick.clock import parse_rfc3339
from tallystick.execution.rules import session


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-28T12:00:00Z", "2026-11-29T22:00:00.000000Z"),  # New York in winter
        ("2026-07-04T12:00:00Z", "2026-07-05T21:00:00.000000Z"),  # and in summer
    ],
)
def test_closed(words: Any, at: str, opens: str) -> None:
    """The sentence says when it opens: Sunday, 17:00 in New York."""
    case = words.case(words.request(), quote=words.quote(), at_ns=parse_rfc3339(at))
    closed = msgspec.structs.replace(case, session_open=False)

    rejection = session.check(closed)

    assert rejection is not None
    assert rejection.code == "MARKET_CLOSED"
    assert rejection.reason == f"The market is closed. It opens at {opens}."


def test_open(words: Any) -> None:
    """A source that keeps no hours is never closed, whatever the day."""
    saturday = parse_rfc3339("2026-11-28T12:00:00Z")

    assert session.check(words.case(words.request(), at_ns=saturday)) is None
