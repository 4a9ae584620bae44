"""What a start remembers of the store that it finds, hot or sealed."""

from collections.abc import Callable

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, rfc3339
from tallystick.errors import Corrupt
from tallystick.watch.collect.ingest import Ingest, Kept, parse_lines
from tallystick.watch.collect.ingest.recall import recent_event_ids
from tallystick.watch.collect.query import Plan
from tallystick.watch.collect.store import LogStore, Rows

BODY = b"""
{"log.record.uid":"a","com.splunk.index":"web"}
{"log.record.uid":5}
{"log.record.uid":"5","com.splunk.index":"web"}
{"n":1}
"""


@pytest.mark.parametrize("is_sealed", [False, True])
def test_ids_of_the_newest_lines_are_found(
    open_store: Callable[[], LogStore], clock: ManualClock, is_sealed: bool
) -> None:
    """In the store's tail and in its parts; sent to the next process they are stored once."""
    store = open_store()
    first = Ingest(store, clock)
    batch = parse_lines(BODY, received_ns=clock.now_ns()).batch
    assert first.take(batch) == Kept(4)
    first.close()
    if is_sealed:
        store.seal()
    store.close()
    again = open_store()
    found = sorted(recent_event_ids(again, clock))
    assert found == [("main", "5"), ("web", "5"), ("web", "a")]
    second = Ingest(again, clock)
    assert second.recall() == 3
    assert second.take(batch) == Kept(1, 3)
    second.close()


def test_only_the_newest_lines_are_looked_at(
    open_store: Callable[[], LogStore], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start takes no longer, however much there is."""
    monkeypatch.setattr("tallystick.watch.collect.ingest.recall.EVENT_IDS_RECALLED_LINES_MAX", 2)
    store = open_store()
    ingest = Ingest(store, clock)
    ingest.take(parse_lines(BODY, received_ns=0).batch)
    assert list(recent_event_ids(store, clock)) == [("web", "5")]
    ingest.close()


class Unreadable:
    """A store whose lines of more than a day ago are in an archive that is damaged."""

    def __init__(self, store: LogStore, since_ns: int) -> None:
        self._store = store
        self._since_ns = since_ns
        self.append, self.pressure = store.append, store.pressure

    @property
    def end(self) -> int:
        """That of the store."""
        return self._store.end

    def rows(self, plan: Plan, *, seconds_max: float) -> Rows:
        """Only of what can be read."""
        if (plan.search.earliest_ns or 0) < self._since_ns:
            raise Corrupt("index=main/part-1.parquet is not in the archive.")
        return self._store.rows(plan, seconds_max=seconds_max)


@pytest.mark.parametrize("days", [1, -1])
def test_an_archive_that_cannot_be_read_stops_no_start(
    open_store: Callable[[], LogStore], clock: ManualClock, days: int
) -> None:
    """What is of the last day is known all the same, and where that cannot be read nothing is."""
    store = open_store()
    now_ns = clock.now_ns()
    times = (now_ns - 172_800 * NS_PER_SECOND, now_ns)
    lines = (
        f'{{"log.record.uid":"{n}","timestamp":"{rfc3339(at)}"}}' for n, at in enumerate(times)
    )
    ingest = Ingest(store, clock)
    ingest.take(parse_lines("\n".join(lines).encode(), received_ns=now_ns).batch)
    ingest.close()
    again = Ingest(Unreadable(store, now_ns - days * 86_400 * NS_PER_SECOND), clock)
    assert again.recall() == (days == 1)
    again.close()
