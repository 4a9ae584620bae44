"""The fields of sealed lines: columns where a part has them, JSON beside them where it has not."""

import re
from dataclasses import dataclass

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import places, pointer
from tallystick.watch.collect.store.parts import Part, PartColumn
from tallystick.watch.collect.store.spelling import STAMP6, STAMP9, literal, quoted

_STAMPS = {"TIME6": STAMP6, "TIME9": STAMP9}
_NUMBER = "'^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$'"  # as `query.JsonColumns` reads it
_NO_TEXT = "CAST(NULL AS VARCHAR)"
_NO_NUMBER = "CAST(NULL AS DOUBLE)"
_MAY_STAND_IN = {
    "BIGINT": re.compile(r"[0-9-]*"),
    "DOUBLE": re.compile(r"[0-9+.eE-]*"),
    "BOOLEAN": re.compile(r"[a-z]*", re.IGNORECASE),
    "TIME6": re.compile(r"[0-9TZ:.-]*", re.IGNORECASE),
    "TIME9": re.compile(r"[0-9TZ:.-]*", re.IGNORECASE),
}


@dataclass(frozen=True)
class PartColumns:
    """The columns of parts that have the same ones (`tallystick.watch.collect.columns.Columns`).

    `others` are the members outside of the columns in any of them; None: too many to name.
    """

    columns: dict[str, PartColumn]
    others: frozenset[str] | None
    rest: bool
    raw: bool

    def has(self, field: str) -> bool:
        """False only when no line of these parts has the field."""
        return field in self.columns or bool(self._ways(field))

    def text(self, field: str) -> Sql:
        """The field as VARCHAR: JSON text of a list or object, NULL where it is missing."""
        column = self.columns.get(field)
        found = [] if column is None else [self._text_of(field, column)]
        if column is None or not column.whole:
            found += self._beside(field)
        return Sql(_first(found, _NO_TEXT))

    def number(self, field: str) -> Sql:
        """The field as a number, NULL where it is missing or no number."""
        column = self.columns.get(field)
        if column is None or column.type == "VARCHAR":
            text = self.text(field).text
            return Sql(_NO_NUMBER if text == _NO_TEXT else _spelled(text))
        beside = [] if column.whole else self._beside(field)
        if column.type in ("BIGINT", "DOUBLE"):
            spelled = [_spelled(_first(beside, _NO_TEXT))] if beside else []
            return Sql(_first([quoted(field), *spelled], _NO_NUMBER))
        return Sql(_spelled(self.text(field).text) if beside else _NO_NUMBER)

    def searched(self, text: str = "") -> tuple[Sql, ...]:
        """Every column as VARCHAR that can hold `text`, and the JSON beside them."""
        return (
            *(
                Sql(self._text_of(name, column))
                for name, column in self.columns.items()
                if column.type == "VARCHAR" or _MAY_STAND_IN[column.type].fullmatch(text)
            ),
            *[Sql("rest")] * self.rest,
            *[Sql("raw")] * self.raw,
        )

    def line(self) -> Sql:
        """The whole line as JSON text."""
        members = ", ".join(
            f"{literal(name)}, {_json_value(name, column)}" for name, column in self.columns.items()
        )
        beside = "coalesce(rest, '{}')" if self.rest else "'{}'"
        line = f"CAST(json_merge_patch({beside}, json_object({members})) AS VARCHAR)"
        if not self.columns:
            line = beside
        return Sql(f"coalesce(raw, {line})" if self.raw else line)

    def _text_of(self, field: str, column: PartColumn) -> str:
        if column.type in _STAMPS:
            stamp = _STAMPS[column.type]
            return f"CASE WHEN raw IS NULL THEN {stamp} END" if self.raw else stamp
        name = quoted(field)
        return name if column.type == "VARCHAR" else f"CAST({name} AS VARCHAR)"

    def _ways(self, field: str) -> list[str]:
        """JSON pointers to where the field may stand outside of the columns (see `places`)."""
        return [
            pointer(*steps)
            for steps in places(field)
            if self.others is None or steps[0] in self.others
        ]

    def _beside(self, field: str) -> list[str]:
        """The field as text in the JSON beside the columns; that is parsed once."""
        ways = [literal(way) for way in self._ways(field)]
        beside = ["rest"] * self.rest + ["raw"] * self.raw
        if len(ways) > 1:
            listed = ", ".join(ways)
            return [f"list_any_value(json_extract_string({json}, [{listed}]))" for json in beside]
        return [f"json_extract_string({json}, {way})" for json in beside for way in ways]


def columns_of(parts: list[Part]) -> PartColumns:
    """The columns of parts of one shape (see `shape_of`)."""
    others: set[str] | None = set()
    for part in parts:
        others = None if others is None or part.others is None else others | set(part.others)
    first = parts[0]
    named = None if others is None else frozenset(others)
    return PartColumns(first.columns, named, first.rest, first.raw)


def shape_of(part: Part) -> tuple[object, ...]:
    """What parts must share to be read by one SELECT."""
    columns = tuple((name, column.type, column.whole) for name, column in part.columns.items())
    return (*sorted(columns), part.rest, part.raw)


def _first(expressions: list[str], otherwise: str) -> str:
    if len(expressions) > 1:
        return f"coalesce({', '.join(expressions)})"
    return expressions[0] if expressions else otherwise


def _spelled(text: str) -> str:
    """The finite number that the whole text spells."""
    return f"TRY_CAST(regexp_extract({text}, {_NUMBER}) AS DOUBLE)"


def _json_value(field: str, column: PartColumn) -> str:
    return _STAMPS.get(column.type) or quoted(field)
