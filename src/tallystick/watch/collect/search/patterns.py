"""Patterns of messages, and what changed against the period before.

Messages that differ only in numbers, ids, times and the like are one pattern: the query language
says what those are (`normalised`).
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources

import msgspec

from tallystick.errors import Refused
from tallystick.watch.collect.columns import Sql, Use
from tallystick.watch.collect.query import Plan, normalised
from tallystick.watch.collect.search.answers import Diff, Difference, Pattern, Patterns, moment
from tallystick.watch.collect.search.found import with_seq
from tallystick.watch.collect.search.log_search import LogSearch, Question
from tallystick.watch.collect.search.relation import Events, events_of, sql
from tallystick.watch.collect.search.span import exact, reachable
from tallystick.watch.collect.search.views import range_of

SPARKS = 24
"""Stretches of a pattern's sparkline."""
PATTERNS_MAX = 500
"""Most patterns, or differences, in one answer."""
_MESSAGE = (Use("event_name", "text"), Use("body", "text"))


def _pieces(name: str) -> list[str]:
    """A statement of ours, cut where fragments go; it begins behind its comment."""
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text("utf-8")
    return text[text.index("WITH ") :].split("??")


_KINDS = _pieces("patterns")
"""The question about patterns; fragments: pattern, bucket, relation."""
_CHANGES = _pieces("diff")
"""The question about changes; fragments: value, condition of now, relation."""
_NAMES = ("pattern", "n", "first_ns", "last_ns", "newest", "at", "sparks", "total", "kinds")


def patterns(
    search: LogSearch, question: Question, limit: int, field: str | None = None
) -> Patterns:
    """The most frequent patterns of the messages, or of one field.

    Raises:
        Refused: `BAD_QUERY`, `BAD_LIMIT`, `QUERY_TOO_SLOW`, `QUERY_TOO_LARGE`.
    """
    _check_limit(limit)
    events = _events(search.events(question), field)
    earliest_ns, latest_ns = range_of(search, events)
    span = exact(earliest_ns, latest_ns, SPARKS)
    kind = normalised(_message(events, field))
    asked = sql(_KINDS[0], kind, _KINDS[1], span.bucket(), _KINDS[2], events.relation, _KINDS[3])
    rows, skipped = search.ask(events.ask(sql(asked, Sql("?", (limit,))), _NAMES))
    total, distinct = (integer(rows[0][7]), integer(rows[0][8])) if rows else (0, 0)
    examples = lines(search, events.plan, [integer(row[4]) for row in rows])
    return Patterns(
        moment(earliest_ns), moment(latest_ns), total, distinct,
        tuple(_pattern(row, total, examples) for row in rows), skipped,
    )  # fmt: skip


def diff(search: LogSearch, question: Question, limit: int, field: str | None = None) -> Diff:
    """Patterns of the messages, or values of a field, against the period of as long before.

    Raises:
        Refused: `BAD_QUERY`, `BAD_LIMIT`, `BAD_RANGE` (it has no beginning), `QUERY_TOO_SLOW`,
            `QUERY_TOO_LARGE`.
    """
    _check_limit(limit)
    plan = search.events(question)
    earliest_ns = plan.search.earliest_ns
    if earliest_ns is None:
        sentence = "Say from when on: earliest=-1h compares the last hour with the one before."
        raise Refused("BAD_QUERY", sentence, field="earliest")
    earliest_ns = reachable(earliest_ns)
    latest_ns = reachable(plan.search.latest_ns or search.clock.now_ns())
    before_ns = reachable(earliest_ns - max(latest_ns - earliest_ns, 1))
    return _diff(search, plan, limit, field, (before_ns, earliest_ns, latest_ns))


def _diff(
    search: LogSearch, plan: Plan, limit: int, field: str | None, times: tuple[int, int, int]
) -> Diff:
    before_ns, earliest_ns, latest_ns = times
    both = replace(plan.search, earliest_ns=before_ns, latest_ns=latest_ns)
    events = _events(replace(plan, search=both), field)
    value = normalised(_message(events, None)) if field is None else events.columns[0]
    is_now = Sql("epoch_ns(_time) >= ?", (earliest_ns,))
    asked = sql(_CHANGES[0], value, _CHANGES[1], is_now, _CHANGES[2], events.relation, _CHANGES[3])
    names = ("value", "count", "before", "total", "total_before")
    rows, skipped = search.ask(events.ask(sql(asked, Sql("?", (limit,))), names))
    total, total_before = (integer(rows[0][3]), integer(rows[0][4])) if rows else (0, 0)
    return Diff(
        moment(earliest_ns), moment(latest_ns), moment(before_ns), field, total, total_before,
        tuple(difference(str(row[0]), integer(row[1]), integer(row[2])) for row in rows), skipped,
    )  # fmt: skip


def difference(value: str, count: int, before: int) -> Difference:
    """What became of a value: `new`, `gone`, `more`, `less` or `same`."""
    if not before:
        return Difference(value, count, before, "new", None)
    if not count:
        return Difference(value, count, before, "gone", 0.0)
    change = "same" if count == before else "more" if count > before else "less"
    return Difference(value, count, before, change, round(count / before, 3))


def lines(search: LogSearch, plan: Plan, seqs: Sequence[int]) -> dict[int, bytes]:
    """Lines of a plan by their numbers, each with `log.seq`; those that are there."""
    if not seqs:
        return {}
    events = events_of(plan, whole=True)
    wanted = Sql(f"seq IN ({', '.join('?' * len(seqs))})", tuple(seqs))
    asked = sql("SELECT seq, ", events.raw, " FROM ", events.relation, " WHERE ", wanted)
    rows, _skipped = search.ask(events.ask(asked, ("seq", "line")))
    return {integer(seq): with_seq(seq, line).encode() for seq, line in rows}


def integer(value: object) -> int:
    """A number that SQL gave: sums come as decimals."""
    return int(str(value)) if isinstance(value, int | str) else int(float(str(value)))


def _events(plan: Plan, field: str | None) -> Events:
    return events_of(plan, _MESSAGE if field is None else (Use(field, "text"),))


def _message(events: Events, field: str | None) -> Sql:
    """SQL: what a line says, in words."""
    if field is not None:
        return events.columns[0]
    name, body = events.columns
    return sql("nullif(concat_ws(' ', ", name, ", ", body, "), '')")


def _pattern(row: tuple[object, ...], total: int, examples: dict[int, bytes]) -> Pattern:
    pattern, n, first_ns, last_ns, newest, at, sparks, *_ = row
    counts = [0] * SPARKS
    if isinstance(at, list) and isinstance(sparks, list):
        for bucket, count in zip(at, sparks, strict=True):
            counts[min(max(int(bucket), 0), SPARKS - 1)] += integer(count)
    count = integer(n)
    return Pattern(
        str(pattern), count, round(100 * count / max(total, 1), 2), moment(integer(first_ns)),
        moment(integer(last_ns)), msgspec.Raw(examples.get(integer(newest), b"{}")), tuple(counts),
    )  # fmt: skip


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= PATTERNS_MAX:
        raise Refused("BAD_LIMIT", f"There are from 1 to {PATTERNS_MAX} of them.", field="limit")
