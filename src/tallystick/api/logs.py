"""Searching log lines: pages, tables, and views of what a query finds."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_DEFAULT
from tallystick.watch.collect.query.pipeline import PIPELINE_CHARACTERS_MAX
from tallystick.watch.collect.search import (
    Around,
    Diff,
    Facets,
    Histogram,
    LogAnswer,
    Patterns,
    Question,
    around,
    diff,
    facets,
    histogram,
    patterns,
)
from tallystick.watch.collect.search.around import AROUND_MAX
from tallystick.watch.collect.search.patterns import PATTERNS_MAX
from tallystick.watch.collect.search.saved import SAVED_NAME_CHARACTERS_MAX, TIME_CHARACTERS_MAX
from tallystick.watch.collect.search.span import BUCKETS_DEFAULT, BUCKETS_MAX
from tallystick.watch.collect.search.views import FACET_VALUES_MAX

AROUND_DEFAULT = 10
QUERY_IN_URL_CHARACTERS_MAX = 4_000
"""Longest query in a URL, which may have 64 KiB in any spelling; a saved one may be longer."""
FIELDS_CHARACTERS_MAX = 500
"""Longest list of fields, with commas between them."""
_SEQ_DIGITS_MAX = 15
T = TypeVar("T")
Moment = Annotated[str, Meta(max_length=TIME_CHARACTERS_MAX)]
Names = Annotated[str, Meta(max_length=FIELDS_CHARACTERS_MAX)]
SEARCHED = ("BAD_QUERY", "UNKNOWN_SEARCH", "CROWDED")
"""What every search may be refused with beside values that are not allowed."""


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`q`: a query (see the guide on log queries), or `saved`: the name of a saved one.

    `earliest` and `latest` are its range: `-1h`, `-1d@d`, RFC 3339, seconds since the epoch.
    """

    q: Annotated[str, Meta(max_length=QUERY_IN_URL_CHARACTERS_MAX)] = ""
    saved: Annotated[str, Meta(max_length=SAVED_NAME_CHARACTERS_MAX)] | None = None
    earliest: Moment | None = None
    latest: Moment | None = None


class LogsQuery(Asking, frozen=True, forbid_unknown_fields=True):
    """A page of at most `limit` lines that are older than `before`, a `next_before`."""

    limit: Limit = PAGE_ITEMS_DEFAULT
    before: Annotated[str, Meta(max_length=64)] | None = None


class HistogramQuery(Asking, frozen=True, forbid_unknown_fields=True):
    """`buckets`: about so many, of a length that people can read."""

    buckets: Annotated[int, Meta(ge=1, le=BUCKETS_MAX)] = BUCKETS_DEFAULT


class FacetsQuery(Asking, frozen=True, forbid_unknown_fields=True):
    """`field`: names with commas between them; the interesting fields where there is none."""

    field: Names | None = None
    limit: Annotated[int, Meta(ge=1, le=FACET_VALUES_MAX)] = 10


class PatternsQuery(Asking, frozen=True, forbid_unknown_fields=True):
    """`field`: of this field instead of the message."""

    field: Names | None = None
    limit: Annotated[int, Meta(ge=1, le=PATTERNS_MAX)] = 50


class AroundQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`same`: fields that have to be as in the line (`host,source`); `q`: only lines that fit."""

    before: Annotated[int, Meta(ge=0, le=AROUND_MAX)] = AROUND_DEFAULT
    after: Annotated[int, Meta(ge=0, le=AROUND_MAX)] = AROUND_DEFAULT
    same: Names | None = None
    q: Annotated[str, Meta(max_length=QUERY_IN_URL_CHARACTERS_MAX)] = ""


class SqlQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sql`: one SELECT over the relation `events`; the range as in other searches."""

    sql: Annotated[str, Meta(min_length=1, max_length=PIPELINE_CHARACTERS_MAX)]
    earliest: Moment | None = None
    latest: Moment | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT


def question_of(services: Services, call: Call, asking: Asking) -> Question:
    """What is asked, within the indexes that the token may see.

    Raises:
        Refused: `UNKNOWN_SEARCH`; `VALUE_NOT_ALLOWED`, both a query and a saved one.
    """
    indexes = call.principal.indexes
    if asking.saved is None:
        return Question(asking.q, asking.earliest, asking.latest, indexes)
    if asking.q:
        raise Refused("VALUE_NOT_ALLOWED", "Give either q or saved.", field="saved")
    kept = services.search.saved.get(asking.saved)
    earliest = asking.earliest or kept.earliest
    return Question(kept.query, earliest, asking.latest or kept.latest, indexes)


async def in_place(services: Services, work: Callable[[], T]) -> T:
    """Do blocking work in a place of the search, off the event loop.

    Raises:
        Crowded: too many searches are running.
    """
    return await asyncio.wrap_future(services.search.places.submit(work))


def names_of(text: str | None) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name for name in map(str.strip, (text or "").split(",")) if name)


async def logs(services: Services, call: Call) -> LogAnswer:
    """Lines or a table."""
    query: LogsQuery = call.query
    question = question_of(services, call, query)
    search = services.search
    return await in_place(services, partial(search.page, question, query.limit, query.before))


async def volume(services: Services, call: Call) -> Histogram:
    """How many lines came when."""
    query: HistogramQuery = call.query
    question = question_of(services, call, query)
    return await in_place(services, partial(histogram, services.search, question, query.buckets))


async def top_values(services: Services, call: Call) -> Facets:
    """The values of fields."""
    query: FacetsQuery = call.query
    question, names = question_of(services, call, query), names_of(query.field)
    return await in_place(services, partial(facets, services.search, question, names, query.limit))


async def surroundings(services: Services, call: Call) -> Around:
    """What happened around a line."""
    query: AroundQuery = call.query
    question = Question(query.q, indexes=call.principal.indexes)
    work = partial(
        around, services.search, seq_of(call.path["seq"]), question,
        before=query.before, after=query.after, same=names_of(query.same),
    )  # fmt: skip
    return await in_place(services, work)


async def message_patterns(services: Services, call: Call) -> Patterns:
    """What kinds of messages there are."""
    query: PatternsQuery = call.query
    question = question_of(services, call, query)
    work = partial(patterns, services.search, question, query.limit, query.field or None)
    return await in_place(services, work)


async def differences(services: Services, call: Call) -> Diff:
    """What changed against the period before."""
    query: PatternsQuery = call.query
    question = question_of(services, call, query)
    work = partial(diff, services.search, question, query.limit, query.field or None)
    return await in_place(services, work)


async def run_sql(services: Services, call: Call) -> LogAnswer:
    """A table made with SQL."""
    asked: SqlQuery = call.body
    question = Question("", asked.earliest, asked.latest, call.principal.indexes)
    work = partial(services.search.sql, asked.sql, question, asked.limit)
    return await in_place(services, work)


def seq_of(text: str) -> int:
    """The number of a line in a path.

    Raises:
        Refused: `UNKNOWN_LINE`.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _SEQ_DIGITS_MAX):
        raise Refused("UNKNOWN_LINE", f"There is no log line {text[:40]!r}.")
    return int(text)


OPERATIONS = (
    Operation(
        "GET", "/v1/logs", "Search log lines, newest first, or make a table of them.",
        logs, LogAnswer, scope="operate", query=LogsQuery, tag="logs", refusals=SEARCHED,
    ),
    Operation(
        "GET", "/v1/logs/histogram", "How many lines came when, by severity.",
        volume, Histogram, scope="operate", query=HistogramQuery, tag="logs", refusals=SEARCHED,
    ),
    Operation(
        "GET", "/v1/logs/facets", "The most frequent values of fields.",
        top_values, Facets, scope="operate", query=FacetsQuery, tag="logs", refusals=SEARCHED,
    ),
    Operation(
        "GET", "/v1/logs/patterns", "Messages that differ only in numbers, ids and the like.",
        message_patterns, Patterns, scope="operate", query=PatternsQuery, tag="logs",
        refusals=SEARCHED,
    ),
    Operation(
        "GET", "/v1/logs/diff", "What is new, gone or changed against the period before.",
        differences, Diff, scope="operate", query=PatternsQuery, tag="logs", refusals=SEARCHED,
    ),
    Operation(
        "GET", "/v1/logs/{seq}/around", "A line, and those before and after it.",
        surroundings, Around, scope="operate", query=AroundQuery, tag="logs",
        refusals=("BAD_QUERY", "UNKNOWN_LINE", "CROWDED"),
    ),
    Operation(
        "POST", "/v1/logs/sql", "One SELECT over the log lines; nothing can be changed by it.",
        run_sql, LogAnswer, scope="operate", body=SqlQuery, tag="logs",
        refusals=("BAD_QUERY", "CROWDED"),
    ),
)  # fmt: skip
