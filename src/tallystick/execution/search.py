"""Range queries over the ledger: by position, time, account, pair and kind, in any combination.

A page is answered from one index that already holds everything the conditions ask, and reads a
bounded number of its rows: where few of them fit, a page may be short, and says where to go on.
Cursors are positions, so pages stay what they are while the ledger grows.
"""

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from tallystick.errors import Refused
from tallystick.execution.projection import Projection
from tallystick.ledger.store import Row

SCAN_ROWS_MAX = 50_000
"""Most index rows looked at for one page: some milliseconds."""
NEIGHBOUR_ROWS = 16
"""Rows read for nothing, at most, rather than ask the store once more."""


class Filter(msgspec.Struct, frozen=True):
    """Which entries: all conditions that are given must hold.

    `start` <= position < `stop`; `since` <= the ledger's time < `until` (RFC 3339, UTC,
    microseconds). The ledger's time at a position is the newest time that any entry up to it
    says, so a range of time is always a range of positions.
    """

    account: str | None = None
    pair: str | None = None
    kind: str | None = None
    start: int = 0
    stop: int | None = None
    since: str | None = None
    until: str | None = None


class Page(msgspec.Struct, frozen=True):
    """(position, row) in the order that was asked for; `cursor` asks for the next page."""

    entries: list[tuple[int, Row]]
    cursor: int | None
    """None when there is no more inside the range."""


class Range(msgspec.Struct, frozen=True):
    """The positions that a filter's range and times come down to: [start, stop)."""

    start: int
    stop: int


COLUMNS = ("account", "pair", "kind")
"""The first that a filter names is the index that is walked; it holds those behind it, too."""


def _found(column: str, order: str) -> str:
    """The index of `column` is walked in `order`; conditions on those behind it are seen in it."""
    others = COLUMNS[COLUMNS.index(column) + 1 :]
    walk = (
        f"SELECT {', '.join(('position', *others))} FROM entries INDEXED BY entries_{column}"  # noqa: S608  constants of this module
        f" WHERE {column} = :{column} AND position >= :start AND position < :stop"
        f" ORDER BY position {order} LIMIT :scan"
    )
    fits = "".join(f" AND (:{other} IS NULL OR {other} = :{other})" for other in others)
    return f"SELECT position FROM ({walk}) WHERE TRUE{fits} ORDER BY position {order} LIMIT :limit"  # noqa: S608  likewise


def _beyond(column: str, order: str) -> str:
    """Where the walk of a page that found too little has ended."""
    return (
        f"SELECT position FROM entries INDEXED BY entries_{column}"  # noqa: S608  constants of this module
        f" WHERE {column} = :{column} AND position >= :start AND position < :stop"
        f" ORDER BY position {order} LIMIT 1 OFFSET :scan"
    )


FOUND = {(c, order): _found(c, order) for c in COLUMNS for order in ("ASC", "DESC")}
BEYOND = {(c, order): _beyond(c, order) for c in COLUMNS for order in ("ASC", "DESC")}


class Search:
    """Pages of entries that fit a filter; the projection must have folded what they ask about."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection

    def range_of(self, wanted: Filter) -> Range:
        """The range of positions that the filter's own range and its times leave.

        Raises:
            Refused: `BAD_RANGE`, it begins behind its end.
        """
        stop = self._projection.position
        if wanted.stop is not None:
            stop = min(stop, wanted.stop)
            _require_order(wanted.start, wanted.stop, "from", "to")
        start = min(wanted.start, stop)
        if wanted.since is not None:
            start = max(start, self._projection.first_from(wanted.since))
        if wanted.until is not None:
            _require_order(wanted.since or "", wanted.until, "since", "until")
            stop = min(stop, self._projection.first_from(wanted.until))
        return Range(min(start, stop), stop)

    def page(
        self, wanted: Filter, *, limit: int, descending: bool = False, cursor: int | None = None
    ) -> Page:
        """At most `limit` entries that fit, from where the page that gave `cursor` ended.

        Raises:
            Refused: `BAD_RANGE`.
            Corrupt: an entry is missing from the ledger's store.
        """
        within = self.range_of(wanted)
        if cursor is not None:
            within = (
                Range(within.start, min(within.stop, cursor))
                if descending
                else Range(max(within.start, cursor), within.stop)
            )
        if within.start >= within.stop:
            return Page([], None)
        if not any((wanted.account, wanted.pair, wanted.kind)):
            return self._every(within, limit, descending=descending)
        return self._some(wanted, within, limit, descending=descending)

    def _every(self, within: Range, limit: int, *, descending: bool) -> Page:
        """A page of a range in which every entry fits: read as the ledger holds it."""
        count = min(limit, within.stop - within.start)
        first = within.stop - count if descending else within.start
        entries = list(enumerate(self._projection.ledger.rows(first, count), first))
        if descending:
            entries.reverse()
            return Page(entries, first if first > within.start else None)
        return Page(entries, first + count if first + count < within.stop else None)

    def _some(self, wanted: Filter, within: Range, limit: int, *, descending: bool) -> Page:
        asked: dict[str, int | None] = {"start": within.start, "stop": within.stop}
        for column in COLUMNS:
            name = getattr(wanted, column)
            asked[column] = None if name is None else self._projection.number_of(name)
            if name is not None and asked[column] is None:
                return Page([], None)  # no entry names it
        asked |= {"limit": limit, "scan": SCAN_ROWS_MAX}
        walk = next(each for each in COLUMNS if asked[each] is not None)
        way = walk, "DESC" if descending else "ASC"
        found = self._positions(FOUND[way], asked)
        if len(found) == limit:
            cursor: int | None = found[-1] + (0 if descending else 1)
        else:
            beyond = self._positions(BEYOND[way], asked)
            cursor = beyond[0] + (1 if descending else 0) if beyond else None
        return Page(self._read(found), cursor)

    def size_at(self, at: str) -> int:
        """How many entries the ledger had at a time; all that are folded for one to come."""
        return self._projection.first_after(at)

    def knows(self, name: str) -> bool:
        """Whether any entry names this account, pair or kind."""
        return self._projection.number_of(name) is not None

    def _read(self, positions: Sequence[int]) -> list[tuple[int, Row]]:
        """The rows at these positions, in their order; neighbours are read together."""
        rows: dict[int, Row] = {}
        wanted = sorted(positions)
        while wanted:
            first = last = wanted[0]
            for position in wanted:
                if position - last > NEIGHBOUR_ROWS:
                    break
                last = position
            found = self._projection.ledger.rows(first, last - first + 1)
            rows.update(enumerate(found, first))
            wanted = wanted[bisect_right(wanted, last) :]
        return [(position, rows[position]) for position in positions]

    def _positions(self, query: str, asked: dict[str, int | None]) -> list[int]:
        rows = self._projection.connection.execute(query, asked).fetchall()
        return [int(str(position)) for (position,) in rows]


def _require_order(first: int | str, second: int | str, name: str, other: str) -> None:
    if first > second:  # type: ignore[operator]  # two of one type
        raise Refused("BAD_RANGE", f"{name} is behind {other}.", field=name)
