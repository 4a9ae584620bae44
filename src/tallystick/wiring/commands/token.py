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
SCOPES: tuple["Scope", ...] = ("trade", "read", "operate", "audit")
"""All of them; named here so that `tallystick verify` starts without the room of access."""
OF_AN_ACCOUNT: frozenset["Scope"] = frozenset({"trade", "read"})
"""Scopes that mean nothing without an account."""


@click.group(context_settings=CONTEXT)
def token() -> None:
    """Issue, list and revoke the tokens of the API.

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
@JSON
def issue(name: str, scopes: tuple["Scope", ...], account: str, as_json: bool) -> None:
    """Issue a new token and print it: only its hash is kept, so it is never shown again.

    \b
    Scopes: trade (place and cancel the account's orders), read (see them), operate (see and
    stop everything), audit (read the ledger's entries of all accounts, and nothing else).

    \b
    Examples:
      tallystick token issue --name "Acme desk" --account acme --scope trade --scope read
      tallystick token issue --name "Auditor LLP" --scope audit
    """  # noqa: D301  the mark keeps click from wrapping
    if not account and OF_AN_ACCOUNT.intersection(scopes):
        fail("The scopes trade and read are for one account: name it with --account.")
    if not name.isprintable() or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        fail(f"A name has 1 to {NAME_CHARACTERS_MAX} characters that can be printed.")
    from tallystick.access.tokens import token_id  # noqa: PLC0415  help is shown faster

    wanted = tuple(dict.fromkeys(scopes))
    issued = _tokens().issue(name, account, wanted)
    if as_json:
        facts = {"id": token_id(issued), "name": name, "account": account, "scopes": wanted}
        click.echo(json.dumps({"token": issued, **facts}, indent=2))
    else:
        click.echo(issued)
        click.echo(
            f"Keep it now: it is not shown again. Revoke it by its id {token_id(issued)}.", err=True
        )


@token.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List every valid token by its id; the tokens themselves are not kept.

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
        click.echo(f"{record.id}  {scopes:24}  {record.account or '-':12}  {record.name}")


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
