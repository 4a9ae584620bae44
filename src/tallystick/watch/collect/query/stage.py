"""The pipeline as SQL, one common table expression a step: what each command changes.

Columns made on the way are called c1, c2, ...: the user's names appear only in the last SELECT,
quoted. Members of the lines flow through every step, as long as rows are still lines; DuckDB
reads those that something needs.
"""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tallystick.watch.collect.columns import SEQ_FIELD, Sql, Use
from tallystick.watch.collect.query.fields import ALIASES, RAW_FIELD, TIME_FIELD
from tallystick.watch.collect.query.lookups import Lookups
from tallystick.watch.collect.query.search import Search
from tallystick.watch.collect.query.values import Source, Value, comma, null, sql
from tallystick.watch.collect.query.wording import bad

STEPS_MAX: Final = 250
"""Most steps of SQL that one query may become."""


@dataclass(frozen=True)
class Sort:
    """One thing to sort by; missing values come last, whichever way."""

    by: Sql
    descending: bool = False
    nulls_last: bool = True

    def flipped(self) -> "Sort":
        """The other way round."""
        return Sort(self.by, not self.descending, not self.nulls_last)


Order = tuple[Sort, ...]
NEWEST_FIRST: Final[Order] = (
    Sort(Sql("_time"), descending=True),
    Sort(Sql("seq"), descending=True),
)


def ordering(order: Order) -> Sql:
    """What stands behind ORDER BY."""
    return comma(
        [
            sql(
                f"{{}} {'DESC' if sort.descending else 'ASC'}"
                f" NULLS {'LAST' if sort.nulls_last else 'FIRST'}",
                sort.by,
            )
            for sort in order
        ]
    )


def natural(value: Value, *, descending: bool = False) -> Order:
    """Numbers as numbers and before texts; the kind of the value where it has one."""
    if value.kind in {"number", "time", "truth"}:
        return (Sort(value.sql, descending),)
    return (Sort(value.number(), descending), Sort(value.text(), descending))


@dataclass
class Builder:
    """What grows while a pipeline is compiled."""

    search: Search
    now_ns: int
    lookups: Lookups
    steps: list[Callable[[], Sql]] = field(default_factory=list)  # bounded by: STEPS_MAX
    uses: set[Use] = field(default_factory=set)
    whole: bool = False
    names: int = 0

    def fresh(self) -> str:
        """A column name that nothing has yet."""
        self.names += 1
        return f"c{self.names}"

    def step(self, select: Sql, *, kept: bool = False) -> str:
        """Add a step; the name of its relation. `kept`: it is read several times."""
        return self.later(lambda: select, kept=kept)

    def later(self, select: Callable[[], Sql], *, kept: bool = False) -> str:
        """Add a step whose SQL is asked for when the rest is known."""
        if len(self.steps) == STEPS_MAX:
            raise bad(0, "it has too many steps; leave something out")
        name = f"s{len(self.steps) + 1}"
        head = f"{name} AS {'MATERIALIZED ' if kept else ''}({{}})"
        self.steps.append(lambda: sql(head, select()))
        return name

    def member(self, name: str) -> Value:
        """A member of the lines."""
        if name == TIME_FIELD:
            return Value("time", Sql("_time"))
        if name == SEQ_FIELD:
            return Value("number", Sql("seq"))
        if name == RAW_FIELD:
            return Source("any", Sql(""), self._raw, lambda: null("number").sql)
        return Source(
            "any",
            Sql(""),
            lambda: self._use(Use(name, "text")),
            lambda: sql("CAST({} AS DOUBLE)", self._use(Use(name, "number"))),
        )

    def _raw(self) -> Sql:
        self.whole = True
        return Sql("_raw")

    def _use(self, use: Use) -> Sql:
        self.uses.add(use)
        return Sql(use.column)


@dataclass(frozen=True)
class Stage:
    """The rows between two commands.

    `open`: rows are lines still, and have all the members that are not `removed`. `spread`: the
    column of a map with further columns, made by timechart and chart. `order` is SQL over the
    columns of `relation`. `derived`: where fields come from that no member and no command names.
    """

    builder: Builder
    relation: str = "events"
    columns: Mapping[str, Value] = field(default_factory=dict)
    open: bool = True
    removed: frozenset[str] = frozenset()
    order: Order = NEWEST_FIRST
    spread: Value | None = None
    charted: bool = False
    derived: tuple[Callable[[str], Value], ...] = ()

    def field(self, name: str) -> Value:
        """The field, or NULL where no row has it."""
        if name in self.columns:
            return self.columns[name]
        if self.open and name in {TIME_FIELD, RAW_FIELD, SEQ_FIELD}:
            return self.builder.member(name)
        found: list[Value] = []
        if self.open and name not in self.removed:
            found.append(self.builder.member(name))
        found += [derive(name) for derive in self.derived]
        if len(found) == 1:
            return found[0]
        if found:
            return Value("any", sql("coalesce({})", comma([value.text() for value in found])))
        if self.spread is not None:
            return Value(self.spread.kind, sql("map_extract_value({}, {})", self.spread.own, name))
        return null()

    def known(self) -> tuple[str, ...]:
        """The names of the fields that are known before the query runs."""
        return tuple(self.columns)

    # -- steps -----------------------------------------------------------------------------------

    def compute(self, values: Mapping[str, Value]) -> "Stage":
        """The same rows with these fields added or replaced."""
        if not values:
            return self
        parts, columns = [Sql("*")], dict(self.columns)
        for name, value in values.items():
            if isinstance(value, Source):
                columns[name] = value
                continue
            column = self.builder.fresh()
            parts.append(sql(f"{{}} AS {column}", value.sql))
            columns[name] = Value(value.kind, Sql(column), counts=value.counts)
        stage = replace(self, columns=columns, removed=self.removed - set(values))
        return stage if len(parts) == 1 else stage.select(comma(parts))

    def hidden(self, value: Value) -> tuple["Stage", Value]:
        """The same rows with one more column that is no field."""
        column = self.builder.fresh()
        stage = self.select(sql(f"*, {{}} AS {column}", value.sql))
        return stage, Value(value.kind, Sql(column))

    def select(self, columns: Sql, rest: Sql | None = None) -> "Stage":
        """A step over this relation: SELECT columns FROM it, and what may follow."""
        select = sql(f"SELECT {{}} FROM {self.relation} {{}}", columns, rest or Sql(""))
        return replace(self, relation=self.builder.step(select))

    def where(self, condition: Sql) -> "Stage":
        """Only the rows for which it is true."""
        return self.select(Sql("*"), sql("WHERE {}", condition))

    def table(
        self, names: Sequence[str], relation: str, values: Sequence[Value], order: Order
    ) -> "Stage":
        """New rows that are no lines any more."""
        columns = dict(zip(names, values, strict=True))
        return Stage(self.builder, relation, columns, open=False, order=order)

    def sorted_by(self, order: Order) -> "Stage":
        """The same rows in another order; the order before breaks ties."""
        return replace(self, order=(*order, *self.order))

    def reversed(self) -> "Stage":
        """The same rows, last first."""
        return replace(self, order=tuple(sort.flipped() for sort in self.order))

    def first(self, count: int) -> "Stage":
        """The first rows in their order."""
        return self.select(Sql("*"), sql("ORDER BY {} LIMIT {}", ordering(self.order), count))

    def kept(self, names: Sequence[str]) -> "Stage":
        """Only these fields, in this order: a table."""
        columns = {name: self.field(name) for name in names}
        return replace(
            self, columns=columns, open=False, spread=None, removed=frozenset(), derived=()
        )

    def without(self, names: Sequence[str]) -> "Stage":
        """All fields but these."""
        columns = {name: value for name, value in self.columns.items() if name not in names}
        stage = replace(self, columns=columns)
        if self.open:
            meant = {name for alias in names for name in (alias, *ALIASES.get(alias, ()))}
            return replace(stage, removed=self.removed | meant)
        if self.spread is not None:
            return stage.respread(
                "list_filter(map_entries({}), lambda e: NOT list_contains({}, e.key))",
                self.spread,
                sql("CAST({} AS VARCHAR[])", list(names)),
            )
        return stage

    def respread(self, entries: str, spread: Value, *parts: object) -> "Stage":
        """The map of further columns made of these entries of the map before."""
        column = self.builder.fresh()
        made = sql(f"*, map_from_entries({entries}) AS {column}", spread.own, *parts)
        return replace(self.select(made), spread=Value(spread.kind, Sql(column)))
