"""Classes of time in SQL: the beginning of the span in which a moment lies."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.nodes import Option
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.times import Span, parse_span
from tallystick.watch.collect.query.values import sql
from tallystick.watch.collect.query.wording import bad

POINTS_MAX: Final = 10_000
"""Most points in one chart; a finer span of a longer time is refused, or its gaps stay open."""
_SECONDS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
)
_DAYS = (1, 2, 7, 14, 28, 91, 182, 364, 1_820, 3_640, 36_400)
NICE_NS: Final = (
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    *(seconds * 10**9 for seconds in _SECONDS),
    *(days * 86_400 * 10**9 for days in _DAYS),
)
"""The spans that are chosen where the query names none."""
_EARLIEST_NS = -5 * 10**18
"""Before the year 1812 a span could begin where TIMESTAMP_NS does not reach: none is told."""
_WEEK_NS = 7 * 86_400 * 10**9
_MONDAY_NS = 4 * 86_400 * 10**9
"""1970-01-05 was a Monday: whole weeks begin there."""


def span_or_none(option: Option | None) -> Span | None:
    """The span that the option names; `auto` and nothing leave it open."""
    if option is None or option.value.lower() in {"auto", "none"}:
        return None
    return parse_span(option.value, option.value_at)


def chosen_ns(extent_ns: int, bins: int) -> int:
    """The smallest nice span with at most so many of them in the extent."""
    fitting = [ns for ns in NICE_NS if extent_ns <= ns * bins]
    return fitting[0] if fitting else NICE_NS[-1]


def step_of(stage: Stage, time: Sql, span: Span | None, bins: int) -> Sql:
    """The span in nanoseconds for the times of these rows: known now, or found by a scan."""
    if span is not None:
        return Sql(f"CAST({span.ns} AS BIGINT)")
    search = stage.builder.search
    if search.earliest_ns is not None and search.latest_ns is not None:
        return Sql(f"CAST({chosen_ns(search.latest_ns - search.earliest_ns, bins)} AS BIGINT)")
    nice = ", ".join(map(str, NICE_NS))
    scan = sql(
        f"SELECT coalesce(list_filter([{nice}], lambda ns: extent <= ns * {bins}.0)[1],"
        f" {NICE_NS[-1]}) AS step FROM (SELECT coalesce(max(epoch_ns({{}}) / 1.0)"
        f" - min(epoch_ns({{}}) / 1.0), 0) AS extent FROM {stage.relation})",
        time,
        time,
    )
    relation = stage.builder.step(scan, kept=True)
    return Sql(f"(SELECT step FROM {relation})")


def start_of(time: Sql, span: Span | None, step: Sql) -> Sql:
    """The beginning of the class as TIMESTAMP_NS; weeks begin on Monday."""
    if span is not None and span.months:
        return sql(
            f"CAST(time_bucket(INTERVAL ({span.months}) MONTH, CAST({{}} AS TIMESTAMP),"
            " TIMESTAMP '2000-01-01') AS TIMESTAMP_NS)",
            time,
        )
    weeks = span is not None and span.ns % _WEEK_NS == 0
    ns = sql(f"(epoch_ns({{}}) - {_MONDAY_NS})" if weeks else "epoch_ns({})", time)
    passed = sql("(({} % {}) + {}) % {}", ns, step, step, step)
    return sql(
        f"CASE WHEN epoch_ns({{}}) > {_EARLIEST_NS}"
        " THEN make_timestamp_ns(epoch_ns({}) - {}) END",
        time,
        time,
        passed,
    )


def bucketed(stage: Stage, time: Sql, span: Span | None, bins: int) -> Sql:
    """The beginning of the class in which a moment of these rows lies."""
    return start_of(time, span, step_of(stage, time, span, bins))


def check_points(extent_ns: int, span: Span, at: int) -> None:
    """Refuse a chart with too many points."""
    points = extent_ns // span.ns if span.ns else 0
    if points > POINTS_MAX:
        raise bad(at, f"this span makes {points:,} points; at most {POINTS_MAX:,} go")
