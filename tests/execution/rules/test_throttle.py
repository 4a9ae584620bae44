"""The same execution again and again stops the account until a person looks."""

from typing import Any

import pytest

from tallystick.execution.book import Repeat
from tallystick.execution.rules import throttle

WINDOW_NS = 60_000_000_000


@pytest.mark.parametrize(
    ("count", "after_ns", "rejected"),
    [(2, 0, False), (3, 0, True), (3, WINDOW_NS - 1, True), (3, WINDOW_NS, False)],
)
def test_the_borders(
    words: Any, limited: Any, count: int, after_ns: int, *, rejected: bool
) -> None:
    """Three equal executions within a minute are allowed, and no fourth order like them."""
    case = words.case(words.request(), quote=words.quote(), at_ns=words.START_NS + after_ns)
    case.account.executions[case.economics] = Repeat(words.START_NS, count, 0)

    rejection = throttle.check(limited(case, executions_max=3, execution_window_ms=60_000))

    assert (rejection is not None) == rejected
    if rejection is not None:
        assert rejection.code == "EXECUTION_THROTTLE"
        assert rejection.reason.endswith("3 times within 60000 ms; the account is halted.")


def test_no_limit_no_throttle(words: Any) -> None:
    """Where no scope limits it, anything may be executed for ever."""
    case = words.case(words.request(), quote=words.quote())
    case.account.executions[case.economics] = Repeat(words.START_NS, 10**6, 0)

    assert throttle.check(case) is None
