"""Views of what a query finds: its volume over time, and the values of its fields."""

from collections.abc import Sequence

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Refused
from tallystick.watch.collect.columns import EVENT_ID_FIELD, SEQ_FIELD, Sql, Use
from tallystick.watch.collect.lines import decode_line
from tallystick.watch.collect.query import Plan
from tallystick.watch.collect.redact.outcome import SEALED_FIELD
from tallystick.watch.collect.search.answers import (
    Bucket,
    Facet,
    Facets,
    FacetValue,
    Histogram,
    moment,
)
from tallystick.watch.collect.search.log_search import LogSearch, Question
from tallystick.watch.collect.search.relation import Events, events_of, listed, sql
from tallystick.watch.collect.search.span import (
    BUCKETS_DEFAULT,
    BUCKETS_MAX,
    Span,
    aligned,
    bounds,
    reachable,
)

SEVERITY = "severity_text"
NO_SEVERITY = "NONE"
"""How lines without a severity are counted."""
SAMPLE_LINES = 1_000
"""Newest lines that are looked at to see which fields are interesting."""
FACETS_DEFAULT = 10
"""Fields shown when nobody names one."""
FACET_FIELDS_MAX = 20
"""Most fields that may be named."""
FACET_VALUES_MAX = 100
"""Most values of a field."""
_COVERAGE_MIN = 0.2
"""A field is interesting when this share of the lines has it (Splunk's rule)."""
_VALUES_SHARE_MAX = 0.5
"""And when so many of its values, at most, are different: an id is no facet."""
_DULL = frozenset(
    {SEQ_FIELD, EVENT_ID_FIELD, SEALED_FIELD, "timestamp", "observed_timestamp", "body"}
)
"""Fields for machines, times, and the message, which has patterns of its own."""


def range_of(search: LogSearch, events: Events) -> tuple[int, int]:
    """The range that was asked for, or where it is open: that of the events themselves."""
    wanted = events.plan.search
    earliest_ns, latest_ns = wanted.earliest_ns, wanted.latest_ns
    if earliest_ns is None or latest_ns is None:
        plan = events.ask(bounds(events), ("first", "last", "count"))
        ((first, last, count),), _skipped = search.ask(plan)
        now_ns = search.clock.now_ns()
        if not count:
            first = last = now_ns if latest_ns is None else latest_ns - 1
        earliest_ns = int(str(first)) if earliest_ns is None else earliest_ns
        latest_ns = int(str(last)) + 1 if latest_ns is None else latest_ns
    earliest_ns = reachable(earliest_ns)
    return earliest_ns, max(reachable(latest_ns), earliest_ns + 1)


def histogram(search: LogSearch, question: Question, buckets: int = BUCKETS_DEFAULT) -> Histogram:
    """How many lines of each severity came when, over the whole range, without holes.

    Raises:
        Refused: `BAD_QUERY`, `BAD_LIMIT`, `QUERY_TOO_SLOW`, `QUERY_TOO_LARGE`.
    """
    if not 1 <= buckets <= BUCKETS_MAX:
        raise Refused("BAD_LIMIT", f"There are from 1 to {BUCKETS_MAX} buckets.", field="buckets")
    plan = search.events(question)
    events = events_of(plan, (Use(SEVERITY, "text"),))
    span = aligned(*range_of(search, events), buckets)
    question_sql = sql(
        "SELECT ", span.bucket(), " AS bucket, coalesce(", events.columns[0],
        Sql(", ?)", (NO_SEVERITY,)), " AS severity, count(*) FROM ", events.relation,
        " GROUP BY ALL",
    )  # fmt: skip
    rows, skipped = search.ask(events.ask(question_sql, ("bucket", "severity", "count")))
    counts: list[dict[str, int]] = [{} for _ in range(span.buckets)]
    for bucket, severity, count in rows:
        number = min(max(int(str(bucket)), 0), span.buckets - 1)
        by = counts[number]
        by[str(severity)] = by.get(str(severity), 0) + int(str(count))
    total = sum(count for by in counts for count in by.values())
    return Histogram(
        moment(span.earliest_ns), moment(span.latest_ns), span.bucket_ns / NS_PER_SECOND, total,
        tuple(_bucket(span, number, by) for number, by in enumerate(counts)), skipped,
    )  # fmt: skip


def _bucket(span: Span, number: int, by: dict[str, int]) -> Bucket:
    at = moment(span.earliest_ns + number * span.bucket_ns)
    return Bucket(at, sum(by.values()), dict(sorted(by.items())))


def facets(
    search: LogSearch, question: Question, fields: Sequence[str] = (), values: int = 10
) -> Facets:
    """The most frequent values of these fields, or of the interesting ones, counted exactly.

    Raises:
        Refused: `BAD_QUERY`, `BAD_LIMIT`, `QUERY_TOO_SLOW`, `QUERY_TOO_LARGE`.
    """
    if not 1 <= values <= FACET_VALUES_MAX:
        raise Refused("BAD_LIMIT", f"There are from 1 to {FACET_VALUES_MAX} values.", field="limit")
    if len(fields) > FACET_FIELDS_MAX:
        sentence = f"At most {FACET_FIELDS_MAX} fields can be named."
        raise Refused("BAD_LIMIT", sentence, field="field")
    plan = search.events(question)
    names = tuple(dict.fromkeys(fields)) or interesting(search, plan)
    events = events_of(plan, [Use(name, "text") for name in names])
    wanted: list[Sql] = [Sql("count(*)")]
    for column in events.columns:
        for before, after in (
            ("count(", ")"),
            ("approx_count_distinct(", ")"),
            ("approx_top_k(", f", {values})"),
        ):
            wanted.append(sql(before, column, after))
    asked = sql("SELECT ", listed(wanted), " FROM ", events.relation)
    (row,), skipped = search.ask(events.ask(asked, tuple(f"f{n}" for n in range(len(wanted)))))
    total, rest = int(str(row[0])), row[1:]
    looks = [
        (name, int(str(rest[at])), int(str(rest[at + 1])), _texts(rest[at + 2]))
        for name, at in zip(names, range(0, len(rest), 3), strict=True)
    ]
    counts = _counted(search, events, [top for *_, top in looks])
    found = [
        _facet(name, count, distinct, total, tops)
        for (name, count, distinct, _), tops in zip(looks, counts, strict=True)
    ]
    if not fields:
        found.sort(key=lambda facet: (-facet.count, facet.field))
    return Facets(total, tuple(found), skipped)


def interesting(search: LogSearch, plan: Plan) -> tuple[str, ...]:
    """Fields of the newest lines that many of them have, with values that come again."""
    lines = _sample(search, plan)
    seen: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    for line in lines:
        for name, value in decode_line(line).items():
            if name not in _DULL and value is not None and not isinstance(value, dict | list):
                seen[name] = seen.get(name, 0) + 1
                values.setdefault(name, set()).add(str(value))
    least = len(lines) * _COVERAGE_MIN
    kept = [
        name
        for name, count in seen.items()
        if count >= least and len(values[name]) <= max(count * _VALUES_SHARE_MAX, 1)
    ]
    return tuple(sorted(kept, key=lambda name: (-seen[name], name))[:FACETS_DEFAULT])


def _sample(search: LogSearch, plan: Plan) -> list[bytes]:
    if plan.simple:
        page = search.store.page(plan.search, SAMPLE_LINES)
        return [bytes(line) for line in page.logs]
    events = events_of(plan, whole=True)
    question = sql(
        "SELECT ", events.raw, " FROM ", events.relation, Sql(" LIMIT ?", (SAMPLE_LINES,))
    )
    rows, _skipped = search.ask(events.ask(question, ("line",)))
    return [str(row[0]).encode() for row in rows]


def _texts(value: object) -> list[str]:
    """The values that `approx_top_k` names; NULL where there is none."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _counted(
    search: LogSearch, events: Events, tops: list[list[str]]
) -> list[list[tuple[str, int]]]:
    """How often each of these values comes: the look before only guesses that."""
    wanted = [
        sql("count(*) FILTER (WHERE ", column, Sql(" = ?)", (value,)))
        for column, values in zip(events.columns, tops, strict=True)
        for value in values
    ]
    if not wanted:
        return [[] for _ in tops]
    asked = sql("SELECT ", listed(wanted), " FROM ", events.relation)
    (row,), _skipped = search.ask(events.ask(asked, tuple(f"c{n}" for n in range(len(wanted)))))
    counts = iter(row)
    return [[(value, int(str(next(counts)))) for value in values] for values in tops]


def _facet(name: str, count: int, distinct: int, total: int, tops: list[tuple[str, int]]) -> Facet:
    tops.sort(key=lambda top: (-top[1], top[0]))
    values = tuple(
        FacetValue(value, times, round(100 * times / max(count, 1), 2)) for value, times in tops
    )
    coverage = round(100 * count / max(total, 1), 2)
    return Facet(name, count, coverage, max(distinct, len(values)), values)
