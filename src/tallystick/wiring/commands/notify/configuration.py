"""`tallystick notify check` and `notify route`: the alerting file, before a server reads it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import CONTEXT, JSON, fail, refusals_told

if TYPE_CHECKING:
    from tallystick.watch.notify.config import Alerting, PolicyText
    from tallystick.watch.notify.routing import Place

EXIT_NOT = 1
"""The file cannot be used."""
_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command(context_settings=CONTEXT)
@_FILE
@JSON
def check(file: Path, *, as_json: bool) -> None:
    """Check the alerting file FILE as a start would read it.

    What is wrong is named with its place. No server is needed. Secrets that only the server has are
    not asked for; whether targets can be reached is what `tallystick notify test` tells.

    Exit code: 0 it can be used, 1 it cannot.

    \b
    Example:
      tallystick notify check /etc/tallystick/alerting.toml
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.notify import check_options, read_alerting  # noqa: PLC0415  fast help

    try:
        alerting = read_alerting(file)
        check_options(alerting)
    except Misconfigured as error:
        if as_json:
            click.echo(json.dumps({"usable": False, "reason": str(error)}, ensure_ascii=False))
        else:
            click.echo(str(error), err=True)
        sys.exit(EXIT_NOT)
    counts = {name: len(getattr(alerting, name)) for name in _SECTIONS}
    if as_json:
        click.echo(json.dumps({"usable": True, **counts}))
        return
    parts = [f"{count} {_SECTIONS[name][count != 1]}" for name, count in counts.items() if count]
    click.echo(f"{file} can be used: {', '.join(parts) or 'nothing stands in it'}.")


@click.command(context_settings=CONTEXT)
@_FILE
@click.argument("labels", nargs=-1, required=True, metavar="NAME=VALUE...")
@JSON
def route(file: Path, labels: tuple[str, ...], *, as_json: bool) -> None:
    """Say where an alert with these labels would go.

    FILE is the alerting file. `severity` (warning where it is not given) and `source` are matched
    like labels. No server is needed; silences and inhibitions are not looked at.

    Exit code: 0 shown, 2 the file or a label cannot be used.

    \b
    Example:
      tallystick notify route alerting.toml alarm=stale-prices severity=critical team=trading
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.notify import read_alerting  # noqa: PLC0415  fast help
    from tallystick.watch.notify.routing import Tree  # noqa: PLC0415

    with refusals_told():
        alerting = read_alerting(file)
        places = Tree(alerting.routes).places(_alert(labels))
    found = [_shown(alerting, place) for place in places]
    if as_json:
        click.echo(json.dumps({"routes": found}, indent=2, ensure_ascii=False))
        return
    for each in found:
        click.secho(each["route"], bold=True)
        group = ", ".join(f"{name}={value}" for name, value in each["group"].items())
        alone = "each trouble by itself" if each["by_trouble"] else group or "all of the route"
        click.echo(f"  one incident   {alone}")
        if each["mute"]:
            click.echo(f"  quiet during   {', '.join(each['mute'])}")
        click.echo(f"  policy         {each['policy']}")
        for step in each["steps"]:
            after = step["after_seconds"]
            when = f"after {after:,} s" if after else "at once"
            less = f"; if all fail: {', '.join(step['fallback'])}" if step["fallback"] else ""
            click.echo(f"    {when:<12} {', '.join(step['tell']) or 'nobody'}{less}")


_SECTIONS = {
    "targets": ("target", "targets"),
    "people": ("person", "people"),
    "schedules": ("schedule", "schedules"),
    "policies": ("policy", "policies"),
    "routes": ("route", "routes"),
    "inhibit": ("inhibition", "inhibitions"),
    "mute_times": ("mute time", "mute times"),
}
"""What is counted, by how the file calls it: one of it, and several."""


def _alert(texts: tuple[str, ...]) -> Any:
    from tallystick.watch.notify import Alert, fingerprint  # noqa: PLC0415  fast help
    from tallystick.watch.notify.alert import SEVERITIES  # noqa: PLC0415

    labels = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            fail(f"{text!r} is not of the form name=value.")
        labels[name] = value
    severity = labels.pop("severity", "warning")
    if severity not in SEVERITIES:
        fail(f"severity is one of {', '.join(SEVERITIES)}, not {severity!r}.")
    source = labels.pop("source", "alarms")
    return Alert("", fingerprint(labels), severity, "", source, "", labels)


def _shown(alerting: "Alerting", place: "Place") -> dict[str, Any]:
    taken = place.route
    return {
        "route": taken.name,
        "by_trouble": taken.group_by is None,
        "group": {} if taken.group_by is None else place.labels,
        "mute": list(taken.mute),
        "policy": taken.policy,
        "repeat_seconds": taken.repeat_seconds,
        "steps": [
            {"after_seconds": step.after_seconds, "tell": step.tell, "fallback": step.fallback}
            for step in _policy(alerting, taken.policy).steps
        ],
    }


def _policy(alerting: "Alerting", name: str) -> "PolicyText":
    from tallystick.watch.notify.incidents.rules import Rules  # noqa: PLC0415  fast help

    return Rules.of(alerting).policy(name)
