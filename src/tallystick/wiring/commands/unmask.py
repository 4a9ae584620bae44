"""`tallystick unmask`: asks a running server what was taken out of a log line."""

import json

import click

from tallystick.wiring.commands import CONTEXT, JSON, connected, fail, server_options


@click.command(context_settings=CONTEXT)
@click.argument("seq", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; stays in the ledger, so tell no secret.")
@click.option("--field", "fields", multiple=True, help="Only this one, such as /body; repeatable.")
@server_options("unmask")
@JSON
def unmask(
    seq: int, reason: str, fields: tuple[str, ...], url: str | None, token: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show what was taken out of the log line with the number SEQ (its log.seq).

    The token must have the scope unmask; the ledger says who asked, when, for what and why.
    Credentials are never kept, so they cannot be shown.

    Exit code: 0 shown, 1 refused (nothing is kept, a token without the right), 2 cannot tell (no
    server, no token).

    \b
    Examples:
      tallystick unmask 1042 --reason "complaint 77 of a client"
      tallystick unmask 1042 --field /body --reason "complaint 77" --json
    """  # noqa: D301  the mark keeps click from wrapping
    if not token:
        fail("Reading originals needs a token with the scope unmask: --token or TALLYSTICK_TOKEN.")
    asked: dict[str, object] = {"reason": reason}
    if fields:
        asked["fields"] = list(fields)
    with connected(url, token) as server:
        answer = server.ask("POST", f"/v1/logs/{seq}/unmask", object, body=asked)
    if not isinstance(answer, dict) or "fields" not in answer:
        fail("The server's answer is none.")
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for field, value in sorted(answer["fields"].items()):
        click.echo(f"{field}: {value if isinstance(value, str) else json.dumps(value)}")
    click.echo(f"Entry {answer['position']} of the ledger says that you read it.", err=True)
