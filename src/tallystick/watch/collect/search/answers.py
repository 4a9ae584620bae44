"""What searching answers: the forms that the API, the command line and the page share."""

import msgspec

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.collect.store import Part

Cell = str | int | float | bool | list[str] | None
"""One value of a table."""


class SkippedPart(msgspec.Struct, frozen=True):
    """Archived lines that a search left out.

    `state`: `cold` and `restoring` have to be restored first; `unreadable` is missing from the
    archive, or damaged there.
    """

    path: str
    index: str
    state: str
    earliest: str
    latest: str
    events: int


class LogAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines, newest first, or a table; and what was left out.

    Lines are the JSON objects as stored plus `log.seq`, their number in this store. `next_before`
    leads to the next page; null when there is none. A query that ends in a table answers with
    `fields` and `rows` instead. `more`: there is more than was asked for, and no cursor to it.
    """

    logs: tuple[msgspec.Raw, ...]
    next_before: str | None
    fields: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    charted: bool = False
    more: bool = False
    skipped: tuple[SkippedPart, ...] = ()


class Bucket(msgspec.Struct, frozen=True):
    """Lines of one stretch of time, also by severity; `at` is its beginning."""

    at: str
    count: int
    by: dict[str, int]


class Histogram(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many lines came when: buckets of equal length without holes, oldest first."""

    earliest: str
    latest: str
    bucket_seconds: float
    total: int
    buckets: tuple[Bucket, ...]
    skipped: tuple[SkippedPart, ...] = ()


class FacetValue(msgspec.Struct, frozen=True):
    """A value of a field, how many lines have it, and their share of those with the field."""

    value: str
    count: int
    percent: float


class Facet(msgspec.Struct, frozen=True):
    """A field: how many lines have it, about how many values it has, and the most frequent."""

    field: str
    count: int
    coverage: float
    distinct: int
    values: tuple[FacetValue, ...]


class Facets(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fields of the lines that fit, those that most lines have first."""

    total: int
    facets: tuple[Facet, ...]
    skipped: tuple[SkippedPart, ...] = ()


class Around(msgspec.Struct, frozen=True):
    """A line and those that came before and after it, oldest first; `at` is its place there."""

    logs: tuple[msgspec.Raw, ...]
    at: int


class Pattern(msgspec.Struct, frozen=True):
    """Messages that differ only in numbers, ids, times and the like, which are `<*>`.

    `sparkline`: their counts over the range in equal stretches, oldest first.
    """

    pattern: str
    count: int
    percent: float
    first_at: str
    last_at: str
    example: msgspec.Raw
    sparkline: tuple[int, ...]


class Patterns(msgspec.Struct, frozen=True, omit_defaults=True):
    """The most frequent patterns; `distinct` is how many there are in all."""

    earliest: str
    latest: str
    total: int
    distinct: int
    patterns: tuple[Pattern, ...]
    skipped: tuple[SkippedPart, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """A value (or pattern) in the period and in the one before; `ratio` now to before.

    `change`: `new`, `gone`, `more`, `less` or `same`; `ratio` is null for what is new.
    """

    value: str
    count: int
    before: int
    change: str
    ratio: float | None


class Diff(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changed against the period of the same length before, most striking first."""

    earliest: str
    latest: str
    previous_earliest: str
    field: str | None
    total: int
    total_before: int
    differences: tuple[Difference, ...]
    skipped: tuple[SkippedPart, ...] = ()


def skipped_parts(parts: tuple[Part, ...]) -> tuple[SkippedPart, ...]:
    """The parts in the words of the API; times outside the years of RFC 3339 are their nearest."""
    return tuple(
        SkippedPart(
            part.path, part.index, part.state, moment(part.min_time), moment(part.max_time),
            part.rows,
        )
        for part in parts
    )  # fmt: skip


def moment(at_ns: int) -> str:
    """A time as RFC 3339, within the years that it can be said for."""
    return rfc3339(min(max(at_ns, 0), _YEAR_9999_NS))


_YEAR_9999_NS = 253_402_300_799 * NS_PER_SECOND
