"""Rows as Splunk names them: what a line is called in Splunk's results, every value as text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX, SEQ_FIELD
from tallystick.watch.collect.lines import decode_line

Cell = str | list[str]
Result = dict[str, Cell]
"""One result: fields with values; a field without a value is not there."""

SERVER = "tallystick"
"""The `splunk_server` of every event."""
SOURCETYPE = "tallystick"
"""The sourcetype of lines that do not say one: those of this process."""
_NAMES = {
    "host": ("host", "host.name", "service.name"),
    "source": ("source", "com.splunk.source", "service.name"),
    "sourcetype": ("sourcetype", "com.splunk.sourcetype"),
    "index": ("index", INDEX_FIELD),
}
"""Where Splunk's default fields of an event are found."""
_DEFAULTS = {"sourcetype": SOURCETYPE, "index": OWN_INDEX}
_TEXT = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Results:
    """Rows of a search: events, or a table whose fields are known."""

    shape: Literal["events", "table"]
    fields: tuple[str, ...]
    """Names of the table's columns; of events those that were asked for, () for all."""
    pieces: Iterable[list[list[object]]]

    def __iter__(self) -> Iterator[Result]:
        """Each row as a result."""
        wanted = frozenset(self.fields)
        for piece in self.pieces:
            for row in piece:
                if self.shape == "events":
                    result = event_result(row)
                    if wanted:
                        result = {name: v for name, v in result.items() if name in wanted}
                    yield result
                else:
                    yield table_result(self.fields, row)


def event_result(row: list[object]) -> Result:
    """A line with Splunk's default fields before its own members."""
    seq, at_ns, text = row
    line = str(text)
    members = decode_line(line)
    members.pop(SEQ_FIELD, None)
    result: Result = {
        "_raw": without_seq(line, seq),
        "_time": splunk_time(at_ns),
        "_cd": f"0:{seq}",
    }
    for name, sources in _NAMES.items():
        value = next((members[each] for each in sources if members.get(each) is not None), None)
        result[name] = _DEFAULTS.get(name, SERVER) if value is None else text_of(value)
    result |= {"linecount": "1", "splunk_server": SERVER}
    for name, value in members.items():
        if value is not None and name not in result:
            result[name] = cell(value)
    return result


def table_result(fields: Iterable[str], row: Iterable[object]) -> Result:
    """A row of a table without the fields that have no value in it."""
    return {name: cell(value) for name, value in zip(fields, row, strict=True) if value is not None}


def without_seq(line: str, seq: object) -> str:
    """The line as it was stored."""
    for end in (f',"{SEQ_FIELD}":{seq}}}', f'"{SEQ_FIELD}":{seq}}}'):
        if line.endswith(end):
            return line.removesuffix(end) + "}"
    return line


def splunk_time(at_ns: object) -> str:
    """ISO 8601 with milliseconds and an offset, as Splunk writes `_time`."""
    if not isinstance(at_ns, int) or at_ns < 0:
        return ""
    return f"{rfc3339(at_ns)[:23]}+00:00"


def epoch(at_ns: int) -> str:
    """Seconds since the epoch with microseconds."""
    seconds, ns = divmod(at_ns, NS_PER_SECOND)
    return f"{seconds}.{ns // 1_000:06}"


def cell(value: object) -> Cell:
    """A value as text; a list as one text for each item (Splunk's multivalue field)."""
    return [text_of(each) for each in value] if isinstance(value, list) else text_of(value)


def text_of(value: object) -> str:
    """A value as text: JSON for what is no text."""
    return value if isinstance(value, str) else _TEXT.encode(value).decode()
