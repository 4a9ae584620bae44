"""`tallystick alarms`: what is watched, how it stands and why, and what a rule would have done."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tallystick.errors import Misconfigured
from tallystick.wiring.commands import CONTEXT, JSON, connected, refusals_told, server_options

if TYPE_CHECKING:
    from rich.console import Console

    from tallystick.watch.alarms.alarm import Alarm

EXIT_NOT = 1
"""The folder's alarms cannot be used."""
TRACES_SHOWN = 10
_Answer = dict[str, Any]
_STATES = click.Choice(["ALARM", "OK", "INSUFFICIENT_DATA"])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings=CONTEXT)
def alarms() -> None:
    """Watch metrics, logs, events and detectors: list, explain, try out and change alarms.

    An alarm is OK, in ALARM, or has INSUFFICIENT_DATA. The guide is docs/guides/alarms.md.
    """


@alarms.command("list")
@click.option("--state", type=_STATES, help="Only those in this state.")
@server_options()
@JSON
def list_(state: str | None, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Show every alarm: its state, since when, and why.

    Those that fire come first.

    Exit code: 0 shown, 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick alarms list
      tallystick alarms list --state ALARM
      tallystick alarms list --json
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/alarms", _Answer)
    found = [each for each in answer["alarms"] if state in {None, each["state"]}]
    if as_json:
        click.echo(json.dumps({"alarms": found}, indent=2, ensure_ascii=False))
        return
    from tallystick.wiring.commands.alarms.screen import show_list  # noqa: PLC0415  fast help

    show_list(_console(), found, _now_ns())


@alarms.command()
@click.argument("name")
@click.option(
    "--traces", default=TRACES_SHOWN, show_default=True, type=click.IntRange(0, 100),
    help="How many of the last evaluations.",
)  # fmt: skip
@server_options()
@JSON
def show(name: str, traces: int, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Show the alarm NAME: what it watches, its state, and why.

    Exit code: 0 shown, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Examples:
      tallystick alarms show api-latency
      tallystick alarms show api-latency --traces 50
    """  # noqa: D301  the mark keeps click from wrapping
    path = f"/v1/alarms/{quote(name, safe='')}"
    with connected(url, token) as server:
        answer = server.ask("GET", path, _Answer)
        asked = {"limit": str(max(1, traces))}
        known = server.ask("GET", f"{path}/traces", _Answer, query=asked)["traces"][:traces]
    if as_json:
        whole = answer | {"traces": known}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    from tallystick.wiring.commands.alarms.screen import show_one  # noqa: PLC0415  fast help

    show_one(_console(), answer, known, _now_ns())


@alarms.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@server_options()
@JSON
def put(files: tuple[Path, ...], url: str | None, token: str | None, *, as_json: bool) -> None:
    """Make or change alarms on a running server, from FILES.

    One TOML file is one alarm, and the file's name is its name. It is checked here first, and then
    stays with the server; try it out before with `tallystick alarms test FILE`.

    Exit code: 0 done, 1 refused (the sentence says why), 2 the file cannot be read, or no server.

    \b
    Examples:
      tallystick alarms put rejects-many.toml
      tallystick alarms put alarms/*.toml
    """  # noqa: D301  the mark keeps click from wrapping
    with refusals_told():
        read = [_read(file) for file in files]
    with connected(url, token) as server:
        for alarm in read:
            path = f"/v1/alarms/{quote(alarm.name, safe='')}"
            answer = server.ask("PUT", path, _Answer, body=_body(alarm))
            if as_json:
                click.echo(json.dumps(answer, ensure_ascii=False))
            else:
                done = "made" if answer["version"] == 1 else "changed"
                click.echo(f"{alarm.name} is {done} (version {answer['version']}).")


@alarms.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@server_options()
def delete(names: tuple[str, ...], url: str | None, token: str | None) -> None:
    """Delete alarms that were made with `put` or through the API.

    What stood in the place of a shipped alarm gives it back. Alarms in files are deleted there.

    Exit code: 0 done, 1 refused (the sentence says why), 2 cannot tell (no server).

    \b
    Example:
      tallystick alarms delete rejects-many
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        for name in names:
            left = server.ask("DELETE", f"/v1/alarms/{quote(name, safe='')}", _Answer)["alarms"]
            again = [each for each in left if each["name"] == name]
            back = "; the shipped one is back in its place" if again else ""
            click.echo(f"{name} is deleted{back}.")


@alarms.command()
@click.argument("what")
@click.option("--earliest", "-e", default="-6h", show_default=True, help="From when on.")
@click.option("--latest", default="now", show_default=True, help="Until when.")
@server_options()
@JSON
def test(
    what: str, earliest: str, latest: str, url: str | None, token: str | None, *, as_json: bool
) -> None:
    """Replay history against an alarm: when would it have fired?

    Nobody is told of anything. WHAT is a TOML file, or the name of an alarm that the server has.
    Times are -6h, -1d@d, now, or 2026-11-22T14:00:00Z. Events and log lines are there as long as
    they are kept, samples of metrics for some hours.

    Exit code: 0 shown, also when it would not have fired; 1 refused, 2 cannot tell (no server).

    \b
    Examples:
      tallystick alarms test rejects-many.toml
      tallystick alarms test api-latency --earliest -1h
      tallystick alarms test margin-call.toml -e -7d --json
    """  # noqa: D301  the mark keeps click from wrapping
    file = Path(what)
    body: _Answer = {"earliest": earliest, "latest": latest}
    with refusals_told():
        if file.suffix == ".toml" or file.is_file():
            body["alarm"] = _body(_read(file))
        else:
            body["name"] = what
    with connected(url, token) as server, _waiting(f"replaying {what}"):
        answer = server.ask("POST", "/v1/alarms/test", _Answer, body=body)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from tallystick.wiring.commands.alarms.screen import show_test  # noqa: PLC0415  fast help

    show_test(_console(), answer)


@alarms.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@JSON
def check(folder: Path, *, as_json: bool) -> None:
    """Check the alarms of FOLDER as a start would read them.

    Everything that is wrong is named; no server is needed. The folder is what the setting
    TALLYSTICK_ALARMS names; the shipped alarms are read with it.

    Exit code: 0 the server would start, 1 it would not.

    \b
    Example:
      tallystick alarms check /etc/tallystick/alarms
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.alarms.files import read_alarms, shipped  # noqa: PLC0415

    try:
        found = read_alarms(folder)
    except Misconfigured as error:
        if as_json:
            click.echo(json.dumps({"usable": False, "reason": str(error)}, ensure_ascii=False))
        else:
            click.echo(str(error), err=True)
        sys.exit(EXIT_NOT)
    ours = {each.name: each for each in shipped()}
    own = [each for each in found if ours.get(each.name) != each]
    if as_json:
        named = [{"name": each.name, "enabled": each.enabled} for each in own]
        click.echo(json.dumps({"usable": True, "alarms": named}))
        return
    width = max((len(each.name) for each in own), default=0)
    for alarm in own:
        state = "" if alarm.enabled else " (switched off)"
        replaces = " (instead of the shipped one)" if alarm.name in ours else ""
        click.echo(f"{alarm.name:{width}}  {alarm.description}{replaces}{state}")
    click.echo(f"{len(own)} of your own and {len(found) - len(own)} shipped alarms can be used.")


def _read(file: Path) -> "Alarm":
    from tallystick.watch.alarms.files import read_alarm  # noqa: PLC0415  fast help

    try:
        data = file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}.") from error
    try:
        return read_alarm(file.stem, data)
    except Misconfigured as error:
        raise Misconfigured(f"{file}: {error}") from error


def _body(alarm: "Alarm") -> _Answer:
    import msgspec  # noqa: PLC0415  fast help

    built: _Answer = msgspec.to_builtins(alarm)
    return built


def _console() -> "Console":
    from tallystick.wiring.log_screen import Screen  # noqa: PLC0415  fast help

    return Screen(highlight=False)


def _waiting(doing: str) -> Any:
    """A sign of life on the terminal's error side, where somebody looks."""
    from rich.console import Console  # noqa: PLC0415  fast help

    console = Console(stderr=True)
    return console.status(f"{doing} ...") if console.is_terminal else nullcontext()


def _now_ns() -> int:
    from tallystick.clock import SystemClock  # noqa: PLC0415  fast help

    return SystemClock().now_ns()
