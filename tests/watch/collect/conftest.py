"""Log stores in a fresh folder, closed at the end of the test, and ways to read them whole."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.watch.collect.query import parse
from tallystick.watch.collect.store import LogStore, SegmentLimits

OpenStore = Callable[..., LogStore]
ReadAll = Callable[..., list[dict[str, object]]]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until it is moved."""
    return ManualClock()


@pytest.fixture
def open_store(tmp_path: Path, clock: ManualClock) -> Iterator[OpenStore]:
    """Opens the store of this test's folder; again after it was closed."""
    opened: list[LogStore] = []

    def open_it(**limits: int) -> LogStore:
        store = LogStore(tmp_path / "logs", clock, SegmentLimits(**limits))
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        if store._open:
            store.close()


@pytest.fixture
def read_all() -> ReadAll:
    """Every line that fits, oldest first, read page by page."""

    def read(store: LogStore, query: str = "", limit: int = 100) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        search = parse(query, store._clock.now_ns()).search
        before = None
        while True:
            page = store.page(search, limit, before)
            found += [msgspec.json.decode(line, type=dict[str, object]) for line in page.logs]
            before = page.next_before
            if before is None:
                return found[::-1]

    return read
