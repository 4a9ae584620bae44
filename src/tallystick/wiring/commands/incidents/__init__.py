"""`tallystick incidents`: what is wrong, who has it, and what a person does about it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import CONTEXT, JSON, connected, refusals_told, server_options
from tallystick.wiring.commands.times import length as seconds_of

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.wiring.server_client import ServerClient

LIMIT_DEFAULT = 20
LINES_SHOWN = 40
"""Lines of a timeline that are shown, the newest."""
DOCUMENT_SECONDS_MAX = 60.0
_Answer = dict[str, Any]
_IDS = click.argument("ids", nargs=-1, required=True, metavar="ID...")
_STATES = click.Choice(["open", "acknowledged", "resolved", "unresolved", "all"])
_SEVERITIES = click.Choice(["critical", "error", "warning", "info"])


@click.group(context_settings=CONTEXT)
def incidents() -> None:
    """See incidents, take them, resolve them, and write them up.

    An incident is what alerts of one trouble make together. It escalates until somebody
    acknowledges it. The guide is docs/guides/alerting.md.
    """


@incidents.command("list")
@click.option("--state", type=_STATES, default="unresolved", show_default=True)
@click.option("--severity", type=_SEVERITIES, help="Only of this severity.")
@click.option("--route", help="Only of this route.")
@click.option("--label", help="Only with these labels: account=acme,pair=EUR/USD.")
@click.option(
    "--limit", "-n", default=LIMIT_DEFAULT, show_default=True, type=click.IntRange(1, 500)
)
@server_options()
@JSON
def list_(
    *,
    state: str,
    severity: str | None,
    route: str | None,
    label: str | None,
    limit: int,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Show incidents that are not resolved, the newest last.

    Others are shown with --state.

    Exit code: 0 shown (also when there is none), 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick incidents list
      tallystick incidents list --state all --severity critical
      tallystick incidents list --label alarm=stale-prices --json
    """  # noqa: D301  the mark keeps click from wrapping
    asked = {
        "state": None if state == "all" else state, "severity": severity, "route": route,
        "label": label, "limit": str(limit),
    }  # fmt: skip
    query = {name: value for name, value in asked.items() if value is not None}
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/incidents", _Answer, query=query)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from tallystick.wiring.commands.incidents.screen import show_list  # noqa: PLC0415  fast help

    if not answer["incidents"]:
        click.echo("All is quiet." if state == "unresolved" else "There is no such incident.")
        return
    show_list(_console(), answer["incidents"][::-1], _now_ns())
    if answer["next"]:
        click.echo(f"There are more than these {len(answer['incidents'])}; see --limit.", err=True)


@incidents.command()
@click.argument("incident", metavar="ID")
@click.option(
    "--lines", default=LINES_SHOWN, show_default=True, type=click.IntRange(1, 1_000),
    help="Lines of the timeline, the newest.",
)  # fmt: skip
@server_options()
@JSON
def show(incident: str, lines: int, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Show incident ID: its timeline, alerts, messages and proofs.

    Exit code: 0 shown, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Examples:
      tallystick incidents show I-7
      tallystick incidents show I-7 --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring.server_client import place_of  # noqa: PLC0415  fast help

    with connected(url, token) as server:
        answer = server.ask("GET", _path(incident), _Answer)
        place = place_of(url, token)[0]
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from tallystick.wiring.commands.incidents.screen import show_one  # noqa: PLC0415  fast help

    show_one(_console(), answer, _now_ns(), place, lines)


@incidents.command()
@_IDS
@click.option("--for", "length", help="For how long: 30m, 2h, 1d; 0: until it is resolved.")
@server_options()
@JSON
def ack(
    ids: tuple[str, ...],
    length: str | None,
    url: str | None,
    token: str | None,
    *,
    as_json: bool,
) -> None:
    """Acknowledge incidents: you have them, and nobody else is told.

    Without --for it holds as long as the policy of the incident says; then it is told again from
    the first step.

    Exit code: 0 done, 1 refused (there is none, or it is resolved), 2 cannot tell (no server).

    \b
    Examples:
      tallystick incidents ack I-7
      tallystick incidents ack I-7 I-8 --for 2h
    """  # noqa: D301  the mark keeps click from wrapping
    body: _Answer = {}
    if length is not None:
        with refusals_told():
            body["seconds"] = seconds_of(length)
    with connected(url, token) as server:
        for each in ids:
            answer = server.ask("POST", f"{_path(each)}/acknowledge", _Answer, body=body)
            until = answer["acknowledged_until"]
            held = f"until {until[:19]}Z" if until else "until it is resolved"
            _tell(answer, f"{answer['id']} is yours {held}: {answer['title']}", as_json=as_json)


@incidents.command()
@_IDS
@server_options()
@JSON
def unack(ids: tuple[str, ...], url: str | None, token: str | None, *, as_json: bool) -> None:
    """Give incidents back: they are told again from the first step.

    Exit code: 0 done, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Example:
      tallystick incidents unack I-7
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        for each in ids:
            answer = server.ask("POST", f"{_path(each)}/unacknowledge", _Answer, body={})
            said = f"{answer['id']} is {answer['state']}, and nobody has it: {answer['title']}"
            _tell(answer, said, as_json=as_json)


@incidents.command()
@_IDS
@click.option("--note", default="", help="What it was.")
@server_options()
@JSON
def resolve(
    ids: tuple[str, ...], note: str, url: str | None, token: str | None, *, as_json: bool
) -> None:
    """Say that incidents are over; everybody who was told hears it.

    What still fires opens a new incident, or this one again if it does so at once.

    Exit code: 0 done, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Example:
      tallystick incidents resolve I-7 --note "the feed is back"
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        for each in ids:
            body = {"note": note}
            answer = server.ask("POST", f"{_path(each)}/resolve", _Answer, body=body)
            said = f"{answer['id']} is resolved: {answer['title']}"
            _tell(answer, said, as_json=as_json)


@incidents.command()
@click.argument("incident", metavar="ID")
@click.argument("words", nargs=-1, required=True, metavar="TEXT...")
@server_options()
@JSON
def note(
    incident: str, words: tuple[str, ...], url: str | None, token: str | None, *, as_json: bool
) -> None:
    """Write TEXT into the timeline of incident ID.

    Exit code: 0 done, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Example:
      tallystick incidents note I-7 "the provider confirms an outage, ticket 4711"
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        body = {"text": " ".join(words)}
        answer = server.ask("POST", f"{_path(incident)}/notes", _Answer, body=body)
    _tell(answer, f"It stands in the timeline of {answer['id']}.", as_json=as_json)


@incidents.command()
@click.argument("incident", metavar="ID")
@click.option(
    "--out", "-o", type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, which must not be there yet.",
)  # fmt: skip
@server_options()
def postmortem(incident: str, out: Path | None, url: str | None, token: str | None) -> None:
    """Print incident ID as a document in Markdown.

    It has the facts, and headings to complete.

    Exit code: 0 done, 1 refused (there is none), 2 no server, or the file cannot be written.

    \b
    Examples:
      tallystick incidents postmortem I-7
      tallystick incidents postmortem I-7 --out 2026-11-22-stale-prices.md
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        text = _document(server, f"{_path(incident)}/postmortem")
        if out is None:
            click.echo(text, nl=False)
            return
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise Misconfigured(f"{out} cannot be written: {error.strerror}.") from error
    click.echo(f"{out} is written; complete the last headings.")


def _document(server: "ServerClient", path: str) -> str:
    import httpx  # noqa: PLC0415  fast help

    wait = httpx.Timeout(DOCUMENT_SECONDS_MAX)
    try:
        with server.stream(path, {}, {}, wait) as response:
            response.read()
            return response.text
    except httpx.HTTPError as error:
        raise Misconfigured(f"The document broke off: {error}.") from error


def _path(incident: str) -> str:
    """`7` is `I-7`."""
    named = f"I-{incident}" if incident.isdigit() else incident.upper()
    return f"/v1/incidents/{quote(named, safe='')}"


def _tell(answer: _Answer, sentence: str, *, as_json: bool) -> None:
    from tallystick.wiring.log_screen import plain  # noqa: PLC0415  fast help

    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else plain(sentence))


def _console() -> "Console":
    from tallystick.wiring.log_screen import Screen  # noqa: PLC0415  fast help

    return Screen(highlight=False)


def _now_ns() -> int:
    from tallystick.clock import SystemClock  # noqa: PLC0415  fast help

    return SystemClock().now_ns()
