"""A pipeline as one SQL statement over the relation `events`, and what that relation must have."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tallystick.watch.collect.columns import Sql, Use
from tallystick.watch.collect.query.lookups import Lookups, NoLookups
from tallystick.watch.collect.query.pipeline import Pipeline
from tallystick.watch.collect.query.search import Search
from tallystick.watch.collect.query.stage import Builder, Stage, ordering
from tallystick.watch.collect.query.values import Value, comma, sql

_LINE_COLUMNS = ("seq", "_time", "_raw")


@dataclass(frozen=True)
class Plan:
    """What to run, and what its rows are.

    `sql` reads the relation `events`, whose columns are `seq BIGINT`, `_time TIMESTAMP_NS`, one
    for each of `uses`, and `_raw VARCHAR` (the line) where `whole`.

    Rows of the shape `events` are lines: seq, _time, _raw, then `fields`, which are new or changed
    members; `removed` members are to be left out. Rows of the shape `table` are the `fields`; with
    `spread` one more column follows, a map of further fields, the same keys in every row.
    `counts`: fields whose texts are shown as numbers where they spell one. `charted`: the first
    field is `_time`, the others are series. `simple`: nothing but a search.
    """

    search: Search
    uses: tuple[Use, ...]
    whole: bool
    sql: Sql
    shape: Literal["events", "table"]
    fields: tuple[str, ...]
    removed: frozenset[str] = field(default=frozenset())
    counts: frozenset[str] = field(default=frozenset())
    spread: bool = False
    charted: bool = False
    simple: bool = False

    def over(self, events: Sql) -> Sql:
        """The whole statement, where `events` selects the lines of the search."""
        text = self.sql.text
        rest = f", {text.removeprefix('WITH ')}" if text.startswith("WITH ") else f" {text}"
        return Sql(f"WITH events AS ({events.text}){rest}", events.values + self.sql.values)


def compile_query(pipeline: Pipeline, lookups: Lookups | None = None) -> Plan:
    """The plan of a pipeline.

    Raises:
        Refused: `BAD_QUERY`, with the position.
    """
    builder = Builder(pipeline.search, pipeline.now_ns, lookups or NoLookups())
    stage = Stage(builder)
    for command in pipeline.commands:
        stage = command.compile(stage)
    simple = stage.relation == "events" and stage.open and stage == Stage(builder)
    return _lines(stage, simple=simple) if stage.open else _table(stage)


def _lines(stage: Stage, *, simple: bool) -> Plan:
    columns = {name: value for name, value in stage.columns.items() if name not in _LINE_COLUMNS}
    line = [Sql("seq"), stage.field("_time").time(), stage.builder.member("_raw").text()]
    whole = _whole(stage, [*line, *(value.sql for value in columns.values())])
    builder = stage.builder
    return Plan(
        builder.search,
        tuple(sorted(builder.uses)),
        builder.whole,
        whole,
        "events",
        tuple(columns),
        removed=stage.removed,
        counts=_counts(columns),
        simple=simple,
    )


def _table(stage: Stage) -> Plan:
    parts = [value.sql for value in stage.columns.values()]
    if stage.spread is not None:
        parts.append(stage.spread.own)
    whole = _whole(stage, parts or [Sql("NULL")])
    builder = stage.builder
    return Plan(
        builder.search,
        tuple(sorted(builder.uses)),
        builder.whole,
        whole,
        "table",
        tuple(stage.columns),
        counts=_counts(stage.columns),
        spread=stage.spread is not None,
        charted=stage.charted and next(iter(stage.columns), None) == "_time",
    )


def _whole(stage: Stage, parts: list[Sql]) -> Sql:
    """All steps, and the last SELECT; its columns are called f0, f1 and so on."""
    shown = comma([sql(f"{{}} AS f{number}", part) for number, part in enumerate(parts)])
    order = ordering(stage.order)
    select = sql(f"SELECT {{}} FROM {stage.relation} ORDER BY {{}}", shown, order)
    steps = [step() for step in stage.builder.steps]
    return sql("WITH {} {}", comma(steps), select) if steps else select


def _counts(columns: Mapping[str, Value]) -> frozenset[str]:
    return frozenset(name for name, value in columns.items() if value.counts)
