"""Log lines in a terminal: aligned, coloured by severity, harmless."""

import io
import json
from typing import Any

import msgspec
import pytest
from rich.console import Console

from tallystick.watch.collect.search import Histogram, LogAnswer, Patterns
from tallystick.watch.collect.search.answers import Bucket, Pattern
from tallystick.wiring.log_screen import (
    Screen,
    duration,
    line_text,
    plain,
    show_lines,
    show_patterns,
    show_table,
    show_volume,
    sparkline,
)


def line(**members: Any) -> bytes:
    """A line with a time."""
    return json.dumps({"timestamp": "2026-11-22T14:03:05.123456Z"} | members).encode()


@pytest.fixture
def console() -> Console:
    """A wide terminal without colours, which keeps what is printed."""
    return Console(record=True, width=100, file=io.StringIO(), highlight=False, soft_wrap=True)


def test_a_line_is_one_row(console: Console) -> None:
    """Time, severity, what happened, and the rest; nobody's service is repeated."""
    members = {
        "severity_text": "ERROR", "event_name": "api.request_answered", "body": "It failed.",
        "service.name": "tallystick", "duration_us": 1_500, "who": "a b", "log.seq": 7,
    }  # fmt: skip
    show_lines(console, [line(**members), line(body="x", **{"service.name": "edge"})])
    assert console.export_text().splitlines() == [
        '2026-11-22 14:03:05.123 ERROR api.request_answered It failed. duration_us=1500 who="a b"',
        "2026-11-22 14:03:05.123       x service.name=edge",
    ]


def test_severity_has_a_colour() -> None:
    """An error is red, a warning yellow."""
    styles = {
        severity: {str(span.style) for span in line_text(line(severity_text=severity)).spans}
        for severity in ("ERROR", "WARN", "INFO", "ODD")
    }
    assert "bold red" in styles["ERROR"]
    assert "yellow" in styles["WARN"]
    assert "green" in styles["INFO"]
    assert styles["ODD"] <= {"dim", ""}


def test_fields_can_be_chosen() -> None:
    """Only these stand behind the words, in their order."""
    text = line_text(line(body="x", a=1, b=2, c=3), ("c", "a", "zzz"), marked=True)
    assert text.plain == "▶ 2026-11-22 14:03:05.123       x c=3 a=1"


@pytest.mark.parametrize("stamp", [None, "yesterday", 5, "1950-01-01T00:00:00Z"])
def test_a_line_without_a_usable_time_is_shown(stamp: object) -> None:
    """Everything keeps its column."""
    text = line_text(json.dumps({"timestamp": stamp, "severity_text": "INFO"}).encode())
    assert text.plain[24:28] == "INFO"


def test_a_line_cannot_steer_the_terminal() -> None:
    """Control characters of a line, also of its names, are shown as U+FFFD."""
    text = line_text(json.dumps({"body": "a\x1b[2Jb\nc\x9b", "k\x1b": "v\x07"}).encode()).plain
    assert "\x1b" not in text
    assert "\n" not in text
    assert "a\ufffd[2Jb⏎c\ufffd" in text
    assert plain(None) == "null"


def test_a_table_is_aligned(console: Console) -> None:
    """Numbers to the right with their thousands, words to the left, nothing for null."""
    answer = LogAnswer(
        (), None, fields=("route", "count", "mean"),
        rows=(("/v1/orders", 1_234, 0.5), ("/v1", None, 1_000_000.25)), more=True,
    )  # fmt: skip
    show_table(console, answer)
    shown = [row.rstrip() for row in console.export_text().splitlines()]
    assert shown == [
        "route       count       mean",
        "/v1/orders  1,234        0.5",
        "/v1                1,000,000",
        "There are more than these 2 rows; see --limit.",
    ]


def test_the_volume_says_its_peak(console: Console) -> None:
    """A sparkline, the range, and the highest bucket."""
    buckets = tuple(
        Bucket(f"2026-11-22T14:{minute:02}:00.000000Z", count, {})
        for minute, count in enumerate((0, 4, 8))
    )
    times = ("2026-11-22T14:00:00.000000Z", "2026-11-22T14:03:00.000000Z")
    show_volume(console, Histogram(*times, 60, 12, buckets))
    assert console.export_text().splitlines() == [
        " ▄█",
        "12 lines from 2026-11-22 14:00 to 2026-11-22 14:03 UTC; peak 8 in 1 min at 14:02.",
    ]
    show_volume(console, Histogram(*times, 60, 0, buckets[:1]))
    assert console.export_text() == "No lines.\n"


def test_patterns_are_shown_with_what_is_left(console: Console) -> None:
    """Counts, shares, sparklines; and that there are more."""
    at = "2026-11-22T14:00:00.000000Z"
    found = Pattern("order <*>", 1_000, 83.333, at, at, msgspec.Raw(b"{}"), (0, 1, 2))
    show_patterns(console, Patterns(at, at, 1_200, 3, (found,)))
    shown = console.export_text().splitlines()
    assert shown[1].split() == ["1,000", "83.3", "▄█", "order", "<*>"]
    assert shown[2] == "And 2 more patterns; see --limit."


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((), ""), ((0, 0), "  "), ((1,), "█"), ((1, 8), "▁█"), ((0, 3, 6, 9), " ▃▆█")],
)
def test_sparklines(counts: tuple[int, ...], expected: str) -> None:
    """What is there is never invisible, what is not there is a space."""
    assert sparkline(counts) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.02, "20 ms"), (1, "1 s"), (90, "1.5 min"), (300, "5 min"), (7_200, "2 h"), (86_400, "1 d")],
)
def test_durations(seconds: float, expected: str) -> None:
    """In the largest unit that fits."""
    assert duration(seconds) == expected


def test_who_prints_is_told_that_the_reader_left() -> None:
    """So that the program can end without a word."""
    with pytest.raises(BrokenPipeError):
        Screen(file=io.StringIO()).on_broken_pipe()
