"""`tallystick detect confirm` and `detect dismiss`: what an anomaly was, said into the ledger."""

import json
from typing import Any

import click

from tallystick.wiring.commands import CONTEXT, JSON, REASON, connected, server_options

_Answer = dict[str, Any]


@click.command(context_settings=CONTEXT)
@click.argument("anomaly")
@REASON
@server_options()
@JSON
def confirm(
    anomaly: str, reason: str, url: str | None, token: str | None, *, as_json: bool
) -> None:
    """Say that ANOMALY (its id) was worth telling; its like is told more readily from now on.

    The verdict is an entry of the ledger, with your name and the reason: tell no secret and nothing
    personal. A later verdict takes its place.

    Exit code: 0 said, 1 refused, 2 cannot tell (no server).

    \b
    Example:
      tallystick detect confirm layering-1234 --reason "case 77, reported"
    """  # noqa: D301  the mark keeps click from wrapping
    _judge(anomaly, {"verdict": "confirmed", "reason": reason}, url, token, as_json=as_json)


@click.command(context_settings=CONTEXT)
@click.argument("anomaly")
@REASON
@click.option(
    "--every-detector", is_flag=True,
    help="It says the same of what other detectors find about this entity.",
)  # fmt: skip
@click.option("--until", help="Hold back what is like it until then, RFC 3339.")
@server_options()
@JSON
def dismiss(
    anomaly: str,
    reason: str,
    until: str | None,
    url: str | None,
    token: str | None,
    *,
    every_detector: bool,
    as_json: bool,
) -> None:
    """Say that ANOMALY (its id) was not worth telling; its like is told less readily.

    After two dismissals what is about as odd, of the same detector and entity, is kept but not
    alerted any more, for some weeks; what is far odder always is. The verdict is an entry of the
    ledger, with your name and the reason: tell no secret and nothing personal.

    Exit code: 0 said, 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick detect dismiss order_size-1234 --reason "agreed by phone"
      tallystick detect dismiss route_latency-00ab --reason "load test" --until 2026-11-23T06:00:00Z
    """  # noqa: D301  the mark keeps click from wrapping
    body = {"verdict": "dismissed", "reason": reason}
    if every_detector:
        body["scope"] = "entity"
    if until is not None:
        body["until"] = until
    _judge(anomaly, body, url, token, as_json=as_json)


def _judge(
    anomaly: str, body: dict[str, str], url: str | None, token: str | None, *, as_json: bool
) -> None:
    from urllib.parse import quote  # noqa: PLC0415  help is shown faster

    from tallystick.wiring.commands.detect.proof import proof_command  # noqa: PLC0415
    from tallystick.wiring.server_client import place_of  # noqa: PLC0415

    path = f"/v1/anomalies/{quote(anomaly, safe='')}/verdict"
    with connected(url, token) as server:
        answer = server.ask("POST", path, _Answer, body=body)
        place = place_of(url, token)[0]
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    held = f", and its like is held back until {answer['until']}" if answer["until"] else ""
    click.echo(f"{answer['anomaly']} is {answer['verdict']}{held}.")
    click.echo(f"Entry {answer['position']} of the ledger says so; to prove it:", err=True)
    click.echo(proof_command(place, answer["position"]), err=True)
