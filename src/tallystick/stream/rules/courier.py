"""The courier: brings what matched to its targets, until it arrives or is a dead letter.

One task a target that has something to do, so a slow target holds up no other; a few attempts at
once to each and a bounded number in all. An attempt that was cut short is pending still: at least
once, never lost. Order is not promised, as EventBridge does not.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping

import structlog

from tallystick.breaker import Breaker
from tallystick.clock import NS_PER_SECOND, Clock, rest
from tallystick.errors import PermanentError, TemporaryError
from tallystick.retry import back_off
from tallystick.stream.rules.outbox import Due, Outbox, Settled
from tallystick.stream.rules.rule import Retry
from tallystick.stream.rules.targets import Parcel, Target

SEND_SECONDS_MAX = 10.0
"""Longest time one attempt may take."""
BACKOFF_SECONDS = 1.0
BACKOFF_SECONDS_MAX = 300.0
"""The n-th failure is followed by half to all of BACKOFF_SECONDS * 2**(n-1), at most this."""
ATTEMPTS_AT_ONCE_MAX = 32
"""Most attempts under way at once."""
ATTEMPTS_OF_TARGET_MAX = 4
"""Most attempts to one target under way at once."""
STORE_RETRY_SECONDS = 1.0
"""Pause when the file of the rules cannot be used."""

_log = structlog.get_logger("stream")
Whom = tuple[str, str]
"""A rule's name and a target's id."""


class Courier:
    """Runs on one event loop."""

    def __init__(
        self,
        outbox: Outbox,
        targets: Mapping[Whom, tuple[Target, Retry]],
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._clock = clock
        self._chance = chance
        self._breakers = {whom: Breaker() for whom in targets}
        self._wakers: dict[Whom, asyncio.Event] = {}
        self._room = asyncio.Semaphore(ATTEMPTS_AT_ONCE_MAX)
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Deliver for ever, what an earlier process left over first; cancelled at the end."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._wakers = {}
            try:
                self.ring(await asyncio.to_thread(self._outbox.waiting))
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    def ring(self, whom: Iterable[Whom]) -> None:
        """Something new may be due to these; on the loop's thread, harmless before the start."""
        for each in whom:
            waker = self._wakers.get(each)
            if waker is not None:
                waker.set()
            elif self._group is not None:
                self._wakers[each] = asyncio.Event()
                self._group.create_task(self._serve(each), name=f"rule-{each[0]}-{each[1]}")

    def open_breakers(self) -> dict[Whom, int]:
        """Targets that are left alone, and until when, in nanoseconds since the epoch."""
        return {
            whom: breaker.open_until_ns
            for whom, breaker in self._breakers.items()
            if breaker.open_until_ns
        }

    async def _serve(self, whom: Whom) -> None:
        waker = self._wakers[whom]
        while True:
            waker.clear()  # before looking, so that what comes in between wakes us at once
            try:
                until_ns = await self._round(whom)
            except TemporaryError as error:
                _log.warning("stream.rules_wait", body=str(error), rule=whom[0], target=whom[1])
                until_ns = self._clock.now_ns() + round(STORE_RETRY_SECONDS * NS_PER_SECOND)
                waker.clear()
            if until_ns != 0:
                await rest(waker, self._clock, until_ns)

    async def _round(self, whom: Whom) -> int | None:
        """Try what is due; gives when to look again: 0 for at once, None for when woken."""
        now_ns = self._clock.now_ns()
        if whom not in self._targets:
            return await self._give_up(whom, now_ns)
        breaker = self._breakers[whom]
        most = breaker.allows(now_ns, ATTEMPTS_OF_TARGET_MAX)
        if most == 0:
            return breaker.open_until_ns
        due = await asyncio.to_thread(self._outbox.due, *whom, now_ns, most)
        if not due:
            return await asyncio.to_thread(self._outbox.due_at, *whom)
        done = await asyncio.gather(*(self._attempt(each) for each in due))
        await asyncio.to_thread(self._outbox.settle, done)
        return 0

    async def _give_up(self, whom: Whom, now_ns: int) -> int | None:
        """Nobody can be found any more: the rule or the target is gone."""
        due = await asyncio.to_thread(self._outbox.due, *whom, now_ns, ATTEMPTS_AT_ONCE_MAX)
        reason = "There is no such rule or target any more."
        lost = [Settled(each, "dead", now_ns, reason, tried=False) for each in due]
        await asyncio.to_thread(self._outbox.settle, lost)
        return 0 if due else await asyncio.to_thread(self._outbox.due_at, *whom)

    async def _attempt(self, due: Due) -> Settled:
        whom = (due.rule, due.target)
        retry, breaker = self._targets[whom][1], self._breakers[whom]
        async with self._room:
            error = await self._send(due)
        now_ns = self._clock.now_ns()
        attempts = due.attempts + 1
        log = _log.bind(
            **{"event.id": due.event_id}, rule=due.rule, target=due.target, attempts=attempts
        )
        if error is None:
            breaker.succeeded()
            log.info("stream.event_delivered")
            return Settled(due, "delivered", now_ns)
        if isinstance(error, PermanentError):
            log.error("stream.delivery_given_up", reason=str(error))
            return Settled(due, "dead", now_ns, str(error))
        breaker.failed(now_ns)
        pause = back_off(attempts, BACKOFF_SECONDS, BACKOFF_SECONDS_MAX, self._chance)
        wait = max(error.retry_after_seconds, pause)  # never earlier than the receiver asked for
        at_ns = now_ns + round(wait * NS_PER_SECOND)
        end_ns = due.created_at_ns + retry.max_age_seconds * NS_PER_SECOND
        if attempts >= retry.attempts_max or at_ns > end_ns:
            spent = f"{attempts} attempts" if attempts >= retry.attempts_max else "too old"
            log.error("stream.delivery_given_up", reason=str(error))
            return Settled(due, "dead", now_ns, f"{error} Given up: {spent}.")
        log.warning("stream.delivery_failed", reason=str(error))
        return Settled(due, "pending", at_ns, str(error))

    async def _send(self, due: Due) -> TemporaryError | PermanentError | None:
        target = self._targets[due.rule, due.target][0]
        parcel = Parcel(
            due.key, due.rule, due.target, due.event_id, due.body, attempt=due.attempts + 1
        )
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await target.send(parcel)
        except (TemporaryError, PermanentError) as error:
            return error
        except TimeoutError:
            return TemporaryError(f"No answer within {SEND_SECONDS_MAX:g} s.")
        except Exception as error:  # noqa: BLE001  outermost loop of a target
            # Its bug must not stop the other targets, nor go unseen.
            _log.exception("stream.target_broken", rule=due.rule, target=due.target)
            return TemporaryError(f"The target failed: {type(error).__name__}.")
        return None
