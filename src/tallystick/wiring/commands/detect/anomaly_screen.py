"""How anomalies look in a terminal: a list, and one explained."""

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.wiring.log_screen import plain
from tallystick.wiring.sheet import put_facts, put_heading, put_lines

FAMILY_COLOURS = {"market_abuse": "magenta", "fraud": "red", "operations": "cyan"}
"""Whose business it is, as a colour."""
VERDICT_COLOURS = {"confirmed": "bold red", "dismissed": "green"}
BAR_CELLS = 20
_EIGHTHS = " ▏▎▍▌▋▊▉"
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_UNITS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"))
_SHORT = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
P_VALUE_MIN = 1e-12
"""No detector says that something is rarer."""
NUMBER_MAX = 1e15
"""What is larger stands for what has no limit."""


class Contribution(msgspec.Struct):
    """One feature's part, as the API tells it."""

    feature: str
    unit: str
    came: float
    expected_low: float
    expected_high: float
    surprise: float
    share: float = 0.0


class Example(msgspec.Struct):
    """The nearest ordinary observation."""

    at: str
    text: str
    position: int | None = None


class Verdict(msgspec.Struct):
    """What somebody said."""

    position: int
    at: str
    verdict: str
    reason: str
    by: str
    scope: str
    until: str | None = None


class Similar(msgspec.Struct):
    """An earlier one of the same detector."""

    id: str
    at: str
    entity: str
    sentence: str
    verdict: str | None = None
    reason: str | None = None


class Item(msgspec.Struct):
    """An anomaly as the API tells it; what a list does not need may be missing."""

    id: str
    detector: str
    family: str
    entity: str
    at: str
    p_value: float
    surprise: float
    sentence: str
    expected: str
    came: str
    contributions: tuple[Contribution, ...]
    nearest: Example | None = None
    order_id: str | None = None
    positions: tuple[int, ...] = ()
    model: str = ""
    held: str | None = None
    verdict: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    similar: tuple[Similar, ...] = ()


class Listed(msgspec.Struct):
    """A page of the API."""

    anomalies: list[Item]
    next: str | None = None


def show_list(console: Console, items: Sequence[Item], now_ns: int, *, headed: bool = True) -> None:
    """Anomalies, a row each, in the order in which they are given."""
    table = Table(
        box=None, pad_edge=False, header_style="dim", show_header=headed, padding=(0, 2, 1, 0)
    )
    table.add_column("when", width=8, no_wrap=True)
    table.add_column("found", width=30, overflow="fold")
    table.add_column("once in", width=7, justify="right", no_wrap=True)
    table.add_column("what", ratio=1, overflow="fold")
    for item in items:
        name = Text(plain(item.detector), f"bold {FAMILY_COLOURS.get(item.family, '')}")
        name.append(plain(item.id.removeprefix(item.detector)), "not bold")
        name.append(f"\n{plain(item.entity)}", "not bold dim default")
        table.add_row(age(item.at, now_ns), name, _short(item.p_value), _what(item))
    console.print(table)


def _what(item: Item) -> Text:
    text = Text(plain(item.sentence))
    if item.verdict is not None:
        text.append(f"\n{item.verdict}", VERDICT_COLOURS.get(item.verdict, ""))
    elif item.held is not None:
        text.append(f"\n{plain(item.held)}", "dim")
    return text


def show_one(console: Console, item: Item, now_ns: int, proof: str) -> None:
    """One anomaly, explained; `proof` is the command that proves the last of its entries."""
    colour = FAMILY_COLOURS.get(item.family, "")
    head = Text(plain(item.detector), f"bold {colour}")
    family = item.family.replace("_", " ")
    head.append(f"  {family}, {_moment(item.at, now_ns)}, {plain(item.entity)}", "not bold")
    console.print(head)
    console.print(Text(plain(item.sentence), "bold"))
    facts = [("expected", item.expected), ("came", item.came), ("how odd", odds(item))]
    if item.held is not None:
        facts.append(("not alerted", item.held))
    if item.model:
        facts.append(("model", item.model))
    console.print()
    put_facts(console, facts)
    if item.contributions:
        put_heading(console, "What made it odd")
        _contributions(console, item.contributions, colour)
    if item.nearest is not None:
        put_heading(console, "The nearest ordinary one")
        where = "" if item.nearest.position is None else f" (entry {item.nearest.position})"
        put_lines(console, [Text(f"{plain(item.nearest.text)}{where}")])
    if item.positions:
        put_heading(console, "Ledger entries")
        put_lines(console, [_evidence(item)])
        _command(console, proof)
    if item.verdicts:
        put_heading(console, "What people said")
        put_lines(console, [_said(each, now_ns) for each in item.verdicts])
    if item.similar:
        put_heading(console, "Earlier ones like it")
        put_lines(console, [_like(each, now_ns) for each in item.similar])
    if not item.verdicts:
        put_heading(console, "Say what it was")
        for word in _WORDS:
            _command(console, f"tallystick detect {word} {plain(item.id)} --reason ...")


_WORDS = ("confirm", "dismiss")


def _command(console: Console, text: str) -> None:
    """In one line, however narrow the terminal is: it is there to be copied."""
    console.print(Text(f"  {text}", "dim"), soft_wrap=True)


def _contributions(console: Console, parts: Sequence[Contribution], colour: str) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(width=BAR_CELLS, no_wrap=True, style=colour)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for each in parts:
        came = f"{number(each.came)} {each.unit}".rstrip()
        usual = f"{number(each.expected_low)} to {number(each.expected_high)}"
        table.add_row(
            plain(each.feature), bar(each.share), f"{each.share:.0%}",
            Text(plain(came)).append(f", usually {usual}", "dim"),
        )  # fmt: skip
    console.print(Padding(table, (0, 0, 0, 2)))


def _evidence(item: Item) -> Text:
    shown = ", ".join(map(str, item.positions[:12]))
    more = len(item.positions) - 12
    text = Text(shown if more <= 0 else f"{shown} and {more} more")
    if item.order_id is not None:
        text.append(f"  (order {plain(item.order_id)})", "dim")
    return text


def _said(verdict: Verdict, now_ns: int) -> Text:
    text = Text(verdict.verdict, VERDICT_COLOURS.get(verdict.verdict, ""))
    text.append(f" by {plain(verdict.by)}, {_ago(verdict.at, now_ns)}: ", "default")
    text.append(plain(verdict.reason), "default")
    until = f", until {verdict.until[:19]}Z" if verdict.until else ""
    scope = ", of every detector" if verdict.scope == "entity" else ""
    return text.append(f" (entry {verdict.position}{scope}{until})", "dim")


def _like(similar: Similar, now_ns: int) -> Text:
    text = Text(f"{age(similar.at, now_ns):>8}  ", "dim")
    text.append(f"{plain(similar.id)}  ", "default")
    if similar.verdict is None:
        return text.append("nobody judged it", "dim")
    text.append(similar.verdict, VERDICT_COLOURS.get(similar.verdict, ""))
    return text.append(f": {plain(similar.reason or '')}", "default")


def age(at: str, now_ns: int) -> str:
    """How long ago: `12 s`, `3 min`, `5 h`, `2 d`."""
    seconds = max(0, (now_ns - parse_rfc3339(at)) // NS_PER_SECOND)
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "now"


def _moment(at: str, now_ns: int) -> str:
    return f"{at[:10]} {at[11:19]} UTC ({_ago(at, now_ns)})"


def _ago(at: str, now_ns: int) -> str:
    text = age(at, now_ns)
    return text if text == "now" else f"{text} ago"


def odds(item: Item) -> str:
    """How odd it is in words."""
    often = _often(item.p_value)
    for size, unit in _UNITS:
        if often >= size:
            at_most = "at most " if item.p_value <= P_VALUE_MIN else ""
            return f"{at_most}once in {often / size:,.0f} {unit} ordinary ones"
    return f"once in {often:,.0f} ordinary ones"


def _often(p_value: float) -> float:
    return round(1 / max(p_value, P_VALUE_MIN), 3)


def _short(p_value: float) -> str:
    often = _often(p_value)
    for size, unit in _SHORT:
        if often >= size:
            return f"{often / size:,.0f}{unit}"
    return f"{often:,.0f}"


def bar(share: float) -> str:
    """A share as a bar of eighths of a cell; the smallest part is seen."""
    eighths = max(1, round(min(1.0, share) * BAR_CELLS * 8)) if share > 0 else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def number(value: float) -> str:
    """Four digits that say something, thousands grouped; what has no limit is said so."""
    if abs(value) >= NUMBER_MAX:
        return "any" if value > 0 else "none"
    if value == 0 or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
