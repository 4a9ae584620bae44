"""`tallystick check`: is everything that is kept what the entries say?"""

import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.wiring.check import CheckReport, Part

_COLOUR = {"clean": "green", "tampered": "bold red", "cannot_tell": "yellow"}
_VERDICT_CHARACTERS = 12
_NAME_CHARACTERS = 18
_SENTENCES = {
    "clean": "everything that is kept is what the entries say",
    "tampered": "something is not what was written",
    "cannot_tell": "nothing contradicts the entries, but not everything could be looked at",
}


@click.command(context_settings=CONTEXT)
@click.option("--restart", is_flag=True, help="Begin anew, also where a check was interrupted.")
@JSON
def check(*, restart: bool, as_json: bool) -> NoReturn:
    """Check everything in the data folder against the ledger's entries.

    Hashes every entry again and makes every tile again; verifies every checkpoint that was ever
    signed and every idempotency key; verifies the published files and the signed-head guard; makes
    the projections (orders, trades, balances, search tables) and the book again and compares them
    row by row; compares the stream's messages and what is kept of natural persons.

    A server may run meanwhile. A check that was interrupted goes on where it was, within a day;
    who suspects that somebody had access to the data folder begins anew with --restart.
    Exit code: 0 clean, 1 something is not what was written, 2 cannot tell.

    \b
    Examples:
      tallystick check
      TALLYSTICK_DATA=/var/lib/tallystick tallystick check --restart --json
    """  # noqa: D301  the mark keeps click from wrapping
    from rich.console import Console  # noqa: PLC0415  other commands start faster

    console = Console(quiet=as_json, highlight=False, soft_wrap=True)
    try:
        report = _run(console, restart=restart)
    except TallystickError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted; the next check goes on where this one was.")
    if as_json:
        facts = {"exit_code": report.exit_code, **msgspec.to_builtins(report)}
        click.echo(json.dumps(facts, indent=2))
    _show_verdict(report, console)
    _leave_word(report)
    sys.exit(report.exit_code)


def _run(console: "Console", *, restart: bool) -> "CheckReport":
    """The check under a progress bar; each part is shown as soon as it is done."""
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.wiring.check import run_check  # noqa: PLC0415
    from tallystick.wiring.progress import progress_on  # noqa: PLC0415
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    with progress_on(console) as progress:
        bar = progress.add_task("opening", total=None)

        def advance(part: str, done: int, total: int) -> None:
            if progress.tasks[0].description != part:
                progress.reset(bar, description=part)
            progress.update(bar, completed=done, total=total)

        return run_check(
            read_settings(os.environ),
            SystemClock(),
            advance,
            restart=restart,
            done=lambda part: _show(part, console),
        )


def _leave_word(report: "CheckReport") -> None:
    """Let the event rules of the folder's server know of a check that failed."""
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.stream.rules import leave_event, ledger_check_failed  # noqa: PLC0415
    from tallystick.wiring.saying import RULES_FILE  # noqa: PLC0415
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    if report.exit_code != 1:
        return
    wrong = " ".join(part.reason for part in report.parts if part.reason)
    event = ledger_check_failed(wrong, SystemClock().now_ns(), report.origin)
    leave_event(read_settings(os.environ).folder / RULES_FILE, event.id, event.body)


def _show(part: "Part", console: "Console") -> None:
    """One line a part, and one a figure below it; a sentence where there is one."""
    verdict = part.verdict.replace("_", " ")
    coloured = f"[{_COLOUR[part.verdict]}]{verdict:<{_VERDICT_CHARACTERS}}[/]"
    console.print(coloured + _columns(part.name, part.rows, part.seconds))
    if part.resumed:
        console.print(_under(f"and {part.resumed:,} that the check before had looked at"))
    for figure in part.figures:
        if figure.count:
            indented = _columns(f"  {figure.name}", figure.count, figure.seconds)
            console.print(f"{'':{_VERDICT_CHARACTERS}}{indented}", style="dim")
    if part.reason:
        console.print(_under(part.reason), markup=False)


def _columns(name: str, count: int, seconds: float) -> str:
    """Name, how many, how long, how fast."""
    if not count:
        return name
    rate = f"{count / seconds:>12,.0f} /s" if seconds else ""
    return f"{name:<{_NAME_CHARACTERS}}{count:>13,}{seconds:>10.2f} s{rate}"


def _under(sentence: str) -> str:
    return f"{'':{_VERDICT_CHARACTERS}}  {sentence}"


def _show_verdict(report: "CheckReport", console: "Console") -> None:
    colour, verdict = _COLOUR[report.verdict], report.verdict.replace("_", " ")
    console.print(f"\n[{colour}]{verdict}[/]: {_SENTENCES[report.verdict]}")
    console.print(
        f"ledger {report.origin} of {report.size:,} entries, in {report.seconds:.1f} s",
        markup=False,
    )
