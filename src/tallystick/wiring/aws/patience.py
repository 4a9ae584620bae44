"""What an order does that lost to another writer: stand in line, look again, in the end give up.

Writers need no leader: whoever appends names the size it decided on. With many functions at once
most of them would lose most of the time, and some for ever: who lost once waits in line for the
head (`ledger.storage.postgres.turn`), takes in what the others wrote, and cannot lose again. While
there is a crowd an order stands in line at once: deciding it first would be work in vain. Who
comes from the line at once is spread a little, so that a crowd that starts together does not stay
together. Who is out of time is told to come back with the same key.

A turn is left as soon as its append is over, and where nothing is appended after all: whoever
stands still in it, as a function does between two invocations, holds up everybody.
"""

import asyncio
from random import Random

import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import TemporaryError
from tallystick.ledger import Ledger, PostgresStore

CROWD_SECONDS = 2.0
"""Who lost to another writer in this time reckons with a crowd."""
JITTER_SECONDS = 0.01
"""Longest pause before standing in line: about a commit of somebody else's."""
_log = structlog.get_logger("wiring")


class Patience:
    """For one request at a time: `begin` it, and `end` it whatever comes of it."""

    def __init__(
        self,
        ledger: Ledger,
        store: PostgresStore,
        clock: Clock,
        chance: Random,
        seconds_max: float,
    ) -> None:
        """`store` is the ledger's; `chance` differs from process to process."""
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._chance = chance
        self._seconds_max = seconds_max
        self._until_ns = 0
        self._crowd_ns = 0
        self._in_line = False
        self._leaving: asyncio.Task[None] | None = None
        self.lost = 0
        """How often this request lost."""

    async def begin(self, *, writes: bool) -> None:
        """Another request; one that `writes` stands in line first where there is a crowd.

        Raises:
            TemporaryError: it is not its turn in time; nothing was done.
        """
        self.lost = 0
        now_ns = self._clock.monotonic_ns()
        self._until_ns = now_ns + round(self._seconds_max * NS_PER_SECOND)
        if writes and now_ns < self._crowd_ns:
            self._in_line = True
            await self._stand_in_line()

    async def wait(self) -> None:
        """The head moved: stand in line, then take in what others wrote; the engine asks for it.

        Raises:
            TemporaryError: the request is out of time; nothing was done.
        """
        self.lost += 1
        now_ns = self._clock.monotonic_ns()
        self._crowd_ns = now_ns + round(CROWD_SECONDS * NS_PER_SECOND)
        if now_ns >= self._until_ns:
            raise self._crowded("out of time")
        await self._clock.sleep(self._chance.uniform(0, JITTER_SECONDS))
        await self._stand_in_line()
        try:
            self._ledger.catch_up()
        finally:
            # The desk hands its append to the store before any other task runs, and the store does
            # one thing after the other: the turn is left behind the append, or at once.
            self._leaving = asyncio.create_task(self._store.leave_turn())

    async def end(self) -> None:
        """The request is answered: who still stands first in line lets the next one pass."""
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            await leaving
        if self._in_line:
            self._in_line = False
            await self._store.leave_turn()

    async def _stand_in_line(self) -> None:
        try:
            await self._store.take_turn()
        except TemporaryError as error:
            raise self._crowded(str(error)) from error

    def _crowded(self, why: str) -> TemporaryError:
        _log.warning("wiring.order_crowded_out", lost=self.lost, reason=why)
        return TemporaryError(
            "Too many others write to the ledger at this moment; nothing was done. Send the same"
            " request again."
        )
