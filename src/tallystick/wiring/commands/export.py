"""`tallystick export`: a range of the ledger as files that verify anywhere."""

import json
from pathlib import Path
from typing import Literal

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

_POSITION = click.IntRange(min=0)


@click.command(context_settings=CONTEXT)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "from_", type=_POSITION, help="First position; the beginning by default.")
@click.option("--to", type=_POSITION, help="Position behind the last; the end by default.")
@click.option("--since", help="Entries from this time on (RFC 3339, such as 2026-11-22T17:00:00Z).")
@click.option("--until", help="Entries before this time.")
@click.option("--account", help="Only this account's entries.")
@click.option("--pair", help="Only entries of this currency pair.")
@click.option("--kind", help="Only entries of this kind, such as order_decided.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    show_default=True,
    help="JSON Lines, or Parquet.",
)
@click.option("--url", help="The server; by default the one that runs on the data folder.")
@click.option("--token", envvar="TALLYSTICK_TOKEN", help="Token that may read these entries.")
@JSON
def export(  # noqa: PLR0913  options are arguments
    *,
    folder: Path,
    from_: int | None,
    to: int | None,
    since: str | None,
    until: str | None,
    account: str | None,
    pair: str | None,
    kind: str | None,
    form: Literal["jsonl", "parquet"],
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Write a range of the ledger into FOLDER, with a manifest that proves it.

    A range of positions or times is whole: the proof shows that no entry is missing. With
    --account, --pair or --kind each entry has its own proof, and what was left out cannot be seen.
    An export that was cut off goes on when the same command is given again. Check the folder with
    `tallystick verify FOLDER`, which needs no server.

    \b
    Examples:
      tallystick export everything
      tallystick export november --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z
      tallystick export demo-trades --account demo --kind order_decided --format parquet
      tallystick export first-thousand --to 1000 --url https://ledger.example --token tally_...
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.export import run_export  # noqa: PLC0415  help is shown faster
    from tallystick.wiring.server_client import place_of  # noqa: PLC0415

    given = {
        "from": from_, "to": to, "since": since, "until": until,
        "account": account, "pair": pair, "kind": kind,
    }  # fmt: skip
    asked = {name: str(value) for name, value in given.items() if value is not None}
    try:
        if url is None:
            url, token = place_of(None, token)
        manifest = run_export(folder, form, asked, url=url, token=token, quiet=as_json)
    except (TallystickError, OSError) as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(manifest), indent=2))
        return
    what = "every entry" if manifest.complete else f"{manifest.count:,} entries"
    (file,) = manifest.files
    click.echo(
        f"{folder}: {what} of positions {manifest.from_:,} to {manifest.to:,} (not included)"
    )
    click.echo(f"{file.name}: {file.bytes:,} bytes, checkpoint of {manifest.size:,} entries")
