"""`tallystick rules`: try a pattern, check a folder of rules, and look after a server's rules."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from tallystick.errors import Misconfigured, Refused, TallystickError
from tallystick.wiring.commands import CONTEXT, JSON, connected, fail, server_options

EXIT_NOT = 1
"""It does not match, the rules are wrong, or the replay was cancelled."""
EVENT_BYTES_MAX = 262_144
"""Largest event that is read."""
LOOK_SECONDS = 0.5
"""How often a replay that is followed is looked at."""
_Answer = dict[str, Any]
"""As the API describes it."""


@click.group(context_settings=CONTEXT)
def rules() -> None:
    """Event rules: try them here, and look after those of a running server."""


@rules.command("test")
@click.argument("pattern")
@click.argument("event", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@JSON
def test(pattern: str, event: Path, as_json: bool) -> None:
    """Say whether an event matches PATTERN, or the first path that does not.

    PATTERN is a pattern as JSON, or a file: a pattern, or a rule in TOML or JSON. EVENT is a file,
    - for standard input. An entry of the ledger (an object with a kind) is wrapped as the server
    would. Exit code: 0 matched, 1 not, 2 the pattern or the event cannot be read.

    \b
    Examples:
      tallystick rules test '{"detail-type": ["Order Filled"]}' entry.json
      tallystick rules test large-trade.toml - < entry.json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.stream.rules import verdict  # noqa: PLC0415  help is shown faster

    try:
        said = verdict(_pattern(pattern), _event(event))
    except (OSError, ValueError, RecursionError, TallystickError) as error:
        fail(str(error))
    if as_json:
        facts = {"matched": said.matched, "path": said.path, "reason": said.reason}
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo("matched" if said.matched else f"not matched: {said.reason}")
    sys.exit(0 if said.matched else EXIT_NOT)


@rules.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@JSON
def check(folder: Path, as_json: bool) -> None:
    """Read the rules of FOLDER as a start would, and name everything that is wrong.

    Nothing is sent. Secrets that only the server has are not asked for.
    Exit code: 0 the server would start, 1 it would not.

    \b
    Example:
      tallystick rules check /etc/tallystick/rules
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.stream.rules.making import check_rules  # noqa: PLC0415
    from tallystick.stream.rules.rule import read_rules  # noqa: PLC0415

    try:
        found = read_rules(folder)
        check_rules(found)
    except Misconfigured as error:
        if as_json:
            click.echo(json.dumps({"usable": False, "reason": str(error)}, ensure_ascii=False))
        else:
            click.echo(str(error), err=True)
        sys.exit(EXIT_NOT)
    if as_json:
        named = [{"name": rule.name, "enabled": rule.enabled} for rule in found]
        click.echo(json.dumps({"usable": True, "rules": named}))
        return
    for rule in found:
        state = "" if rule.enabled else " (disabled)"
        click.echo(f"{rule.name}{state}: {rule.description or 'no description'}")
    click.echo(f"{len(found)} rules can be used.")


@rules.command("list")
@server_options()
@JSON
def list_(url: str | None, token: str | None, as_json: bool) -> None:
    """Show a server's rules: what they matched, what arrived, what waits and what is dead.

    \b
    Examples:
      tallystick rules list
      tallystick rules list --json
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/rules", _Answer)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    click.echo(f"{'rule':24} {'target':16} {'matched':>9} {'arrived':>9} {'waits':>7} {'dead':>6}")
    for rule in answer["rules"]:
        name = rule["name"] if rule["enabled"] else f"{rule['name']} (off)"
        for target in rule["targets"]:
            click.echo(
                f"{name:24} {target['id']:16} {rule['matched']:9} {target['delivered']:9}"
                f" {target['waiting']:7} {target['dead']:6}"
            )


@rules.command()
@click.argument("name")
@click.option("--from", "begins", required=True, help="First time, RFC 3339.")
@click.option("--to", "ends", required=True, help="Time before which it ends, RFC 3339.")
@click.option("--rule", help="Only to this rule; by default to all.")
@click.option("--dry-run", is_flag=True, help="Only count what would match.")
@server_options()
@JSON
def replay(
    name: str,
    begins: str,
    ends: str,
    rule: str | None,
    url: str | None,
    token: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Say a period of the ledger again, as the replay NAME, and follow it to its end.

    Events carry `replay-name`; those delivered before are delivered again. Interrupting this
    command does not interrupt the replay. Exit code: 0 done, 1 refused or cancelled, 2 no answer.

    \b
    Example:
      tallystick rules replay monday --from 2026-11-23T00:00:00Z --to 2026-11-24T00:00:00Z --dry-run
    """  # noqa: D301  the mark keeps click from wrapping
    from rich.console import Console  # noqa: PLC0415  help is shown faster

    from tallystick.clock import SystemClock  # noqa: PLC0415
    from tallystick.wiring.progress import bar_on  # noqa: PLC0415

    body = {"name": name, "from": begins, "to": ends, "rule": rule, "dry_run": dry_run}
    clock = SystemClock()
    with connected(url, token) as server:
        state = server.ask("POST", "/v1/rules/replays", _Answer, body=body)
        with bar_on(Console(stderr=True), f"replay {name}") as advance:
            while state["state"] == "running":
                advance(state["position"] - state["first"], state["end"] - state["first"])
                clock.pause(LOOK_SECONDS)
                state = server.ask("GET", f"/v1/rules/replays/{name}", _Answer)
    if as_json:
        click.echo(json.dumps(state, indent=2))
    else:
        what = "would match" if dry_run else "matched"
        count = state["position"] - state["first"]
        click.echo(f"{name} is {state['state']}: of {count} entries {state['matched']} {what}.")
    sys.exit(0 if state["state"] == "done" else EXIT_NOT)


@rules.command()
@click.option("--rule", help="Only of this rule.")
@click.option("--target", help="Only of this target.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--replay", "again", is_flag=True, help="Send them again.")
@click.option("--id", "number", type=int, help="With --replay: only this one.")
@server_options()
@JSON
def dead(
    rule: str | None,
    target: str | None,
    limit: int,
    number: int | None,
    url: str | None,
    token: str | None,
    *,
    again: bool,
    as_json: bool,
) -> None:
    """Show deliveries that were given up, and why; or send them again.

    \b
    Examples:
      tallystick rules dead --rule fills
      tallystick rules dead --rule fills --replay
    """  # noqa: D301  the mark keeps click from wrapping
    if again:
        body = {"id": number, "rule": rule, "target": target}
        with connected(url, token) as server:
            answer = server.ask("POST", "/v1/rules/dead/replay", _Answer, body=body)
        said = f"{answer['revived']} on their way again."
        click.echo(json.dumps(answer) if as_json else said)
        return
    asked = {"limit": str(limit), "rule": rule, "target": target}
    query = {name: value for name, value in asked.items() if value is not None}
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/rules/dead", _Answer, query=query)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for each in answer["dead_letters"]:
        click.echo(
            f"{each['id']:6} {each['died_at']} {each['rule']}/{each['target']}"
            f" event {each['event_id']}: {each['reason']}"
        )
    click.echo(f"{len(answer['dead_letters'])} of {answer['total']} dead letters.")


def _pattern(text: str) -> Any:
    """The pattern in an argument: JSON, or a file that holds a pattern or a rule."""
    from tallystick.stream.rules import read_pattern, read_rule  # noqa: PLC0415

    if text.lstrip().startswith("{"):
        return read_pattern(text, decimals=True)
    file = Path(text)
    data = file.read_bytes()
    name, _, suffix = file.name.rpartition(".")
    if suffix == "json":
        members = json.loads(data)
        if not (isinstance(members, dict) and "targets" in members):
            return read_pattern(data, decimals=True)
    rule = read_rule(name, data, suffix)
    if rule.pattern is None:
        raise Refused("BAD_PATTERN", f"{file} is a rule with a schedule and has no pattern.")
    return rule.pattern


def _event(file: Path) -> dict[str, object]:
    """The event in a file, or one made of the entry in it."""
    from tallystick.stream.rules import entry_event, read_event  # noqa: PLC0415

    here = str(file) == "-"
    data = sys.stdin.buffer.read(EVENT_BYTES_MAX + 1) if here else file.read_bytes()
    if len(data) > EVENT_BYTES_MAX:
        raise Misconfigured(f"The event is larger than {EVENT_BYTES_MAX} bytes.")
    event = read_event(data)
    if "detail" in event.members or "kind" not in event.members:
        return event.members
    entry = entry_event(0, data.strip(), "test")
    return event.members if entry is None else entry.members
