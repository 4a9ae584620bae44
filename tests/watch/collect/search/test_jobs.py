"""Search jobs: their states, what can be done with them, and the room they take."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Crowded, Refused, ShuttingDown
from tallystick.watch.collect.search import jobs as jobs_module
from tallystick.watch.collect.search.found import Found
from tallystick.watch.collect.search.jobs import JOB_TTL_SECONDS, Asked, Job, Jobs
from tallystick.watch.collect.search.spool import Row
from tallystick.watch.collect.search.stopping import Stopper

ASKED = Asked("error", None, None, "ada")
SECONDS_MAX = 20.0


class Source:
    """Answers every search with these pieces; `gate` holds it back before each piece."""

    def __init__(self, *pieces: list[Row], shape: Literal["events", "table"] = "events") -> None:
        self.pieces = pieces
        self.shape: Literal["events", "table"] = shape
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.closed = 0

    def start(self, _asked: Asked, _stopper: Stopper) -> Found:
        """Begin a search."""

        def given() -> Iterator[list[Row]]:
            for piece in self.pieces:
                self.begun.set()
                assert self.gate.wait(SECONDS_MAX)
                yield piece

        fields = ("a",) if self.shape == "table" else ()
        return Found(self.shape, fields, given(), self.close, ("one part is cold.",))

    def close(self) -> None:
        """Count the ends."""
        self.closed += 1


@pytest.fixture
def clock() -> ManualClock:
    """Moves when it is told to."""
    return ManualClock()


@pytest.fixture
def make(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[[Source], Jobs]]:
    """Jobs over a source; closed after the test."""
    made: list[Jobs] = []

    def jobs(source: Source) -> Jobs:
        made.append(Jobs(tmp_path / "jobs", clock, source.start, lambda _asked, _stopper: 1_000))
        return made[-1]

    yield jobs
    for each in made:
        each.close()


def rows_of(job: Job, offset: int = 0, count: int = 10**6) -> list[Row]:
    """Its results in one list."""
    return [row for piece in job.results(offset, count) for row in piece]


def test_a_job_runs_and_keeps_its_results(make: Callable[[Source], Jobs]) -> None:
    """DONE with every row, in order; the search behind it is closed."""
    source = Source([[1], [2]], [], [[3]])
    jobs = make(source)
    job = jobs.create(ASKED)
    job.done.result(SECONDS_MAX)
    assert (job.state, job.is_done, job.rows, job.event_count) == ("DONE", True, 3, 3)
    assert rows_of(job) == [[1], [2], [3]]
    assert rows_of(job, 1, 1) == [[2]]
    assert job.messages == [("WARN", "one part is cold.")]
    assert source.closed == 1
    assert jobs.get(job.sid, "ada") is job
    assert jobs.all("ada") == [job]


def test_a_table_tells_how_many_events_it_was_made_of(make: Callable[[Source], Jobs]) -> None:
    """Results and events differ, as with Splunk."""
    job = make(Source([["x"]], shape="table")).create(ASKED)
    job.done.result(SECONDS_MAX)
    assert (job.shape, job.fields, job.rows, job.event_count) == ("table", ("a",), 1, 1_000)


def test_a_job_is_the_owners_alone(make: Callable[[Source], Jobs]) -> None:
    """To anybody else its id is unknown, in Splunk's words."""
    jobs = make(Source())
    job = jobs.create(ASKED)
    with pytest.raises(Refused, match="Unknown sid") as refusal:
        jobs.get(job.sid, "bob")
    assert refusal.value.code == "UNKNOWN_JOB"
    assert jobs.all("bob") == []


def test_pause_go_on_and_finalize(make: Callable[[Source], Jobs]) -> None:
    """A paused job finds nothing more; a finalized one is done with what it has."""
    source = Source([[1]], [[2]], [[3]])
    source.gate.clear()
    job = make(source).create(ASKED)
    assert source.begun.wait(SECONDS_MAX)
    states = []
    for change in (job.pause, job.unpause, job.finalize):
        change()
        states.append(job.state)
    assert states == ["PAUSED", "RUNNING", "FINALIZING"]
    source.gate.set()
    job.done.result(SECONDS_MAX)
    assert (job.state, job.is_finalized, job.rows) == ("DONE", True, 0)


def test_a_cancelled_job_is_gone(make: Callable[[Source], Jobs], tmp_path: Path) -> None:
    """Its id is unknown, its file removed, its search ended."""
    source = Source([[1]])
    source.gate.clear()
    jobs = make(source)
    job = jobs.create(ASKED)
    assert source.begun.wait(SECONDS_MAX)
    jobs.cancel(job)
    source.gate.set()
    job.done.result(SECONDS_MAX)
    assert source.closed == 1
    with pytest.raises(Refused):
        jobs.get(job.sid, "ada")
    assert list((tmp_path / "jobs").iterdir()) == []


def test_what_is_refused_fails_the_job_with_its_sentence(tmp_path: Path) -> None:
    """FAILED and a FATAL message; also where nobody expected it, without its details."""

    def refuse(_asked: Asked, _stopper: Stopper) -> Found:
        raise Refused("QUERY_TOO_SLOW", "The query took too long.")

    def break_down(_asked: Asked, _stopper: Stopper) -> Found:
        raise KeyError("secret")

    sentences = {
        refuse: "The query took too long.",
        break_down: "Something went wrong on our side.",
    }
    for number, (start, sentence) in enumerate(sentences.items()):
        jobs = Jobs(tmp_path / str(number), ManualClock(), start, lambda _asked, _stopper: 0)
        job = jobs.create(ASKED)
        job.done.result(SECONDS_MAX)
        assert job.state == "FAILED"
        assert job.messages == [("FATAL", sentence)]
        jobs.close()


def test_results_are_cut_at_the_limit(
    make: Callable[[Source], Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rows and of bytes; the job says so."""
    monkeypatch.setattr(jobs_module, "JOB_ROWS_MAX", 3)
    jobs = make(Source([[1], [2]], [[3], [4]], [[5]]))
    job = jobs.create(ASKED)
    job.done.result(SECONDS_MAX)
    assert (job.rows, job.is_cut, job.state) == (3, True, "DONE")
    assert "there are more" in job.messages[-1][1]
    monkeypatch.setattr(jobs_module, "JOB_ROWS_MAX", 10**6)
    monkeypatch.setattr(jobs_module, "JOB_BYTES_MAX", 1)
    other = jobs.create(ASKED)
    other.done.result(SECONDS_MAX)
    assert (other.rows, other.is_cut) == (2, True)


def test_results_wait_for_their_time_and_then_go(
    make: Callable[[Source], Jobs], clock: ManualClock
) -> None:
    """Each look puts it off; when nobody came for so long they are gone."""
    jobs = make(Source([[1]]))
    job = jobs.create(ASKED)
    job.done.result(SECONDS_MAX)
    clock.advance(JOB_TTL_SECONDS - 1)
    jobs.get(job.sid, "ada")
    clock.advance(JOB_TTL_SECONDS - 1)
    jobs.get(job.sid, "ada")
    clock.advance(JOB_TTL_SECONDS)
    with pytest.raises(Refused):
        jobs.get(job.sid, "ada")
    assert rows_of(job) == []


def test_there_is_room_for_so_many(
    make: Callable[[Source], Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was looked at longest ago makes room; those that run are never pushed out."""
    monkeypatch.setattr(jobs_module, "JOBS_MAX", 2)
    source = Source([[1]])
    jobs = make(source)
    first, second = jobs.create(ASKED), jobs.create(ASKED)
    for job in (first, second):
        job.done.result(SECONDS_MAX)
    source.gate.clear()
    running = [jobs.create(ASKED), jobs.create(ASKED)]
    assert jobs.all("ada") == [*reversed(running)]
    with pytest.raises(Crowded, match="2 search jobs"):
        jobs.create(ASKED)
    source.gate.set()


def test_the_end_stops_everything(make: Callable[[Source], Jobs], tmp_path: Path) -> None:
    """Jobs that run and jobs that wait end; the folder is gone; no more begin."""
    source = Source([[1]], [[2]])
    source.gate.clear()
    jobs = make(source)
    made = [jobs.create(ASKED) for _ in range(4)]
    assert source.begun.wait(SECONDS_MAX)
    threading.Timer(0.01, source.gate.set).start()
    jobs.close()
    assert all(job.is_done for job in made)
    assert not (tmp_path / "jobs").exists()
    with pytest.raises(ShuttingDown):
        jobs.create(ASKED)
