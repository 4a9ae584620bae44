"""The log query as SQL: fragments that stand here, values that are only ever bound.

Each term becomes a condition over the columns of `sql/rows_of_*.sql`. A field that is missing
makes a test fail rather than unknown, so that `NOT` turns it round.
"""

import re
from dataclasses import dataclass
from typing import assert_never

import msgspec

from tallystick.watch.collect.query import (
    Differs,
    Happened,
    Is,
    Measures,
    Not,
    Pattern,
    Query,
    Says,
    Term,
    Test,
    number_of,
)

SEQ_FIELD = "log.seq"
_COLUMNS = {
    "severity_text": "severity_text",
    "event_name": "event_name",
    "body": "body",
    SEQ_FIELD: "CAST(seq AS VARCHAR)",
}
_EXACT_DIGITS_MAX = 15  # a double holds so many decimal digits exactly
_NS_MIN, _NS_MAX = -(2**63) + 2, 2**63 - 2  # the next ones mean infinity to DuckDB
_META = re.compile(r"[\\.+*?()|\[\]{}^$]")


@dataclass(frozen=True)
class Condition:
    """SQL with question marks, and the values for them in order."""

    sql: str
    values: tuple[object, ...] = ()


def conditions(query: Query) -> Condition:
    """All terms of the query in one condition."""
    parts = [_term(term) for term in query.terms]
    return Condition(
        " AND ".join(["true", *(part.sql for part in parts)]),
        tuple(value for part in parts for value in part.values),
    )


def _term(term: Term) -> Condition:
    if isinstance(term, Not):
        inner = _term(term.test)
        return Condition(f"NOT {inner.sql}", inner.values)
    inner = _test(term)
    return Condition(f"coalesce({inner.sql}, false)", inner.values)


def _test(test: Test) -> Condition:
    match test:
        case Says(pattern):
            return _says(pattern)
        case Is(field, pattern):
            return _is(_field(field), pattern)
        case Differs(field, pattern):
            column, fits = _field(field), _is(_field(field), pattern)
            return Condition(
                f"({column.sql} IS NOT NULL AND NOT {fits.sql})", column.values + fits.values
            )
        case Measures(field, order, number):
            column = _field(field)
            sql = f"(TRY_CAST({column.sql} AS DOUBLE) {order} ?)"
            return Condition(sql, (*column.values, number))
        case Happened(order, at_ns):
            bounded = min(max(at_ns, _NS_MIN), _NS_MAX)
            return Condition(f'("timestamp" {order} make_timestamp_ns(?))', (bounded,))
        case _:  # pragma: no cover
            assert_never(test)


def _field(name: str) -> Condition:
    """The text of a member of the line: a column, or by JSON pointer (RFC 6901)."""
    if name in _COLUMNS:
        return Condition(_COLUMNS[name])
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return Condition("json_extract_string(raw, ?)", (pointer,))


def _is(column: Condition, pattern: Pattern) -> Condition:
    text = pattern.exact
    if text is None:
        sql = f"regexp_full_match({column.sql}, ?)"
        return Condition(sql, (*column.values, _expression(pattern)))
    equal = Condition(f"(lower({column.sql}) = lower(?))", (*column.values, text))
    number = number_of(text) if len(text) <= _EXACT_DIGITS_MAX else None
    if number is None:
        return equal
    sql = f"({equal.sql} OR TRY_CAST({column.sql} AS DOUBLE) IS NOT DISTINCT FROM ?)"
    return Condition(sql, (*equal.values, *column.values, number))


def _says(pattern: Pattern) -> Condition:
    """Free text; quotes and control characters stand in the line as JSON writes them."""
    pieces = tuple(msgspec.json.encode(piece)[1:-1].decode() for piece in pattern.pieces)
    if len(pieces) == 1:
        return Condition("contains(lower(raw), lower(?))", pieces)
    return Condition("regexp_matches(raw, ?)", (_expression(Pattern(pieces)),))


def _expression(pattern: Pattern) -> str:
    """An RE2 expression (linear time) for the pieces with anything between them."""
    return "(?is)" + ".*".join(_META.sub(r"\\\g<0>", piece) for piece in pattern.pieces)
