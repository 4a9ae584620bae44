"""Looks at incidents when they are due: escalation, repeats, acknowledgements that run out."""

import asyncio
from collections.abc import Callable

import structlog

from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.errors import TallystickError

LOOK_RETRY_SECONDS = 1.0
"""Pause when the store cannot be used."""

_log = structlog.get_logger()


class Looker:
    """Runs on one event loop between `start` and `stop`; `wake` may be called from any thread.

    `look` does what is due and gives when there is more (None: nothing is due); it blocks.
    """

    def __init__(self, look: Callable[[], int | None], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._waker = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Look from now on. Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name="notify-look")

    def wake(self) -> None:
        """Something has changed; harmless before start and after stop."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._waker.set)
        except RuntimeError:
            # The loop closed between the question and the call: the next start looks at all.
            self._loop = None

    async def stop(self) -> None:
        """Let the look that is under way end."""
        self._stopping = True
        self._loop = None
        self._waker.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping:
            # Cleared before looking, so that what comes in between wakes us at once.
            self._waker.clear()
            try:
                next_ns = await asyncio.to_thread(self._look)
            except TallystickError as error:
                _log.error("notify.look_failed", reason=str(error))
                next_ns = self._clock.now_ns() + round(LOOK_RETRY_SECONDS * NS_PER_SECOND)
                self._waker.clear()
            if not self._stopping:
                await rest(self._waker, self._clock, next_ns)
