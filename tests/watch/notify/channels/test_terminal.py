"""The terminal channel: one line a message."""

import asyncio
import io
from collections.abc import Callable

import pytest

from tallystick.watch.notify.channels import TerminalChannel
from tallystick.watch.notify.message import Message, Ways

Make = Callable[..., Message]


def written(message: Message) -> str:
    """What stands there."""
    writer = io.StringIO()
    asyncio.run(TerminalChannel(writer).send(message))
    return writer.getvalue()


def test_a_message_is_one_line(make_message: Make) -> None:
    """Time, severity, sentence, link."""
    assert written(make_message()) == (
        "2026-11-22T04:31:40.000000Z CRITICAL Latency of POST /v1/orders is above 250 ms "
        "https://fx.example/incidents/I-12\n"
    )


def test_the_end_is_a_line_of_its_own(make_message: Make) -> None:
    """Who ended it stands there too."""
    over = make_message(action="resolve", why="resolved", by="ann", ways=Ways(), alerts=())

    assert written(over) == (
        "2026-11-22T04:31:40.000000Z RESOLVED Latency of POST /v1/orders is above 250 ms (by ann)\n"
    )


def test_without_a_public_address_the_path_is_shown(make_message: Make) -> None:
    """What the newest alert is about, as the page and the API know it."""
    assert written(make_message(ways=Ways())).endswith(" /alarms/order-latency\n")


def test_it_speaks_to_standard_error_by_default(
    make_message: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output belongs to commands that print facts; without links the line just ends."""
    asyncio.run(TerminalChannel().send(make_message(ways=Ways(), alerts=())))
    captured = capsys.readouterr()

    assert captured.out == ""
    assert captured.err.endswith("is above 250 ms\n")


def test_nothing_in_a_message_can_steer_the_terminal(make_message: Make) -> None:
    """Escape sequences and line breaks of a hostile name are shown as question marks."""
    line = written(make_message(title="evil\x1b[2J\nfake line"))

    assert "evil?[2J?fake line" in line
    assert line.count("\n") == 1


def test_links_that_act_are_not_written(make_message: Make) -> None:
    """A terminal ends up in a log, which more people read than may acknowledge."""
    assert "bearer" not in written(make_message())
