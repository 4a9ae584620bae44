"""Logging: every line in OpenTelemetry's names, loud ones also on standard error."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tallystick.clock import ManualClock, rfc3339
from tallystick.wiring.logs import Line, configure


@pytest.fixture
def heard() -> Iterator[list[Line]]:
    """What reaches the sink; logging is as it was before when the test ends."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines: list[Line] = []
    before = structlog.get_config()
    configure(lines.append, ManualClock(), "info")
    yield lines
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


def test_a_line_has_its_names(heard: list[Line], capsys: pytest.CaptureFixture[str]) -> None:
    """When, how bad, what, who, and whatever was bound; quiet levels stay off the terminal."""
    structlog.get_logger("x").info("room.verb_past", **{"ledger.size": 3})

    assert heard == [
        {
            "timestamp": rfc3339(ManualClock().now_ns()),
            "severity_text": "INFO",
            "event_name": "room.verb_past",
            "service.name": "tallystick",
            "ledger.size": 3,
        }
    ]
    assert capsys.readouterr() == ("", "")


def test_below_the_level_is_not_said(heard: list[Line]) -> None:
    """`debug` lines at level `info` are not even made."""
    structlog.get_logger("x").debug("room.looked")

    assert heard == []


def test_warnings_and_errors_are_seen(
    heard: list[Line], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each on standard error, without the time."""
    structlog.get_logger("x").warning("room.worried", body="why")
    structlog.get_logger("x").error("room.failed")

    assert [line["severity_text"] for line in heard] == ["WARN", "ERROR"]
    assert capsys.readouterr().err == "WARN room.worried body=why\nERROR room.failed \n"


def test_an_exception_is_kept_whole(heard: list[Line]) -> None:
    """Its type and its trace, in OpenTelemetry's names."""
    try:
        {}["gone"]
    except KeyError as error:
        structlog.get_logger("x").error("room.failed", exc_info=error)

    assert heard[0]["exception.type"] == "KeyError"
    assert '{}["gone"]' in heard[0]["exception.stacktrace"]


def test_libraries_are_heard_too(heard: list[Line]) -> None:
    """Warnings of the standard library's logging become lines; their chatter does not."""
    logging.getLogger("some.library").warning("odd: %s", 1)
    logging.getLogger("some.library").info("chatter")

    assert [(line["event_name"], line["body"]) for line in heard] == [("library.warned", "odd: 1")]
    assert "exc_info" not in heard[0]


def test_a_librarys_exception_is_kept_whole(heard: list[Line]) -> None:
    """Its trace is all that is known of it."""
    try:
        {}["gone"]
    except KeyError:
        logging.getLogger("some.library").exception("failed")

    assert heard[0]["exception.type"] == "KeyError"
