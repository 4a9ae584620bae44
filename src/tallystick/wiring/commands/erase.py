"""`tallystick erase`: asks a running server to erase a natural person for good."""

import json
import sys
from urllib.parse import quote

import click

from tallystick.wiring.commands import CONTEXT, JSON, connected, fail, server_options


@click.command(context_settings=CONTEXT)
@click.argument("subject")
@click.option("--reason", required=True, help="Why; stays in the ledger, so name nobody.")
@click.option("--legal-basis", help="On which law, such as 'GDPR, Article 17(1)(b)'; stays too.")
@server_options()
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be undone.")
@JSON
def erase(
    subject: str, reason: str, legal_basis: str | None, url: str | None, token: str | None,
    yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Destroy all that was recorded of SUBJECT, and say so in the ledger.

    The subject's key is destroyed, so that no copy and no backup of what was recorded can be read
    again. Receipts and proofs of the ledger stay valid. To erase again changes nothing.

    Exit code: 0 erased, 1 refused (a duty to keep records, an unknown subject, a token without the
    right), 2 cannot tell (no answer); asking again is safe.

    \b
    Examples:
      tallystick erase S-1042 --reason "request of the data subject"
      tallystick erase S-1042 --reason "account closed" --legal-basis "GDPR, Article 17(1)(a)" --yes
    """  # noqa: D301  the mark keeps click from wrapping
    if not yes and sys.stdin.isatty():
        click.confirm(f"Erase {subject} for ever?", abort=True)
    body = (
        {"reason": reason}
        if legal_basis is None
        else {"reason": reason, "legal_basis": legal_basis}
    )
    path = f"/v1/subjects/{quote(subject, safe='')}/erase"
    with connected(url, token, "asking again is safe") as server:
        answer = server.ask("POST", path, object, body=body)
    if not isinstance(answer, dict) or "position" not in answer:
        fail("The server's answer is no erasure.")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    click.echo(f"{answer['subject']} is erased since {answer['at']}.")
    fields, times = ", ".join(answer["fields"]), len(answer["positions"])
    often = "once" if times == 1 else f"{times} times"
    click.echo(f"Entry {answer['position']} says so: {fields}, recorded {often}.")
