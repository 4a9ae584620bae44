"""Looks at incidents when they are due: escalation, repeats, acknowledgements that run out."""

import asyncio
from collections.abc import Callable

import structlog

from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.errors import TallystickError

LOOK_RETRY_SECONDS = 1.0
LOOK_RETRY_SECONDS_MAX = 30.0
"""Pause when a look failed: at first, doubled each time, and at most."""

_log = structlog.get_logger()


class Looker:
    """Runs on one event loop between `start` and `stop`; `wake` may be called from any thread.

    `look` does what is due and gives when there is more (None: nothing is due); it blocks.
    """

    def __init__(self, look: Callable[[], int | None], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self.trouble = ""
        """Why nothing is looked at now; empty while it works."""
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
        pause = LOOK_RETRY_SECONDS
        while not self._stopping:
            # Cleared before looking, so that what comes in between wakes us at once.
            self._waker.clear()
            try:
                next_ns = await asyncio.to_thread(self._look)
                self.trouble, pause = "", LOOK_RETRY_SECONDS
            except Exception as error:  # noqa: BLE001  outermost loop of looking
                # Whatever it has: escalation must not end with it, nor go unseen.
                known = isinstance(error, TallystickError)
                _log.error(
                    "notify.look_failed", reason=str(error), exc_info=None if known else error
                )
                self.trouble = f"Nothing escalates: {error}" if known else "Nothing escalates."
                next_ns = self._clock.now_ns() + round(pause * NS_PER_SECOND)
                pause = min(2 * pause, LOOK_RETRY_SECONDS_MAX)
                self._waker.clear()
            if not self._stopping:
                await rest(self._waker, self._clock, next_ns)
