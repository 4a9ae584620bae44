"""What the desk commits together: proposals on their way, and whoever waits for them."""

import asyncio
from collections.abc import Callable

import msgspec

from tallystick.errors import Refused
from tallystick.execution.entries import Entry
from tallystick.ledger import Receipt, Sealable, Sealed

Propose = Callable[[int, int], Entry | None]
"""(position, time ns) -> the entry on the book as it stands; None when there is nothing to say."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """Any other entry that was made durable."""

    entry: Entry
    receipt: Receipt


class Done(asyncio.Future[Sealed]):
    """Waited for by all orders of a batch: one that gives up must not cancel it for the rest."""

    def cancel(self, msg: object = None) -> bool:
        """Refuse: the others still wait."""
        del msg
        return False


class Item:
    """One proposal on its way.

    `entry` is None when there was nothing to say, or when another writer settled its keys first;
    `refusal` when a second decision refused what the first one did not.
    """

    __slots__ = ("batch", "entry", "keys", "number", "propose", "refusal")

    def __init__(self, propose: Propose, keys: tuple[str, ...], batch: "Batch") -> None:
        self.propose = propose
        self.keys = keys
        self.batch = batch
        self.entry: Entry | None = None
        self.number = -1
        self.refusal: Refused | None = None

    async def recorded(self) -> "Recorded | None":
        """The durable entry and its receipt; None where there is none.

        Raises:
            Refused: a second decision refused it.
            TemporaryError: the commit failed; nothing was stored.
        """
        sealed = await self.batch.done
        if self.refusal is not None:
            raise self.refusal
        return None if self.entry is None else Recorded(self.entry, sealed.receipt(self.number))


class Batch:
    """What is committed together; owned by the desk.

    `items` are all that was submitted to it, `sealables` what of that is to be said.
    """

    __slots__ = ("done", "items", "sealables")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.sealables: list[Sealable] = []
        self.done = Done()
