"""The tail: everything that is not sealed yet, and the one door through which lines come in.

Appends from many threads are written together: whoever comes first writes for all who wait, in
one write and one flush.
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.clock import Clock
from tallystick.errors import Corrupt, Overloaded, ShuttingDown, TemporaryError
from tallystick.limits import LOG_UNSEALED_BYTES_MAX
from tallystick.watch.collect.store.hot import HotSegment, hot_files


@dataclass(eq=False)
class _Ticket:
    """One append that waits for its turn."""

    block: bytes
    lines: int
    first: int = 0
    error: TemporaryError | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Tail:
    """The hot segments in a folder: full ones that wait for a seal, and one that grows."""

    def __init__(self, folder: Path, clock: Clock, sealed_to: int, *, fresh: bool = False) -> None:
        """Open what is there; `cut_bytes` says what a crash left unfinished.

        Lines up to `sealed_to` are sealed; when nothing ever was (`fresh`), any may be first.

        Raises:
            Corrupt: a segment holds lines that are sealed and lines that are not.
        """
        self._folder = folder
        self._clock = clock
        self._waiting: list[_Ticket] = []  # bounded by: callers of append, who wait
        self._queue = threading.Lock()  # the tickets
        self._writing = threading.Lock()  # the file
        self._open = True
        self.full: tuple[HotSegment, ...] = ()
        self.cut_bytes = 0
        self.hot = self._recover(sealed_to, fresh=fresh)
        self._hot_since_ns = clock.monotonic_ns()

    @property
    def segments(self) -> tuple[HotSegment, ...]:
        """All segments, oldest first."""
        with self._queue:
            return (*self.full, self.hot)

    @property
    def end(self) -> int:
        """The sequence number of the next line."""
        return self.hot.end

    def pressure(self) -> float:
        """How much of the room for unsealed lines is taken: from 0 to 1."""
        size = sum(segment.size for segment in self.segments)
        return min(size / LOG_UNSEALED_BYTES_MAX, 1.0)

    def age_ns(self) -> int:
        """How long the growing segment has had lines; 0 when it has none."""
        return self._clock.monotonic_ns() - self._hot_since_ns if self.hot.lines else 0

    def append(self, block: bytes, lines: int) -> int:
        """Add a block of lines; durable when it returns. Gives the number of its first line.

        Raises:
            TemporaryError: the disk refused, or too much waits to be sealed; nothing was added.
        """
        ticket = _Ticket(block, lines)
        with self._queue:
            self._waiting.append(ticket)
        with self._writing:
            if not ticket.done.is_set():
                self._write_waiting()
        if ticket.error is not None:
            raise ticket.error
        return ticket.first

    def roll(self) -> None:
        """Let the growing segment be full, if it has lines, and begin another.

        Raises:
            TemporaryError: the disk refused; the segment grows on.
        """
        with self._writing:
            if not self.hot.lines:
                return
            try:
                self.hot.trim()
                fresh = HotSegment.create(self._folder, self.hot.end, self._clock.now_ns())
            except OSError as error:
                raise TemporaryError(f"The log store cannot write: {error.strerror}.") from error
            with self._queue:
                self.full = (*self.full, self.hot)
                self.hot = fresh

    def drop(self, segment: HotSegment) -> None:
        """Forget a full segment that is sealed; `remove` takes away its file."""
        with self._queue:
            self.full = tuple(other for other in self.full if other is not segment)

    def close(self) -> None:
        """Let go of the files; whoever appends from now on is refused."""
        with self._writing:
            self._open = False
            for segment in self.segments:
                segment.close()

    def _write_waiting(self) -> None:
        """Write for all who wait; under `_writing`."""
        with self._queue:
            tickets, self._waiting = self._waiting, []
        if len(tickets) > 1 and self._written(tickets):
            return
        for ticket in tickets:  # one by one, so that one who is refused spares the others
            self._written([ticket])

    def _written(self, tickets: list[_Ticket]) -> bool:
        """Write these in one go; when that fails, a single one is told why."""
        try:
            self._check_room()
            if not self.hot.lines:
                self._hot_since_ns = self._clock.monotonic_ns()
            first = self.hot.end
            block = b"".join(ticket.block for ticket in tickets)
            self.hot.append(block, sum(ticket.lines for ticket in tickets))
        except TemporaryError as error:
            if len(tickets) > 1:
                return False
            tickets[0].error = error
            tickets[0].done.set()
            return False
        for ticket in tickets:
            ticket.first = first
            first += ticket.lines
            ticket.done.set()
        return True

    def _check_room(self) -> None:
        if not self._open:
            raise ShuttingDown("The log store is closed.")
        if self.pressure() >= 1:
            raise Overloaded("Too many log lines wait to be sealed; try again in a moment.")

    def _recover(self, sealed_to: int, *, fresh: bool) -> HotSegment:
        """Open the segments that are there: the newest grows on, others wait for a seal."""
        found: list[HotSegment] = []
        for path in hot_files(self._folder):
            segment, cut = HotSegment.recover(path)
            self.cut_bytes += cut
            if segment.lines and segment.end > sealed_to:
                found.append(segment)
                if not fresh or len(found) > 1:
                    _check_unsealed(segment, sealed_to)
                sealed_to = segment.end
            else:
                segment.close()
                path.unlink()
        self.full = tuple(found[:-1])
        if found:
            return found[-1]
        return HotSegment.create(self._folder, sealed_to, self._clock.now_ns())


def _check_unsealed(segment: HotSegment, sealed_to: int) -> None:
    if segment.first != sealed_to:
        reason = "the same log lines twice" if segment.first < sealed_to else "a gap before it"
        raise Corrupt(f"{segment.path.name} begins at {segment.first}, not {sealed_to}: {reason}.")
