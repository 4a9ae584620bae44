"""`tallystick token`: who may use the API; works on the data folder, with or without a server."""

import json
import os
from typing import TYPE_CHECKING

import click
import msgspec

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, fail

if TYPE_CHECKING:
    from tallystick.access import Scope, Tokens
    from tallystick.access.tokens import TokenRecord

NAME_CHARACTERS_MAX = 100
INDEXES_MAX = 100
SCOPES: tuple["Scope", ...] = (
    "trade",
    "read",
    "operate",
    "audit",
    "ingest",
    "unmask",
    "bypass",
)
"""All of them; named here so that `tallystick verify` starts without the room of access."""
OF_AN_ACCOUNT: frozenset["Scope"] = frozenset({"trade", "read"})
"""Scopes that mean nothing without an account."""


@click.group(context_settings=CONTEXT)
def token() -> None:
    """Issue, list, disable and revoke the tokens of the API.

    \b
    The data folder is that of the settings (TALLYSTICK_DATA). A running server notices the
    change by itself, at its next request.
    """  # noqa: D301  the mark keeps click from wrapping


@token.command()
@click.option("--name", required=True, help="Whom it is for; shown in lists and in the ledger.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it may do; more than one may be given.",
)
@click.option("--account", default="", help="Whose orders; needed with trade and read.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    help="An index of log lines that it may write to and read from; any, where none is given. "
    "The first is that of lines that name none.",
)
@JSON
def issue(
    name: str,
    scopes: tuple["Scope", ...],
    account: str,
    indexes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Issue a new token and print it: only its hash is kept, so it is never shown again.

    \b
    Scopes: trade (place and cancel the account's orders), read (see them), operate (see and
    stop everything), audit (read the ledger's entries of all accounts, and nothing else),
    ingest (send log lines, and nothing else), unmask (read what was redacted from log lines),
    bypass (shorten and delete what is archived in governance mode).

    \b
    Examples:
      tallystick token issue --name "Acme desk" --account acme --scope trade --scope read
      tallystick token issue --name "Auditor LLP" --scope audit
      tallystick token issue --name "web servers" --scope ingest --index web --index main
    """  # noqa: D301  the mark keeps click from wrapping
    if not account and OF_AN_ACCOUNT.intersection(scopes):
        fail("The scopes trade and read are for one account: name it with --account.")
    if not name.isprintable() or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        fail(f"A name has 1 to {NAME_CHARACTERS_MAX} characters that can be printed.")
    _check_indexes(indexes)
    wanted = tuple(dict.fromkeys(scopes))
    tokens = _tokens()
    issued = tokens.issue(name, account, wanted, tuple(dict.fromkeys(indexes)) or None)
    record = tokens.find(issued)
    assert record is not None, "it was issued a moment ago"  # noqa: S101
    if as_json:
        click.echo(json.dumps({"token": issued, **_facts(record)}, indent=2))
    else:
        click.echo(issued)
        click.echo(
            f"Keep it now: it is not shown again. Revoke it by its id {record.id}.", err=True
        )


@token.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List every token by its id, disabled ones too; the tokens themselves are not kept.

    \b
    Example:
      tallystick token list
    """  # noqa: D301  the mark keeps click from wrapping
    records = _tokens().records()
    if as_json:
        click.echo(json.dumps([_facts(record) for record in records], indent=2))
        return
    for record in records:
        scopes = ",".join(record.scopes)
        told = f"{record.id}  {scopes:24}  {record.account or '-':12}  {record.name}"
        if record.indexes is not None:
            told += f"  [{', '.join(record.indexes)}]"
        click.echo(told + ("  (disabled)" if record.disabled else ""))


@token.command()
@click.argument("named", metavar="ID")
@JSON
def revoke(named: str, as_json: bool) -> None:
    """Revoke the token with this ID (see list), or the token given itself, at once.

    \b
    Example:
      tallystick token revoke 3f1c9a0b12de
    """  # noqa: D301  the mark keeps click from wrapping
    try:
        record = _tokens().revoke(named)
    except TallystickError as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps(_facts(record), indent=2))
    else:
        click.echo(f"Revoked {record.id}: {record.name}.")


@token.command()
@click.argument("named", metavar="ID")
@JSON
def disable(named: str, as_json: bool) -> None:
    """Make the token with this ID (see list) invalid for the time being.

    \b
    Senders of log lines are told that it is disabled, and keep their lines.

    \b
    Example:
      tallystick token disable 3f1c9a0b12de
    """  # noqa: D301  the mark keeps click from wrapping
    _switch(named, disabled=True, as_json=as_json)


@token.command()
@click.argument("named", metavar="ID")
@JSON
def enable(named: str, as_json: bool) -> None:
    """Make the token with this ID (see list) valid again.

    \b
    Example:
      tallystick token enable 3f1c9a0b12de
    """  # noqa: D301  the mark keeps click from wrapping
    _switch(named, disabled=False, as_json=as_json)


def _switch(named: str, *, disabled: bool, as_json: bool) -> None:
    try:
        record = _tokens().switch(named, disabled=disabled)
    except TallystickError as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps(_facts(record), indent=2))
    else:
        click.echo(f"{'Disabled' if disabled else 'Enabled'} {record.id}: {record.name}.")


def _check_indexes(indexes: tuple[str, ...]) -> None:
    from tallystick.watch.collect.ingest.batch import is_index  # noqa: PLC0415  help is faster

    if len(indexes) > INDEXES_MAX:
        fail(f"A token has at most {INDEXES_MAX} indexes.")
    for index in indexes:
        if not is_index(index):
            fail(
                f"{index!r} is no name of an index: small letters, digits, _ and -, "
                "these two not first."
            )


def _tokens() -> "Tokens":
    """The tokens in the data folder of the settings."""
    from tallystick.access import Tokens  # noqa: PLC0415  help is shown faster
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    try:
        folder = read_settings(os.environ).folder
        if not folder.is_dir():
            fail(f"There is no data folder {folder}: start Tallystick, or set TALLYSTICK_DATA.")
        return Tokens(folder / "tokens.json")
    except TallystickError as error:
        fail(str(error))


def _facts(record: "TokenRecord") -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(record)
    del facts["sha256"]
    return {"id": record.id, **facts}
