"""The live tail: new lines that fit a query, as they come.

Whoever follows pulls: a tail reads the store from where it stands when its client has taken what
came before. One that falls too far behind is moved up to now, and told how many lines it missed.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from tallystick.clock import Clock
from tallystick.errors import Crowded, Refused, ShuttingDown
from tallystick.watch.collect.query import Plan
from tallystick.watch.collect.search.lines_engine import LinesEngine, Numbered, stamp_of
from tallystick.watch.collect.search.log_search import LogSearch, Question
from tallystick.watch.collect.search.rowwise import is_rowwise

TAILS_MAX = 32
"""Most clients that follow the log live."""
TAIL_LINES_AT_ONCE = 2_000
"""Lines looked through at once."""
TAIL_BEHIND_MAX = 100_000
"""Lines that a client may fall behind before it is moved up to now."""
HEARTBEAT_SECONDS = 5.0
"""Longest silence of a tail."""
GATHER_SECONDS = 0.05
"""Lines are gathered for so long before they are looked through."""
_THREADS = 2
T = TypeVar("T")


@dataclass(frozen=True)
class Taken:
    """What a look found: lines that fit (each with its number), and how many were missed."""

    lines: list[Numbered]
    missed: int
    position: int
    """The number of the next line to be looked at."""

    def timed(self) -> list[tuple[int, int | None, bytes]]:
        """The lines with their times, nanoseconds since the epoch; None where one has none."""
        return [(seq, stamp_of(line), line) for seq, line in self.lines]


class LogTail:
    """One follower's place in the log."""

    def __init__(self, search: LogSearch, engine: LinesEngine, plan: Plan, start: int) -> None:
        self._search = search
        self._engine = engine
        self._plan = plan
        self.position = start

    @property
    def is_behind(self) -> bool:
        """Whether there are lines that it has not looked at."""
        return self.position < self._search.store.end

    def take(self) -> Taken:
        """The next lines that fit; blocks, and is for one thread at a time.

        Raises:
            Refused: `QUERY_TOO_LARGE`.
        """
        store = self._search.store
        missed = max(store.end - self.position - TAIL_BEHIND_MAX, 0)
        self.position += missed
        end = store.end  # before the look: what comes after it is for the next one
        lines = store.read(self.position, TAIL_LINES_AT_ONCE)
        fitting = self._engine.fitting(self._plan, lines, self._search.clock.now_ns())
        self.position = lines[-1][0] + 1 if lines else end
        return Taken(fitting, missed, self.position)


class LogTails:
    """Everybody who follows the log; told of new lines by the store, closed at shutdown."""

    def __init__(
        self,
        search: LogSearch,
        clock: Clock,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        tails_max: int = TAILS_MAX,
    ) -> None:
        self.clock = clock
        self.heartbeat_seconds = heartbeat_seconds
        self.closed = False
        self.missed = 0
        """Lines that slow followers were not told."""
        self._search = search
        self._tails_max = tails_max
        self._engine = LinesEngine()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="log-tail")
        self._changing = threading.Lock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._unfollow = search.store.follow(self._grown)

    @property
    def count(self) -> int:
        """How many follow now."""
        return len(self._waiting)

    def tail(self, question: Question, start: int | None = None) -> LogTail:
        """A follower of the lines that fit, from the number `start` on; None: from now on.

        Raises:
            Refused: `BAD_QUERY`, also where the query needs all lines before it can say anything.
        """
        pipeline = self._search.read(question)
        plan = self._search.plan(pipeline)
        if plan.shape != "events" or not is_rowwise(pipeline):
            sentence = (
                "A live tail shows lines one by one: use only commands that look at one line,"
                " such as where, eval, rex and fields."
            )
            raise Refused("BAD_QUERY", sentence)
        end = self._search.store.end
        return LogTail(self._search, self._engine, plan, end if start is None else min(start, end))

    @contextmanager
    def place(self) -> Iterator[asyncio.Event]:
        """A place among the followers until the end of the block: set when lines came.

        Raises:
            Crowded: as many follow as may.
            ShuttingDown: no more may begin.
        """
        grown = asyncio.Event()
        with self._changing:
            if self.closed:
                raise ShuttingDown
            if len(self._waiting) >= self._tails_max:
                raise Crowded(f"Already {self._tails_max} clients follow the log.")
            self._waiting[grown] = asyncio.get_running_loop()
        try:
            yield grown
        finally:
            with self._changing:
                del self._waiting[grown]

    async def run(self, work: Callable[[], T]) -> T:
        """Do a follower's blocking work in a thread."""
        if self.closed:
            raise ShuttingDown
        future: Future[T] = self._pool.submit(work)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End every tail; call it before the HTTP server waits for its connections."""
        if self.closed:
            return
        self.closed = True
        self._unfollow()
        self._grown(0)
        self._pool.shutdown(wait=True)
        self._engine.close()

    def _grown(self, _end: int) -> None:
        """Wake everybody; called by whoever appended, from any thread."""
        with self._changing:
            for grown, loop in self._waiting.items():
                if not grown.is_set():
                    loop.call_soon_threadsafe(grown.set)
