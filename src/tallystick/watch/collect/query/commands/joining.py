"""lookup: fields of a table beside the log."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from dataclasses import dataclass, replace

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.commands.command import Body, Command, is_comma
from tallystick.watch.collect.query.lookups import LookupTable
from tallystick.watch.collect.query.nodes import Field, Mark, Quoted, Word
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad, unknown

Pair = tuple[Field, Field]
"""A field of the table, and one of the rows."""


@dataclass(frozen=True)
class Lookup:
    """`lookup`: the first row of the table whose keys are those of the row."""

    table: Field
    keys: tuple[Pair, ...]
    outputs: tuple[Pair, ...]
    only_new: bool

    def compile(self, stage: Stage) -> Stage:
        """The rows with the fields of the table; where it has none, a field is missing."""
        lookups = stage.builder.lookups
        names = lookups.names()
        if self.table.name not in names:
            raise unknown(self.table.at, "lookup table", self.table.name, names)
        table = lookups.table(self.table.name)
        outputs = self.outputs or tuple(
            (Field(name, self.table.at),) * 2
            for name in table.fields
            if name not in {key.name for key, _ in self.keys}
        )
        relation, keys, values = _rows(stage, self.table, table, self.keys, outputs)
        conditions: list[Sql] = []
        for (_, mine), theirs in zip(self.keys, keys, strict=True):
            stage, own = stage.hidden(Value("text", stage.field(mine.name).text()))
            conditions.append(sql("t.{} = l.{}", own.sql, theirs))
        joined = sql(
            f"SELECT t.*, {{}} FROM {stage.relation} AS t LEFT JOIN {relation} AS l ON {{}}",
            comma([sql("l.{}", value) for value in values]),
            comma(conditions, " AND "),
        )
        found = {
            mine.name: Value("any", column)
            for (_, mine), column in zip(outputs, values, strict=True)
        }
        if self.only_new:
            found = {
                name: Value("any", sql("coalesce({}, {})", stage.field(name).text(), value.sql))
                for name, value in found.items()
            }
        stage = replace(stage, relation=stage.builder.step(joined))
        return stage.compute(found)


def _rows(
    stage: Stage, name: Field, table: LookupTable, keys: tuple[Pair, ...], outputs: tuple[Pair, ...]
) -> tuple[str, list[Sql], list[Sql]]:
    """The table as a relation, one row a key; its columns of keys and of outputs."""
    builder = stage.builder
    places = {field: place for place, field in enumerate(table.fields, start=1)}
    picked: list[list[tuple[int, Sql]]] = [[], []]
    for number, pairs in enumerate((keys, outputs)):
        for theirs, _ in pairs:
            if theirs.name not in places:
                raise unknown(theirs.at, f"field in {name.name} called", theirs.name, places)
            picked[number].append((places[theirs.name], Sql(builder.fresh())))
    rows = [list(row) for row in table.rows]
    key_parts = comma([sql(f"r[{place}] AS {{}}", column) for place, column in picked[0]])
    parts = comma([sql(f"arg_min(r[{place}], n) AS {{}}", column) for place, column in picked[1]])
    group = comma([Sql(f"r[{place}]") for place, _ in picked[0]])
    relation = builder.step(
        sql(
            "SELECT {}, {} FROM unnest(CAST({} AS VARCHAR[][])) WITH ORDINALITY AS u(r, n)"
            " GROUP BY {}",
            *(key_parts, parts, rows, group),
        ),
        kept=True,
    )
    return relation, [column for _, column in picked[0]], [column for _, column in picked[1]]


def read_lookup(body: Body) -> Command:
    """`lookup accounts account_id AS user OUTPUT name, desk AS team`."""
    given = body.arguments("append", "local", "update")
    before, after = given.split("output", "outputnew")
    only_new = any(
        isinstance(item, Word) and item.text.lower() == "outputnew" for item in given.items
    )
    items = before.items
    if not items or isinstance(items[0], Mark):
        raise body.missing("the name of a table")
    keys = _pairs(body, items[1:])
    if not keys:
        raise body.missing("a field to look up by")
    outputs = () if after is None else _pairs(body, after.items)
    if after is not None and not outputs:
        raise body.missing("fields behind OUTPUT")
    return Lookup(Field(items[0].text, items[0].at), keys, outputs, only_new)


def _pairs(body: Body, items: tuple[Word | Quoted | Mark, ...]) -> tuple[Pair, ...]:
    """`a AS b, c`: the field of the table, and the one of the rows."""
    pairs: list[Pair] = []
    waiting = [item for item in items if not is_comma(item)]
    while waiting:
        first = waiting.pop(0)
        if isinstance(first, Mark):
            raise bad(first.at, f"{first.text} does not fit here; a field would")
        theirs = mine = Field(first.text, first.at)
        if waiting and isinstance(waiting[0], Word) and waiting[0].text.lower() == "as":
            waiting.pop(0)
            if not waiting:
                raise body.missing("a field behind as")
            second = waiting.pop(0)
            mine = Field(second.text, second.at)
        pairs.append((theirs, mine))
    return tuple(pairs)
