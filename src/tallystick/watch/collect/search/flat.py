"""Events as a flat table for spreadsheets and notebooks: a column for each common member, and rest.

The columns are those of the first lines found. What else a line has is not lost: it stands as a
JSON object in the last column, `rest`.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from tallystick.clock import rfc3339
from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.lines import decode_line
from tallystick.watch.collect.query import value_in
from tallystick.watch.collect.search.found import Found
from tallystick.watch.collect.search.spool import Row

COLUMNS_MAX = 256
"""Most columns that events are laid out in; members beyond stand in `rest`."""
REST = "rest"
TIME = "_time"
_FIRST = ("timestamp", "severity_text", "event_name", "body", "service.name")
"""Columns that always come first where they are there at all."""
_TEXT = msgspec.json.Encoder(decimal_format="number")


class Flat:
    """A table: `fields`, and rows in pieces, each row with a value (or None) for every field.

    Values of events are as in their JSON: text, numbers, truth values; lists and objects are JSON
    text. A row of events begins with the time (integer nanoseconds, `_time`) and `log.seq`.
    """

    def __init__(self, found: Found, wanted: tuple[str, ...] = ()) -> None:
        """`wanted`: these fields and no others; else all."""
        self.is_events = found.shape == "events"
        self.fields: tuple[str, ...]
        self._pieces: Iterable[list[Row]]
        if not self.is_events:
            self.fields = wanted or found.fields
            at = [found.fields.index(name) for name in self.fields if name in found.fields]
            self.fields = tuple(found.fields[each] for each in at)
            self._pieces = ([[row[each] for each in at] for row in piece] for piece in found)
            return
        pieces = iter(found)
        first = next(pieces, [])
        self._named = tuple(dict.fromkeys(wanted)) or _names(first)
        self._has_rest = not wanted
        self.fields = (TIME, SEQ_FIELD, *self._named, *((REST,) if self._has_rest else ()))
        self._pieces = (list(map(self._row, piece)) for piece in chain([first], pieces) if piece)

    def __iter__(self) -> Iterator[list[Row]]:
        """The rows in pieces."""
        return iter(self._pieces)

    def _row(self, event: Row) -> Row:
        seq, at_ns, text = event
        members = decode_line(str(text))
        members.pop(SEQ_FIELD, None)
        if not self._has_rest:
            return [at_ns, seq, *(scalar(value_in(members, name)) for name in self._named)]
        row: Row = [at_ns, seq, *(scalar(members.pop(name, None)) for name in self._named)]
        row.append(_TEXT.encode(members).decode() if members else None)
        return row


def stamp(at_ns: object) -> str | None:
    """The time of an event as RFC 3339, None where it has none."""
    return rfc3339(at_ns) if isinstance(at_ns, int) else None


def scalar(value: object) -> object:
    """The value itself, or JSON text of a list or object."""
    return _TEXT.encode(value).decode() if isinstance(value, list | dict) else value


def _names(events: list[Row]) -> tuple[str, ...]:
    """The members of these lines: the usual ones first, the others by name, most frequent kept."""
    counts: dict[str, int] = {}
    for _seq, _at, text in events:
        for name in decode_line(str(text)):
            counts[name] = counts.get(name, 0) + 1
    reserved = {TIME, SEQ_FIELD, REST}
    kept = sorted(counts, key=lambda name: (-counts[name], name))[:COLUMNS_MAX]
    first = [name for name in _FIRST if name in kept]
    rest = set(kept) - reserved - set(first)
    return (*first, *sorted(rest, key=lambda name: (name.lower(), name.swapcase())))
