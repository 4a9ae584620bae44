"""`tallystick erase`: asks a running server to erase a natural person for good."""

import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

import click

from tallystick.errors import TallystickError
from tallystick.wiring.commands import CONTEXT, EXIT_CANNOT, JSON, fail

if TYPE_CHECKING:
    import httpx

EXIT_REFUSED = 1
ANSWER_SECONDS_MAX = 60
"""An erasure waits for the disk a few times."""


@click.command(context_settings=CONTEXT)
@click.argument("subject")
@click.option("--reason", required=True, help="Why; stays in the ledger, so name nobody.")
@click.option("--legal-basis", help="On which law, such as 'GDPR, Article 17(1)(b)'; stays too.")
@click.option("--url", help="The server; by default the one that runs on the data folder.")
@click.option("--token", envvar="TALLYSTICK_TOKEN", help="A token with the scope operate.")
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
    where, bearer = _server(url, token)
    body = (
        {"reason": reason}
        if legal_basis is None
        else {"reason": reason, "legal_basis": legal_basis}
    )
    answer = _ask(f"{where}/v1/subjects/{quote(subject, safe='')}/erase", bearer, body)
    if not isinstance(answer, dict) or "position" not in answer:
        fail("The server's answer is no erasure.")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    click.echo(f"{answer['subject']} is erased since {answer['at']}.")
    fields, times = ", ".join(answer["fields"]), len(answer["positions"])
    often = "once" if times == 1 else f"{times} times"
    click.echo(f"Entry {answer['position']} says so: {fields}, recorded {often}.")


def _server(url: str | None, token: str | None) -> tuple[str, str]:
    """URL and token: as given, else those of the server on the data folder of the settings."""
    from tallystick.wiring.facts import facts_of  # noqa: PLC0415  help is shown faster
    from tallystick.wiring.settings import read_settings  # noqa: PLC0415

    if url and token:
        return url.rstrip("/"), token
    try:
        folder = read_settings(os.environ).folder
        facts = facts_of(folder)
    except TallystickError as error:
        fail(f"No server is known ({error}); name it with --url and --token.")
    if facts is None:
        fail(f"No server has run on {folder}; name it with --url and --token.")
    if url and url.rstrip("/") != facts.url:  # its token is nobody else's business
        fail(f"No token for {url} is known; name it with --token.")
    return facts.url, token or facts.token


def _ask(url: str, token: str, body: dict[str, str]) -> object:
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
        fail(f"{url} gives no answer ({error}); asking again is safe.")
    if not response.is_success:
        _refused(response, answer)
    return answer


def _refused(response: "httpx.Response", answer: object) -> NoReturn:
    detail = answer.get("detail") if isinstance(answer, dict) else None
    said = detail or f"The server answered with status {response.status_code}."
    fail(said, EXIT_REFUSED if response.is_client_error else EXIT_CANNOT)
