"""What is known of one target: whether it may be tried now, and what an attempt means for it.

Three things hold a target back: it asked for time (Retry-After), its circuit is open, or a message
waits for its own next attempt. Only the last leaves other incidents' messages alone. While the
circuit is open one message at a time is a trial, each time another where there is one, so that a
message which the target cannot bear holds up no other. Whoever is back gets at once all that waited
for it. Arithmetic: no waiting, no input or output.
"""

import random

import msgspec

from tallystick.breaker import Breaker
from tallystick.clock import NS_PER_SECOND
from tallystick.errors import TemporaryError
from tallystick.limits import OUTBOX_ATTEMPTS_MAX
from tallystick.retry import back_off
from tallystick.watch.notify.outbox import Due, State

BACKOFF_SECONDS = 1.0
BACKOFF_SECONDS_MAX = 300.0
"""The n-th failure is followed by half to all of BACKOFF_SECONDS * 2**(n-1), at most this."""
FAILURES_MAX = 3
"""Failures in a row that open the circuit, or of one message until somebody else is asked."""
OPEN_SECONDS_MAX = 60.0
"""Longest pause between trials of a target that is down."""
STUCK_SECONDS = 10.0
"""Who asks for this much time or more is not waited for: escalation goes on without it."""
SUSPECTS_MAX = 2
"""Incidents that must fail until an open circuit is shut for all others."""
MESSAGE_SECONDS_MAX = 86_400
"""A message that could not be delivered for so long is a dead letter."""


class Outcome(msgspec.Struct, frozen=True):
    """What an attempt came to, as the store is told: see `MessageStore.settle`."""

    due: Due
    state: State
    at_ns: int
    error: str | None = None
    provider_id: str = ""
    tried: bool = True


class Lane:
    """The way to one target; used by one task at a time."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self._chance = chance
        self._breaker = Breaker(FAILURES_MAX, OPEN_SECONDS_MAX)
        self._rest_until_ns = 0
        self._failing: set[str] = set()  # bounded by: SUSPECTS_MAX
        self._hurries = True
        self.stuck = False
        """Whether escalation goes on without this target."""
        self.last_error = ""
        """Why the last attempt failed; empty when it did not."""

    @property
    def open_until_ns(self) -> int:
        """Until when its circuit is open; 0 while it is closed."""
        return self._breaker.open_until_ns

    def shut_until_ns(self, now_ns: int) -> int:
        """Until when it is left alone; 0 where anything may be tried now."""
        until_ns = max(self._rest_until_ns, self._breaker.open_until_ns)
        return until_ns if until_ns > now_ns else 0

    def lets_through(self, due: Due, now_ns: int) -> bool:
        """Whether this message may be tried although the target is left alone.

        Where one incident alone has failed, another's message may show that the target is well.
        """
        return (
            now_ns >= self._rest_until_ns
            and len(self._failing) < SUSPECTS_MAX
            and _incident(due) not in self._failing
        )

    def look_again_ns(self, now_ns: int) -> int:
        """When something may be let through, at the earliest; 0: it need not be waited for."""
        if len(self._failing) < SUSPECTS_MAX and self._rest_until_ns > now_ns:
            return self._rest_until_ns
        return self.shut_until_ns(now_ns)

    @property
    def hurries(self) -> bool:
        """Whether messages need not wait for their time: it is on trial, back again, or new."""
        return self._hurries or self._breaker.open_until_ns != 0

    def is_empty(self) -> None:
        """Nothing is left that could hurry."""
        self._hurries = False

    def too_old(self, due: Due, now_ns: int) -> Outcome | None:
        """The end of a message whose time is over; None for any other."""
        if now_ns - due.created_ns <= MESSAGE_SECONDS_MAX * NS_PER_SECOND:
            return None
        hours = MESSAGE_SECONDS_MAX // 3_600
        sentence = f"Given up: it could not be delivered for {hours} hours. {self.last_error}"
        return Outcome(due, "dead", now_ns, sentence.rstrip(), tried=False)

    def taken(self, due: Due, provider_id: str, now_ns: int) -> Outcome:
        """The target has it."""
        self._answered()
        self.last_error = ""
        return Outcome(due, "delivered", now_ns, provider_id=provider_id)

    def refused(self, due: Due, error: str, now_ns: int) -> Outcome:
        """The target is there, and will never take this message."""
        self._answered()
        self.last_error = error
        return Outcome(due, "dead", now_ns, error)

    def failed(self, due: Due, error: TemporaryError, now_ns: int) -> Outcome:
        """It may work later."""
        trial = self._breaker.open_until_ns != 0
        attempts = due.attempts + 1
        self._breaker.failed(now_ns)
        self._hurries = False
        self.last_error = str(error)
        if len(self._failing) < SUSPECTS_MAX:
            self._failing.add(_incident(due))
        asked = float(error.retry_after_seconds)
        self._rest_until_ns = now_ns + _ns(asked)
        is_open = self._breaker.open_until_ns != 0
        self.stuck = self.stuck or is_open or attempts >= FAILURES_MAX or asked >= STUCK_SECONDS
        if attempts >= OUTBOX_ATTEMPTS_MAX and not trial:
            sentence = f"{error} Given up: {attempts} attempts."
            return Outcome(due, "dead", now_ns, sentence)
        if is_open:  # the next trial brings it forward, if nothing else is there to be tried
            pause = BACKOFF_SECONDS_MAX
        else:
            pause = back_off(attempts, BACKOFF_SECONDS, BACKOFF_SECONDS_MAX, self._chance)
        at_ns = now_ns + _ns(max(asked, pause))
        # A trial that fails says more of the target than of the message: it does not count.
        return Outcome(due, "pending", at_ns, str(error), tried=not trial)

    def _answered(self) -> None:
        self._hurries = self._hurries or self._breaker.open_until_ns != 0
        self._breaker.succeeded()
        self._rest_until_ns = 0
        self._failing.clear()
        self.stuck = False


def _incident(due: Due) -> str:
    return due.message.incident or due.message.key


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_SECOND)
