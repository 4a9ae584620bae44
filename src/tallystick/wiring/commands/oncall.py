"""`tallystick oncall`: who has the duty, the shifts to come, and who stands in."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tallystick.wiring.commands import CONTEXT, JSON, connected, refusals_told, server_options
from tallystick.wiring.commands.times import moment

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

DAYS_DEFAULT = 14
_Answer = dict[str, Any]
_SCHEDULE = click.argument("schedule")


@click.group(context_settings=CONTEXT)
def oncall() -> None:
    """See who is on call, and let somebody stand in.

    Schedules stand in the alerting file. The guide is docs/guides/on-call.md.
    """


@oncall.command()
@click.argument("schedule", required=False)
@server_options()
@JSON
def who(schedule: str | None, url: str | None, token: str | None, *, as_json: bool) -> None:
    """Show who is on call now and who is next, of SCHEDULE or of all.

    Times when nobody is on call in the next two weeks are told too.

    Exit code: 0 shown, 1 refused (there is no such schedule), 2 cannot tell (no server).

    \b
    Examples:
      tallystick oncall who
      tallystick oncall who desk --json
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.errors import Refused  # noqa: PLC0415  fast help

    with connected(url, token) as server:
        answer = server.ask("GET", "/v1/on-call", _Answer)
        found = [each for each in answer["schedules"] if schedule in {None, each["schedule"]}]
        if schedule is not None and not found:
            known = ", ".join(each["schedule"] for each in answer["schedules"]) or "none"
            sentence = f"There is no schedule {schedule!r}; there is: {known}."
            raise Refused("UNKNOWN_SCHEDULE", sentence)
    if as_json:
        click.echo(json.dumps(answer | {"schedules": found}, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("There is no schedule; docs/guides/on-call.md says how to make one.")
    _show_who(_console(), found)
    for problem in answer["problems"]:
        click.echo(f"tallystick: {problem}", err=True)


@oncall.command()
@_SCHEDULE
@click.option("--from", "begins", help="From when on: now, +1d, 2026-12-01T00:00:00Z.")
@click.option("--days", default=DAYS_DEFAULT, show_default=True, type=click.IntRange(1, 399))
@server_options()
@JSON
def shifts(
    schedule: str,
    begins: str | None,
    days: int,
    url: str | None,
    token: str | None,
    *,
    as_json: bool,
) -> None:
    """Show the shifts of SCHEDULE, and when nobody is on call. Times are UTC.

    Exit code: 0 shown, 1 refused (there is no such schedule), 2 cannot tell (no server).

    \b
    Examples:
      tallystick oncall shifts desk
      tallystick oncall shifts desk --from 2026-12-01T00:00:00Z --days 31
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import NS_PER_SECOND, rfc3339  # noqa: PLC0415  fast help

    with refusals_told():
        from_ns = moment(begins or "now")
    query = {"from": rfc3339(from_ns), "to": rfc3339(from_ns + days * 86_400 * NS_PER_SECOND)}
    with connected(url, token) as server:
        path = f"/v1/on-call/{quote(schedule, safe='')}/shifts"
        answer = server.ask("GET", path, _Answer, query=query)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    _show_shifts(_console(), answer)


@oncall.command()
@_SCHEDULE
@click.argument("person")
@click.option("--until", required=True, help="Until when: +8h, +1d@d, 2026-11-23T06:00:00Z.")
@click.option("--from", "begins", help="From when on; from now where it is not given.")
@click.option("--reason", default="", help="Why; it is shown beside the shift.")
@server_options()
@JSON
def override(
    schedule: str,
    person: str,
    until: str,
    begins: str | None,
    reason: str,
    url: str | None,
    token: str | None,
    *,
    as_json: bool,
) -> None:
    """Let PERSON stand in on SCHEDULE for a while.

    Whoever has the duty otherwise is not told meanwhile. `tallystick oncall end ID` takes it back.

    Exit code: 0 done, 1 refused (the sentence says why), 2 cannot tell (no server).

    \b
    Examples:
      tallystick oncall override desk ann --until +8h --reason "bob is at the dentist"
      tallystick oncall override desk bob --from 2026-12-24T08:00:00Z --until 2026-12-26T08:00:00Z
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.clock import rfc3339  # noqa: PLC0415  fast help

    body = {"person": person, "reason": reason}
    with refusals_told():
        body["ends_at"] = rfc3339(moment(until))
        if begins is not None:
            body["starts_at"] = rfc3339(moment(begins))
    with connected(url, token) as server:
        path = f"/v1/on-call/{quote(schedule, safe='')}/overrides"
        answer = server.ask("POST", path, _Answer, body=body)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    span = f"from {_minute(answer['starts_at'])} to {_minute(answer['ends_at'])} UTC"
    click.echo(f"{answer['person']} stands in on {answer['schedule']} {span} ({answer['id']}).")


@oncall.command()
@click.argument("override_id", metavar="ID")
@server_options()
@JSON
def end(override_id: str, url: str | None, token: str | None, *, as_json: bool) -> None:
    """End the override ID (V-1 and so on) now.

    One that has not begun never does.

    Exit code: 0 done, 1 refused (there is none), 2 cannot tell (no server).

    \b
    Example:
      tallystick oncall end V-3
    """  # noqa: D301  the mark keeps click from wrapping
    with connected(url, token) as server:
        path = f"/v1/on-call/overrides/{quote(override_id, safe='')}"
        answer = server.ask("DELETE", path, _Answer)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    click.echo(f"{override_id} is over.")
    _show_who(_console(), answer["schedules"])


@oncall.command()
@_SCHEDULE
@server_options()
def calendar(schedule: str, url: str | None, token: str | None) -> None:
    """Print the address of the calendar of SCHEDULE, to subscribe to it.

    The address has a key in it: whoever has it can read this calendar, and nothing else.

    Exit code: 0 printed, 1 refused (there is no such schedule), 2 cannot tell (no server).

    \b
    Example:
      tallystick oncall calendar desk
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.errors import Refused  # noqa: PLC0415  fast help
    from tallystick.wiring.server_client import place_of  # noqa: PLC0415

    with connected(url, token) as server:
        found = server.ask("GET", "/v1/on-call", _Answer)["schedules"]
        paths = [each["calendar"] for each in found if each["schedule"] == schedule]
        if not paths:
            raise Refused("UNKNOWN_SCHEDULE", f"There is no schedule {schedule!r}.")
        click.echo(f"{place_of(url, token)[0]}{paths[0]}")


def _show_who(console: "Console", found: list[_Answer]) -> None:
    from rich.table import Table  # noqa: PLC0415  fast help
    from rich.text import Text  # noqa: PLC0415

    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("schedule", "on call", "until (UTC)", "next", "from (UTC)"):
        table.add_column(name, no_wrap=True)
    for each in found:
        now, following = each["now"], each["next"]
        table.add_row(
            _safe(each["schedule"], "bold"),
            Text("nobody", "bold red") if now is None else _safe(now["person"], "bold green"),
            "" if now is None else _minute(now["ends_at"]),
            Text("nobody", "dim") if following is None else _safe(following["person"], ""),
            "" if following is None else _minute(following["starts_at"]),
        )
    console.print(table)
    for each in found:
        for override in each["overrides"]:
            span = f"{_minute(override['starts_at'])} to {_minute(override['ends_at'])} UTC"
            why = f": {override['reason']}" if override["reason"] else ""
            said = f"{override['id']}  {override['person']} stands in on {each['schedule']}, {span}"
            console.print(_safe(f"{said}{why}", "dim"))
        for gap in each["gaps"]:
            span = f"{_minute(gap['starts_at'])} to {_minute(gap['ends_at'])} UTC"
            console.print(_safe(f"Nobody is on call on {each['schedule']} from {span}.", "yellow"))


def _show_shifts(console: "Console", answer: _Answer) -> None:
    from rich.table import Table  # noqa: PLC0415  fast help
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("from (UTC)", "until (UTC)", "on call", "because of"):
        table.add_column(name, no_wrap=True)
    nobody = [{"person": None, "source": "", **gap} for gap in answer["gaps"]]
    for each in sorted([*answer["shifts"], *nobody], key=lambda each: str(each["starts_at"])):
        person = each["person"]
        table.add_row(
            _day(each["starts_at"]),
            _day(each["ends_at"]),
            Text("nobody", "bold red") if person is None else _safe(person, "bold"),
            _safe(each["source"], "dim"),
        )
    console.print(table)


def _safe(text: str, style: str) -> "Text":
    from rich.text import Text  # noqa: PLC0415  fast help

    from tallystick.wiring.log_screen import plain  # noqa: PLC0415

    return Text(plain(text), style)


def _minute(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:16]}"


def _day(stamp: str) -> str:
    """With the day of the week: `Mon 2026-11-23 08:00`."""
    from datetime import date  # noqa: PLC0415  fast help

    return f"{date.fromisoformat(stamp[:10]):%a} {_minute(stamp)}"


def _console() -> "Console":
    from tallystick.wiring.log_screen import Screen  # noqa: PLC0415  fast help

    return Screen(highlight=False)
