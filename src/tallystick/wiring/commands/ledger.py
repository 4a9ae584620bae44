"""`tallystick ledger`: what an operator does with the ledger itself, while no server runs."""

import json
import os

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import BY, CONTEXT, JSON, REASON, fail


@click.group(context_settings=CONTEXT)
def ledger() -> None:
    """What an operator does with the ledger itself, while no server runs on its data folder."""


@ledger.command()
@REASON
@BY
@click.option("--published", help="Folder or URL of published files; by default the data folder's.")
@click.option("--abandon", is_flag=True, help="Give up signed entries that are nowhere any more.")
@JSON
def reconcile(reason: str, by: str, published: str | None, abandon: bool, as_json: bool) -> None:
    """Go on with a database that is not what was signed last, such as a restored backup.

    A ledger never forks: when its database is behind or beside the head that the guard holds,
    Tallystick refuses to sign. This command puts back what the database lacks from the published
    files, which are proved to be what was signed, and writes an entry that says who did it and
    why. Entries that are nowhere any more are given up only with --abandon; whoever holds a receipt
    of one can then prove that it was.

    \b
    Examples:
      tallystick ledger reconcile --reason "disk replaced, backup of 02:00 restored"
      tallystick ledger reconcile --reason "..." --published https://mirror.example/ledger
      tallystick ledger reconcile --reason "..." --abandon
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.wiring.reconcile import Answer, run_reconcile  # noqa: PLC0415
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    say = _silent if as_json else click.echo
    try:
        answer = Answer(by, reason, abandon)
        done = run_reconcile(read_settings(os.environ), SystemClock(), answer, published, say)
    except TallystickError as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(done), indent=2))
    elif done.position is not None:
        if done.abandoned:
            click.echo(f"Gave up {done.abandoned} signed entries.")
        if done.set_aside:
            click.echo(f"Published files of the history that was given up: {done.set_aside}")
        click.echo(f"Recorded as entry {done.position}; the ledger can be started again.")


def _silent(_sentence: str) -> None:
    """JSON speaks for itself."""
