"""The first stage as SQL over one shape of rows: values are only ever bound.

At the top, NULL stands for false: comparisons stay bare, so that they reach the statistics of
Parquet files. Under NOT a missing field is turned into false first.
"""

import re
from dataclasses import dataclass
from typing import Protocol, assert_never

import msgspec

from tallystick.watch.collect.columns import INDEX_FIELD, Columns, Sql
from tallystick.watch.collect.query.fields import number_of, text_of
from tallystick.watch.collect.query.nodes import (
    AllOf,
    AnyOf,
    Differs,
    Happened,
    Is,
    Measures,
    Node,
    Not,
    Order,
    Pattern,
    Says,
)
from tallystick.watch.collect.query.patterns import exact_number_of
from tallystick.watch.collect.query.search import Search

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")
_INTEGER_MAX = 2**63 - 1


class Fields(Protocol):
    """The fields of some rows, by the names that people use."""

    def text(self, field: str) -> Sql:
        """The field as VARCHAR."""
        ...

    def number(self, field: str) -> Sql:
        """The field as a number."""
        ...

    def time(self) -> Sql:
        """The row's time as TIMESTAMP_NS."""
        ...

    def searched(self, text: str) -> tuple[Sql, ...]:
        """Where free text is looked for that holds this."""
        ...


@dataclass(frozen=True)
class _Resolved:
    """The fields of one shape of stored lines."""

    columns: Columns

    def text(self, field: str) -> Sql:
        return text_of(field, self.columns)

    def number(self, field: str) -> Sql:
        return number_of(field, self.columns)

    def time(self) -> Sql:
        return Sql("_time")

    def searched(self, text: str) -> tuple[Sql, ...]:
        return self.columns.searched(text)


def predicate(search: Search, columns: Columns) -> Sql:
    """The whole condition of a search: its terms, its times and its indexes.

    It names the columns `seq` and `_time` by these names and all else through `columns`. NULL
    counts as false: use it behind WHERE.
    """
    return condition(search, _Resolved(columns), INDEX_FIELD)


def condition(search: Search, fields: Fields, index_field: str = "index") -> Sql:
    """The same over any rows; their index is what `index_field` says.

    Stored lines are filed by `INDEX_FIELD`: their own member `index` opens no door.
    """
    parts: list[Sql] = []
    if search.earliest_ns is not None:
        parts.append(_happened(fields, ">=", search.earliest_ns))
    if search.latest_ns is not None:
        parts.append(_happened(fields, "<", search.latest_ns))
    if search.indexes is not None:
        parts.append(_within(fields.text(index_field), search.indexes))
    if search.where is not None:
        parts.append(_node(search.where, fields))
    return joined(parts, " AND ") if parts else Sql("true")


def _node(node: Node, fields: Fields) -> Sql:  # noqa: PLR0911  one a kind of node
    match node:
        case AllOf(nodes):
            return joined([_node(inner, fields) for inner in nodes], " AND ")
        case AnyOf(nodes):
            return joined([_node(inner, fields) for inner in nodes], " OR ")
        case Not(inner):
            negated = _node(inner, fields)
            return Sql(f"(NOT coalesce({negated.text}, false))", negated.values)
        case Says(pattern):
            return _says(pattern, fields)
        case Is(field, patterns):
            return joined([_is(field, pattern, fields) for pattern in patterns], " OR ")
        case Differs(field, pattern):
            text, fits = fields.text(field), _is(field, pattern, fields)
            differs = f"({text.text} IS NOT NULL AND NOT coalesce({fits.text}, false))"
            return Sql(differs, text.values + fits.values)
        case Measures(field, order, number):
            column = fields.number(field)
            return Sql(f"({column.text} {order} ?)", (*column.values, plain_number(number)))
        case Happened(order, at_ns):
            return _happened(fields, order, at_ns)
        case _:  # pragma: no cover
            assert_never(node)


def _happened(fields: Fields, order: Order, at_ns: int) -> Sql:
    time = fields.time()
    return Sql(f"({time.text} {order} make_timestamp_ns(?))", (*time.values, at_ns))


def joined(parts: list[Sql], word: str) -> Sql:
    """The parts in parentheses with the word between them."""
    if len(parts) == 1:
        return parts[0]
    values = tuple(value for part in parts for value in part.values)
    return Sql(f"({word.join(part.text for part in parts)})", values)


def plain_number(number: float) -> float:
    """An integer where it is one: then a BIGINT column need not be turned into DOUBLE."""
    whole = int(number)
    return whole if whole == number and abs(whole) <= _INTEGER_MAX else number


def expression(pattern: Pattern, between: str = ".*") -> str:
    """An RE2 expression (linear time) for the pieces with anything between them."""
    return "(?is)" + between.join(_META.sub(r"\\\g<0>", piece) for piece in pattern.pieces)


def _within(column: Sql, names: frozenset[str]) -> Sql:
    if not names:
        return Sql("false")
    marks = ", ".join("?" * len(names))
    return Sql(f"(lower({column.text}) IN ({marks}))", (*column.values, *sorted(names)))


def _is(field: str, pattern: Pattern, fields: Fields) -> Sql:
    exact = pattern.exact
    number = None if exact is None else exact_number_of(exact)
    if number is not None:
        column = fields.number(field)
        return Sql(f"({column.text} = ?)", (*column.values, plain_number(number)))
    column = fields.text(field)
    if exact is not None:
        return Sql(f"(lower({column.text}) = lower(?))", (*column.values, exact))
    if not any(pattern.pieces):
        return Sql(f"({column.text} IS NOT NULL)", column.values)
    return Sql(f"regexp_full_match({column.text}, ?)", (*column.values, expression(pattern)))


def _says(pattern: Pattern, fields: Fields) -> Sql:
    """Free text, within one value; also as JSON writes it, where values stand as JSON."""
    if not any(pattern.pieces):
        return Sql("true")
    escaped = Pattern(tuple(msgspec.json.encode(piece)[1:-1].decode() for piece in pattern.pieces))
    parts: list[Sql] = []
    for needle in dict.fromkeys((pattern, escaped)):
        for column in fields.searched(max(needle.pieces, key=len)):
            if needle.exact is not None:
                text, value = f"contains(lower({column.text}), lower(?))", needle.exact
            else:
                text, value = f"regexp_matches({column.text}, ?)", expression(needle, "[^\x1f]*")
            parts.append(Sql(text, (*column.values, value)))
    return joined(parts, " OR ") if parts else Sql("false")
