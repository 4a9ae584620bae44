"""A value of the pipeline in SQL: its kind, and how it is read as another kind.

Members of log lines have no fixed kind: they are `any`, texts that are numbers where they spell
one. A missing value is NULL in every kind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.wording import bad

ValueKind = Literal["any", "text", "number", "truth", "time", "list"]
SQL_CHARACTERS_MAX: Final = 400_000
"""Longest SQL that one query may become: what repeats its parts cannot grow without end."""
STAMP_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_SPELLED = r"'^\s*[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)?\s*$'"


def sql(template: str, *parts: Sql | object) -> Sql:
    """Our own SQL with `{}` for each part: SQL goes in as it is, any other value is bound."""
    pieces = template.split("{}")
    assert len(pieces) == len(parts) + 1, template  # noqa: S101  programmer's error
    text, values = [pieces[0]], list[object]()
    for part, piece in zip(parts, pieces[1:], strict=True):
        if isinstance(part, Sql):
            text.append(part.text)
            values += part.values
        else:
            text.append("?")
            values.append(part)
        text.append(piece)
    whole = "".join(text)
    if len(whole) > SQL_CHARACTERS_MAX:
        raise bad(0, "it is too complex; split it or leave something out")
    return Sql(whole, tuple(values))


def literal(text: str) -> Sql:
    """A text as a quoted literal, where what it says decides the type and it cannot be bound."""
    assert "\0" not in text, "a literal ends at NUL"  # noqa: S101  programmer's error
    return Sql("'" + text.replace("'", "''") + "'")


def comma(parts: list[Sql], between: str = ", ") -> Sql:
    """The parts with commas between them."""
    return sql(between.join(["{}"] * len(parts)), *parts)


@dataclass(frozen=True)
class Value:
    """SQL of one kind: any and text are VARCHAR, time is TIMESTAMP_NS, list is VARCHAR[].

    `counts`: a text that is shown as a number where it spells one, such as the largest value.
    """

    kind: ValueKind
    own: Sql
    counts: bool = field(default=False, kw_only=True)

    @property
    def sql(self) -> Sql:
        """It in its own kind."""
        return self.own

    def text(self) -> Sql:
        """As VARCHAR: integral numbers without a point, times as RFC 3339."""
        match self.kind:
            case "any" | "text":
                return self.sql
            case "number":
                return sql(r"regexp_replace(CAST({} AS VARCHAR), '[.]0$', '')", self.sql)
            case "truth":
                return sql("CAST({} AS VARCHAR)", self.sql)
            case "time":
                return sql(f"strftime({{}}, '{STAMP_FORMAT}')", self.sql)
            case "list":
                return sql("array_to_string({}, chr(10))", self.sql)

    def number(self) -> Sql:
        """As a number; NULL for what spells none. Times are seconds since the epoch."""
        match self.kind:
            case "number":
                return self.sql
            case "truth":
                return sql("CAST({} AS DOUBLE)", self.sql)
            case "time":
                return sql("(epoch_ns({}) / 1e9)", self.sql)
            case _:
                return sql(f"TRY_CAST(regexp_extract({{}}, {_SPELLED}) AS DOUBLE)", self.text())

    def truth(self) -> Sql:
        """As BOOLEAN: a number is true when it is not 0, a text when it says true."""
        match self.kind:
            case "truth":
                return self.sql
            case "number":
                return sql("({} <> 0)", self.sql)
            case "time":
                return sql("({} IS NOT NULL)", self.sql)
            case _:
                return sql("(lower({}) = 'true')", self.text())

    def time(self) -> Sql:
        """As TIMESTAMP_NS: numbers are seconds since the epoch, texts RFC 3339 or epoch."""
        match self.kind:
            case "time":
                return self.sql
            case "number" | "truth":
                return moment(self.number())
            case _:
                return sql(
                    "coalesce({}, TRY_CAST({} AS TIMESTAMP_NS))",
                    moment(self.number()),
                    self.text(),
                )

    def items(self) -> Sql:
        """As VARCHAR[]: a JSON array of a line as its elements, anything else as one."""
        if self.kind == "list":
            return self.sql
        text = self.text()
        return sql(
            "CASE WHEN {} IS NULL THEN NULL WHEN starts_with({}, '[') THEN "
            "coalesce(TRY_CAST(TRY_CAST({} AS JSON) AS VARCHAR[]), [{}]) ELSE [{}] END",
            *[text] * 5,
        )


@dataclass(frozen=True)
class Source(Value):
    """A member of the line: it is asked for as text or as a number, whichever is needed."""

    text_column: Callable[[], Sql]
    number_column: Callable[[], Sql]

    @property
    def sql(self) -> Sql:
        """Its text."""
        return self.text_column()

    def number(self) -> Sql:
        """Its own number column."""
        return self.number_column()


def moment(seconds: Sql) -> Sql:
    """Seconds since the epoch as TIMESTAMP_NS; NULL past the years 1678 to 2262."""
    return sql(
        "make_timestamp_ns(TRY_CAST(CASE WHEN abs({}) < 9.2e9 THEN {} * 1e9 END AS BIGINT))",
        seconds,
        seconds,
    )


def null(kind: ValueKind = "any") -> Value:
    """The missing value."""
    types = {"number": "DOUBLE", "truth": "BOOLEAN", "time": "TIMESTAMP_NS", "list": "VARCHAR[]"}
    return Value(kind, Sql(f"CAST(NULL AS {types.get(kind, 'VARCHAR')})"))


def constant(value: str | float | bool | None) -> Value:
    """A value that stands in the query; it is bound."""
    if value is None:
        return null()
    if isinstance(value, bool):
        return Value("truth", Sql("true" if value else "false"))
    if isinstance(value, str):
        return Value("text", Sql("CAST(? AS VARCHAR)", (value,)))
    return Value("number", Sql("CAST(? AS DOUBLE)", (float(value),)))
