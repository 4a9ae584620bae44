"""A store of messages that survives its processes, and targets that misbehave."""

import asyncio
import random
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Self

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.watch.notify.message import Message, message_key
from tallystick.watch.notify.outbox import Due, State


class Inline(Executor):
    """Does at once what is submitted: nobody is between two steps of a store."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  the other side of a future
            future.set_exception(error)
        return future


@dataclass
class Row:
    """One message, and what is known of it."""

    id: int
    target: str
    message: Message
    created_ns: int
    due_ns: int
    attempts: int = 0
    tries: int = 0
    state: State = "pending"
    error: str | None = None


@dataclass
class Post:
    """What the promise of `MessageStore` is, in as few lines as possible.

    `flaky`: this share of calls fails, half of them after the work was done. `orderless` and
    `gullible` break it on purpose: order per incident is not kept, an attempt is a delivery.
    """

    chance: random.Random
    flaky: float = 0.0
    orderless: bool = False
    gullible: bool = False
    rows: list[Row] = field(default_factory=list)
    stuck_at: list[tuple[str, int]] = field(default_factory=list)
    clock: Clock | None = None
    dead: bool = False

    def commit(self, key: str, number: int, targets: Mapping[str, Any], now_ns: int) -> None:
        """A transition of an incident, to all targets: all or nothing."""
        for target in targets:
            message = Message(
                message_key(key, target, number), key, key, number, "trigger", "opened",
                "critical", key, now_ns, now_ns,
            )  # fmt: skip
            self.rows.append(Row(len(self.rows), target, message, now_ns, now_ns))

    def next_due(self, target: str, now_ns: int) -> Due | None:
        """The oldest that is due, of those that no older one of their incident holds back."""
        self._trouble()
        seen: set[str] = set()
        for row in self.rows:
            if row.target != target or row.state != "pending":
                continue
            first = row.message.incident not in seen
            seen.add(row.message.incident)
            if (first or self.orderless) and row.due_ns <= now_ns:
                return Due(row.id, target, row.attempts, row.created_ns, row.message)
        return None

    def next_due_at(self, target: str) -> int | None:
        """When the next is due."""
        seen: dict[str, int] = {}
        for row in self.rows:
            if row.target == target and row.state == "pending":
                seen.setdefault(row.message.incident, row.due_ns)
        return min(seen.values(), default=None)

    def settle(
        self,
        due: Due,
        state: State,
        at_ns: int,
        error: str | None = None,
        provider_id: str = "",  # noqa: ARG002  the port's
        *,
        tried: bool = True,
    ) -> None:
        """Note an attempt."""
        assert not self.dead, "a process that is dead writes nothing"
        after = self._trouble()
        row = self.rows[due.id]
        if row.state == "pending":
            row.state = "delivered" if self.gullible else state
            row.due_ns, row.error = at_ns, error
            row.attempts += tried
            row.tries += 1
        if after:
            raise TemporaryError("The answer of the disk was lost.")

    def stuck(self, target: str) -> None:
        """Escalation goes on without it."""
        assert self.clock is not None
        self.stuck_at.append((target, self.clock.now_ns()))

    def _trouble(self) -> bool:
        """Fail before the work, or say that it fails after it."""
        if self.chance.random() >= self.flaky:
            return False
        if self.chance.random() < 0.5:
            raise TemporaryError("The disk is busy.")
        return True


@dataclass(frozen=True)
class Mood:
    """How a target treats calls: shares of each misbehaviour, and when it is down."""

    seconds: float = 0.05
    limits: float = 0.0
    fails: float = 0.0
    drops_before: float = 0.0
    drops_after: float = 0.0
    hangs: float = 0.0
    down: tuple[tuple[int, int], ...] = ()
    """From and to, nanoseconds since the epoch."""
    refuses: frozenset[str] = frozenset()
    """Incidents of which it will never take anything."""
    cannot: frozenset[str] = frozenset()
    """Incidents on which it always fails."""


@dataclass
class Target:
    """A service outside: it outlives our processes and remembers what it took, by key."""

    name: str
    mood: Mood
    chance: random.Random
    clock: Clock
    taken: dict[str, Message] = field(default_factory=dict)
    taken_at: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[int, str]] = field(default_factory=list)
    under_way: int = 0
    not_before_ns: int = 0

    def reborn(self) -> None:
        """Our process died: what was under way is no more, and nobody knows what was asked."""
        self.under_way = 0
        self.not_before_ns = 0

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: object, clock: Clock) -> Self:
        """Not opened by configuration."""
        raise NotImplementedError

    async def send(self, message: Message) -> str:
        """One call."""
        now_ns = self.clock.now_ns()
        assert self.under_way == 0, "one call at a time"
        assert now_ns >= self.not_before_ns, "it was asked to wait"
        self.under_way = 1
        try:
            self.calls.append((now_ns, message.incident))
            return await self._answer(message, now_ns)
        finally:
            self.under_way = 0

    async def close(self) -> None:
        """Nothing is open."""

    async def _answer(self, message: Message, now_ns: int) -> str:
        mood, draw = self.mood, self.chance.random()
        if any(begin <= now_ns < end for begin, end in mood.down):
            await asyncio.sleep(self.chance.choice([0.001, 5.0]))  # refused, or no answer
            raise TemporaryError("cannot be reached")
        await asyncio.sleep(mood.seconds * self.chance.uniform(0.5, 1.5))
        if message.incident in mood.refuses:
            raise PermanentError("answered 400")
        if message.incident in mood.cannot:
            raise TemporaryError("answered 500")
        for share, misbehave in (
            (mood.limits, self._limit), (mood.fails, self._fail), (mood.hangs, self._hang),
            (mood.drops_before, self._drop),
        ):  # fmt: skip
            if draw < share:
                await misbehave()
            draw -= share
        self.taken.setdefault(message.key, message)
        self.taken_at.setdefault(message.key, self.clock.now_ns())
        await asyncio.sleep(mood.seconds * self.chance.random())  # the answer's way back
        if draw < mood.drops_after:
            await self._drop()
        return message.key[:8]

    async def _limit(self) -> None:
        error = TemporaryError("answered 429")
        error.retry_after_seconds = self.chance.choice([1, 2, 30, 120])
        self.not_before_ns = self.clock.now_ns() + error.retry_after_seconds * NS_PER_SECOND
        raise error

    async def _fail(self) -> None:
        raise TemporaryError("answered 503")

    async def _drop(self) -> None:
        raise TemporaryError("cannot be reached (ReadError)")

    async def _hang(self) -> None:
        await asyncio.sleep(3_600)
