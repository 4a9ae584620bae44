"""A forwarder: follows the log store by number and sends every line somewhere else, at least once.

The store is the buffer: a destination that is away for a day is sent that day when it is back. The
cursor is kept after the peer has said yes, so that a crash sends some lines again and loses none.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.retry import back_off
from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX
from tallystick.watch.collect.forward.cursors import Cursors
from tallystick.watch.collect.forward.destination import Destination, Numbered

GATHER_SECONDS = 0.25
"""How long lines may gather before they are sent: few large requests instead of many small."""
BACK_OFF_SECONDS = 0.5
BACK_OFF_SECONDS_MAX = 60.0
SEND_SECONDS_MAX = 30.0
"""Longest time one batch may take."""
COMMIT_SECONDS = 1.0
"""A cursor is kept this often: what came after it is sent again after a crash."""

_log = structlog.get_logger("collect")


class _Of(msgspec.Struct, gc=False):
    """The index of a line."""

    index: str = msgspec.field(default=OWN_INDEX, name=INDEX_FIELD)


_of = msgspec.json.Decoder(_Of)


class Store(Protocol):
    """What a forwarder needs of the log store."""

    @property
    def end(self) -> int:
        """The number of the next line."""
        ...

    def read(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Lines from a number on; those that retention removed are left out."""
        ...

    def follow(self, told: Callable[[int], None]) -> Callable[[], None]:
        """Be told of every append, from any thread; gives what ends it."""
        ...


class Forwarder:
    """Sends the lines of some indexes (of all, where none is named) to one destination."""

    def __init__(
        self,
        name: str,
        store: Store,
        destination: Destination,
        cursors: Cursors,
        clock: Clock,
        chance: random.Random,
        *,
        indexes: Sequence[str] = (),
    ) -> None:
        """A new one begins with the lines that come from now on."""
        self.name = name
        self.sent = 0
        self.refused = 0
        self.failure: str | None = None
        """Why the last batch could not be sent; None while all is well."""
        self._store = store
        self._destination = destination
        self._cursors = cursors
        self._clock = clock
        self._chance = chance
        self._indexes = frozenset(indexes)
        self._position = cursors.position(name, otherwise=store.end)
        self._kept_ns = clock.monotonic_ns()

    @property
    def lag(self) -> int:
        """Lines that are not sent yet."""
        return max(0, self._store.end - self._position)

    async def run(self) -> None:
        """Forward for ever; keeps its place and closes the destination when it is cancelled."""
        loop = asyncio.get_running_loop()
        moved = asyncio.Event()

        def told(_end: int) -> None:
            loop.call_soon_threadsafe(moved.set)

        end = self._store.follow(told)
        try:
            while True:
                moved.clear()
                if not await self.step():
                    await moved.wait()
                    await self._clock.sleep(GATHER_SECONDS)
        finally:
            end()
            self._cursors.keep(self.name, self._position)
            await self._destination.close()

    async def step(self) -> bool:
        """Send the next lines; whether there were any."""
        read = await asyncio.to_thread(
            self._store.read, self._position, self._destination.lines_max
        )
        if not read:
            return False
        wanted = [Numbered(*each) for each in read if self._is_wanted(each[1])]
        for piece in _pieces(wanted, self._destination.bytes_max):
            await self._deliver(piece)
            self._moved_to(piece[-1].seq + 1)
        self._moved_to(read[-1][0] + 1)
        return True

    def _is_wanted(self, line: bytes) -> bool:
        return not self._indexes or _of.decode(line).index in self._indexes

    def _moved_to(self, position: int) -> None:
        self._position = position
        if self._clock.monotonic_ns() - self._kept_ns >= COMMIT_SECONDS * NS_PER_SECOND:
            self._kept_ns = self._clock.monotonic_ns()
            self._cursors.keep(self.name, position)

    async def _deliver(self, lines: Sequence[Numbered]) -> None:
        """Until the peer has taken them; a line that it never takes is set aside and counted."""
        attempts = 0
        while True:
            try:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    refused = await self._destination.send(lines)
            except TimeoutError:
                error = TemporaryError(f"No answer within {SEND_SECONDS_MAX:g} s.")
            except TemporaryError as temporary:
                error = temporary
            except PermanentError as permanent:
                await self._halve(lines, permanent)
                return
            else:
                self._answered(lines, refused)
                return
            attempts += 1
            self._failed(error)
            pause = back_off(attempts, BACK_OFF_SECONDS, BACK_OFF_SECONDS_MAX, self._chance)
            asked = error.retry_after_seconds
            waits = asked if asked > TemporaryError.retry_after_seconds else 0
            await self._clock.sleep(max(pause, waits))

    async def _halve(self, lines: Sequence[Numbered], error: PermanentError) -> None:
        if len(lines) == 1:
            self._refused(lines, 1, str(error))
            return
        middle = len(lines) // 2
        await self._deliver(lines[:middle])
        await self._deliver(lines[middle:])

    def _answered(self, lines: Sequence[Numbered], refused: int) -> None:
        self.sent += len(lines) - refused
        if refused:
            self._refused(lines, refused, "The destination refused them.")
        if self.failure is not None:
            _log.warning(
                "collect.forward_goes_on",
                body="The destination takes lines again.",
                **{"forward.name": self.name, "forward.lag": self.lag},
            )
        self.failure = None

    def _refused(self, lines: Sequence[Numbered], refused: int, reason: str) -> None:
        self.refused += refused
        names = {"forward.name": self.name, "forward.lines": refused}
        seqs = {"forward.seq_first": lines[0].seq, "forward.seq_last": lines[-1].seq}
        _log.error("collect.forward_refused", body=reason, **names, **seqs)

    def _failed(self, error: TemporaryError) -> None:
        if self.failure is None:
            _log.warning("collect.forward_waits", body=str(error), **{"forward.name": self.name})
        self.failure = str(error)


def _pieces(lines: Sequence[Numbered], bytes_max: int) -> Iterator[Sequence[Numbered]]:
    """The same lines, in order, in batches of at most `bytes_max` bytes or one line."""
    start, size = 0, 0
    for number, each in enumerate(lines):
        if number > start and size + len(each.line) > bytes_max:
            yield lines[start:number]
            start, size = number, 0
        size += len(each.line)
    if start < len(lines):
        yield lines[start:]
