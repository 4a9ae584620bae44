"""No order while trading is stopped."""

from typing import Any

from tallystick.execution.rules import kill_switch


def test_stopped_means_no(words: Any) -> None:
    """Every order is rejected while stopped, and none otherwise."""
    request = words.request()

    rejection = kill_switch.check(words.case(request, quote=words.quote(), stopped=True))

    assert rejection is not None
    assert rejection.code == "KILL_SWITCH_ACTIVE"
    assert kill_switch.check(words.case(request, quote=words.quote())) is None
