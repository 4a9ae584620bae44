"""The parts of a sheet about one thing in a terminal: headings, facts, lines below each other."""

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tallystick.wiring.log_screen import plain


def second(stamp: str) -> str:
    """`2026-11-22 14:03:05` of an RFC 3339 time in UTC."""
    return f"{stamp[:10]} {stamp[11:19]}"


def put_heading(console: Console, text: str) -> None:
    """What comes next, after an empty line."""
    console.print()
    console.print(Text(text, "underline"))


def put_lines(console: Console, texts: Iterable[Text]) -> None:
    """Each indented, below the other."""
    for text in texts:
        console.print(Padding(text, (0, 0, 0, 2)))


def put_facts(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values in two columns; nothing in a value can steer the terminal."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text(plain(value)))
    console.print(table)
