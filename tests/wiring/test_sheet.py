"""A sheet about one thing: aligned, in order, harmless."""

import io

from rich.console import Console
from rich.text import Text

from tallystick.wiring.sheet import put_facts, put_heading, put_lines, second


def test_a_sheet() -> None:
    """Facts in two columns, then what stands under a heading."""
    console = Console(file=io.StringIO(), width=40)
    put_facts(console, [("state", "open"), ("severity", "critical\x1b[31m")])
    put_heading(console, "Act")
    put_lines(console, [Text("first"), Text("second")])
    assert isinstance(console.file, io.StringIO)
    said = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert said[0] == "state     open"
    assert "\x1b" not in said[1]
    assert said[2:] == ["", "Act", "  first", "  second"]


def test_a_moment_to_the_second() -> None:
    """In UTC, as it stands in the answer."""
    assert second("2026-11-22T14:03:05.123456Z") == "2026-11-22 14:03:05"
