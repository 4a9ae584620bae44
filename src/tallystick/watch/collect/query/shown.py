"""Rows of a plan as people get them: lines of JSON, and tables of plain values."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain

import msgspec

from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.query.patterns import exact_number_of
from tallystick.watch.collect.query.plan import Plan

Plain = str | int | float | bool | list["Plain"] | None
"""A value as JSON has it."""
Row = Sequence[object]


def event_line(plan: Plan, row: Row) -> bytes:
    """One row of the shape `events` as its line, with its number.

    New members are in it, removed ones are not; what no command changed is as it was.
    """
    seq, _, raw, *values = row
    text = raw if isinstance(raw, str) else "{}"
    members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    for name in plan.removed:
        members.pop(name, None)
    for name, value in zip(plan.fields, values, strict=True):
        shown = _counted(value) if name in plan.counts else plain(value)
        if shown is None:
            members.pop(name, None)
        else:
            members[name] = msgspec.Raw(msgspec.json.encode(shown))
    members[SEQ_FIELD] = msgspec.Raw(msgspec.json.encode(seq))
    return msgspec.json.encode(members)


def table_rows(
    plan: Plan, rows: Iterable[Row]
) -> tuple[tuple[str, ...], Iterator[tuple[Plain, ...]]]:
    """The names of all fields, and the rows of the shape `table` with plain values."""
    if not plan.spread:
        readers = [_counted if name in plan.counts else plain for name in plan.fields]
        return plan.fields, (
            tuple(reader(value) for reader, value in zip(readers, row, strict=False))
            for row in rows
        )
    waiting = iter(rows)
    first = next(waiting, None)
    if first is None:
        return plan.fields, iter(())
    series = [str(key) for key in _map(first[-1]) if key not in plan.fields]
    spread = (
        (*map(plain, row[:-1]), *(plain(_map(row[-1]).get(name)) for name in series))
        for row in chain([first], waiting)
    )
    return (*plan.fields, *series), spread


def _map(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


def plain(value: object) -> Plain:
    """A value of DuckDB as JSON has it: integral numbers as integers, times as RFC 3339."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        number = float(value)
        if not math.isfinite(number):
            return None
        return int(number) if number == int(number) and abs(number) < 1e15 else number
    if isinstance(value, datetime):
        stamp = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return stamp.isoformat(timespec="microseconds") + "Z"
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def _counted(value: object) -> Plain:
    """A text as the number that it spells, when it is spelled as this module spells numbers."""
    number = exact_number_of(value) if isinstance(value, str) else None
    shown = plain(value if number is None else number)
    return shown if str(shown) == value else plain(value)
