"""From the ledger to those who check it: tiles, guard, witnesses, checkpoint, in that order."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Forked, TemporaryError
from tallystick.ledger import Ledger, Publisher
from tallystick.ledger.witness import Cosigned, Cosigner

PUBLISH_SECONDS = 0.4
"""How often the tlog-tiles folder catches up. With the witnesses' time-out its checkpoint is never
older than a second."""
PAUSE_SECONDS_MIN = 0.05
RECOSIGN_SECONDS = 5
"""How often missing witnesses are asked again about a checkpoint that stays the newest."""

T = TypeVar("T")
_log = structlog.get_logger("wiring")


class Publishing:
    """Publishes each new head within a second; files are written in a thread of their own."""

    def __init__(
        self,
        publisher: Publisher,
        ledger: Ledger,
        clock: Clock,
        cosigner: Cosigner | None = None,
    ) -> None:
        """Made anywhere; `run`, `publish` and `close` belong to one event loop."""
        self._publisher = publisher
        self._ledger = ledger
        self._clock = clock
        self._cosigner = cosigner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self._wanting: tuple[int, str, int] | None = None
        """(size, note, how many cosigned) of a checkpoint that lacks its quorum."""
        self._again_ns = 0
        self.away: str | None = None
        """Why the store could not be read when it was last looked at; None when it could."""

    @property
    def size(self) -> int:
        """Entries that the published checkpoint covers."""
        return self._publisher.size

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            started_ns = self._clock.monotonic_ns()
            await self.publish()
            spent = (self._clock.monotonic_ns() - started_ns) / NS_PER_SECOND
            await self._clock.sleep(max(PAUSE_SECONDS_MIN, PUBLISH_SECONDS - spent))

    async def publish(self) -> None:
        """Publish the newest head, or ask again for what the one that is there lacks.

        Raises:
            Forked: the store holds less than was published.
            TemporaryError: the store cannot be read right now.
        """
        started_ns = self._clock.monotonic_ns()
        await self._look()
        # What the ledger shows is held by the guard; the store may hold more already.
        size, signed = self._ledger.size, self._ledger.note
        if not await self._in_thread(lambda: self._publisher.prepare(size)):
            await self._recosign()
            return
        await self._in_thread(self._ledger.sync)
        cosigned = await self._cosign(signed)
        note = signed if cosigned is None else cosigned.note
        if cosigned is not None:
            self._want(size, signed, cosigned)
        await self._in_thread(lambda: self._publisher.show(size, note))
        _log.info(
            "ledger.checkpoint_published",
            **{
                "ledger.size": size,
                "ledger.witnesses": list(cosigned.witnesses) if cosigned else [],
                "duration_us": (self._clock.monotonic_ns() - started_ns) // 1_000,
            },
        )

    async def close(self) -> None:
        """Finish the file that is being written, and let go of the witnesses."""
        self._thread.shutdown()
        if self._cosigner is not None:
            await self._cosigner.aclose()

    async def _look(self) -> None:
        """A few times a second: is the store there, and does it hold what was published?"""
        try:
            newest = await self._in_thread(self._publisher.newest)
        except TemporaryError as error:
            self.away = str(error)
            raise
        self.away = None
        size = newest[0] if newest else 0
        if size < self._publisher.size:  # what was published once is never taken back
            raise Forked(
                f"The database holds {size} entries, and {self._publisher.size} were published: an"
                " older backup was put back under a running ledger, or a replica that lacks"
                " entries was promoted. See: tallystick ledger reconcile --help."
            )

    async def _cosign(self, note: str) -> Cosigned | None:
        if self._cosigner is None:
            return None
        return await self._cosigner.cosign(note, self._ledger.consistency_proof)

    async def _recosign(self) -> None:
        """A witness that was away may be there again, and nothing new be in sight."""
        if self._wanting is None or self._clock.monotonic_ns() < self._again_ns:
            return
        size, note, count = self._wanting
        cosigned = await self._cosign(note)
        if cosigned is None:
            return
        self._want(size, note, cosigned)
        if len(cosigned.witnesses) > count:
            await self._in_thread(lambda: self._publisher.show(size, cosigned.note))

    def _want(self, size: int, note: str, cosigned: Cosigned) -> None:
        lacking = not cosigned.quorum or cosigned.missing
        self._wanting = (size, note, len(cosigned.witnesses)) if lacking else None
        self._again_ns = self._clock.monotonic_ns() + RECOSIGN_SECONDS * NS_PER_SECOND

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
