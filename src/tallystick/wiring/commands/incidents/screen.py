"""How incidents look in a terminal: a list, and one with its story."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tallystick.wiring.commands.alarms.screen import SEVERITY_COLOURS
from tallystick.wiring.commands.detect.anomaly_screen import age
from tallystick.wiring.log_screen import plain
from tallystick.wiring.sheet import put_facts, put_heading, put_lines, second

STATE_COLOURS = {"open": "bold red", "acknowledged": "yellow", "resolved": "green"}
WHAT_COLOURS = {
    "opened": "bold red", "reopened": "bold red", "worsened": "red", "joined": "red",
    "escalated": "magenta", "failed": "red", "told": "cyan", "acknowledged": "yellow",
    "resolved": "green", "ended": "green", "noted": "bold", "held": "dim",
}  # fmt: skip
MESSAGE_COLOURS = {"delivered": "green", "pending": "yellow", "dead": "bold red"}
ALERTS_SHOWN = 10
PROOFS_SHOWN = 5
_Item = Mapping[str, Any]
"""As the API tells it."""


def show_list(console: Console, found: Sequence[_Item], now_ns: int) -> None:
    """A row each, in the order given."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("began", width=6, justify="right", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("fires", justify="right", no_wrap=True)
    table.add_column("what", ratio=1, overflow="fold")
    for each in found:
        title = Text(plain(each["title"]))
        title.append(_whose(each, now_ns), "dim")
        table.add_row(
            Text(each["id"], "bold"), age(each["opened_at"], now_ns), _severity(each),
            _state(each), f"{each['firing']}/{each['alerts']}", title,
        )  # fmt: skip
    console.print(table)


def show_one(console: Console, item: _Item, now_ns: int, place: str, lines: int) -> None:
    """One incident with its story; `place` is the server's URL."""
    head = Text(item["id"], "bold").append("  ").append_text(_severity(item))
    head.append("  ").append_text(_state(item))
    console.print(head)
    console.print(Text(plain(item["title"]), "bold"))
    put_facts(console, _about(item, now_ns))
    put_heading(console, "Timeline (UTC)")
    _timeline(console, item, lines)
    if item["alert_items"]:
        put_heading(console, "Alerts, newest first")
        _alerts(console, item, now_ns)
    if item["messages"]:
        put_heading(console, "Who was told")
        _messages(console, item["messages"])
    if item["proofs"]:
        put_heading(console, "Proved facts")
        put_lines(console, _proofs(item, place))
    if item["state"] != "resolved":
        put_heading(console, "Act")
        put_lines(console, [Text(each, "dim") for each in _acts(item)])


def _about(item: _Item, now_ns: int) -> Iterator[tuple[str, str]]:
    yield "began", _moment(item["opened_at"], now_ns)
    if item["resolved_at"]:
        by = f" by {item['resolved_by']}" if item["resolved_by"] else ", nothing fires any more"
        yield "resolved", f"{_moment(item['resolved_at'], now_ns)}{by}"
    if item["acknowledged_by"]:
        until = item["acknowledged_until"]
        held = f" until {second(until)} UTC" if until else ""
        yield "taken by", f"{item['acknowledged_by']}{held}"
    if item["held"]:
        yield "kept quiet", item["held"]
    if item["escalates_at"]:
        yield "escalates", f"{second(item['escalates_at'])} UTC"
    yield "fires", f"{item['firing']} of {item['alerts']} alerts"
    yield "told", ", ".join(item["told"]) or "nobody"
    yield "route", f"{item['route']}, policy {item['policy']}"
    if item["labels"]:
        yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(item["labels"].items()))
    if item["orders"]:
        yield "orders", ", ".join(each.removeprefix("/v1/orders/") for each in item["orders"])


def _timeline(console: Console, item: _Item, lines: int) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    shown = item["timeline"][-lines:]
    left = len(item["timeline"]) - len(shown) + item["timeline_left_out"]
    if left:
        console.print(Padding(Text(f"{left:,} lines before these", "dim"), (0, 0, 0, 2)))
    for each in shown:
        said = Text(plain(each["text"]))
        said.append(f"  {plain(each['by'])}", "dim")
        what = Text(each["what"], WHAT_COLOURS.get(each["what"], ""))
        table.add_row(second(each["at"]), what, said)
    console.print(Padding(table, (0, 0, 0, 2)))


def _alerts(console: Console, item: _Item, now_ns: int) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(width=8, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for each in item["alert_items"][:ALERTS_SHOWN]:
        said = Text(plain(each["summary"]))
        state = Text("fires", "red") if each["ended_at"] is None else Text("ended", "green")
        for name, url in sorted(each["links"].items()):
            said.append(f"\n{plain(name)}: {plain(url)}", "dim")
        table.add_row(age(each["started_at"], now_ns), state, said)
    console.print(Padding(table, (0, 0, 0, 2)))
    left = item["alerts"] - min(len(item["alert_items"]), ALERTS_SHOWN)
    if left > 0:
        console.print(Padding(Text(f"and {left:,} more; see --json", "dim"), (0, 0, 0, 2)))


def _messages(console: Console, messages: Sequence[_Item]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for each in reversed(messages):
        target = plain(each["target"])
        if each["recipient"]:
            target += f" ({plain(each['recipient'])})"
        outcome = Text(each["state"], MESSAGE_COLOURS.get(each["state"], ""))
        tries = f", {each['attempts']} attempts" if each["attempts"] > 1 else ""
        reason = f": {plain(each['last_error'])}" if each["last_error"] else ""
        table.add_row(
            second(each["created_at"]), target, each["why"],
            outcome.append(f"{tries}{reason}", "default"),
        )  # fmt: skip
    console.print(Padding(table, (0, 0, 0, 2)))


def _proofs(item: _Item, place: str) -> Iterator[Text]:
    for each in item["proofs"][:PROOFS_SHOWN]:
        order = (each["order"] or "").removeprefix("/v1/orders/")
        text = Text(f"entry {each['position']}")
        if order:
            text.append(f", order {plain(order)}")
        if each["receipt"]:
            text.append(f"  {each['receipt']['leaf_hash']}", "dim")
        yield text
    left = len(item["proofs"]) - PROOFS_SHOWN
    if left > 0:
        yield Text(f"and {left} more; see --json", "dim")
    url = f"{place}{item['proofs'][0]['proof']}"
    yield Text(f"curl -s {url} | tallystick verify - --vkey KEY", "dim")


def _acts(item: _Item) -> Iterator[str]:
    named = item["id"]
    if item["state"] == "open":
        yield f"tallystick incidents ack {named}"
    yield f'tallystick incidents note {named} "..."'
    yield f'tallystick incidents resolve {named} --note "..."'


def _whose(item: _Item, now_ns: int) -> str:
    if item["acknowledged_by"]:
        return f"  {plain(item['acknowledged_by'])} has it"
    if item["resolved_at"]:
        return f"  over for {age(item['resolved_at'], now_ns)}"
    if item["held"]:
        return f"  kept quiet: {plain(item['held'])}"
    return "" if item["told"] else "  nobody was told yet"


def _state(item: _Item) -> Text:
    return Text(item["state"], STATE_COLOURS.get(item["state"], ""))


def _severity(item: _Item) -> Text:
    return Text(item["severity"], SEVERITY_COLOURS.get(item["severity"], ""))


def _moment(stamp: str, now_ns: int) -> str:
    ago = age(stamp, now_ns)
    return f"{second(stamp)} UTC ({ago if ago == 'now' else f'{ago} ago'})"
