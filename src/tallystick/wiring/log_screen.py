"""How log lines, tables and patterns look in a terminal."""

import re
from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tallystick.clock import parse_rfc3339, rfc3339
from tallystick.watch.collect.lines import decode_line
from tallystick.watch.collect.query import value_in
from tallystick.watch.collect.search import Histogram, LogAnswer, Patterns

MILLION, EXACT = 1e6, 1e15
"""From where numbers are shown without fractions, and as powers of ten."""
SPARKS = "▁▂▃▄▅▆▇█"
_COLOURS = {
    "TRACE": "dim", "DEBUG": "dim", "INFO": "green", "WARN": "yellow", "WARNING": "yellow",
    "ERROR": "bold red", "CRITICAL": "bold white on red", "FATAL": "bold white on red",
}  # fmt: skip
_SHOWN_APART = frozenset(
    {"timestamp", "severity_text", "event_name", "body", "log.seq", "service.name"}
)
_OWN_SERVICE = "tallystick"
_PLAIN = re.compile(r"[^\s\"=]+")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TEXT = msgspec.json.Encoder(decimal_format="number")


class Screen(Console):
    """A terminal whose reader may leave: who prints then is told, and can end quietly."""

    def on_broken_pipe(self) -> None:
        """Say it as Python does.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


def line_text(line: bytes, fields: Sequence[str] = (), *, marked: bool = False) -> Text:
    """A line on one row: time, severity, what happened, and the rest as `name=value`.

    `fields`: only these of the rest. `marked`: it is the one that was asked for.
    """
    members = decode_line(line)
    severity = str(members.get("severity_text") or "")
    text = Text("▶ " if marked else "")
    text.append(_time(members.get("timestamp")), "dim")
    text.append(f" {severity[:5]:<5} ", _COLOURS.get(severity.upper(), ""))
    words = [members.get("event_name"), members.get("body")]
    said = " ".join(plain(word) for word in words if word is not None)
    text.append(said, "bold" if severity.upper() in {"ERROR", "CRITICAL", "FATAL"} else "")
    for name, value in _rest(members, fields):
        text.append(f" {plain(name)}=", "cyan")
        text.append(_quoted(value))
    return text


def show_lines(console: Console, lines: Iterable[bytes], fields: Sequence[str] = ()) -> None:
    """Lines, one a row."""
    for line in lines:
        console.print(line_text(line, fields))


def show_table(console: Console, answer: LogAnswer) -> None:
    """A table with its numbers aligned."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(answer.fields):
        numeric = all(
            row[number] is None or isinstance(row[number], int | float) for row in answer.rows
        )
        table.add_column(plain(name), justify="right" if numeric else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)
    if answer.more:
        console.print(
            f"There are more than these {len(answer.rows):,} rows; see --limit.", style="dim"
        )


def show_patterns(console: Console, found: Patterns) -> None:
    """Patterns with their counts and how they came over time."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("count", justify="right")
    table.add_column("%", justify="right")
    table.add_column("over time", no_wrap=True)
    table.add_column("pattern", overflow="fold")
    for each in found.patterns:
        pattern = Text(plain(each.pattern))
        pattern.highlight_words(["<*>"], "cyan")
        table.add_row(f"{each.count:,}", f"{each.percent:.1f}", sparkline(each.sparkline), pattern)
    console.print(table)
    left = found.distinct - len(found.patterns)
    if left > 0:
        console.print(f"And {left:,} more patterns; see --limit.", style="dim")


def show_volume(console: Console, found: Histogram) -> None:
    """The volume over the range as a sparkline, and its peak in words."""
    counts = [bucket.count for bucket in found.buckets]
    if not found.total:
        console.print("No lines.", style="dim")
        return
    room = max(console.width - 2, 10)
    console.print(sparkline(counts[-room:]), style="cyan", no_wrap=True)
    peak = max(found.buckets, key=lambda bucket: bucket.count)
    span = f"{_time(found.earliest)[:16]} to {_time(found.latest)[:16]} UTC"
    length = duration(found.bucket_seconds)
    console.print(
        f"{found.total:,} {'line' if found.total == 1 else 'lines'} from {span};"
        f" peak {peak.count:,} in {length} at {_time(peak.at)[11:16]}.",
        style="dim",
    )


def sparkline(counts: Sequence[int]) -> str:
    """Counts as bars of eight heights; a space where there is nothing."""
    most = max(counts, default=0)
    if not most:
        return " " * len(counts)
    top = len(SPARKS) - 1
    return "".join(
        SPARKS[min(top, -(-count * len(SPARKS) // most) - 1)] if count else " " for count in counts
    )


def duration(seconds: float) -> str:
    """A length of time in the largest unit that fits it: `5 min`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1_000:g} ms"


def plain(value: object) -> str:
    """A value as text that cannot steer a terminal: a log line may hold anything."""
    text = value if isinstance(value, str) else _TEXT.encode(value).decode()
    return _CONTROL.sub("\ufffd", text.replace("\n", "⏎"))


def _rest(members: dict[str, object], fields: Sequence[str]) -> list[tuple[str, object]]:
    if fields:
        named = ((name, value_in(members, name)) for name in fields)
        return [(name, value) for name, value in named if value is not None]
    service = members.get("service.name")
    rest = [(name, value) for name, value in members.items() if name not in _SHOWN_APART]
    if service not in {None, _OWN_SERVICE}:
        rest.insert(0, ("service.name", service))
    return [(name, value) for name, value in rest if value is not None]


def _quoted(value: object) -> str:
    text = plain(value)
    return text if _PLAIN.fullmatch(text) or not isinstance(value, str) else f'"{text}"'


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        digits = ",.6g" if abs(value) < MILLION else ",.0f" if abs(value) < EXACT else "g"
        return format(value, digits)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,}" if isinstance(value, int) else plain(value)


def _time(stamp: object) -> str:
    """`2026-11-22 14:03:05.123` in UTC, whatever zone it was written in."""
    if not isinstance(stamp, str):
        return " " * 23
    try:
        at_ns = parse_rfc3339(stamp)
    except ValueError:
        return f"{plain(stamp)[:23]:<23}"

    return rfc3339(max(at_ns, 0))[:23].replace("T", " ")
