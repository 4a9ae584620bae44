"""The deliverer: takes what is due out of the store and sends it, until it arrives or is dead.

One task a target, so a slow target holds up no other; one message at a time to each, and the
messages of one incident in order, but one that waits for its next attempt lets those of other
incidents pass (`lane`). What a target was asked is settled before anything else is: an attempt
that was cut short is pending still, and goes out again under the same key. At least once, never
lost.

From a commit to the request on the wire is one look into the store on a thread of its own, which
nobody else's work keeps waiting; nobody polls.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol

import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, NS_PER_US, Clock, rest
from tallystick.errors import PermanentError, TallystickError, TemporaryError
from tallystick.retry import back_off
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.lane import BACKOFF_SECONDS_MAX, Lane, Outcome
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.outbox import Due, State

SEND_SECONDS_MAX = 15.0
"""Longest time one attempt may take: mail takes several steps; channels wait less for each."""
ATTEMPTS_AT_ONCE_MAX = 64
"""Most attempts under way at once, one a target."""
STOP_SECONDS_MAX = 2.0
"""How long attempts on their way may take when the deliverer stops."""
STORE_RETRY_SECONDS = 1.0
STORE_RETRY_SECONDS_MAX = 30.0
"""Pause when the store cannot be used: at first, and at most."""
STORE_THREADS = 2
"""Threads that look into the store; it lets in one at a time anyway."""

Finish = Callable[[Message, str], Message]
"""Puts into a message for a target what is not stored with it: its ways, chart and receipts.
Called in a thread."""

_log = structlog.get_logger()


class MessageStore(Protocol):
    """Where messages wait: `incidents.store`. Each call blocks for the disk and is one transaction.

    Of one incident and target only the oldest pending message is ever due.
    """

    def next_due(self, target: str, now_ns: int) -> Due | None:
        """The oldest message for this target whose time has come by then."""
        ...

    def next_due_at(self, target: str) -> int | None:
        """When the next one is due, nanoseconds since the epoch."""
        ...

    def settle(
        self,
        due: Due,
        state: State,
        at_ns: int,
        error: str | None = None,
        provider_id: str = "",
        *,
        tried: bool = True,
    ) -> None:
        """It is `delivered`, `dead`, or `pending` again from `at_ns` on; told again: nothing."""
        ...

    def stuck(self, target: str) -> None:
        """What waits there counts as given up where incidents escalate; it stays pending."""
        ...


class TargetHealth(msgspec.Struct, frozen=True):
    """How a target is doing: `open_until_ns` 0 while its circuit is closed."""

    open_until_ns: int
    stuck: bool
    last_error: str


def as_it_is(message: Message, _target: str) -> Message:
    """Nothing is put in."""
    return message


class Deliverer:
    """Runs on one event loop between `start` and `stop`; `wake` may be called from any thread."""

    def __init__(
        self,
        store: MessageStore,
        channels: Mapping[str, Channel],
        clock: Clock,
        chance: random.Random,
        *,
        finish: Finish = as_it_is,
        send_seconds_max: float = SEND_SECONDS_MAX,
        executor: Executor | None = None,
    ) -> None:
        """`executor` runs what blocks for the disk: threads of its own where none is given."""
        self._store = store
        self._channels = dict(channels)
        self._clock = clock
        self._chance = chance
        self._finish = finish
        self._send_seconds_max = send_seconds_max
        self._executor = executor
        self._pool: Executor | None = executor
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes = {name: Lane(name, chance) for name in self._channels}
        self._wakers = {name: asyncio.Event() for name in self._channels}
        self._room = asyncio.Semaphore(ATTEMPTS_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self) -> None:
        """Begin to deliver, what was left over first. Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        if self._pool is None:
            self._pool = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="deliver")
        for lane in self._lanes.values():
            task = asyncio.create_task(self._work(lane), name=f"deliver-{lane.name}")
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
            # The loop closed between the question and the call: the next start finds the message.
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
        if self._executor is None and self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown)
            self._pool = None
        for channel in self._channels.values():
            await channel.close()

    def health(self) -> dict[str, TargetHealth]:
        """How each target is doing."""
        return {
            name: TargetHealth(lane.open_until_ns, lane.stuck, lane.last_error)
            for name, lane in self._lanes.items()
        }

    def _ring(self) -> None:
        for waker in self._wakers.values():
            waker.set()

    async def _work(self, lane: Lane) -> None:
        waker = self._wakers[lane.name]
        loop = asyncio.get_running_loop()
        outcome: Outcome | None = None
        troubles = 0
        while outcome is not None or not self._stopping:
            # Cleared before looking, so that what is raised in between wakes us at once.
            waker.clear()
            try:
                found = await loop.run_in_executor(self._pool, self._turn, lane, outcome)
            except Exception as error:  # noqa: BLE001  outermost loop of a target
                # Whatever the store has: nothing is lost by trying again, all by going away.
                # An outcome is kept until it is stored: the target is not asked twice.
                known = isinstance(error, TallystickError)
                _log.error(
                    "notify.outbox_failed", channel=lane.name, reason=str(error),
                    exc_info=None if known else error,
                )  # fmt: skip
                if self._stopping:
                    return
                troubles += 1
                await self._pause(troubles)
                continue
            outcome, troubles = None, 0
            if self._stopping:
                return
            if isinstance(found, Due):
                outcome = await self._attempt(lane, found)
            else:
                await rest(waker, self._clock, found)

    async def _pause(self, troubles: int) -> None:
        seconds = back_off(troubles, STORE_RETRY_SECONDS, STORE_RETRY_SECONDS_MAX, self._chance)
        until_ns = self._clock.now_ns() + round(seconds * NS_PER_SECOND)
        while not self._stopping and self._clock.now_ns() < until_ns:
            await self._clock.sleep(min(seconds, STORE_RETRY_SECONDS))

    def _turn(self, lane: Lane, outcome: Outcome | None) -> Due | int | None:
        """Store what the last attempt came to, then look for the next: all in one thread's turn.

        What is due, else when to look again; None for when woken.
        """
        if outcome is not None:
            self._settle(outcome)
        while not self._stopping:
            now_ns = self._clock.now_ns()
            due = self._next_due(lane, now_ns)
            if due is None:
                return self._until(lane, now_ns)
            over = lane.too_old(due, now_ns)
            if over is None:
                return self._finished(due)
            _log.error("notify.delivery_given_up", **_about(due), reason=over.error)
            self._settle(over)
        return None

    def _until(self, lane: Lane, now_ns: int) -> int | None:
        """When to look again, after there was nothing that could be tried."""
        if lane.stuck:
            self._store.stuck(lane.name)
        if until_ns := lane.look_again_ns(now_ns):
            return until_ns
        lane.is_empty()
        return self._store.next_due_at(lane.name)

    def _settle(self, outcome: Outcome) -> None:
        self._store.settle(
            outcome.due, outcome.state, outcome.at_ns, outcome.error, outcome.provider_id,
            tried=outcome.tried,
        )  # fmt: skip

    def _next_due(self, lane: Lane, now_ns: int) -> Due | None:
        due = self._store.next_due(lane.name, now_ns)
        if lane.shut_until_ns(now_ns):
            return due if due is not None and lane.lets_through(due, now_ns) else None
        if due is None and lane.hurries:
            soon_ns = now_ns + round(BACKOFF_SECONDS_MAX * NS_PER_SECOND)
            due = self._store.next_due(lane.name, soon_ns)
        return due

    def _finished(self, due: Due) -> Due:
        try:
            return msgspec.structs.replace(due, message=self._finish(due.message, due.target))
        except Exception:  # noqa: BLE001  outermost loop of a target
            # Its links and chart are worth less than the message.
            _log.exception("notify.message_unfinished", **_about(due))
            return due

    async def _attempt(self, lane: Lane, due: Due) -> Outcome:
        async with self._room:
            started_ns = self._clock.monotonic_ns()
            waited_ns = self._clock.now_ns() - due.created_ns
            answer = await self._send(lane.name, due.message)
        now_ns = self._clock.now_ns()
        log = _log.bind(
            **_about(due),
            attempts=due.attempts + 1,
            waited_us=waited_ns // NS_PER_US,
            duration_us=(self._clock.monotonic_ns() - started_ns) // NS_PER_US,
        )
        if isinstance(answer, str):
            outcome = lane.taken(due, answer, now_ns)
            log.info("notify.alert_delivered")
        elif isinstance(answer, PermanentError):
            outcome = lane.refused(due, str(answer), now_ns)
            log.error("notify.delivery_given_up", reason=outcome.error)
        else:
            outcome = lane.failed(due, answer, now_ns)
            if outcome.state == "dead":
                log.error("notify.delivery_given_up", reason=outcome.error)
            else:
                retry = round((outcome.at_ns - now_ns) / NS_PER_SECOND, 3)
                log.warning("notify.delivery_failed", reason=str(answer), retry_seconds=retry)
        return outcome

    async def _send(self, name: str, message: Message) -> str | TemporaryError | PermanentError:
        try:
            async with asyncio.timeout(self._send_seconds_max):
                return await self._channels[name].send(message)
        except (TemporaryError, PermanentError) as error:
            return error
        except TimeoutError:
            return TemporaryError(f"No answer within {self._send_seconds_max:g} s.")
        except Exception as error:  # noqa: BLE001  outermost loop of a channel
            # Its bug must not stop messages, nor go unseen.
            _log.exception("notify.channel_broken", channel=name, incident=message.incident)
            return TemporaryError(f"The channel failed: {type(error).__name__}.")


def _about(due: Due) -> dict[str, str | int | None]:
    """What log lines say of a message: also the order that its newest alert is about."""
    message = due.message
    newest = message.alerts[0] if message.alerts else None
    return {
        "incident": message.incident,
        "number": message.number,
        "why": message.why,
        "channel": due.target,
        "alert_id": newest.id if newest else None,
        "order_id": newest.order_id if newest else None,
        "position": newest.position if newest else None,
    }


def _say_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("notify.worker_died", worker=task.get_name(), exc_info=error)
