"""One column a value of a field: the largest few by name, the others together."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.aggregates import aggregated, starts_at_zero
from tallystick.watch.collect.query.commands.command import truth, whole
from tallystick.watch.collect.query.nodes import Aggregate, Field, Option
from tallystick.watch.collect.query.stage import Stage, natural
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad

SERIES_DEFAULT: Final = 10
SERIES_MAX: Final = 1_000
"""Most columns that one chart makes."""
SERIES_OPTIONS: Final = ("limit", "nullstr", "otherstr", "useother", "usenull")
_MERGED: Final = {"c": "sum", "count": "sum", "max": "max", "min": "min", "sum": "sum"}
"""How values of parts make the value of the whole, where they do."""
Points = Callable[[Stage], str]


@dataclass(frozen=True)
class Series:
    """The field, how many of its values, and what the others and the missing are called."""

    field: Field
    limit: int
    other: str | None
    null: str | None


def read_series(field: Field, options: dict[str, Option]) -> Series:
    """The series as the options of chart and timechart say."""
    limit = options.get("limit")
    count = SERIES_DEFAULT
    if limit is not None:
        text = limit.value.removeprefix("top").strip()
        count = whole(text, limit.value_at) or SERIES_MAX
        if count > SERIES_MAX:
            raise bad(limit.value_at, f"at most {SERIES_MAX:,} series go")
    names: dict[str, str | None] = {}
    for switch, name, default in (
        ("useother", "otherstr", "OTHER"),
        ("usenull", "nullstr", "NULL"),
    ):
        shown = options[name].value if name in options else default
        names[switch] = shown if switch not in options or truth(options[switch]) else None
    return Series(field, count, names["useother"], names["usenull"])


def spread(
    stage: Stage,
    over: str,
    point: Value,
    aggregates: tuple[Aggregate, ...],
    series: Series,
    points: Points | None,
) -> Stage:
    """A table: the point, then a map of the series, the same keys in every row.

    `points` gives a relation of all points (column `point`) for the counted rows; without it
    there are those that were found.
    """
    aggregates = tuple({aggregate.name: aggregate for aggregate in aggregates}.values())
    text = stage.field(series.field.name).text()
    key = text if series.null is None else sql("coalesce({}, {})", text, series.null)
    stage, name = stage.hidden(Value("text", key))
    stage = stage.where(sql("{} IS NOT NULL", name.sql))
    values = [_shown(aggregate, stage) for aggregate in aggregates]
    if all(aggregate.function in _MERGED for aggregate in aggregates):
        stage, columns = _counted(stage, point, name, values)
        values = [
            Value(column.kind, sql(f"{_MERGED[aggregate.function]}({{}})", column.sql))
            for aggregate, column in zip(aggregates, columns, strict=True)
        ]
    stage, name = _limited(stage, point, name, values[0], series)
    stage, columns = _counted(stage, point, name, values)
    counted = stage.relation
    found = points(stage) if points is not None else _found(stage, point)
    ranked = _ranked(stage, name, series)
    entries = _entries(aggregates, columns)
    column = stage.builder.fresh()
    gathered = sql(
        f"SELECT p.point AS {point.sql.text}, {{}} AS {column}"
        f" FROM {found} AS p CROSS JOIN {ranked} AS s LEFT JOIN {counted} AS t"
        f" ON t.{point.sql.text} = p.point AND t.{name.sql.text} = s.name GROUP BY p.point",
        entries,
    )
    relation = stage.builder.step(gathered)
    table = stage.table([over], relation, [point], natural(point))
    numeric = all(made.kind == "number" for made in columns)
    return replace(table, spread=Value("number" if numeric else "text", Sql(column)))


def _shown(aggregate: Aggregate, stage: Stage) -> Value:
    """The value as it is charted: a number where it can be one."""
    value = aggregated(aggregate, stage)
    if value.kind in {"number", "time", "truth"} or aggregate.function in _MERGED:
        return Value("number", sql("CAST({} AS DOUBLE)", value.number()))
    return Value("text", value.text())


def _counted(
    stage: Stage, point: Value, name: Value, values: list[Value]
) -> tuple[Stage, list[Value]]:
    """One row for each point and series."""
    parts, columns = [point.sql, name.sql], list[Value]()
    for value in values:
        column = stage.builder.fresh()
        parts.append(sql(f"{{}} AS {column}", value.sql))
        columns.append(Value(value.kind, Sql(column)))
    group = sql(f"SELECT {{}} FROM {stage.relation} GROUP BY {{}}", comma(parts), comma(parts[:2]))
    return replace(stage, relation=stage.builder.step(group, kept=True)), columns


def _limited(
    stage: Stage, point: Value, name: Value, value: Value, series: Series
) -> tuple[Stage, Value]:
    """The series with the largest sums of points keep their names; the others share one, or go."""
    weight = value.sql if value.kind == "number" else Sql("count(*)")
    grouped = f"SELECT {{}} AS name, {{}} AS v FROM {stage.relation} GROUP BY {{}}, {{}}"
    weighed = stage.builder.step(sql(grouped, name.sql, weight, point.sql, name.sql))
    largest = stage.builder.step(
        Sql(
            f"SELECT name FROM {weighed} GROUP BY name"
            f" ORDER BY sum(v) DESC NULLS LAST, name LIMIT {series.limit}"
        )
    )
    among = sql(f"{{}} IN (SELECT name FROM {largest})", name.sql)
    if series.other is None:
        return stage.where(among), name
    shown = sql("CASE WHEN {} THEN {} ELSE {} END", among, name.sql, series.other)
    return stage.hidden(Value("text", shown))


def _found(stage: Stage, point: Value) -> str:
    return stage.builder.step(
        sql(f"SELECT DISTINCT {{}} AS point FROM {stage.relation}", point.sql)
    )


def _ranked(stage: Stage, name: Value, series: Series) -> str:
    """The names in their order: as texts, then the others, then the missing."""
    last = sql(
        "CASE WHEN name = {} THEN 2 WHEN name = {} THEN 1 ELSE 0 END",
        series.null or "",
        series.other or "",
    )
    names = sql(f"SELECT DISTINCT {{}} AS name FROM {stage.relation}", name.sql)
    return stage.builder.step(
        sql("SELECT name, row_number() OVER (ORDER BY {}, name) AS rank FROM ({})", last, names)
    )


def _entries(aggregates: tuple[Aggregate, ...], columns: list[Value]) -> Sql:
    """The map of a point: `series`, or `aggregate: series` where there are several."""
    lists: list[Sql] = []
    one_kind = all(column.kind == "number" for column in columns)
    for aggregate, column in zip(aggregates, columns, strict=True):
        value = sql("t.{}", column.sql)
        if starts_at_zero(aggregate):
            value = sql("coalesce({}, 0)", value)
        if not one_kind:
            value = Value(column.kind, value).text()
        key = Sql("s.name") if len(columns) == 1 else sql("{} || s.name", f"{aggregate.name}: ")
        lists.append(sql("list(struct_pack(k := {}, v := {}) ORDER BY s.rank)", key, value))
    if len(lists) == 1:
        return sql("map_from_entries({})", lists[0])
    return sql("map_from_entries(list_concat({}))", comma(lists))
