"""`tallystick keys`: the keys that sign the ledger."""

import json
import os
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import BY, CONTEXT, JSON, REASON, fail

if TYPE_CHECKING:
    from tallystick.wiring.keys import Keys
    from tallystick.wiring.settings import Settings


@click.group(context_settings=CONTEXT)
def keys() -> None:
    """The keys that sign the ledger: list, rotate, retire.

    To rotate so that nobody has to trust anybody: `rotate` lets a new key sign beside the old one,
    so that every checkpoint carries both signatures. Publish the new verifier key. When all have
    pinned it, `retire` the old one. Both steps are entries in the ledger. No server may run
    meanwhile.
    """


@keys.command("list")
@JSON
def list_(as_json: bool) -> None:
    """Verifier keys that sign, the newest first, and those that signed before.

    \b
    Example:
      tallystick keys list
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.wiring.keys import list_keys  # noqa: PLC0415

    try:
        _tell(list_keys(_settings(), SystemClock()), as_json)
    except TallystickError as error:
        fail(str(error))


@keys.command()
@REASON
@BY
@JSON
def rotate(reason: str, by: str, as_json: bool) -> None:
    """Let a new key sign beside those that sign already.

    \b
    Example:
      tallystick keys rotate --reason "yearly rotation"
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.wiring import keys as work  # noqa: PLC0415

    try:
        _tell(work.rotate(_settings(), SystemClock(), by=by, reason=reason), as_json)
    except TallystickError as error:
        fail(str(error))


@keys.command()
@click.argument("vkey")
@REASON
@BY
@JSON
def retire(vkey: str, reason: str, by: str, as_json: bool) -> None:
    """Let the key with the verifier key line VKEY sign no more; its private half is destroyed.

    \b
    Example:
      tallystick keys retire "$(cat old.vkey)" --reason "all auditors have pinned the new key"
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  other commands start faster
    from tallystick.wiring import keys as work  # noqa: PLC0415

    try:
        done = work.retire(_settings(), SystemClock(), vkey.strip(), by=by, reason=reason)
        _tell(done, as_json)
    except TallystickError as error:
        fail(str(error))


def _settings() -> "Settings":
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    return read_settings(os.environ)


def _tell(keys: "Keys", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(keys), indent=2))
        return
    for vkey in keys.signing:
        click.echo(f"signs    {vkey}")
    for vkey in keys.retired:
        click.echo(f"retired  {vkey}")
    if keys.position is not None:
        click.echo(f"recorded as entry {keys.position}")
