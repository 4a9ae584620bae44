"""eval, fillnull, bin: new values of the same rows."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.expressions import compiled
from tallystick.watch.collect.query.nodes import (
    Call,
    Chain,
    Constant,
    Expr,
    Field,
    Negated,
)
from tallystick.watch.collect.query.patterns import number_of
from tallystick.watch.collect.query.spans import bucketed, span_or_none
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.times import SPAN_NS_MAX, Span
from tallystick.watch.collect.query.values import Value, constant, sql
from tallystick.watch.collect.query.wording import bad

ASSIGNMENTS_MAX: Final = 100
"""Most fields that one eval makes."""
BINS_DEFAULT: Final = 100


@dataclass(frozen=True)
class Eval:
    """`eval`: fields from expressions; later ones may use earlier ones."""

    assignments: tuple[tuple[Field, Expr], ...]

    def compile(self, stage: Stage) -> Stage:
        """The rows with the new fields; those that need no other new one share a step."""
        waiting: dict[str, Value] = {}
        for field, expression in self.assignments:
            if waiting and mentions(expression, waiting.keys()):
                stage, waiting = stage.compute(waiting), {}
            waiting[field.name] = compiled(expression, stage)
        return stage.compute(waiting)


def mentions(expression: Expr, names: Container[str]) -> bool:
    """Whether the expression reads one of these fields."""
    match expression:
        case Field(name):
            return name in names
        case Constant():
            return False
        case Negated(operand):
            return mentions(operand, names)
        case Call(_, parts) | Chain(parts):
            return any(mentions(part, names) for part in parts)


@dataclass(frozen=True)
class FillNull:
    """`fillnull`: a value where fields are missing."""

    value: str
    fields: tuple[Field, ...]
    at: int

    def compile(self, stage: Stage) -> Stage:
        """The rows with these fields filled; without names all that are known."""
        names = tuple(field.name for field in self.fields)
        if not names and stage.open:
            reason = "fillnull needs the names of fields while rows are still lines"
            raise bad(self.at, reason)
        number = number_of(self.value)
        filled: dict[str, Value] = {}
        for name in names or stage.known():
            value = stage.field(name)
            if value.kind == "number" and number is not None:
                new = constant(number)
                filled[name] = Value("number", sql("coalesce({}, {})", value.sql, new.sql))
            else:
                filled[name] = Value("any", sql("coalesce({}, {})", value.text(), self.value))
        stage = stage.compute(filled)
        if stage.spread is None or names:
            return stage
        kind = "DOUBLE" if stage.spread.kind == "number" else "VARCHAR"
        return stage.respread(
            "list_transform(map_entries({}), lambda e: "
            f"struct_pack(k := e.key, v := coalesce(e.value, TRY_CAST({{}} AS {kind}))))",
            stage.spread,
            self.value,
        )


@dataclass(frozen=True)
class Bin:
    """`bin`: times and numbers in classes of one width."""

    field: Field
    name: str
    span: Span | None
    width: float | None
    bins: int

    def compile(self, stage: Stage) -> Stage:
        """The rows with the class in place of the value: a time, or a text `low-high`."""
        value = stage.field(self.field.name)
        if value.kind == "time":
            span = self.span or (
                Span(ns=min(max(round(self.width * 1e9), 1), SPAN_NS_MAX)) if self.width else None
            )
            start = bucketed(stage, value.sql, span, self.bins)
            return stage.compute({self.name: Value("time", start)})
        if self.span is not None:
            value = Value("time", value.time())
            start = bucketed(stage, value.sql, self.span, self.bins)
            return stage.compute({self.name: Value("time", start)})
        return self._numbers(stage, value)

    def _numbers(self, stage: Stage, value: Value) -> Stage:
        number = sql("CAST({} AS DOUBLE)", value.number())
        if self.width is None:
            extent = sql("(max({}) OVER () - min({}) OVER ())", number, number)
            stage, width_value = stage.hidden(
                Value("number", sql(f"pow(10, ceil(log10(nullif({{}}, 0) / {self.bins})))", extent))
            )
            width = sql("coalesce({}, 1)", width_value.sql)
        else:
            width = sql("CAST({} AS DOUBLE)", self.width)
        stage, low = stage.hidden(
            Value("number", sql("(floor({} / {}) * {})", number, width, width))
        )
        high = Value("number", sql("({} + {})", low.sql, width))
        return stage.compute(
            {self.name: Value("any", sql("{} || '-' || {}", low.text(), high.text()))}
        )


def read_eval(body: Body) -> Command:
    """`eval a = b * 2, c = lower(d)`."""
    assignments = body.assignments()
    if len(assignments) > ASSIGNMENTS_MAX:
        raise bad(
            assignments[ASSIGNMENTS_MAX][0].at, f"eval makes at most {ASSIGNMENTS_MAX} fields"
        )
    return Eval(assignments)


def read_fillnull(body: Body) -> Command:
    """`fillnull value=0 a b`; without a value it is 0."""
    given = body.arguments("value")
    return FillNull(given.text("value", "0"), given.some_fields(), body.start)


def read_bin(body: Body) -> Command:
    """`bin _time span=5m`, `bin duration_us bins=20 AS class`."""
    given = body.arguments("span", "bins", "minspan")
    before, after = given.split("as")
    fields = before.fields()
    if len(fields) > 1:
        raise bad(fields[1].at, "bin takes one field")
    name = fields[0].name if after is None else after.fields("a name behind as")[0].name
    span, width = None, None
    if "span" in given.options:
        option = given.options["span"]
        width = number_of(option.value)
        if width is not None and width <= 0:
            raise bad(option.value_at, "a span is more than 0")
        if width is None:
            span = span_or_none(option)
    bins = given.whole("bins", BINS_DEFAULT, least=2)
    return Bin(fields[0], name, span, width, bins)
