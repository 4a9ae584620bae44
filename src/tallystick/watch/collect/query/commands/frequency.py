"""top, rare, patterns: how often values are there."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from dataclasses import dataclass
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.commands.counting import keyed
from tallystick.watch.collect.query.nodes import Field
from tallystick.watch.collect.query.normalising import normalised
from tallystick.watch.collect.query.stage import Order, Sort, Stage, natural
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad

LIMIT_DEFAULT: Final = 10


@dataclass(frozen=True)
class Top:
    """`top` and `rare`: the most or least frequent combinations of values."""

    fields: tuple[Field, ...]
    by: tuple[Field, ...]
    limit: int
    rare: bool
    count_field: str | None
    percent_field: str | None
    other: str | None

    def compile(self, stage: Stage) -> Stage:
        """A table: the fields behind `by`, the fields, `count` and `percent`."""
        builder = stage.builder
        by_count = len(self.by)
        stage, keys = keyed(stage, (*self.by, *self.fields))
        count, percent, rank = builder.fresh(), builder.fresh(), builder.fresh()
        key_columns = comma([key.sql for key in keys])
        counted = builder.step(
            sql(
                f"SELECT {{}}, count(*) AS {count} FROM {stage.relation} GROUP BY {{}}",
                key_columns,
                key_columns,
            )
        )
        by = comma([key.sql for key in keys[:by_count]])
        partition = sql("PARTITION BY {} ", by) if by_count else Sql("")
        way = "ASC" if self.rare else "DESC"
        ranked = builder.step(
            sql(
                f"SELECT *, 100.0 * {count} / sum({count}) OVER ({{}}) AS {percent},"
                f" row_number() OVER ({{}}ORDER BY {count} {way}, {{}}) AS {rank} FROM {counted}",
                partition,
                partition,
                comma([key.sql for key in keys[by_count:]]),
            )
        )
        relation = self._limited(stage, keys, (ranked, count, percent, rank))
        columns = {
            field.name: key for field, key in zip((*self.by, *self.fields), keys, strict=True)
        }
        if self.limit and self.other is not None:  # they are texts now
            columns.update({f.name: Value("any", columns[f.name].sql) for f in self.fields})
        if self.count_field is not None:
            columns[self.count_field] = Value("number", Sql(count))
        if self.percent_field is not None:
            columns[self.percent_field] = Value("number", Sql(percent))
        order: Order = tuple(part for key in keys[:by_count] for part in natural(key))
        return stage.table(
            list(columns), relation, list(columns.values()), (*order, Sort(Sql(rank)))
        )

    def _limited(self, stage: Stage, keys: list[Value], names: tuple[str, str, str, str]) -> str:
        """The first so many of each group; the others in one row where they are wanted."""
        ranked, count, percent, rank = names
        builder = stage.builder
        if not self.limit:
            return ranked
        if self.other is None:
            return builder.step(Sql(f"SELECT * FROM {ranked} WHERE {rank} <= {self.limit}"))
        kept = builder.step(Sql(f"SELECT * FROM {ranked}"), kept=True)
        by = [key.sql for key in keys[: len(self.by)]]
        others = [
            sql("CAST({} AS VARCHAR) AS {}", self.other, key.sql) for key in keys[len(self.by) :]
        ]
        rest = comma(
            [
                *by,
                *others,
                Sql(f"sum({count}) AS {count}"),
                Sql(f"sum({percent}) AS {percent}"),
                Sql(f"min({rank}) AS {rank}"),
            ]
        )
        group = sql("GROUP BY {}", comma(by)) if by else Sql("HAVING count(*) > 0")
        shown = comma(
            [
                *by,
                *[sql("{} AS {}", key.text(), key.sql) for key in keys[len(self.by) :]],
                Sql(f"{count}, {percent}, {rank}"),
            ]
        )
        return builder.step(
            sql(
                f"SELECT {{}} FROM {kept} WHERE {rank} <= {self.limit} UNION ALL"
                f" SELECT {{}} FROM {kept} WHERE {rank} > {self.limit} {{}}",
                shown,
                rest,
                group,
            )
        )


@dataclass(frozen=True)
class Patterns:
    """`patterns`: lines that say the same but for numbers, names and addresses."""

    field: str
    limit: int

    def compile(self, stage: Stage) -> Stage:
        """A table: `pattern`, `count`, `percent` and a `sample`, the most frequent first."""
        text = stage.field(self.field).text()
        stage = stage.where(sql("{} IS NOT NULL", text))
        builder = stage.builder
        pattern, count, percent, sample = (builder.fresh() for _ in range(4))
        stage, key = stage.hidden(Value("text", normalised(text)))
        counted = builder.step(
            sql(
                f"SELECT {{}} AS {pattern}, count(*) AS {count}, min({{}}) AS {sample}"
                f" FROM {stage.relation} GROUP BY {{}}",
                *(key.sql, text, key.sql),
            )
        )
        shares = f"SELECT *, 100.0 * {count} / sum({count}) OVER () AS {percent} FROM {counted}"
        limit = f" ORDER BY {count} DESC, {pattern} LIMIT {self.limit}" if self.limit else ""
        relation = builder.step(Sql(shares + limit))
        values = [
            Value("text", Sql(pattern)),
            Value("number", Sql(count)),
            Value("number", Sql(percent)),
            Value("text", Sql(sample)),
        ]
        order = (Sort(Sql(count), descending=True), Sort(Sql(pattern)))
        return stage.table(["pattern", "count", "percent", "sample"], relation, values, order)


def read_top(body: Body) -> Command:
    """`top 5 route BY method useother=true`."""
    return _frequency(body, rare=False)


def read_rare(body: Body) -> Command:
    """`rare limit=5 route`."""
    return _frequency(body, rare=True)


def _frequency(body: Body, *, rare: bool) -> Command:
    given = body.arguments(
        "countfield", "limit", "otherstr", "percentfield", "showcount", "showperc", "useother"
    )
    limit, rest = given.count_first()
    before, after = rest.split("by")
    fields = before.fields()
    by = () if after is None else after.fields("a field behind by")
    if len({field.name for field in (*by, *fields)}) < len(by) + len(fields):
        raise bad(fields[0].at, f"{body.name} takes each field once")
    return Top(
        fields,
        by,
        given.whole("limit", LIMIT_DEFAULT if limit is None else limit),
        rare,
        given.text("countfield", "count") if given.truth("showcount", default=True) else None,
        given.text("percentfield", "percent") if given.truth("showperc", default=True) else None,
        given.text("otherstr", "OTHER") if given.truth("useother", default=False) else None,
    )


def read_patterns(body: Body) -> Command:
    """`patterns`, `patterns body limit=20`."""
    given = body.arguments("field", "limit")
    fields = given.some_fields()
    if len(fields) > 1:
        raise bad(fields[1].at, f"{body.name} takes one field")
    name = fields[0].name if fields else given.text("field", "body")
    return Patterns(name, given.whole("limit", 100))
