"""The intake: the door through which our own lines reach the log store without waiting.

The caller pays for one append to a queue; a thread encodes, redacts and stores batches.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Refused, TemporaryError
from tallystick.limits import (
    LOG_BATCH_LINES_MAX,
    LOG_LINES_WAITING_MAX,
    SHUTDOWN_SECONDS_MAX,
)
from tallystick.watch.collect.lines import (
    Line,
    encode_line,
    encode_one_by_one,
    encode_own,
    report,
)
from tallystick.watch.collect.store import LogStore

Redact = Callable[[Sequence[bytes]], list[bytes]]
_ROUND_SECONDS = 0.1


class Intake:
    """Takes lines from any thread; call `start` once and `close` at the end."""

    def __init__(self, store: LogStore, clock: Clock, redact: Redact) -> None:
        """`redact` takes what must not be kept out of encoded lines; it gives as many."""
        self._store = store
        self._redact = redact
        self._clock = clock
        self._waiting: deque[Line | msgspec.Struct] = deque()  # bounded by: offer
        self._unstored: list[bytes] = []  # encoded, refused by the disk, tried again
        self._counting = threading.Lock()
        self._dropped = 0
        self._dropped_unreported = 0
        self._unreadable = 0
        self._failure: str | None = None
        self._looked_ns = clock.monotonic_ns()
        self._delay_ns = 0
        self._tickets: deque[threading.Event] = deque()  # bounded by: callers of flush, who wait
        self._asked = threading.Event()
        self._closing = False
        self._worker = threading.Thread(target=self._work, name="log-intake", daemon=True)

    @property
    def dropped(self) -> int:
        """Lines dropped so far because too many were waiting or they could not be written."""
        return self._dropped

    @property
    def failure(self) -> str | None:
        """Why the last round could not store or seal; None while all is well."""
        return self._failure

    @property
    def delay_seconds(self) -> float:
        """How long the slowest line of the last round took at most to become searchable."""
        return self._delay_ns / NS_PER_SECOND

    def offer(self, line: Line | msgspec.Struct) -> None:
        """Hand over a line, or a struct that encodes as one.

        It belongs to the intake from now on and must not be changed. Never waits and never fails:
        past `LOG_LINES_WAITING_MAX` the line is dropped and counted, and the count becomes a line
        itself (`collect.lines_dropped`).
        """
        if len(self._waiting) < LOG_LINES_WAITING_MAX:
            self._waiting.append(line)
        else:
            with self._counting:
                self._dropped += 1
                self._dropped_unreported += 1

    def start(self) -> None:
        """Begin to store what is offered."""
        self._worker.start()

    def flush(self, timeout_seconds: float = SHUTDOWN_SECONDS_MAX) -> None:
        """Wait until everything offered before is durable; not for the event loop's thread.

        Raises:
            TemporaryError: the store did not take it in time.
        """
        ticket = threading.Event()
        self._tickets.append(ticket)
        self._asked.set()
        if not ticket.wait(timeout_seconds):
            raise TemporaryError(f"Log lines are not stored yet: {self._failure or 'busy'}.")

    def close(self) -> None:
        """Store what was offered and end the thread; nothing happens if it never began.

        Raises:
            TemporaryError: the store did not take everything in time.
        """
        if not self._worker.is_alive():
            return
        try:
            self.flush()
        finally:
            self._closing = True
            self._asked.set()
            self._worker.join(SHUTDOWN_SECONDS_MAX)

    def _work(self) -> None:
        closing = False
        while not closing:
            self._asked.wait(_ROUND_SECONDS)
            self._asked.clear()
            closing = self._closing  # one more round after it is set
            try:
                self._round()
            except Exception as error:  # noqa: BLE001  outermost loop of a thread
                self._note_failure(error)
            else:
                self._failure = None

    def _round(self) -> None:
        """Store everything that waits, then let the store tend to itself."""
        tickets = len(self._tickets)
        looked_ns, self._looked_ns = self._looked_ns, self._clock.monotonic_ns()
        waited = bool(self._waiting)
        self._store_waiting()
        # What waited came after the last look: no line has to carry a time of its own.
        self._delay_ns = self._clock.monotonic_ns() - looked_ns if waited else 0
        for _ in range(tickets):
            self._tickets.popleft().set()
        self._store.tend()

    def _store_waiting(self) -> None:
        self._store_unstored()
        left = len(self._waiting)
        while left:
            batch = [self._waiting.popleft() for _ in range(min(left, LOG_BATCH_LINES_MAX))]
            left -= len(batch)
            encoded, unreadable = encode_own(batch)
            self._unstored = self._redact(encoded)
            self._count_unreadable(unreadable)
            try:
                self._store_unstored()
            except Refused:  # something in it is no line: the others are
                encoded, unreadable = encode_one_by_one(batch)
                self._unstored = self._redact(encoded)
                self._count_unreadable(unreadable)
                self._store_unstored()
        self._report_losses()
        self._store_unstored()

    def _store_unstored(self) -> None:
        if self._unstored:
            self._store.append(self._unstored)
            self._unstored = []

    def _count_unreadable(self, lines: int) -> None:
        if lines:
            self._unreadable += lines
            with self._counting:
                self._dropped += lines

    def _report_losses(self) -> None:
        with self._counting:
            dropped, self._dropped_unreported = self._dropped_unreported, 0
        if dropped:
            self._say("collect.lines_dropped", "Too many lines were waiting.", dropped)
        unreadable, self._unreadable = self._unreadable, 0
        if unreadable:
            self._say("collect.lines_unreadable", "They cannot be written as JSON.", unreadable)

    def _say(self, event_name: str, body: str, lines: int) -> None:
        line = report(self._clock.now_ns(), "WARN", event_name, body, {"log.lines": lines})
        self._unstored.append(encode_line(line))

    def _note_failure(self, error: Exception) -> None:
        first = self._failure is None
        self._failure = f"{type(error).__name__}: {error}"
        if first:
            line = report(
                self._clock.now_ns(),
                "ERROR",
                "collect.round_failed",
                "The log store could not store or seal; it tries again.",
                {"error.type": type(error).__name__, "error.message": str(error)},
            )
            self.offer(line)
