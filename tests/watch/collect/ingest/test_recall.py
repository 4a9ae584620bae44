"""What a start remembers of the store that it finds, hot or sealed."""

from collections.abc import Callable

import pytest

from tallystick.clock import ManualClock
from tallystick.watch.collect.ingest import Ingest, Kept, parse_lines
from tallystick.watch.collect.ingest.recall import recent_event_ids
from tallystick.watch.collect.store import LogStore

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
