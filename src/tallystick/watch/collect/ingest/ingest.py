"""The way in for lines from elsewhere: redact, drop what came before, store, and only then answer.

Parsing has one thread, so that orders get their turn; storing has another, which takes
everything that waits into one write. Whoever sends waits until the write is durable.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

import structlog

from tallystick.clock import Clock
from tallystick.errors import Crowded, Refused, ShuttingDown, TallystickError
from tallystick.limits import (
    EVENT_IDS_KEPT_MAX,
    INGEST_BYTES_IN_FLIGHT_MAX,
    INGEST_LINES_BYTES_MAX,
    REQUEST_REPEAT_SECONDS,
    REQUESTS_KEPT_MAX,
)
from tallystick.watch.collect.ingest.ack_channels import AckChannels
from tallystick.watch.collect.ingest.batch import Batch, event_key
from tallystick.watch.collect.ingest.flight import Flight
from tallystick.watch.collect.ingest.recall import Searched, recent_event_ids
from tallystick.watch.collect.ingest.seen import Seen
from tallystick.watch.collect.lines import check_lines, encode_line, report

Parsed = TypeVar("Parsed")
_RECALLED_WITHOUT_ARCHIVE = "-1d"
"""How far back event ids are recalled where older lines cannot be read."""
_WRITE_BYTES = 2_097_152
"""As soon as so much is gathered it is written: one write holds up other threads a little."""

_log = structlog.get_logger("ingest")


class Store(Searched, Protocol):
    """What lines are written to: `LogStore`."""

    def append(self, lines: Sequence[bytes]) -> int:
        """Durable when it returns, all or nothing; the number of the first."""
        ...

    def pressure(self) -> float:
        """From 0 to 1: how full it is before it has to make room."""
        ...


@dataclass(frozen=True)
class IngestSettings:
    """How events from elsewhere are taken."""

    strict: bool = False
    """Whether a bad event drops all behind it in its request, as Splunk does it."""
    ack: Literal["auto", "required", "off"] = "auto"
    """Acknowledgment ids: `auto`, for requests that name a channel; `required`, every request has
    to name one; `off`."""
    health_checks_token: bool = False
    """Whether the collector's health is told only to those with a valid token."""
    drop_repeats: bool = True
    """Whether a request that is sent again is stored once."""
    bytes_in_flight_max: int = INGEST_BYTES_IN_FLIGHT_MAX
    """Most bytes of bodies between their first byte and their answer."""


@dataclass(frozen=True)
class Kept:
    """What became of a batch; everything that is kept is durable."""

    lines: int = 0
    """Stored now."""
    duplicates: int = 0
    """Not stored, because they were stored before."""
    unstorable: int = 0
    """Neither, because redaction made them longer than a line may be."""


class Ingest:
    """Takes lines from elsewhere; every method may be called from any thread unless it says more.

    Call `recall` once before the first line and `close` at the end.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        redact: Callable[[list[bytes]], list[bytes]] = list,
        settings: IngestSettings | None = None,
    ) -> None:
        """`redact` gives the same number of lines in the same order."""
        self._store = store
        self._clock = clock
        self._redact = redact
        self.settings = settings or IngestSettings()
        self.flight = Flight(self.settings.bytes_in_flight_max)
        """Bytes of requests; the event loop's."""
        self.acks = AckChannels(clock)
        """Splunk's acknowledgments; the event loop's."""
        self._events: Seen[int] = Seen(clock, EVENT_IDS_KEPT_MAX)
        self._requests: Seen[bytes] = Seen(clock, REQUESTS_KEPT_MAX, REQUEST_REPEAT_SECONDS)
        self._waiting: deque[_Ticket] = deque()  # bounded by: _make_room, and by senders, who wait
        self._changing = threading.Condition()
        self._waiting_bytes = 0
        self._closed = False
        self._parser = ThreadPoolExecutor(1, thread_name_prefix="ingest-parse")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ingest-write")
        self.lines = 0
        """Stored so far."""
        self.duplicates = 0
        """Not stored so far, because they were stored before."""
        self.refused = 0
        """Events that could not be taken so far."""

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    @property
    def fullness(self) -> float:
        """From 0 to 1; requests are refused before 1. The event loop's."""
        return max(self.flight.fullness, self._store.pressure())

    def admit(self) -> None:
        """Go on only while the store has room.

        Raises:
            Crowded: it has none now.
            ShuttingDown: the process is leaving.
        """
        if self._closed:
            raise ShuttingDown
        if self._store.pressure() >= 1:
            self.flight.refused += 1
            raise Crowded("The log store is full for now; try again in a moment.")

    def recall(self) -> int:
        """Remember the event ids of the store's newest lines; how many there are.

        What was stored before a crash, and not answered, is then not stored again. Where an
        archive that lines were moved to cannot be read, it is done with those of the last day:
        nobody waits for old log lines in order to trade.
        """
        for earliest in (None, _RECALLED_WITHOUT_ARCHIVE):
            try:
                for index, event_id in recent_event_ids(self._store, self._clock, earliest):
                    self._events.add(event_key(index, event_id))
            except TallystickError as error:
                _log.warning("ingest.recall_left_out", body=str(error))
            else:
                break
        return len(self._events)

    async def parse(self, work: Callable[[], Parsed]) -> Parsed:
        """Do this in the thread for parsing, when it is its turn. For the event loop.

        Raises:
            ShuttingDown: the process is leaving.
        """
        if self._closed:
            raise ShuttingDown
        return await asyncio.get_running_loop().run_in_executor(self._parser, work)

    async def keep(self, batch: Batch) -> Kept:
        """What `take` does, for the event loop.

        Raises:
            Refused, TemporaryError: nothing was stored.
        """
        if not batch.lines:
            return Kept()
        future = await self.parse(lambda: self._submit(batch))
        return await asyncio.wrap_future(future)

    def take(self, batch: Batch) -> Kept:
        """Redact and store a batch; what is kept is durable when it returns.

        Raises:
            TemporaryError: the store is full, closed, or its disk refuses; nothing was stored.
        """
        return self._submit(batch).result() if batch.lines else Kept()

    def note_refused(self, events: int) -> None:
        """Count events that could not be taken."""
        with self._changing:
            self.refused += events

    def close(self) -> None:
        """Store what waits and take no more."""
        self._closed = True
        self._parser.shutdown()
        self._writer.shutdown()

    def _submit(self, batch: Batch) -> "Future[Kept]":
        if self._closed:
            raise ShuttingDown
        ticket = _Ticket(replace(batch, lines=self._redact(list(batch.lines))))
        self._make_room(ticket.size)
        self._waiting.append(ticket)
        try:
            self._writer.submit(self._write)
        except RuntimeError as error:  # it was closed meanwhile
            raise ShuttingDown from error
        return ticket.future

    def _make_room(self, size: int) -> None:
        """Wait until the lines before are on disk, where they are many."""
        with self._changing:
            self._changing.wait_for(
                lambda: (
                    not self._waiting_bytes or self._waiting_bytes + size <= INGEST_LINES_BYTES_MAX
                )
            )
            self._waiting_bytes += size

    def _write(self) -> None:
        """Store everything that waits, in few writes."""
        self._requests.forget_old()
        while tickets := self._gathered():
            try:
                self._store_together(tickets)
            except Exception as error:  # noqa: BLE001  outermost loop of a thread
                for ticket in tickets:
                    ticket.future.set_exception(error)
            for ticket in tickets:
                self._free(ticket)

    def _gathered(self) -> list["_Ticket"]:
        """Some of what waits, for one write."""
        tickets: list[_Ticket] = []
        size = 0
        while self._waiting and size < _WRITE_BYTES:
            ticket = self._waiting.popleft()
            if ticket.future.set_running_or_notify_cancel():
                tickets.append(ticket)
                size += ticket.size
            else:
                self._free(ticket)
        return tickets

    def _free(self, ticket: "_Ticket") -> None:
        with self._changing:
            self._waiting_bytes -= ticket.size
            self._changing.notify_all()

    def _store_together(self, tickets: list["_Ticket"]) -> None:
        """Store the tickets' new lines.

        Raises:
            TemporaryError: nothing was stored.
        """
        taken = _Taken(self._events, self._requests)
        fresh = [taken.fresh(ticket.batch) for ticket in tickets]
        lines = [line for each in fresh for line in each]
        try:
            if lines:
                self._store.append(lines)
            unstorable = [0] * len(tickets)
        except Refused:  # some are no lines: the others are
            good = [[line for line in each if _is_line(line)] for each in fresh]
            unstorable = [len(a) - len(b) for a, b in zip(fresh, good, strict=True)]
            lines = [line for each in good for line in each]
            self._store.append([*lines, self._unstorable(sum(unstorable))])
        taken.remember()
        self.lines += len(lines)
        self.note_refused(sum(unstorable))
        for ticket, new, bad in zip(tickets, fresh, unstorable, strict=True):
            duplicates = len(ticket.batch.lines) - len(new)
            self.duplicates += duplicates
            ticket.future.set_result(Kept(len(new) - bad, duplicates, bad))

    def _unstorable(self, lines: int) -> bytes:
        body = "Redaction made lines longer than a line may be; they were not stored."
        named = {"log.lines": lines}
        at_ns = self._clock.now_ns()
        return encode_line(report(at_ns, "WARN", "ingest.lines_unstorable", body, named))


class _Ticket:
    """A batch that waits for its write, and whoever waits for it."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.size = sum(map(len, batch.lines))
        self.future: Future[Kept] = Future()


class _Taken:
    """What one write would remember, once it is durable."""

    def __init__(self, events: Seen[int], requests: Seen[bytes]) -> None:
        self._events = events
        self._requests = requests
        self._new_events: set[int] = set()
        self._new_requests: set[bytes] = set()

    def fresh(self, batch: Batch) -> Sequence[bytes]:
        """The lines of the batch that were not stored before."""
        if batch.request is not None:
            if batch.request in self._requests or batch.request in self._new_requests:
                return ()
            self._new_requests.add(batch.request)
        if batch.keys is None:
            return batch.lines
        pairs = zip(batch.lines, batch.keys, strict=True)
        return [line for line, key in pairs if key is None or self._is_new(key)]

    def remember(self) -> None:
        """The write is durable."""
        for key in self._new_events:
            self._events.add(key)
        for request in self._new_requests:
            self._requests.add(request)

    def _is_new(self, key: int) -> bool:
        if key in self._events or key in self._new_events:
            return False
        self._new_events.add(key)
        return True


def _is_line(line: bytes) -> bool:
    try:
        check_lines([line])
    except ValueError:
        return False
    return True
