"""Search jobs: searches that run by themselves and whose results wait on disk to be fetched.

The names of the states, and what can be done with a job, are Splunk's (its REST API reference,
"search/jobs/{search_id}").
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Literal

import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Crowded, Refused, ShuttingDown, TallystickError
from tallystick.watch.collect.search.found import Found
from tallystick.watch.collect.search.spool import ROWS_BETWEEN_MARKS, Row, Spool
from tallystick.watch.collect.search.stopping import Stopper

JOBS_MAX = 32
"""Most search jobs at once, running or done; the oldest that are done make room."""
JOBS_RUNNING_MAX = 2
"""Search jobs that run at once; further ones are queued."""
JOB_ROWS_MAX = 500_000
"""Most rows that a job keeps (Splunk's `max_count`); `export` has no such limit."""
JOB_BYTES_MAX = 67_108_864
"""Most bytes that a job keeps on disk, so that all jobs together have at most 2 GiB."""
JOB_TTL_SECONDS = 600
"""How long results wait after they were last asked for, unless the job was told otherwise."""
JOB_TTL_SECONDS_MAX = 86_400
"""Longest such time that a job may be given."""

State = Literal["QUEUED", "RUNNING", "PAUSED", "FINALIZING", "FAILED", "DONE"]
ENDED: frozenset[State] = frozenset({"FAILED", "DONE"})
_log = structlog.get_logger("watch.collect")


@dataclass(frozen=True)
class Asked:
    """What a job is to find, and for whom."""

    query: str
    earliest: str | None
    latest: str | None
    owner: str
    indexes: frozenset[str] | None = None
    saved_name: str | None = None
    ttl_seconds: int = JOB_TTL_SECONDS


Start = Callable[[Asked, Stopper], Found]
"""Begins the search of a job."""
Count = Callable[[Asked, Stopper], int]
"""How many lines the search of a job is about."""


class Job:
    """One search job; its thread changes it, any other may look."""

    def __init__(self, sid: str, asked: Asked, spool: Spool, now_ns: int) -> None:
        self.sid = sid
        self.asked = asked
        self.created_ns = now_ns
        self.touched_ns = now_ns
        self.begun_ns = now_ns
        self.ended_ns: int | None = None
        self.ttl_seconds = asked.ttl_seconds
        self.state: State = "QUEUED"
        self.messages: list[tuple[str, str]] = []  # bounded by: one cut, one failure, skipped
        self.shape: Literal["events", "table"] = "events"
        self.fields: tuple[str, ...] = ()
        self.events: int | None = None
        self.priority = 5
        self.is_cut = False
        self.is_finalized = False
        self.is_preview_enabled = True
        self._spool = spool
        self._going_on = threading.Event()
        self._going_on.set()
        self._stopper = Stopper()
        self.done: Future[None] = Future()
        """Done when it has ended, well or not."""

    @property
    def is_done(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in ENDED

    @property
    def rows(self) -> int:
        """How many results there are by now."""
        return self._spool.rows

    @property
    def size(self) -> int:
        """Bytes of results on disk."""
        return self._spool.size

    @property
    def event_count(self) -> int:
        """Lines that the search is about: rows of events, or what a table was made of."""
        return self.rows if self.events is None else self.events

    def results(self, offset: int, count: int) -> Iterator[list[Row]]:
        """Its results in pieces, `count` of them from `offset` on; those that are there by now."""
        end = min(offset + count, self.rows)
        while offset < end:
            piece = self._spool.read(offset, min(ROWS_BETWEEN_MARKS, end - offset))
            if not piece:  # it was cancelled meanwhile
                return
            offset += len(piece)
            yield piece

    def pause(self) -> None:
        """Find nothing more until `unpause`."""
        if self.state == "RUNNING":
            self.state = "PAUSED"
            self._going_on.clear()

    def unpause(self) -> None:
        """Go on."""
        if self.state == "PAUSED":
            self.state = "RUNNING"
        self._going_on.set()

    def finalize(self) -> None:
        """End with what was found so far."""
        if not self.is_done:
            self.is_finalized = True
            self.state = "FINALIZING"
        self._stopper.stop()
        self._going_on.set()

    def run(self, start: Start, count: Count, clock: Clock) -> None:
        """Find what was asked; for the job's thread."""
        self.begun_ns = clock.now_ns()
        try:
            if not self._stopper.stopped:
                self._find(start, count)
            self.state = "DONE"
        except TallystickError as error:
            if self._stopper.stopped:  # that is why
                self.state = "DONE"
            else:
                self._fail(str(error))
        except OSError as error:
            self._fail(f"The results cannot be kept: {error.strerror}.")
        except Exception as error:  # noqa: BLE001  outermost loop of a job
            _log.error("collect.job_failed", exc_info=error)
            self._fail("Something went wrong on our side.")
        finally:
            self.ended_ns = clock.now_ns()
            self.done.set_result(None)

    def close(self) -> None:
        """Stop it and forget its results."""
        self.finalize()
        self._spool.close()

    def _find(self, start: Start, count: Count) -> None:
        found = start(self.asked, self._stopper)
        try:
            self.shape, self.fields = found.shape, found.fields
            if self.state == "QUEUED":
                self.state = "RUNNING"
            self.messages += [("WARN", sentence) for sentence in found.warnings]
            for rows in found:
                self._going_on.wait()
                if self._stopper.stopped or not self._keep(rows):
                    break
        finally:
            found.close()
        if self.shape == "table" and not self._stopper.stopped:
            self.events = count(self.asked, self._stopper)

    def _keep(self, rows: list[Row]) -> bool:
        """Keep what there is room for; whether there may be more."""
        room = JOB_ROWS_MAX - self._spool.rows
        for begin in range(0, min(len(rows), room), ROWS_BETWEEN_MARKS):
            if self._spool.size >= JOB_BYTES_MAX:
                break
            self._spool.add(rows[begin : min(begin + ROWS_BETWEEN_MARKS, room)])
        if self._spool.size < JOB_BYTES_MAX and len(rows) <= room:
            return True
        self.is_cut = True
        sentence = f"A job keeps at most {JOB_ROWS_MAX:,} results and {JOB_BYTES_MAX >> 20} MiB"
        self.messages.append(("WARN", f"{sentence}: there are more; export has no limit."))
        return False

    def _fail(self, sentence: str) -> None:
        self.state = "FAILED"
        self.messages.append(("FATAL", sentence))


class Jobs:
    """All search jobs of a process, in bounded space; for any thread."""

    def __init__(self, folder: Path, clock: Clock, start: Start, count: Count) -> None:
        """What an earlier process left in `folder` is removed."""
        self._folder = folder
        self._clock = clock
        self._start = start
        self._count = count
        self._numbers = itertools.count(1)
        self._changing = threading.Lock()
        self._by_sid: dict[str, Job] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    def create(self, asked: Asked) -> Job:
        """A new job; it runs by itself.

        Raises:
            Crowded: so many are running that no more can be queued.
            ShuttingDown: no more may begin.
        """
        now_ns = self._clock.now_ns()
        with self._changing:
            if self._closed:
                raise ShuttingDown
            self._make_room(now_ns)
            pool = self._open()
            sid = f"{now_ns // NS_PER_SECOND}.{next(self._numbers)}"
            job = Job(sid, asked, Spool(self._folder / f"{sid}.ndjson"), now_ns)
            self._by_sid[sid] = job
        pool.submit(job.run, self._start, self._count, self._clock)
        return job

    def get(self, sid: str, owner: str) -> Job:
        """A job of this owner; to look at it keeps it from ending.

        Raises:
            Refused: `UNKNOWN_JOB`.
        """
        now_ns = self._clock.now_ns()
        with self._changing:
            self._forget_expired(now_ns)
            job = self._by_sid.get(sid)
            if job is None or job.asked.owner != owner:
                raise Refused("UNKNOWN_JOB", "Unknown sid.")
            job.touched_ns = now_ns
            return job

    def all(self, owner: str) -> list[Job]:
        """The owner's jobs, newest first."""
        with self._changing:
            self._forget_expired(self._clock.now_ns())
            return [job for job in reversed(self._by_sid.values()) if job.asked.owner == owner]

    def cancel(self, job: Job) -> None:
        """Stop a job and forget its results."""
        with self._changing:
            self._by_sid.pop(job.sid, None)
        job.close()

    def close(self) -> None:
        """Stop and forget all of them."""
        with self._changing:
            self._closed = True
            jobs, self._by_sid = list(self._by_sid.values()), {}
        for job in jobs:
            job.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True)  # those that were queued see that they are stopped
            rmtree(self._folder, ignore_errors=True)

    def _open(self) -> ThreadPoolExecutor:
        """The threads and the folder, made for the first job."""
        if self._pool is None:
            rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, mode=0o700)
            self._pool = ThreadPoolExecutor(JOBS_RUNNING_MAX, thread_name_prefix="search-job")
        return self._pool

    def _make_room(self, now_ns: int) -> None:
        self._forget_expired(now_ns)
        if len(self._by_sid) >= JOBS_MAX:
            done = [job for job in self._by_sid.values() if job.is_done]
            if not done:
                raise Crowded(f"{JOBS_MAX} search jobs are running or queued; try again soon.")
            self._forget(min(done, key=lambda job: job.touched_ns))

    def _forget_expired(self, now_ns: int) -> None:
        for job in list(self._by_sid.values()):
            if job.is_done and now_ns - job.touched_ns >= job.ttl_seconds * NS_PER_SECOND:
                self._forget(job)

    def _forget(self, job: Job) -> None:
        del self._by_sid[job.sid]
        job.close()
