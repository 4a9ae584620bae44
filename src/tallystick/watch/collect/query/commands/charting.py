"""timechart and chart: a row a point, a column an aggregate or a series."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from dataclasses import dataclass, replace
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.aggregates import starts_at_zero
from tallystick.watch.collect.query.commands.command import Body, Command, truth, whole
from tallystick.watch.collect.query.commands.counting import checked, grouped, keyed
from tallystick.watch.collect.query.commands.series import (
    SERIES_OPTIONS,
    Series,
    read_series,
    spread,
)
from tallystick.watch.collect.query.nodes import Aggregate, Field
from tallystick.watch.collect.query.spans import (
    POINTS_MAX,
    check_points,
    span_or_none,
    start_of,
    step_of,
)
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.times import Span
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad

BINS_DEFAULT: Final = 100


@dataclass(frozen=True)
class TimeChart:
    """`timechart`: aggregates in time, gaps filled."""

    aggregates: tuple[Aggregate, ...]
    series: Series | None
    span: Span | None
    span_at: int
    bins: int
    filled: bool

    def compile(self, stage: Stage) -> Stage:
        """A table: `_time`, then the columns."""
        stage = stage.where(sql("{} IS NOT NULL", stage.field("_time").time()))
        time = stage.field("_time").time()
        search = stage.builder.search
        if self.span and search.earliest_ns is not None and search.latest_ns is not None:
            check_points(search.latest_ns - search.earliest_ns, self.span, self.span_at)
        step = step_of(stage, time, self.span, self.bins)
        stage, point = stage.hidden(Value("time", start_of(time, self.span, step)))
        points = (lambda counted: self._points(counted, point.sql, step)) if self.filled else None
        if self.series is not None:
            table = spread(stage, "_time", point, self.aggregates, self.series, points)
            return replace(table, charted=True)
        table = grouped(stage, ["_time"], [point], self.aggregates)
        if points is not None:
            kept = table.builder.step(sql(f"SELECT * FROM {table.relation}"), kept=True)
            table = self._joined(replace(table, relation=kept), point, step)
        return replace(table, charted=True)

    def _joined(self, table: Stage, point: Value, step: Sql) -> Stage:
        """The table with a row for each point of time; where nothing was, a count is 0."""
        points = self._points(table, point.sql, step)
        parts = [sql("p.point AS {}", point.sql)]
        for aggregate in {aggregate.name: aggregate for aggregate in self.aggregates}.values():
            column = table.columns[aggregate.name].sql
            zero = starts_at_zero(aggregate)
            parts.append(sql("coalesce(t.{}, 0) AS {}" if zero else "t.{} AS {}", column, column))
        select = sql(
            f"SELECT {{}} FROM {points} AS p LEFT JOIN {table.relation} AS t ON p.point = t.{{}}",
            comma(parts),
            point.sql,
        )
        return replace(table, relation=table.builder.step(select))

    def _points(self, stage: Stage, column: Sql, step: Sql) -> str:
        """A relation of all points of time, from the bounds of the search or of what was found."""
        search = stage.builder.search
        latest = None if search.latest_ns is None else search.latest_ns - 1
        low = self._bound(search.earliest_ns, "min", column, step)
        high = self._bound(latest, "max", column, step)
        if self.span is not None and self.span.months:
            every = Sql(f"generate_series(low, high, INTERVAL ({self.span.months}) MONTH)")
            count = Sql(f"date_diff('month', low, high) // {self.span.months}")
        else:
            every = sql(
                "list_transform(range(epoch_ns(low), epoch_ns(high) + 1, {}),"
                " lambda ns: make_timestamp_ns(ns))",
                step,
            )
            count = sql("(epoch_ns(high) / 1.0 - epoch_ns(low) / 1.0) / {}", step)
        gaps = sql(
            f"SELECT CAST(unnest(CASE WHEN {{}} <= {POINTS_MAX} THEN {{}} END) AS TIMESTAMP_NS)"
            f" FROM (SELECT {{}} AS low, {{}} AS high FROM {stage.relation})",
            *(count, every, low, high),
        )
        found = sql(f"SELECT DISTINCT {{}} AS point FROM {stage.relation}", column)
        return stage.builder.step(sql("{} UNION {}", found, gaps))

    def _bound(self, ns: int | None, found: str, column: Sql, step: Sql) -> Sql:
        """The first or last point: that of the search's bound, or the one that was found."""
        if ns is None:
            point = sql(f"{found}({{}})", column)
        else:
            point = sql(
                "any_value({})", start_of(sql("make_timestamp_ns({})", ns), self.span, step)
            )
        if self.span is not None and self.span.months:
            return sql("CAST({} AS TIMESTAMP)", point)
        return point


@dataclass(frozen=True)
class Chart:
    """`chart`: aggregates by one field, with another as the series."""

    aggregates: tuple[Aggregate, ...]
    over: Field | None
    series: Series | None

    def compile(self, stage: Stage) -> Stage:
        """A table: the field, then the columns."""
        fields = () if self.over is None else (self.over,)
        stage, keys = keyed(stage, fields)
        if self.over is None or self.series is None:
            return grouped(stage, [field.name for field in fields], keys, self.aggregates)
        return spread(stage, self.over.name, keys[0], self.aggregates, self.series, None)


def read_timechart(body: Body) -> Command:
    """`timechart span=5m count BY route limit=5`."""
    listed = body.aggregates("bins", "cont", "partial", "span", *SERIES_OPTIONS)
    options = {option.name: option for option in listed.options}
    if len(listed.by) > 1 or listed.over:
        at = (*listed.over, *listed.by[1:])[0].at
        raise bad(at, "timechart takes one field behind by")
    span = options.get("span")
    bins = options.get("bins")
    filled = options.get("cont")
    return TimeChart(
        checked(body, listed.aggregates),
        read_series(listed.by[0], options) if listed.by else None,
        span_or_none(span),
        span.value_at if span else body.start,
        BINS_DEFAULT if bins is None else whole(bins.value, bins.value_at, 1),
        filled is None or truth(filled),
    )


def read_chart(body: Body) -> Command:
    """`chart avg(duration_us) OVER route BY method`."""
    listed = body.aggregates("cont", *SERIES_OPTIONS)
    options = {option.name: option for option in listed.options}
    fields = (*listed.over, *listed.by)
    if len(fields) > 2:
        raise bad(fields[2].at, "chart takes two fields: over one, by another")
    return Chart(
        checked(body, listed.aggregates),
        fields[0] if fields else None,
        read_series(fields[1], options) if len(fields) == 2 else None,
    )
