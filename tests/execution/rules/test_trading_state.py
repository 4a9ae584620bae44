"""No order while trading is halted; what reduces, while it is reduced."""

from typing import Any

import msgspec
import pytest

from tallystick.execution.rules import trading_state


@pytest.mark.parametrize(
    ("state", "opens", "code"),
    [
        ("active", 100, None),
        ("reducing", 0, None),
        ("reducing", 1, "ONLY_REDUCING"),
        ("halted", 0, "KILL_SWITCH_ACTIVE"),
        ("halted", 100, "KILL_SWITCH_ACTIVE"),
    ],
)
def test_what_each_state_lets_pass(words: Any, state: str, opens: int, code: str | None) -> None:
    """Halted nothing, reducing what opens not one unit, active all."""
    plain = words.case(words.request(), quote=words.quote())
    case = msgspec.structs.replace(plain, state=state, opens=opens, where="the pair EUR/USD")

    rejection = trading_state.check(case)

    assert (None if rejection is None else rejection.code) == code
    if rejection is not None:
        assert rejection.reason.endswith(f" It is {state}: the pair EUR/USD.")
