"""The command line."""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from tallystick import __version__
from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail
from tallystick.wiring.commands.alarms import alarms
from tallystick.wiring.commands.archive import archive
from tallystick.wiring.commands.check import check
from tallystick.wiring.commands.detect import detect
from tallystick.wiring.commands.erase import erase
from tallystick.wiring.commands.export import export
from tallystick.wiring.commands.fx import fx
from tallystick.wiring.commands.import_ import import_
from tallystick.wiring.commands.incidents import incidents
from tallystick.wiring.commands.keys import keys
from tallystick.wiring.commands.ledger import ledger
from tallystick.wiring.commands.limits import limits
from tallystick.wiring.commands.load import load
from tallystick.wiring.commands.logs import logs
from tallystick.wiring.commands.notify import notify
from tallystick.wiring.commands.oncall import oncall
from tallystick.wiring.commands.rules import rules
from tallystick.wiring.commands.scan import scan
from tallystick.wiring.commands.stream import stream
from tallystick.wiring.commands.token import token
from tallystick.wiring.commands.unmask import unmask
from tallystick.wiring.commands.witness import witness


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="tallystick")
def main() -> None:
    """Foreign-exchange trading whose every trade can be proved."""


@main.command()
def serve() -> None:
    """Run the whole product in one process until it is interrupted.

    \b
    Settings come from the environment (docs/reference/settings.md), for example:
      TALLYSTICK_PORT=9000 TALLYSTICK_DATA=/var/lib/tallystick tallystick serve
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.serve import run  # noqa: PLC0415  other commands start faster
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    try:
        run(read_settings(os.environ))
    except TallystickError as error:
        fail(str(error))


@main.command()
@click.option(
    "--ticks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of real ticks in LEAN's layout; without it ECB reference rates.",
)
@click.option(
    "--orders",
    default=5_000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="How many orders the clients place.",
)
@click.option(
    "--rate",
    default=400,
    show_default=True,
    type=click.IntRange(10, 20_000),
    help="Orders a second that the clients aim at.",
)
@click.option("--seed", default=7, show_default=True, help="Seed of the client flow.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder to keep; by default a new one below ./.tallystick-demo.",
)
@JSON
def demo(
    ticks: Path | None, orders: int, rate: int, seed: int, keep: Path | None, as_json: bool
) -> None:
    """Do the main job on real prices, live in the terminal, with planted anomalies.

    \b
    Examples:
      tallystick demo
      tallystick demo --orders 50000 --rate 2000
      tallystick demo --ticks ../shared/data/fx/lean/oanda
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.demo import DemoPlan, run_demo  # noqa: PLC0415

    plan = DemoPlan(ticks=ticks, orders=orders, rate=rate, seed=seed, keep=keep)
    try:
        run_demo(plan, as_json=as_json)
    except TallystickError as error:
        fail(str(error))


@main.command()
@click.argument("what")
@click.option(
    "--vkey",
    "vkeys",
    multiple=True,
    help="The ledger's verifier key, from a source you trust; or @FILE, one a line. Repeatable.",
)
@click.option(
    "--entry",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The entry itself, for a tlog-proof that does not hold it.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policy file (C2SP tlog-policy): its logs' keys, and a quorum of its witnesses.",
)
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An earlier checkpoint: check that the ledger only grew since.",
)
@click.option("--token", envvar="TALLYSTICK_TOKEN", help="Token for a ledger that wants one.")
@JSON
def verify(
    what: str,
    vkeys: tuple[str, ...],
    entry: Path | None,
    policy: Path | None,
    since: Path | None,
    token: str | None,
    as_json: bool,
) -> NoReturn:
    """Check a proof, an export or a whole ledger, without trusting its operator.

    WHAT is a receipt (JSON), a tlog-proof, or - for either on standard input; the folder of an
    export; the folder of a ledger's published files; or a ledger's URL.
    Exit code: 0 clean, 1 tampered, 2 cannot tell.

    \b
    Examples:
      tallystick verify receipt.json --vkey "$(cat ledger.vkey)"
      tallystick verify entry-12.tlog-proof --vkey @ledger.vkey
      tallystick verify http://127.0.0.1:8080 --vkey @ledger.vkey
      tallystick verify .tallystick/ledger --vkey @ledger.vkey --since old-checkpoint.txt
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.verify import Question, run_verify  # noqa: PLC0415

    question = Question(
        what=what, vkeys=vkeys, entry=entry, policy=policy, since=since, token=token
    )
    report = run_verify(question, quiet=as_json)
    if as_json:
        facts = {"exit_code": report.exit_code, **msgspec.to_builtins(report)}
        click.echo(json.dumps(facts, indent=2))
    sys.exit(report.exit_code)


for command in (
    alarms, archive, check, detect, erase, export, fx, import_, incidents, keys, ledger, limits,
    load, logs, notify, oncall, rules,
    scan, stream, token, unmask, witness,
):  # fmt: skip
    main.add_command(command)


@main.command()
@click.option(
    "--write",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write settings.md, cli.md and api.md into.",
)
def reference(folder: Path) -> None:
    """Write the reference pages, made from the product itself.

    \b
    Example:
      tallystick reference --write docs/reference
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.reference import write_reference  # noqa: PLC0415

    try:
        written = write_reference(folder, main)
    except OSError as error:
        fail(f"The pages cannot be written: {error}.")
    for path in written:
        click.echo(path)
