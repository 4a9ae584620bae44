"""The queue: a durable queue of ours, read over the API with a visibility timeout (`queues`)."""

import asyncio
from collections.abc import Mapping

import msgspec

from tallystick.stream.rules.queues import checked_name
from tallystick.stream.rules.targets.port import Parcel, Surroundings, options_of


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which queue; it begins to exist with its first message."""

    queue: str


class QueueTarget:
    """Puts each parcel into a queue, once under its key."""

    def __init__(self, given: Mapping[str, object], around: Surroundings) -> None:
        self._queue = checked_name(options_of(given, Options).queue)
        self._mailbox = around.mailbox
        self._clock = around.clock

    async def send(self, parcel: Parcel) -> None:
        """Durable when it returns."""
        now_ns = self._clock.now_ns()
        await asyncio.to_thread(self._mailbox.send, self._queue, parcel.key, parcel.body, now_ns)

    async def close(self) -> None:
        """The store belongs to whoever gave it."""
