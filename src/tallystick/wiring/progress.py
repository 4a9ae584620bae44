"""The one progress bar of the command line, for whatever takes longer than a second."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[int, int], None]
"""Called with how many of how many are done."""


def progress_on(console: Console) -> Progress:
    """A place for bars, each with its name; gone when it is left, and never where nobody looks."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def bar_on(console: Console, doing: str) -> Iterator[Advance]:
    """One bar, and what moves it."""
    with progress_on(console) as progress:
        bar = progress.add_task(doing, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
