"""What the desk commits together: proposals on their way, and whoever waits for them."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from tallystick.errors import Refused, TallystickError
from tallystick.execution.entries import Entry
from tallystick.ledger import Receipt, Sealable, Sealed
from tallystick.tracing import current

Propose = Callable[[int, int], Iterable[Entry]]
"""(position, time ns) -> the entries on the book as it stands; none when there is nothing to say.

The book folds each before the next is asked for.
"""
Tell = Callable[[Sealed | TallystickError], None]
"""Hears once that a batch is durable, or why it is lost; it must be quick and may not raise."""
TOLD_AT_ONCE = 32
"""How many hear of their batch before the event loop does something else."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """What was made durable: the first entry of a proposal with its receipt, and the others.

    `replayed` when it was said before, under the same key.
    """

    entry: Entry
    receipt: Receipt
    more: tuple[Entry, ...] = ()
    replayed: bool = False


class Done(asyncio.Future[Sealed]):
    """Waited for by all orders of a batch: one that gives up must not cancel it for the rest."""

    def cancel(self, msg: object = None) -> bool:
        """Refuse: the others still wait."""
        del msg
        return False


class Item:
    """One proposal on its way.

    `entries` is empty when there was nothing to say, or when another writer settled its keys
    first; `refusal` when a second decision refused what the first one did not. `number` is the
    place of its first entry in the batch; `single` whether all `keys` are that entry's.
    """

    __slots__ = ("batch", "entries", "keys", "number", "propose", "refusal", "single")

    def __init__(
        self, propose: Propose, keys: tuple[str, ...], batch: "Batch", *, single: bool = True
    ) -> None:
        self.propose = propose
        self.keys = keys
        self.batch = batch
        self.entries: list[Entry] = []
        self.number = -1
        self.refusal: Refused | None = None
        self.single = single

    async def recorded(self) -> "Recorded | None":
        """The durable entry and its receipt; None where there is none.

        Raises:
            Refused: a second decision refused it.
            TemporaryError: the commit failed; nothing was stored.
        """
        sealed = await self.batch.done
        trace = current.get()
        if trace is not None:
            trace.stage("ledger.append", *self.batch.append_ns)
        return self.outcome(sealed)

    def outcome(self, sealed: Sealed) -> "Recorded | None":
        """The same, when its batch is sealed."""
        if self.refusal is not None:
            raise self.refusal
        entries = self.entries
        if not entries:
            return None
        receipt = sealed.receipt(self.number)
        if len(entries) == 1:
            return Recorded(entries[0], receipt)
        return Recorded(entries[0], receipt, tuple(entries[1:]))


class Batch:
    """What is committed together; owned by the desk.

    `items` are all that was submitted to it, `sealables` what of that is to be said, `append_ns`
    when the ledger began and ended to append it, by the monotonic clock. Whoever waits awaits
    `done`, or, where they are many and each microsecond counts, puts a call into `waiting`.
    """

    __slots__ = ("append_ns", "done", "items", "sealables", "waiting")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.sealables: list[Sealable] = []
        self.done = Done()
        self.waiting: list[Tell] = []
        self.append_ns = (0, 0)

    def end(self, outcome: Sealed | TallystickError) -> None:
        """It is durable or lost: let all know who wait."""
        self.items.clear()  # or each batch would be a cycle, and wait for the garbage collector
        waiting, self.waiting = self.waiting, []
        if isinstance(outcome, TallystickError):
            self.done.set_exception(outcome)
            self.done.exception()  # seen: nobody may be waiting for a trigger's fill
        else:
            self.done.set_result(outcome)
        if waiting:
            self.done.get_loop().call_soon(_tell, waiting, outcome, self.done.get_loop())


async def at_once() -> None:
    """Wait for nothing before deciding again: right where writers are few."""


def _tell(
    waiting: list[Tell], outcome: Sealed | TallystickError, loop: asyncio.AbstractEventLoop
) -> None:
    """Tell some of them, the others a moment later."""
    if len(waiting) > TOLD_AT_ONCE:
        loop.call_soon(_tell, waiting[TOLD_AT_ONCE:], outcome, loop)
    for tell in waiting[:TOLD_AT_ONCE]:
        tell(outcome)
