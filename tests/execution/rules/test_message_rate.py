"""No more messages than the account may send."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.book import rate
from tallystick.execution.book.account import MESSAGES_NS
from tallystick.execution.rules import message_rate

MS = 1_000_000


@pytest.mark.parametrize(
    ("ahead_ms", "allowed", "wait"),
    [(0, True, 0), (200, True, 0), (201, False, 1), (300, False, 100)],
)
def test_the_border(words: Any, limited: Any, ahead_ms: int, wait: int, *, allowed: bool) -> None:
    """Ten a second in bursts of three: two intervals of a tenth of a second may be owed."""
    case = words.case(words.request(), quote=words.quote())
    case.account.marks[MESSAGES_NS] = words.START_NS + ahead_ms * MS
    case = limited(case, messages_per_second=10, message_burst=3)

    rejection = message_rate.check(case)

    assert (rejection is None) == allowed
    if rejection is not None:
        assert rejection.code == "MESSAGE_RATE"
        assert rejection.reason.endswith(f"10 a second; try again in {wait} ms.")


def test_what_comes_with_another_order_is_no_message(words: Any, limited: Any) -> None:
    """A take-profit that came with its order was paid for with it."""
    case = words.case(words.request(), quote=words.quote())
    case.account.marks[MESSAGES_NS] = words.START_NS + 10_000 * MS
    case = limited(case, messages_per_second=1)

    assert message_rate.check(case) is not None
    assert message_rate.check(msgspec.structs.replace(case, is_message=False)) is None


def test_no_rate_no_limit(words: Any) -> None:
    """Where no scope says how fast, nobody is too fast."""
    case = words.case(words.request(), quote=words.quote())
    case.account.marks[MESSAGES_NS] = 2**62

    assert message_rate.check(case) is None


@given(
    per_second=st.integers(1, 50),
    burst=st.integers(1, 20),
    gaps=st.lists(st.integers(0, 400 * MS), min_size=1, max_size=200),
)
def test_no_window_ever_holds_more(
    words: Any, per_second: int, burst: int, gaps: list[int]
) -> None:
    """Between any two accepted messages there are at most the burst and the rate times the time."""
    limits = msgspec.structs.replace(
        words.account().limits, messages_per_second=per_second, message_burst=burst
    )
    due_ns, at_ns, accepted = 0, words.START_NS, []
    for gap in gaps:
        at_ns += gap
        if rate.wait_ns(limits, due_ns, at_ns) == 0:
            due_ns = rate.counted(limits, due_ns, at_ns)
            accepted.append(at_ns)

    interval = 1_000_000_000 // per_second
    for first, begin in enumerate(accepted):
        for last in range(first, len(accepted)):
            assert last - first + 1 <= burst + (accepted[last] - begin) // interval
    assert accepted[0] == words.START_NS + gaps[0], "the first always may"
