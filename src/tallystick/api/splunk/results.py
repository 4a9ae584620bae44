"""Results in Splunk's output modes, written piece by piece as they are read."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from tallystick.api.splunk.atom import Message, Mode, messages_inner, xml_attribute, xml_text
from tallystick.api.splunk.rows import Cell, Result, Results
from tallystick.errors import Refused

MEDIA_TYPES: dict[Mode, str] = {
    "xml": "text/xml; charset=UTF-8",
    "json": "application/json; charset=UTF-8",
    "json_rows": "application/json; charset=UTF-8",
    "json_cols": "application/json; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8",
    "raw": "text/plain; charset=UTF-8",
}
"""Splunk's output modes, and what each is called over HTTP."""
FIRST = ("_raw", "_time", "host", "source", "sourcetype", "index", "linecount", "splunk_server")
"""Columns that come first where a mode names its columns before its rows."""
RESULTS_AT_ONCE = 256
_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Shown:
    """What is shown: results from `offset` on, whether more may come, and messages."""

    results: Results
    offset: int = 0
    is_preview: bool = False
    messages: Sequence[Message] = ()
    names: Callable[[], tuple[str, ...]] | None = None
    """All names of the fields of events, for modes that say them before the rows."""

    def fields(self) -> tuple[str, ...]:
        """The columns."""
        if self.results.fields:
            return self.results.fields
        named = self.names() if self.names else ()
        return (*FIRST, *(name for name in named if name not in FIRST))


def mode_of(text: str | None, default: Mode = "xml") -> Mode:
    """The output mode that was asked for.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    if not text:
        return default
    for mode in MEDIA_TYPES:
        if mode == text:
            return mode
    known = ", ".join(MEDIA_TYPES)
    raise Refused("VALUE_NOT_ALLOWED", f"output_mode is one of {known}, not {text[:40]!r}.")


def written(shown: Shown, mode: Mode) -> Iterator[bytes]:
    """The whole answer."""
    writers: dict[Mode, Callable[[Shown], Iterator[bytes]]] = {
        "xml": xml, "json": json, "json_rows": json_rows, "json_cols": json_cols, "csv": table_csv,
        "raw": raw,
    }  # fmt: skip
    return writers[mode](shown)


def json(shown: Shown) -> Iterator[bytes]:
    """One object with all results; `fields` stands behind them, where all names are known."""
    head = {
        "preview": shown.is_preview,
        "init_offset": shown.offset,
        "messages": [{"type": kind, "text": text} for kind, text in shown.messages],
    }
    yield _ENCODE(head)[:-1] + b',"results":['
    names: dict[str, None] = dict.fromkeys(shown.results.fields)
    comma = b""
    for results in _batches(shown):
        for result in results:
            names |= dict.fromkeys(result)
        yield comma + _ENCODE(results)[1:-1]
        comma = b","
    fields = [{"name": name} for name in names]
    yield b'],"fields":' + _ENCODE(fields) + b',"highlighted":{}}\n'


def json_rows(shown: Shown) -> Iterator[bytes]:
    """Names once, then a list for each result."""
    fields = shown.fields()
    head = {"preview": shown.is_preview, "init_offset": shown.offset, "fields": fields}
    yield _ENCODE(head)[:-1] + b',"rows":['
    comma = b""
    for results in _batches(shown):
        rows = [[result.get(name) for name in fields] for result in results]
        yield comma + _ENCODE(rows)[1:-1]
        comma = b","
    yield b"]}\n"


def json_cols(shown: Shown) -> Iterator[bytes]:
    """Names once, then a list for each column."""
    fields = shown.fields()
    columns: list[list[Cell | None]] = [[] for _ in fields]
    for results in _batches(shown):
        for column, name in zip(columns, fields, strict=True):
            column += [result.get(name) for result in results]
    head = {"preview": shown.is_preview, "init_offset": shown.offset, "fields": fields}
    yield _ENCODE(head | {"columns": columns}) + b"\n"


def export_json(shown: Shown) -> Iterator[bytes]:
    """One JSON object a line and result, as `search/jobs/export` streams them."""
    offset = shown.offset
    last: Result | None = None
    for results in _batches(shown):
        lines = []
        for result in results:
            if last is not None:
                lines.append(_exported(shown, offset, last))
                offset += 1
            last = result
        yield b"".join(lines)
    if last is None:
        yield _ENCODE({"preview": shown.is_preview, "lastrow": True, **_said(shown)}) + b"\n"
    else:
        line = {"preview": shown.is_preview, "offset": offset, "lastrow": True, "result": last}
        yield _ENCODE(line | _said(shown)) + b"\n"


def live_line(offset: int, result: Result) -> bytes:
    """One line of a live export: more may always come."""
    return _ENCODE({"preview": True, "offset": offset, "result": result}) + b"\n"


def _said(shown: Shown) -> dict[str, object]:
    if not shown.messages:
        return {}
    return {"messages": [{"type": kind, "text": text} for kind, text in shown.messages]}


def _exported(shown: Shown, offset: int, result: Result) -> bytes:
    return _ENCODE({"preview": shown.is_preview, "offset": offset, "result": result}) + b"\n"


def xml(shown: Shown) -> Iterator[bytes]:
    """Splunk's `<results>`; the order of fields is told where it is known before the rows."""
    fields = "".join(f"<field>{xml_text(name)}</field>" for name in shown.fields())
    messages = messages_inner(shown.messages).replace("\n", " ")
    yield (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f"<results preview='{int(shown.is_preview)}'>\n"
        f"<meta>\n<fieldOrder>\n{fields}\n</fieldOrder>\n</meta>\n"
        f"<messages>{messages}</messages>\n"
    ).encode()
    offset = shown.offset
    for results in _batches(shown):
        parts = []
        for offset, result in enumerate(results, offset):  # noqa: B020  it goes on
            parts.append(f"<result offset='{offset}'>\n{_fields_xml(result)}</result>\n")
        offset += 1
        yield "".join(parts).encode()
    yield b"</results>\n"


def _fields_xml(result: Result) -> str:
    parts = []
    for name, value in result.items():
        key = xml_attribute(name)
        if name == "_raw" and isinstance(value, str):
            inner = f"<v xml:space='preserve' trim='0'>{xml_text(value)}</v>"
        else:
            values = [value] if isinstance(value, str) else value
            inner = "".join(f"<value><text>{xml_text(each)}</text></value>" for each in values)
        parts.append(f"<field k={key}>{inner}</field>\n")
    return "".join(parts)


def table_csv(shown: Shown) -> Iterator[bytes]:
    """RFC 4180 with a header; a multivalue field has a line feed between its values."""
    fields = shown.fields()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for results in _batches(shown):
        writer.writerows([_csv_cell(result.get(name, "")) for name in fields] for result in results)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _csv_cell(value: Cell) -> str:
    return value if isinstance(value, str) else "\n".join(value)


def raw(shown: Shown) -> Iterator[bytes]:
    """The lines alone; of a table its rows as JSON."""
    for results in _batches(shown):
        yield b"".join(_raw_line(result) + b"\n" for result in results)


def _raw_line(result: Result) -> bytes:
    line = result.get("_raw")
    return line.encode() if isinstance(line, str) else _ENCODE(result)


def _batches(shown: Shown) -> Iterator[list[Result]]:
    results = iter(shown.results)
    while batch := list(islice(results, RESULTS_AT_ONCE)):
        yield batch
