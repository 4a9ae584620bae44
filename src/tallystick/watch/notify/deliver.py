"""The deliverer: takes what is due out of the outbox and sends it, until it arrives or is dead.

One task a channel, so a slow channel holds up no other; one delivery at a time and in order, but
an alert that waits for its next attempt lets younger ones pass. An attempt that was cut short is
pending still: at least once, never lost.
"""

import asyncio
import random
from collections.abc import Mapping

import structlog

from tallystick.clock import NS_PER_SECOND, NS_PER_US, Clock, rest
from tallystick.errors import PermanentError, TallystickError, TemporaryError
from tallystick.limits import OUTBOX_ATTEMPTS_MAX
from tallystick.retry import back_off
from tallystick.watch.notify.alert import idempotency_key
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.outbox import Due, Outbox

SEND_SECONDS_MAX = 5.0
"""Longest time one attempt may take."""
BACKOFF_SECONDS = 1.0
BACKOFF_SECONDS_MAX = 300.0
"""The n-th failure is followed by half to all of BACKOFF_SECONDS * 2**(n-1), at most this."""
STOP_SECONDS_MAX = 2.0
"""How long attempts on their way may take when the deliverer stops."""
OUTBOX_RETRY_SECONDS = 1.0
"""Pause when the outbox cannot be used."""

_log = structlog.get_logger()


class Deliverer:
    """Runs on one event loop between `start` and `stop`; `wake` may be called from any thread."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        clock: Clock,
        chance: random.Random,
        *,
        send_seconds_max: float = SEND_SECONDS_MAX,
    ) -> None:
        self._outbox = outbox
        self._channels = dict(channels)
        self._clock = clock
        self._chance = chance
        self._send_seconds_max = send_seconds_max
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wakers = {name: asyncio.Event() for name in self._channels}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self) -> None:
        """Begin to deliver, what was left over first. Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        for name in self._channels:
            task = asyncio.create_task(self._work(name), name=f"deliver-{name}")
            task.add_done_callback(_say_death)
            self._tasks.add(task)

    def wake(self) -> None:
        """Something new may be due; from any thread, and harmless before start or after stop."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._ring)
        except RuntimeError:
            # The loop closed between the question and the call: the next start finds the alert.
            self._loop = None

    async def stop(self) -> None:
        """Let attempts end, cut off those that take too long, and close the channels."""
        self._stopping = True
        self._loop = None
        self._ring()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS_MAX)
            for task in late:
                task.cancel()
            # What a worker died of was said when it died.
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = set()
        for channel in self._channels.values():
            await channel.close()

    def _ring(self) -> None:
        for waker in self._wakers.values():
            waker.set()

    async def _work(self, name: str) -> None:
        waker = self._wakers[name]
        while not self._stopping:
            # Cleared before looking, so that what is raised in between wakes us at once.
            waker.clear()
            try:
                due = await asyncio.to_thread(self._outbox.next_due, name, self._clock.now_ns())
                if due is not None:
                    await self._attempt(due)
                    continue
                next_ns = await asyncio.to_thread(self._outbox.next_due_at, name)
            except TallystickError as error:
                _log.error("notify.outbox_failed", channel=name, reason=str(error))
                next_ns = self._clock.now_ns() + round(OUTBOX_RETRY_SECONDS * NS_PER_SECOND)
                waker.clear()
            if not self._stopping:
                await rest(waker, self._clock, next_ns)

    async def _attempt(self, due: Due) -> None:
        started_ns = self._clock.monotonic_ns()
        error = await self._send(due)
        now_ns = self._clock.now_ns()
        attempts = due.attempts + 1
        log = _log.bind(
            alert_id=due.alert.id,
            channel=due.channel,
            attempts=attempts,
            order_id=due.alert.order_id,
            position=due.alert.position,
            duration_us=(self._clock.monotonic_ns() - started_ns) // NS_PER_US,
        )
        if error is None:
            await asyncio.to_thread(self._outbox.settle, due, "delivered", now_ns)
            log.info("notify.alert_delivered")
        elif isinstance(error, PermanentError) or attempts >= OUTBOX_ATTEMPTS_MAX:
            await asyncio.to_thread(self._outbox.settle, due, "dead", now_ns, str(error))
            log.error("notify.delivery_given_up", reason=str(error))
        else:
            pause = back_off(attempts, BACKOFF_SECONDS, BACKOFF_SECONDS_MAX, self._chance)
            wait = max(error.retry_after_seconds, pause)  # never earlier than was asked for
            at_ns = now_ns + round(wait * NS_PER_SECOND)
            await asyncio.to_thread(self._outbox.settle, due, "pending", at_ns, str(error))
            log.warning("notify.delivery_failed", reason=str(error), retry_seconds=round(wait, 3))

    async def _send(self, due: Due) -> TemporaryError | PermanentError | None:
        channel = self._channels[due.channel]
        key = idempotency_key(due.alert.id, due.channel)
        try:
            async with asyncio.timeout(self._send_seconds_max):
                await channel.send(due.alert, key)
        except (TemporaryError, PermanentError) as error:
            return error
        except TimeoutError:
            return TemporaryError(f"No answer within {self._send_seconds_max:g} s.")
        except Exception as error:  # noqa: BLE001  outermost loop of a channel
            # The outermost loop of this channel: its bug must not stop alerts, nor go unseen.
            _log.exception("notify.channel_broken", channel=due.channel, alert_id=due.alert.id)
            return TemporaryError(f"The channel failed: {type(error).__name__}.")
        return None


def _say_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("notify.worker_died", worker=task.get_name(), exc_info=error)
