"""The event ids of a store's newest lines: what a crash left stored and never answered."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tallystick.clock import Clock
from tallystick.limits import EVENT_IDS_RECALL_SECONDS_MAX, EVENT_IDS_RECALLED_LINES_MAX
from tallystick.watch.collect.columns import EVENT_ID_FIELD, INDEX_FIELD, OWN_INDEX, SEQ_FIELD
from tallystick.watch.collect.query import Plan, compile_query, parse

Batches = Iterable[Sequence[tuple[object, ...]]]


class Searched(Protocol):
    """What is searched: `LogStore`."""

    @property
    def end(self) -> int:
        """The number of the next line."""
        ...

    def rows(self, plan: Plan, *, seconds_max: float) -> AbstractContextManager[Batches]:
        """The rows of a query, batch by batch."""
        ...


def recent_event_ids(
    store: Searched, clock: Clock, earliest: str | None = None
) -> Iterator[tuple[str, str]]:
    """(index, event id) of the newest lines that have one, in any order.

    With `earliest` only lines of that time or later are looked at.

    Raises:
        TallystickError: some of what has to be read cannot be.
    """
    if store.end == 1:
        return  # an empty store needs no search engine
    start = store.end - EVENT_IDS_RECALLED_LINES_MAX
    query = (
        f"{EVENT_ID_FIELD}=* {SEQ_FIELD}>={max(start, 1)} | table {INDEX_FIELD} {EVENT_ID_FIELD}"
    )
    plan = compile_query(parse(query, clock.now_ns(), earliest=earliest))
    with store.rows(plan, seconds_max=EVENT_IDS_RECALL_SECONDS_MAX) as batches:
        for batch in batches:
            for index, event_id in batch:
                yield OWN_INDEX if index is None else str(index), str(event_id)
