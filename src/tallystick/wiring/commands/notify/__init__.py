"""`tallystick notify`: whether targets can be reached, silences, and what was not delivered."""

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tallystick.wiring.commands import CONTEXT, JSON, connected, fail, server_options
from tallystick.wiring.commands.notify.configuration import check, route
from tallystick.wiring.commands.notify.silencing import silence, silences, unsilence

if TYPE_CHECKING:
    from tallystick.wiring.server_client import ServerClient

EXIT_NOT = 1
"""The message was given up."""
LOOK_SECONDS = 0.1
"""How often it is asked what became of a test message."""
WAIT_SECONDS = 30
DEAD_PAGE = 1_000
_Answer = dict[str, Any]


@click.group(context_settings=CONTEXT)
def notify() -> None:
    """Try out the targets of alerts, silence alerts, and send again what was not delivered.

    Targets stand in the alerting file. The guide is docs/guides/alerting.md.
    """


notify.add_command(check)
notify.add_command(route)
notify.add_command(silence)
notify.add_command(silences)
notify.add_command(unsilence)


@notify.command()
@server_options()
@JSON
def targets(url: str | None, token: str | None, *, as_json: bool) -> None:
    """Show every target: its type, what waits for it, and what was given up.

    Exit code: 0 shown, 1 refused, 2 cannot tell (no server).

    \b
    Example:
      tallystick notify targets
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/notify/targets", _Answer)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    found = answer["targets"]
    if not found:
        click.echo("There is no target: nobody is told of anything.")
        return
    width = max(6, *(len(each["name"]) for each in found))
    click.secho(f"{'target':{width}}  {'type':20}  {'waiting':>8}  {'given up':>8}", dim=True)
    for each in found:
        dead = click.style(f"{each['dead']:8,}", fg="red" if each["dead"] else None)
        click.echo(f"{each['name']:{width}}  {each['type']:20}  {each['pending']:8,}  {dead}")


@notify.command()
@click.argument("target")
@click.option(
    "--wait", default=WAIT_SECONDS, show_default=True, type=click.IntRange(0, 600),
    help="Seconds to wait until it has arrived.",
)  # fmt: skip
@server_options()
@JSON
def test(target: str, wait: int, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Send a test message to TARGET and say what became of it.

    It takes the way of every alert: through the store, the circuit breaker and the channel.

    Exit code: 0 arrived, 1 refused or given up, 2 it is still on its way, or no server.

    \b
    Examples:
      tallystick notify test ops-pager
      tallystick notify test ops-mail --wait 120
    """  # noqa: D301  the mark keeps click from wrapping
    from rich.console import Console  # noqa: PLC0415  fast help

    console = Console(stderr=True)
    sign = console.status(f"telling {target} ...") if console.is_terminal else nullcontext()
    with connected(url, token) as server, sign:
        path = f"/v1/notify/targets/{quote(target, safe='')}/test"
        message = _settled(server, server.ask("POST", path, _Answer, body={}), wait)
    if as_json:
        click.echo(json.dumps(message, indent=2, ensure_ascii=False))
    elif message["state"] == "delivered":
        named = f" as {message['provider_id']}" if message["provider_id"] else ""
        click.echo(f"{target} took it{named} after {_span(message)}.")
    if message["state"] == "dead":
        fail(f"{target} did not take it: {message['last_error']}", EXIT_NOT)
    if message["state"] == "pending":
        why = f" ({message['last_error'].rstrip('.')})" if message["last_error"] else ""
        fail(f"{target} has not taken it within {wait} seconds{why}; it is tried again.")


@notify.command()
@click.option("--target", help="Only of this target.")
@click.option("--limit", "-n", default=50, show_default=True, type=click.IntRange(1, DEAD_PAGE))
@server_options()
@JSON
def dead(
    target: str | None, limit: int, url: str | None, token: str | None, *, as_json: bool
) -> None:
    """Show messages that could not be delivered, and why; the newest last.

    Exit code: 0 shown (also when there is none), 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick notify dead
      tallystick notify dead --target ops-mail --json
    """  # noqa: D301  the mark keeps click from wrapping
    query = {"limit": str(limit)} | ({"target": target} if target else {})
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/notify/dead", _Answer, query=query)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    found = answer["messages"]
    if not found:
        click.echo("Every message was delivered, or is on its way.")
        return
    from rich.table import Table  # noqa: PLC0415  fast help
    from rich.text import Text  # noqa: PLC0415

    from tallystick.wiring.log_screen import Screen, plain  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("id", justify="right", no_wrap=True)
    for name in ("given up (UTC)", "target", "incident", "why"):
        table.add_column(name, no_wrap=True)
    table.add_column("reason", ratio=1, overflow="fold")
    for each in reversed(found):
        stamp = each["settled_at"] or each["created_at"]
        tries = "1 attempt" if each["attempts"] == 1 else f"{each['attempts']} attempts"
        reason = f"{each['last_error'] or 'none was given'} ({tries})"
        table.add_row(
            str(each["id"]), f"{stamp[:10]} {stamp[11:19]}", Text(plain(each["target"]), "bold"),
            each["incident"] or "-", each["why"], Text(plain(reason)),
        )  # fmt: skip
    Screen(highlight=False).print(table)
    click.echo(f"{len(found)} of {answer['total']:,}; `tallystick notify replay ID` tries again.")


@notify.command()
@click.argument("ids", nargs=-1, type=click.IntRange(1), metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that were given up.")
@click.option("--target", help="With --all: only those of this target.")
@server_options()
@JSON
def replay(
    ids: tuple[int, ...],
    target: str | None,
    url: str | None,
    token: str | None,
    *,
    every: bool,
    as_json: bool,
) -> None:
    """Send messages that were given up again, as if they were new.

    Exit code: 0 they are on their way, 1 refused, 2 cannot tell (no server), or none was named.

    \b
    Examples:
      tallystick notify replay 12 13
      tallystick notify replay --all --target ops-mail
    """  # noqa: D301  the mark keeps click from wrapping
    if bool(ids) is every:
        fail("Name messages by their ids (see `tallystick notify dead`), or say --all.")
    with connected(url, token) as server:
        named, left = ([*ids], 0) if ids else _dead_ids(server, target)
        sent = [
            server.ask("POST", f"/v1/notify/dead/{each}/replay", _Answer, body={})
            for each in sorted(named)
        ]
    if as_json:
        click.echo(json.dumps({"messages": sent}, indent=2, ensure_ascii=False))
        return
    count = len(sent)
    said = "1 message is on its way" if count == 1 else f"{count} messages are on their way"
    more = f" {left:,} more were given up: say it once more." if left else ""
    click.echo(f"{said} again.{more}")


def _settled(server: "ServerClient", message: _Answer, wait: int) -> _Answer:
    """The message when it has arrived or was given up, or as it stands after `wait` seconds."""
    from tallystick.clock import NS_PER_SECOND, SystemClock  # noqa: PLC0415  fast help

    clock = SystemClock()
    end_ns = clock.monotonic_ns() + wait * NS_PER_SECOND
    while message["state"] == "pending" and clock.monotonic_ns() < end_ns:
        clock.pause(LOOK_SECONDS)
        message = server.ask("GET", f"/v1/notify/messages/{message['id']}", _Answer)
    return message


def _dead_ids(server: "ServerClient", target: str | None) -> tuple[list[int], int]:
    """The newest that were given up, and how many more there are."""
    query = {"limit": str(DEAD_PAGE)} | ({"target": target} if target else {})
    answer = server.ask("GET", "/v1/notify/dead", _Answer, query=query)
    found = [each["id"] for each in answer["messages"]]
    return found, answer["total"] - len(found)


def _span(message: _Answer) -> str:
    """How long it took, from the store to the target's answer."""
    from tallystick.clock import NS_PER_SECOND, parse_rfc3339  # noqa: PLC0415  fast help
    from tallystick.wiring.log_screen import duration  # noqa: PLC0415

    settled = message["settled_at"] or message["created_at"]
    ns = parse_rfc3339(settled) - parse_rfc3339(message["created_at"])
    seconds = ns / NS_PER_SECOND
    return duration(round(seconds, 1 if seconds >= 1 else 3))
