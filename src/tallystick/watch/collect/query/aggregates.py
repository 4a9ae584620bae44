"""The aggregates of stats, eventstats, streamstats, timechart and chart: one registry."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.expressions import compiled
from tallystick.watch.collect.query.nodes import Aggregate
from tallystick.watch.collect.query.stage import NEWEST_FIRST, Stage, ordering
from tallystick.watch.collect.query.values import Value, sql
from tallystick.watch.collect.query.wording import bad, unknown

LISTED_MAX: Final = 100
"""Most values that list() gives, as in Splunk."""
_PERCENTILE = re.compile(r"(?:p|perc|percentile|exactperc|upperperc)(\d{1,2}(?:\.\d{1,4})?|100)")


@dataclass(frozen=True)
class Over:
    """One aggregate to be made of the rows of a stage, or of a window over them."""

    aggregate: Aggregate
    stage: Stage
    value: Value | None
    window: Sql

    def number(self) -> Sql:
        """The argument as a number."""
        return sql("CAST({} AS DOUBLE)", self._argument().number())

    def text(self) -> Sql:
        """The argument as text."""
        return self._argument().text()

    def _argument(self) -> Value:
        if self.value is None:
            reason = f"{self.aggregate.function} needs a field in parentheses"
            raise bad(self.aggregate.at, reason)
        return self.value

    @property
    def argument(self) -> Value:
        """The argument."""
        return self._argument()

    def times(self) -> Sql:
        """What tells earlier rows from later ones."""
        time = self.stage.field("_time").time()
        return sql("({}, seq)", time) if self.stage.open else time


Make = Callable[[Over], Value]


def aggregated(aggregate: Aggregate, stage: Stage, window: Sql | None = None) -> Value:
    """The SQL of one aggregate over the rows of the stage.

    Raises:
        Refused: `BAD_QUERY`.
    """
    make = AGGREGATES.get(aggregate.function) or _percentile(aggregate.function)
    if make is None:
        known = [*AGGREGATES, "p50", "p90", "p95", "p99"]
        raise unknown(aggregate.at, "aggregate", aggregate.function, known)
    value = None if aggregate.argument is None else compiled(aggregate.argument, stage)
    return make(Over(aggregate, stage, value, window or Sql("")))


def starts_at_zero(aggregate: Aggregate) -> bool:
    """Whether it is 0 where there are no rows."""
    return aggregate.function in {"count", "c", "dc", "distinct_count", "estdc"}


def _percentile(name: str) -> Make | None:
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        return None
    fraction = float(match[1]) / 100
    return lambda over: _number(over, f"quantile_cont({{}}, {fraction!r})")


def _number(over: Over, template: str) -> Value:
    return Value("number", sql(template + "{}", over.number(), over.window))


def _of_numbers(template: str) -> Make:
    return lambda over: _number(over, template)


def _count(over: Over) -> Value:
    if over.value is None:
        return Value("number", sql("count(*){}", over.window))
    if over.value.kind == "truth":
        return Value("number", sql("count(*) FILTER (WHERE {}){}", over.value.sql, over.window))
    return Value("number", sql("count({}){}", over.text(), over.window))


def _distinct(over: Over) -> Value:
    return Value("number", sql("count(DISTINCT {}){}", over.text(), over.window))


def _about_distinct(over: Over) -> Value:
    return Value("number", sql("approx_count_distinct({}){}", over.text(), over.window))


def _extreme(name: str) -> Make:
    """Numbers count before texts; a field without numbers gives its first or last text."""

    def make(over: Over) -> Value:
        value = over.argument
        if value.kind in {"number", "time", "truth"}:
            return Value(value.kind, sql(f"{name}({{}}){{}}", value.sql, over.window))
        number = Value("number", sql(f"{name}({{}}){{}}", value.number(), over.window))
        text = sql(f"{name}({{}}){{}}", value.text(), over.window)
        return Value("any", sql("coalesce({}, {})", number.text(), text), counts=True)

    return make


def _spread(over: Over) -> Value:
    number, window = over.number(), over.window
    return Value("number", sql("(max({}){} - min({}){})", number, window, number, window))


def _deviation(name: str) -> Make:
    """Squares of huge numbers would overflow: they are left out."""
    return lambda over: Value(
        "number",
        sql(
            f"{name}({{}}) FILTER (WHERE abs({{}}) < 1e150){{}}",
            over.number(),
            over.number(),
            over.window,
        ),
    )


def _in_order(*, last: bool) -> Make:
    """The first or last row that has it, in the order of the rows."""

    def make(over: Over) -> Value:
        value = over.argument
        if over.stage.order == NEWEST_FIRST and over.stage.relation and over.stage.open:
            name = "arg_min" if last else "arg_max"
            chosen = sql(f"{name}({{}}, (_time, seq)){{}}", value.sql, over.window)
            return Value(value.kind, chosen)
        if over.window.text:  # a window takes no filter on first
            place = -1 if last else 1
            listed = sql(
                "list({} ORDER BY {}) FILTER (WHERE {} IS NOT NULL){}",
                *(value.sql, ordering(over.stage.order), value.sql, over.window),
            )
            return Value(value.kind, sql(f"list_extract({{}}, {place})", listed))
        order = over.stage.reversed().order if last else over.stage.order
        return Value(
            value.kind,
            sql(
                "first({} ORDER BY {}) FILTER (WHERE {} IS NOT NULL)",
                *(value.sql, ordering(order), value.sql),
            ),
        )

    return make


def _by_time(name: str) -> Make:
    def make(over: Over) -> Value:
        value = over.argument
        return Value(
            value.kind, sql(f"{name}({{}}, {{}}){{}}", value.sql, over.times(), over.window)
        )

    return make


def _time_of(name: str) -> Make:
    def make(over: Over) -> Value:
        time = over.stage.field("_time").time()
        present = sql("CASE WHEN {} IS NOT NULL THEN {} END", over.argument.sql, time)
        return Value("number", sql(f"(epoch_ns({name}({{}}){{}}) / 1e9)", present, over.window))

    return make


def _rate(over: Over) -> Value:
    """How much a counter grew a second, from its earliest to its latest value."""
    number, times = over.number(), over.times()
    moment = over.stage.field("_time").time()
    time = sql("CASE WHEN {} IS NOT NULL THEN epoch_ns({}) END", number, moment)
    window = over.window
    grown = sql(
        "(arg_max({}, {}){} - arg_min({}, {}){})", number, times, window, number, times, window
    )
    passed = sql("(max({}){} / 1e9 - min({}){} / 1e9)", time, window, time, window)
    return Value("number", sql("({} / nullif({}, 0))", grown, passed))


def _values(over: Over) -> Value:
    text = over.text()
    listed = sql("list(DISTINCT {}) FILTER (WHERE {} IS NOT NULL){}", text, text, over.window)
    return Value("list", sql("list_sort({})", listed))


def _list(over: Over) -> Value:
    text = over.text()
    running = "ROWS BETWEEN" in over.window.text  # it is ordered itself
    order = "" if running else " ORDER BY {}"
    parts = () if running else (ordering(over.stage.order),)
    listed = sql(
        f"list({{}}{order}) FILTER (WHERE {{}} IS NOT NULL){{}}", text, *parts, text, over.window
    )
    return Value("list", sql(f"list_slice({{}}, 1, {LISTED_MAX})", listed))


def _mode(over: Over) -> Value:
    return Value("any", sql("mode({}){}", over.text(), over.window))


AGGREGATES: Final[dict[str, Make]] = {
    "avg": _of_numbers("avg({})"),
    "c": _count,
    "count": _count,
    "dc": _distinct,
    "distinct_count": _distinct,
    "earliest": _by_time("arg_min"),
    "earliest_time": _time_of("min"),
    "estdc": _about_distinct,
    "first": _in_order(last=False),
    "last": _in_order(last=True),
    "latest": _by_time("arg_max"),
    "latest_time": _time_of("max"),
    "list": _list,
    "max": _extreme("max"),
    "mean": _of_numbers("avg({})"),
    "median": _of_numbers("quantile_cont({}, 0.5)"),
    "min": _extreme("min"),
    "mode": _mode,
    "range": _spread,
    "rate": _rate,
    "stddev": _deviation("stddev_samp"),
    "stddev_pop": _deviation("stddev_pop"),
    "stddev_samp": _deviation("stddev_samp"),
    "stdev": _deviation("stddev_samp"),
    "stdevp": _deviation("stddev_pop"),
    "sum": _of_numbers("sum({})"),
    "sumsq": lambda over: _number(over, "sum(pow({}, 2))"),
    "values": _values,
    "var": _deviation("var_samp"),
    "var_pop": _deviation("var_pop"),
    "var_samp": _deviation("var_samp"),
    "varp": _deviation("var_pop"),
}
"""Beside these there are percentiles: p99, perc95, p99.9."""
