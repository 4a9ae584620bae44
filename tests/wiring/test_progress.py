"""The progress bar: seen on a terminal, gone afterwards, and never in anybody's pipe."""

import io

from rich.console import Console

from tallystick.wiring.progress import bar_on, progress_on


def shown(*, terminal: bool) -> str:
    """All that was written while a bar moved."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=80)
    with bar_on(console, "counting") as advance:
        advance(1, 4)
        advance(3, 4)
    return written.getvalue()


def test_a_terminal_sees_what_is_done_and_how_far() -> None:
    """Its name and how many of how many; the line is taken away at the end."""
    text = shown(terminal=True)

    assert "counting" in text
    assert "3/4" in text
    assert text.endswith("\x1b[2K")


def test_a_pipe_gets_nothing() -> None:
    """Not even an empty line: what is piped is read by programs."""
    assert shown(terminal=False) == ""


def test_several_bars_have_a_place() -> None:
    """Each with its own name, one after the other."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80)
    with progress_on(console) as progress:
        for name in ("checking", "appending"):
            bar = progress.add_task(name, total=2)
            progress.advance(bar, 2)

    assert "checking" in written.getvalue()
    assert "appending" in written.getvalue()
