"""How alarms look in a terminal: a list, one explained, and what a replay came to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tallystick.wiring.commands.detect.anomaly_screen import age
from tallystick.wiring.log_screen import SPARKS, duration, plain
from tallystick.wiring.sheet import put_facts, put_heading, second

STATE_COLOURS = {"ALARM": "bold red", "OK": "green", "INSUFFICIENT_DATA": "yellow"}
STATE_WORDS = {"ALARM": "ALARM", "OK": "OK", "INSUFFICIENT_DATA": "no data"}
"""Short enough for a column; `no data` is INSUFFICIENT_DATA."""
SEVERITY_COLOURS = {
    "critical": "bold white on red", "error": "bold red", "warning": "yellow", "info": "cyan",
}  # fmt: skip
CHANGES_SHOWN = 20
"""Changes of one series that are listed, the newest."""
_GAP = "·"
_Item = Mapping[str, Any]
"""As the API tells it."""


def show_list(console: Console, alarms: Sequence[_Item], now_ns: int) -> None:
    """A row each, and how many fire."""
    if not alarms:
        console.print("There is no such alarm.")
        return
    table = _table(("state", 7, "left"), ("since", 6, "right"))
    table.add_column("alarm", no_wrap=True, overflow="ellipsis", max_width=26)
    table.add_column("severity", no_wrap=True)
    table.add_column("why", ratio=1, overflow="fold")
    for each in alarms:
        name = Text(plain(each["name"]), "bold" if each["state"] == "ALARM" else "")
        table.add_row(
            _state(each["state"]), _since(each, now_ns), name, _severity(each), _why(each)
        )
    console.print(table)
    firing = sum(each["state"] == "ALARM" for each in alarms)
    of = f"{firing or 'None'} of {len(alarms)} {'alarm' if len(alarms) == 1 else 'alarms'}"
    console.print(Text(f"{of} {'fires' if firing <= 1 else 'fire'}.", "dim"))


def show_one(console: Console, answer: _Item, traces: Sequence[_Item], now_ns: int) -> None:
    """What it watches, how it stands, why, and what to do."""
    alarm = answer["alarm"]
    head = Text(plain(alarm["name"]), "bold")
    head.append("  ").append_text(_state(answer["state"]))
    head.append("  ").append_text(_severity(alarm))
    if not alarm.get("enabled", True):
        head.append("  switched off", "dim")
    console.print(head)
    console.print(Text(plain(alarm["description"])))
    console.print()
    put_facts(console, _definition(answer))
    if answer["series"]:
        put_heading(console, "How it stands")
        _series(console, answer["series"], now_ns)
    if traces:
        put_heading(console, "Why: the last evaluations, newest first")
        _traces(console, traces, now_ns)
    if alarm.get("runbook"):
        put_heading(console, "What to do")
        for line in alarm["runbook"].strip().splitlines():
            console.print(Padding(Text(plain(line)), (0, 0, 0, 2)))


def show_test(console: Console, answer: _Item) -> None:
    """What the alarm would have done, series by series."""
    span = f"{second(answer['earliest'])} to {second(answer['latest'])} UTC"
    head = Text(plain(answer["name"]), "bold")
    console.print(head.append(f"  {answer['periods']:,} periods, {span}", "not bold dim"))
    if answer["note"]:
        console.print(Text(answer["note"], "yellow"))
    if not answer["series"]:
        console.print("Nothing came in that time that it could have looked at.")
    for series in answer["series"]:
        console.print()
        if series["labels"]:
            console.print(Text(_labels(series["labels"]), "bold"))
        fired = series["fired"]
        console.print(Text(series["sentence"], "bold red" if fired else "green"))
        shown = series["changes"][-CHANGES_SHOWN:]
        for change in shown:
            line = Text(f"{second(change['at'])}  ", "dim")
            line.append_text(_state(change["state"], width=7))
            console.print(Padding(line.append(f"  {_said(change)}", "default"), (0, 0, 0, 2)))
        left = len(series["changes"]) - len(shown)
        if left:
            console.print(Text(f"  and {left} changes before these; see --json.", "dim"))
        if not shown:
            console.print(Padding(Text(_said(series["last"]), "dim"), (0, 0, 0, 2)))


def _definition(answer: _Item) -> Iterable[tuple[str, str]]:
    alarm = answer["alarm"]
    if alarm.get("rule"):
        yield "rule", alarm["rule"]
    else:
        yield "watches", _source(alarm["source"])
        yield "fires when", _limit(alarm)
        yield "missing data", f"counts as {alarm.get('missing', 'missing')}"
    suppressor = alarm.get("suppressor")
    if suppressor:
        yield "kept quiet by", suppressor["alarm"]
    if alarm.get("labels"):
        yield "labels", _labels(alarm["labels"])
    made = {"shipped": "shipped with the product", "file": "a file of your folder"}
    by = f"made by {answer['author']} on {second(answer['changed_at'] or '')}"
    yield "from", made.get(answer["origin"], f"{by} (version {answer['version']})")


def _source(source: _Item) -> str:
    kind = source["type"]
    by = f", by {', '.join(source['by'])}" if source.get("by") else ""
    if kind == "metric":
        over = f" / {source['over']}" if source.get("over") else ""
        labels = f" {{{_labels(source['labels'])}}}" if source.get("labels") else ""
        return f"metric {source['name']}{labels}{over}{by}"
    if kind == "logs":
        return f"log lines: {source['query']}{by}"
    if kind == "events":
        return f"events that match {' '.join(source['pattern'].split())}{by}"
    return f"anomalies of {source.get('name') or source.get('family') or 'any detector'}{by}"


def _limit(alarm: _Item) -> str:
    unit = alarm.get("unit") or ""
    if alarm.get("band"):
        limit = f"{alarm['comparison']} a band {alarm['band']['width']:g} spreads wide"
    else:
        limit = f"{alarm['comparison']} {alarm['threshold']:g} {unit}".rstrip()
    of = f"{alarm['datapoints']} of {alarm['periods']} periods of"
    each = duration(alarm["period_seconds"])
    several = alarm["periods"] > 1
    return f"{alarm['statistic']} {limit}, {of if several else 'over'} {each}"


def _series(console: Console, series: Sequence[_Item], now_ns: int) -> None:
    table = _table(("state", 7, "left"), ("since", 6, "right"))
    if any(each["labels"] for each in series):
        table.add_column("series", overflow="fold", max_width=40)
    table.add_column("why", ratio=1, overflow="fold")
    for each in series:
        cells = [_state(each["state"]), Text(_since(each, now_ns))]
        if any(one["labels"] for one in series):
            cells.append(Text(plain(_labels(each["labels"])) or "-"))
        table.add_row(*cells, _why(each))
    console.print(Padding(table, (0, 0, 0, 2)))


def _traces(console: Console, traces: Sequence[_Item], now_ns: int) -> None:
    table = _table(("when", 8, "right"), ("state", 7, "left"))
    table.add_column("looked at", no_wrap=True)
    table.add_column("why", ratio=1, overflow="fold")
    for each in traces:
        why = Text(_said(each))
        if each["labels"]:
            why.append(f"  {plain(_labels(each['labels']))}", "dim")
        table.add_row(
            age(each["at"], now_ns), _state(each["state"]), _spark(each["datapoints"]), why
        )
    console.print(Padding(table, (0, 0, 0, 2)))


def _spark(points: Sequence[_Item]) -> Text:
    """The datapoints as bars, those that breached in red; a dot where there was no data."""
    values = [each["value"] for each in points if each["value"] is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    text = Text()
    for each in points:
        value = each["value"]
        if value is None:
            text.append(_GAP, "dim")
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        colour = "red" if each["breaching"] else "green"
        text.append(SPARKS[round(share * (len(SPARKS) - 1))], colour)
    return text


def _table(*columns: tuple[str, int, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name, width, justify in columns:
        table.add_column(name, width=width, justify=justify, no_wrap=True)
    return table


def _state(state: str, width: int = 0) -> Text:
    return Text(f"{STATE_WORDS.get(state, state):<{width}}", STATE_COLOURS.get(state, ""))


def _severity(item: _Item) -> Text:
    severity = item.get("severity", "warning")
    return Text(severity, SEVERITY_COLOURS.get(severity, ""))


def _since(item: _Item, now_ns: int) -> str:
    return age(item["since"], now_ns) if item["since"] else "-"


def _why(item: _Item) -> Text:
    sentence = item["sentence"] or "It was not evaluated yet."
    text = Text(_plainly(sentence, item["state"]))
    if item.get("firing", 0) > 1:
        text.append(f" ({item['firing']} of {item['series']} series)", "dim")
    if item["suppressed_by"]:
        text.append(f" Kept quiet by {plain(item['suppressed_by'])}.", "dim")
    if item.get("enabled") is False:
        text.append(" Switched off: nobody is told.", "dim")
    return text


def _said(trace: _Item) -> str:
    return _plainly(trace["sentence"], trace["state"])


def _plainly(sentence: str, state: str) -> str:
    """The sentence without the state, which stands beside it."""
    said = plain(sentence.removeprefix(f"{state}: "))
    return f"{said[:1].upper()}{said[1:]}"


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
