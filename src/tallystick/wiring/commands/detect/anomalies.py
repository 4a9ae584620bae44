"""`tallystick detect anomalies` and `detect explain`: what is odd, and why."""

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tallystick.wiring.commands import CONTEXT, JSON, connected, server_options

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.wiring.commands.detect.anomaly_screen import Item
    from tallystick.wiring.server_client import ServerClient

LIMIT_DEFAULT = 20
FOLLOW_SECONDS = 1.0
"""How often new ones are asked for."""
FOLLOW_PAGE = 100
SEEN_MAX = 10_000
"""Most anomalies remembered as shown while new ones are waited for."""
_Answer = dict[str, Any]
_FAMILIES = click.Choice(["market_abuse", "fraud", "operations"])
_VERDICTS = click.Choice(["confirmed", "dismissed", "none"])


@click.command(context_settings=CONTEXT)
@click.option("--detector", help="Only of this detector, such as layering.")
@click.option("--family", type=_FAMILIES, help="Only of this family.")
@click.option("--account", help="Only about this account.")
@click.option("--pair", help="Only about this pair, such as EUR/USD.")
@click.option("--verdict", type=_VERDICTS, help="Only judged so; none: nobody judged them.")
@click.option("--since", help="From this time on, RFC 3339.")
@click.option("--until", help="Before this time, RFC 3339.")
@click.option(
    "--limit", "-n", default=LIMIT_DEFAULT, show_default=True, type=click.IntRange(1, 1_000)
)
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones as they come.")
@server_options()
@JSON
def anomalies(  # noqa: PLR0913  as many as there are options
    *,
    detector: str | None,
    family: str | None,
    account: str | None,
    pair: str | None,
    verdict: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    follow: bool,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Show the last anomalies, the newest last: what is odd, how odd, and why.

    Colours say whose business it is: market abuse, fraud or operations. With --json the answer is
    that of the API, with --follow one anomaly a line.

    Exit code: 0 shown (also when there is none), 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick detect anomalies
      tallystick detect anomalies --detector layering --verdict none
      tallystick detect anomalies --follow
      tallystick detect anomalies --account acme --since 2026-11-22T00:00:00Z --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import SystemClock  # noqa: PLC0415  help is shown faster

    asked = {
        "detector": detector, "family": family, "account": account, "pair": pair,
        "verdict": verdict, "since": since, "until": until, "limit": str(limit),
    }  # fmt: skip
    query = {name: value for name, value in asked.items() if value is not None}
    with connected(url, token) as server:
        if not follow:
            answer = server.ask("GET", "/v1/anomalies", _Answer, query=query)
            show_page(answer, as_json=as_json)
            return
        clock = SystemClock()
        with _quiet():
            headed = True
            for fresh in news(server, query, lambda: clock.pause(FOLLOW_SECONDS)):
                show_news(fresh, as_json=as_json, headed=headed)
                headed = False


@click.command(context_settings=CONTEXT)
@click.argument("anomaly")
@server_options()
@JSON
def explain(anomaly: str, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Explain ANOMALY (its id): what was expected, what came, and what made it odd.

    Exit code: 0 shown, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Examples:
      tallystick detect explain layering-1234
      tallystick detect explain layering-1234 --json
    """  # noqa: D301  the mark keeps click from wrapping
    from urllib.parse import quote  # noqa: PLC0415  help is shown faster

    from tallystick.wiring.server_client import place_of  # noqa: PLC0415

    with connected(url, token) as server:
        answer = server.ask("GET", f"/v1/anomalies/{quote(anomaly, safe='')}", _Answer)
        place = place_of(url, token)[0]
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from tallystick.wiring.commands.detect.anomaly_screen import show_one  # noqa: PLC0415
    from tallystick.wiring.commands.detect.proof import proof_command  # noqa: PLC0415

    (item,) = _items([answer])
    proof = proof_command(place, item.positions[-1]) if item.positions else ""
    show_one(_console(), item, _now_ns(), proof)


def news(
    server: "ServerClient", query: dict[str, str], pause: Callable[[], None]
) -> Iterator[list[_Answer]]:
    """The last that are there, oldest first, then for ever what is new; `pause` waits between."""
    shown: set[str] = set()
    order: deque[str] = deque()  # bounded by: SEEN_MAX
    last = int(query["limit"])
    page = max(last, FOLLOW_PAGE)
    asked = {**query, "limit": str(page)}
    while True:
        answer = server.ask("GET", "/v1/anomalies", _Answer, query=asked)
        fresh = [each for each in reversed(answer["anomalies"]) if each["id"] not in shown]
        for each in fresh:
            shown.add(each["id"])
            order.append(each["id"])
        while len(order) > SEEN_MAX:
            shown.discard(order.popleft())
        if fresh:
            yield fresh[-last:]
        last = page  # what is older than the last of the beginning is known now, not new
        pause()


@contextmanager
def _quiet() -> Iterator[None]:
    """End without a word when the reader of our output leaves, or at Ctrl-C."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(0)


def show_page(answer: _Answer, *, as_json: bool) -> None:
    """A page: as the API gave it, or as rows with the newest last."""
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    found = answer["anomalies"]
    if not found:
        click.echo("Nothing odd was found.")
        return
    show_news(found[::-1], as_json=False, headed=True)
    if answer.get("next"):
        click.echo(f"There are more than these {len(found)}; see --limit.", err=True)


def show_news(found: list[_Answer], *, as_json: bool, headed: bool) -> None:
    """Anomalies in the order given: rows, or one a line as JSON."""
    if as_json:
        for each in found:
            click.echo(json.dumps(each, ensure_ascii=False))
        return
    from tallystick.wiring.commands.detect.anomaly_screen import show_list  # noqa: PLC0415

    show_list(_console(), _items(found), _now_ns(), headed=headed)


def _items(found: list[_Answer]) -> "list[Item]":
    import msgspec  # noqa: PLC0415  help is shown faster

    from tallystick.wiring.commands.detect.anomaly_screen import Item  # noqa: PLC0415

    return msgspec.convert(found, list[Item])


def _console() -> "Console":
    from tallystick.wiring.log_screen import Screen  # noqa: PLC0415  help is shown faster

    return Screen(highlight=False)


def _now_ns() -> int:
    from tallystick.clock import SystemClock  # noqa: PLC0415  help is shown faster

    return SystemClock().now_ns()
