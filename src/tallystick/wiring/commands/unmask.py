"""`tallystick unmask`: asks a running server what was taken out of a log line."""

import json
import os
from typing import TYPE_CHECKING, NoReturn

import click

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, EXIT_CANNOT, JSON, fail

if TYPE_CHECKING:
    import httpx

EXIT_REFUSED = 1
ANSWER_SECONDS_MAX = 60
"""The entry waits for the disk."""


@click.command(context_settings=CONTEXT)
@click.argument("seq", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; stays in the ledger, so tell no secret.")
@click.option("--field", "fields", multiple=True, help="Only this one, such as /body; repeatable.")
@click.option("--url", help="The server; by default the one that runs on the data folder.")
@click.option("--token", envvar="TALLYSTICK_TOKEN", help="A token with the scope unmask.")
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
    answer = _ask(f"{url.rstrip('/') if url else _server()}/v1/logs/{seq}/unmask", token, asked)
    if not isinstance(answer, dict) or "fields" not in answer:
        fail("The server's answer is none.")
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for field, value in sorted(answer["fields"].items()):
        click.echo(f"{field}: {value if isinstance(value, str) else json.dumps(value)}")
    click.echo(f"Entry {answer['position']} of the ledger says that you read it.", err=True)


def _server() -> str:
    """The server on the data folder of the settings."""
    from tallystick.wiring.facts import facts_of  # noqa: PLC0415  help is shown faster
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    try:
        folder = read_settings(os.environ).folder
        facts = facts_of(folder)
    except TallystickError as error:
        fail(f"No server is known ({error}); name it with --url.")
    if facts is None:
        fail(f"No server has run on {folder}; name it with --url.")
    return facts.url


def _ask(url: str, token: str, body: dict[str, object]) -> object:
    """What the server answers; ends the program when it refuses or says nothing."""
    import httpx  # noqa: PLC0415  help is shown faster

    try:
        response = httpx.post(
            url,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_SECONDS_MAX,
        )
        answer: object = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        fail(f"{url} gives no answer ({error}).")
    if not response.is_success:
        _refused(response, answer)
    return answer


def _refused(response: "httpx.Response", answer: object) -> NoReturn:
    detail = answer.get("detail") if isinstance(answer, dict) else None
    said = detail or f"The server answered with status {response.status_code}."
    fail(said, EXIT_REFUSED if response.is_client_error else EXIT_CANNOT)
