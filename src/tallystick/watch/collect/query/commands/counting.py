"""stats, eventstats, streamstats, tstats: values of many rows."""

import re
from dataclasses import dataclass
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.aggregates import aggregated
from tallystick.watch.collect.query.commands.command import Body, Command, truth, whole
from tallystick.watch.collect.query.commands.filtering import searched
from tallystick.watch.collect.query.nodes import Aggregate, Field, Option
from tallystick.watch.collect.query.search import Search, read_search
from tallystick.watch.collect.query.spans import bucketed, span_or_none
from tallystick.watch.collect.query.stage import Order, Stage, natural, ordering
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad

AGGREGATES_MAX: Final = 50
WINDOW_MAX: Final = 10_000
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_TSTATS_WORD = re.compile(r"\b(where|by|from)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Stats:
    """`stats`: one row a group."""

    aggregates: tuple[Aggregate, ...]
    by: tuple[Field, ...]

    def compile(self, stage: Stage) -> Stage:
        """A table of the groups; rows that lack one of the fields belong to none."""
        stage, keys = keyed(stage, self.by)
        names = [field.name for field in self.by]
        return grouped(stage, names, keys, self.aggregates)


def keyed(stage: Stage, fields: tuple[Field, ...]) -> tuple[Stage, list[Value]]:
    """The rows that have these fields, and columns of them to group by."""
    keys: list[Value] = []
    parts: list[Sql] = [Sql("*")]
    for field in fields:
        value, column = stage.field(field.name), stage.builder.fresh()
        own = value.text() if value.kind == "list" else value.sql
        parts.append(sql(f"{{}} AS {column}", own))
        keys.append(Value("any" if value.kind in {"list", "text"} else value.kind, Sql(column)))
    if keys:
        stage = stage.select(comma(parts))
        present = comma([sql("{} IS NOT NULL", key.sql) for key in keys], " AND ")
        stage = stage.where(present)
    return stage, keys


def grouped(
    stage: Stage, names: list[str], keys: list[Value], aggregates: tuple[Aggregate, ...]
) -> Stage:
    """One row a combination of the keys, in their order."""
    builder = stage.builder
    parts = [key.sql for key in keys]
    columns: dict[str, Value] = dict(zip(names, keys, strict=True))
    for aggregate in aggregates:
        value, column = aggregated(aggregate, stage), builder.fresh()
        parts.append(sql(f"{{}} AS {column}", value.sql))
        columns[aggregate.name] = Value(value.kind, Sql(column), counts=value.counts)
    group = sql("GROUP BY {}", comma([key.sql for key in keys])) if keys else Sql("")
    relation = stage.select(comma(parts), group).relation
    order: Order = tuple(part for key in keys for part in natural(key))
    if not order:
        order = natural(next(iter(columns.values())))
    return stage.table(list(columns), relation, list(columns.values()), order)


@dataclass(frozen=True)
class EventStats:
    """`eventstats`: what stats gives, in each row of the group."""

    aggregates: tuple[Aggregate, ...]
    by: tuple[Field, ...]

    def compile(self, stage: Stage) -> Stage:
        """The rows with the new fields; a row that lacks a field of the group gets none."""
        keys = [stage.field(field.name).text() for field in self.by]
        partition = sql("PARTITION BY {}", comma(keys)) if keys else Sql("")
        return windowed(stage, self.aggregates, keys, partition)


@dataclass(frozen=True)
class StreamStats:
    """`streamstats`: what stats gives over the rows so far, in the order of the rows."""

    aggregates: tuple[Aggregate, ...]
    by: tuple[Field, ...]
    window: int
    current: bool

    def compile(self, stage: Stage) -> Stage:
        """The rows with the new fields."""
        keys = [stage.field(field.name).text() for field in self.by]
        partition = sql("PARTITION BY {}", comma(keys)) if keys else Sql("")
        last = "CURRENT ROW" if self.current else "1 PRECEDING"
        before = self.window - 1 if self.current else self.window
        first = f"{before} PRECEDING" if self.window else "UNBOUNDED PRECEDING"
        frame = sql(
            f"{{}} ORDER BY {{}} ROWS BETWEEN {first} AND {last}",
            partition,
            ordering(stage.order),
        )
        return windowed(stage, self.aggregates, keys, frame)


def windowed(
    stage: Stage, aggregates: tuple[Aggregate, ...], keys: list[Sql], window: Sql
) -> Stage:
    """The rows with the aggregates over their windows."""
    over = sql(" OVER ({})", window)
    values: dict[str, Value] = {}
    for aggregate in aggregates:
        value = aggregated(aggregate, stage, over)
        if keys:
            present = comma([sql("{} IS NOT NULL", key) for key in keys], " AND ")
            shown = sql("CASE WHEN {} THEN {} END", present, value.sql)
            value = Value(value.kind, shown, counts=value.counts)
        values[aggregate.name] = value
    return stage.compute(values)


@dataclass(frozen=True)
class TStats:
    """`tstats`: stats with a search of its own, and a span for `_time`."""

    search: Search
    stats: Stats
    span: Option | None

    def compile(self, stage: Stage) -> Stage:
        """A table of the groups."""
        stage = searched(stage, self.search)
        if self.span is not None:
            time = stage.field("_time").time()
            start = bucketed(stage, time, span_or_none(self.span), 100)
            stage = stage.compute({"_time": Value("time", start)})
        return self.stats.compile(stage)


def read_stats(body: Body) -> Command:
    """`stats count, p99(duration_us) AS slow BY route`."""
    listed = body.aggregates("allnum", "delim", "partitions", "span")
    stats = Stats(checked(body, listed.aggregates), listed.by)
    span = next((option for option in listed.options if option.name == "span"), None)
    return stats if span is None else TStats(Search(), stats, span)


def checked(body: Body, aggregates: tuple[Aggregate, ...]) -> tuple[Aggregate, ...]:
    """The aggregates: some, not too many."""
    if not aggregates:
        raise body.missing("an aggregate such as count or avg(duration_us)")
    if len(aggregates) > AGGREGATES_MAX:
        raise bad(aggregates[AGGREGATES_MAX].at, f"at most {AGGREGATES_MAX} aggregates go")
    return aggregates


def read_eventstats(body: Body) -> Command:
    """`eventstats avg(duration_us) AS usual BY route`."""
    listed = body.aggregates("allnum")
    return EventStats(checked(body, listed.aggregates), listed.by)


def read_streamstats(body: Body) -> Command:
    """`streamstats window=5 current=f sum(x) BY host`."""
    listed = body.aggregates("window", "current", "global", "allnum")
    options = {option.name: option for option in listed.options}
    window, current = options.get("window"), options.get("current")
    if "global" in options and listed.by and window is not None and truth(options["global"]):
        reason = "each group has a window of its own: only global=false goes"
        raise bad(options["global"].value_at, reason)
    rows = 0 if window is None else whole(window.value, window.value_at)
    if window is not None and rows > WINDOW_MAX:
        raise bad(window.value_at, f"a window has at most {WINDOW_MAX:,} rows")
    return StreamStats(
        checked(body, listed.aggregates),
        listed.by,
        rows,
        current is None or truth(current),
    )


def read_tstats(body: Body) -> Command:
    """`tstats count AS n WHERE index=main status>=500 BY route, _time span=1h`."""
    hidden = _QUOTED.sub(lambda match: " " * len(match[0]), body.text)
    words = list(_TSTATS_WORD.finditer(hidden, body.start))
    for word in words:
        if word[0].lower() == "from":
            raise bad(word.start(), "there are no data models; tstats reads the log itself")
    where = next((word for word in words if word[0].lower() == "where"), None)
    search, text = Search(), body.text
    if where is not None:
        ends = [w.start() for w in words if w[0].lower() == "by" and w.start() > where.start()]
        end = ends[-1] if ends else len(text)
        search = read_search(text, where.end(), end, body.now_ns)
        text = text[: where.start()] + " " * (end - where.start()) + text[end:]
    part = Body(text, body.name, body.at, body.start, body.now_ns)
    listed = part.aggregates("span", "prestats", "summariesonly", "allow_old_summaries")
    span = next((option for option in listed.options if option.name == "span"), None)
    return TStats(search, Stats(checked(part, listed.aggregates), listed.by), span)
