"""Hears of commits by any writer: NOTIFY says when to look, looking says what is there.

A notification is a hint only. What is told to followers was read from the head; so a notification
that is lost, doubled or forged does no harm, and after a lost connection nothing is missed.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg  # type: ignore[import-untyped]  # it ships none
import structlog

from tallystick.errors import TallystickError
from tallystick.ledger.storage.postgres.faults import FAILURES, explained
from tallystick.ledger.storage.postgres.session import PLAIN, Connection, Line, Manners

CHANNEL = """
'tallystick_' || (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
"""
"""SQL for the name of this schema's channel: channels belong to a whole database."""
LOOK_SECONDS = 0.5
"""Between two looks at the head where no notification came."""
RECONNECT_SECONDS = 0.25

_SIZE = "SELECT size FROM ledger_head"
_log = structlog.get_logger("ledger")


class Listener:
    """One session that listens, from the first follower on. It lives in the private loop."""

    def __init__(self, dsn: str, manners: Manners = PLAIN) -> None:
        self._line = Line(dsn, manners)
        self._pooled = manners.pooled
        self._followers: list[Callable[[int], None]] = []
        self._woken = asyncio.Event()
        self._told = -1
        """The size that followers know of."""
        self._task: asyncio.Task[None] | None = None

    def add(self, moved: Callable[[int], None]) -> None:
        """Tell this one too."""
        self._followers.append(moved)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Tell nobody any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._line.close()

    async def _run(self) -> None:
        well = True
        while True:
            try:
                connection = await self._line.connection()
                await self._listen(connection)
                if not well:
                    _log.info("ledger.follow_resumed")
                well = True
                await self._look_for_ever(connection)
            except (TallystickError, *FAILURES) as error:
                if well:
                    _log.warning("ledger.follow_interrupted", reason=str(explained(error)))
                well = False
            self._line.drop()
            await self._pause(RECONNECT_SECONDS)

    async def _listen(self, connection: Connection) -> None:
        if self._pooled:
            return  # looking must do there too: who listens keeps a session for itself
        channel = await connection.fetchval(f"SELECT {CHANNEL}")
        # A standby takes no LISTEN; there, looking every now and then must do.
        with suppress(asyncpg.ReadOnlySQLTransactionError):
            await connection.add_listener(channel, self._wake)

    async def _look_for_ever(self, connection: Connection) -> None:
        while True:
            self._woken.clear()
            size = int(await connection.fetchval(_SIZE))
            if size != self._told:
                self._told = size
                for moved in self._followers:
                    moved(size)
            await self._pause(LOOK_SECONDS)

    def _wake(self, *_notification: object) -> None:
        self._woken.set()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
