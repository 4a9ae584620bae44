"""Processes that die, and messages between them that are lost, late, twice, and out of order."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tallystick.errors import TallystickError

T = TypeVar("T")
TIMEOUT_SECONDS = 1.0
"""How long a caller waits for an answer."""
DROPPED, TWICE, LATE = 0.1, 0.1, 0.1
"""Shares of the messages to which this happens while the network is bad."""


class Died(Exception):  # noqa: N818  a name says what happened
    """Said inside a process that is no more; nobody hears it."""


class Lost(Exception):  # noqa: N818  a name says what happened
    """No answer came in time; what was asked may have been done, or not, or twice."""


class Process:
    """Something with tasks of its own that all end at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.failure: BaseException | None = None
        """What ended one of its tasks and should not have."""
        self._tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it do this until it is done, or dead."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def kill(self) -> None:
        """As kill -9 does: nothing of it runs any more, and what it says is not heard."""
        self.alive = False
        for task in self._tasks:
            task.cancel()

    def require_alive(self) -> None:
        """Raise where a dead process would not be running."""
        if not self.alive:
            raise Died

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.remove(task)
        error = None if task.cancelled() else task.exception()
        if self.alive and error is not None and self.failure is None:
            self.failure = error


class Network:
    """Calls from anybody to a process."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.bad = True

    async def call(
        self, process: Process, handler: Callable[..., Awaitable[T]], *arguments: object
    ) -> T:
        """What the handler in the process answers.

        Raises:
            Lost: it did not answer, or the answer did not come back.
            TallystickError: what the handler raised.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T | TallystickError | Lost] = loop.create_future()

        def reply(said: T | TallystickError | Lost) -> None:
            if not answer.done():
                answer.set_result(said)

        async def work() -> None:
            said: T | TallystickError
            try:
                said = await handler(*arguments)
            except TallystickError as error:
                said = error
            process.require_alive()
            self._send(lambda: reply(said))

        def arrive() -> None:
            if process.alive:
                process.spawn(work())

        self._send(arrive)
        loop.call_later(TIMEOUT_SECONDS, reply, Lost())
        said = await answer
        if isinstance(said, TallystickError | Lost):
            raise said
        return said

    def _send(self, arrive: Callable[[], None]) -> None:
        chance, loop = self._chance, asyncio.get_running_loop()
        copies = 1
        if self.bad:
            fate = chance.random()
            copies = 0 if fate < DROPPED else 2 if fate < DROPPED + TWICE else 1
        for _ in range(copies):
            late = self.bad and chance.random() < LATE
            loop.call_later(chance.uniform(0.001, 2.0 if late else 0.02), arrive)
