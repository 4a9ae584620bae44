"""A group's consumer: each message is dealt with, or after some attempts set aside with a reason.

For consumers that want messages one by one and may not stop the others: rules, targets, exports.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from tallystick.clock import Clock
from tallystick.errors import TemporaryError
from tallystick.limits import STREAM_READ_MAX
from tallystick.stream.dead import is_replay
from tallystick.stream.message import UNREADABLE_TYPE, Message
from tallystick.stream.open import Streams
from tallystick.stream.stream import Stream

ATTEMPTS_MAX = 5
"""Attempts before a message is set aside."""
BACKOFF_SECONDS = 0.1
"""Before the second attempt; each further wait is twice as long."""
BACKOFF_SECONDS_MAX = 10.0
READ_MESSAGES_MAX = STREAM_READ_MAX // 8
"""Most messages read, and so dealt with a second time after a crash, at once."""
READ_SECONDS = 0.5
"""How long one read waits for the first message."""

_log = structlog.get_logger("stream")


class Handler(Protocol):
    """Deals with one message; may see it again.

    A `TemporaryError` is nobody's fault: the message is tried again for ever, and the others wait.
    Any other error counts as an attempt.
    """

    def __call__(self, message: Message) -> Awaitable[None]:
        """Deal with it."""
        ...


async def consume(
    streams: Streams, group: str, handler: Handler, clock: Clock, attempts_max: int = ATTEMPTS_MAX
) -> None:
    """Hand the entries to `handler` for ever, each partition in order; cancel it to end it.

    It begins at what the group committed last. What is read is bounded, and the next is read only
    when that was dealt with: a slow handler makes the stream wait, not memory grow. Dead letters of
    the group that were sent again come in between.
    """
    consumer = _Consumer(streams, group, handler, clock, attempts_max)
    while True:
        try:
            await consumer.run()
        except TemporaryError as error:
            _log.warning("stream.consumer_waits", body=f"{group}: {error}")
            await clock.sleep(error.retry_after_seconds)


class _Consumer:
    def __init__(
        self, streams: Streams, group: str, handler: Handler, clock: Clock, attempts_max: int
    ) -> None:
        self._streams = streams
        self._group = group
        self._handler = handler
        self._clock = clock
        self._attempts_max = attempts_max

    async def run(self) -> None:
        """Go back to what was committed, and on from there."""
        entries, dead = self._streams.entries, self._streams.dead
        await entries.seek(self._group, {})
        await dead.seek(self._group, {})
        while True:
            await self._drain(dead, 0.0, lambda message: is_replay(message, self._group))
            await self._drain(entries, READ_SECONDS, lambda _message: True)
            await asyncio.sleep(0)

    async def _drain(
        self, stream: Stream, wait_seconds: float, wanted: Callable[[Message], bool]
    ) -> None:
        for batch in await stream.read(self._group, READ_MESSAGES_MAX, wait_seconds):
            for message, offset in zip(batch.messages, batch.offsets, strict=True):
                if wanted(message):
                    await self._deal_with(message, (batch.partition, offset))
            await stream.commit(self._group, {batch.partition: batch.offsets[-1]})

    async def _deal_with(self, message: Message, where: tuple[str, int]) -> None:
        reason = "It is no CloudEvent."
        strange = message.event is not None and message.event.type == UNREADABLE_TYPE
        attempts = self._attempts_max if strange else 0
        pause = BACKOFF_SECONDS
        while attempts < self._attempts_max:
            try:
                await self._handler(message)
            except TemporaryError as error:
                _log.warning("stream.consumer_waits", body=f"{self._group}: {error}")
                await self._clock.sleep(error.retry_after_seconds)
            except Exception as error:  # noqa: BLE001  outermost loop of a consumer: set aside
                attempts += 1
                reason = f"{type(error).__name__}: {error}"
                if attempts < self._attempts_max:
                    await self._clock.sleep(pause)
                pause = min(2 * pause, BACKOFF_SECONDS_MAX)
            else:
                return
        await self._bury(message, reason, attempts, where)

    async def _bury(
        self, message: Message, reason: str, attempts: int, where: tuple[str, int]
    ) -> None:
        """Set it aside, however long that takes: behind it nothing may be committed before."""
        _log.warning(
            "stream.message_dead",
            body=f"{self._group} set a message aside: {reason}",
            **{"messaging.message.id": message.position},
        )
        while True:
            try:
                await self._streams.bury(message, self._group, reason, attempts, where)
            except TemporaryError as error:
                _log.warning("stream.consumer_waits", body=f"{self._group}: {error}")
                await self._clock.sleep(error.retry_after_seconds)
            else:
                return
