"""The terminal channel: one line an alert."""

import asyncio
import io
from collections.abc import Callable

import pytest

from tallystick.watch.notify import Alert, TerminalChannel


def test_an_alert_is_one_line(make_alert: Callable[..., Alert]) -> None:
    """Time, severity, sentence, link."""
    writer = io.StringIO()
    asyncio.run(TerminalChannel(writer).send(make_alert("a"), "key"))
    assert writer.getvalue() == (
        "2026-11-22T04:30:00.000000Z WARNING  demo bought 250,000,000 EUR/USD. /v1/orders/O-12\n"
    )


def test_it_speaks_to_standard_error_by_default(
    make_alert: Callable[..., Alert], capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output belongs to commands that print facts; without links the line just ends."""
    asyncio.run(TerminalChannel().send(make_alert("a", links={}), "key"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("demo bought 250,000,000 EUR/USD.\n")


def test_nothing_in_an_alert_can_steer_the_terminal(make_alert: Callable[..., Alert]) -> None:
    """Escape sequences and line breaks of a hostile name are shown as question marks."""
    writer = io.StringIO()
    alert = make_alert("a", summary="evil\x1b[2J\nfake line")
    asyncio.run(TerminalChannel(writer).send(alert, "key"))
    assert "evil?[2J?fake line" in writer.getvalue()
    assert writer.getvalue().count("\n") == 1
