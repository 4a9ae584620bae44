"""`tallystick notify silence`, `silences` and `unsilence`: what tells nobody for a while."""

import json
from typing import Any
from urllib.parse import quote

import click

from tallystick.wiring.commands import CONTEXT, JSON, connected, refusals_told, server_options
from tallystick.wiring.commands.times import moment

_Answer = dict[str, Any]


@click.command(context_settings=CONTEXT)
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--until", required=True, help="Its end: RFC 3339, or from now: +2h, +30m.")
@click.option("--from", "begins", help="Its begin; now by default.")
@click.option("--reason", required=True, help="Why; whoever misses an alert reads it.")
@server_options()
@JSON
def silence(
    matchers: tuple[str, ...],
    until: str,
    begins: str | None,
    reason: str,
    url: str | None,
    token: str | None,
    *,
    as_json: bool,
) -> None:
    """Silence the alerts that meet every MATCHER for a while: they tell nobody.

    A MATCHER is a label, one of = != =~ !~, and a value; =~ is a regular expression over the whole
    value. `severity` and `source` are matched like labels. Incidents go on, in quiet; what still
    fires when it ends is told then.

    Exit code: 0 done, 1 refused (the sentence says why), 2 cannot tell (no server).

    \b
    Examples:
      tallystick notify silence pair=USD/TRY --until +2h --reason "the provider maintains its feed"
      tallystick notify silence alarm=disk-low 'severity=~"warning|info"' --until +1d --reason known
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import rfc3339  # noqa: PLC0415  fast help
    from tallystick.watch.notify.routing.matcher import parse_matcher  # noqa: PLC0415

    body: _Answer = {"comment": reason}
    with refusals_told():
        found = [parse_matcher(each) for each in matchers]
        body["ends_at"] = rfc3339(moment(until))
        if begins is not None:
            body["starts_at"] = rfc3339(moment(begins))
    body["matchers"] = [
        {"label": each.label, "operator": each.operator, "value": each.value} for each in found
    ]
    with connected(url, token) as server:
        answer = server.ask("POST", "/v1/silences", _Answer, body=body)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    click.echo(f"{_said(answer)} `tallystick notify unsilence {answer['id']}` ends it.")


@click.command(context_settings=CONTEXT)
@server_options()
@JSON
def silences(url: str | None, token: str | None, *, as_json: bool) -> None:
    """Show silences in force or to come.

    Exit code: 0 shown (also when there is none), 1 refused, 2 cannot tell (no server).

    \b
    Example:
      tallystick notify silences
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/silences", _Answer)
    _show(answer, as_json=as_json)


@click.command(context_settings=CONTEXT)
@click.argument("silence_id", metavar="ID")
@server_options()
@JSON
def unsilence(silence_id: str, url: str | None, token: str | None, *, as_json: bool) -> None:
    """End the silence ID (S-1 and so on) now.

    Exit code: 0 done, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Example:
      tallystick notify unsilence S-1
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        answer = server.ask("DELETE", f"/v1/silences/{quote(silence_id, safe='')}", _Answer)
    if not as_json:
        click.echo(f"{silence_id} is over.")
    _show(answer, as_json=as_json)


def _show(answer: _Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for each in answer["silences"]:
        click.echo(_said(each))
    if not answer["silences"]:
        click.echo("Nothing is silenced.")


def _said(silence: _Answer) -> str:
    from tallystick.wiring.log_screen import plain  # noqa: PLC0415  fast help

    matchers = ", ".join(
        f'{each["label"]}{each["operator"]}"{each["value"]}"' for each in silence["matchers"]
    )
    span = f"from {_minute(silence['starts_at'])} to {_minute(silence['ends_at'])} UTC"
    said = f"{silence['id']}  {matchers} is silent {span}: {silence['comment']}"
    return plain(f"{said} ({silence['author']}).")


def _minute(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:16]}"
