"""A search is stopped from outside, computing or not begun; the next one is well."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Refused
from tallystick.watch.collect.query import compile_sql
from tallystick.watch.collect.search.log_search import LogSearch, Question
from tallystick.watch.collect.search.saved import SavedSearches
from tallystick.watch.collect.search.stopping import Stopper
from tallystick.watch.collect.store import LogStore

SECONDS_MAX = 60.0
ENDLESS = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.seq < b.seq"


@pytest.fixture
def search(tmp_path: Path) -> Iterator[LogSearch]:
    """A few thousand lines."""
    clock = SystemClock()
    store = LogStore(tmp_path / "logs", clock)
    store.append([b'{"n":%d}' % n for n in range(3_000)])
    saved = SavedSearches(tmp_path / "searches.json", clock)
    made = LogSearch(store, clock, saved, scratch=tmp_path / "search")
    yield made
    made.close()
    store.close()


class Told(Stopper):
    """Says when a query has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.running = threading.Event()

    def begun(self, interrupt: object) -> None:
        """As usual, and say so."""
        super().begun(interrupt)  # type: ignore[arg-type]  # as it came
        self.running.set()


def test_a_query_that_runs_is_interrupted(search: LogSearch) -> None:
    """It would take years; the next one on the same connection is not touched."""
    stopper = Told()
    plan = compile_sql(ENDLESS)

    def run() -> None:
        with (
            pytest.raises(Refused) as refusal,
            stopper.rows(search.store, plan, 3_600) as rows,
        ):
            list(rows)
        assert refusal.value.code == "QUERY_TOO_SLOW"

    thread = threading.Thread(target=run)
    thread.start()
    assert stopper.running.wait(SECONDS_MAX)
    stopper.stop()
    thread.join(SECONDS_MAX)
    assert not thread.is_alive()
    stopper.stop()
    assert len(search.page(Question(), 10).logs) == 10


def test_what_was_stopped_before_it_began_ends_at_once(search: LogSearch) -> None:
    """The client left while its search was waiting for its turn."""
    stopper = Stopper()
    stopper.stop()
    with pytest.raises(Refused), stopper.rows(search.store, compile_sql(ENDLESS), 3_600) as rows:
        list(rows)
    found = search.find(Question(), stopper)
    assert list(found) == []
    found.close()


def test_a_job_that_computes_is_finalized(search: LogSearch) -> None:
    """DONE with what there is, not FAILED."""
    from tallystick.watch.collect.search.jobs import Asked  # noqa: PLC0415  only here

    job = search.jobs.create(Asked("* | stats count by n", None, None, "ada"))
    job.finalize()
    job.done.result(SECONDS_MAX)
    assert job.state == "DONE"
