"""One process of the product: its ledger, a batch at a time, and the publisher beside it."""

import asyncio
import random
from collections.abc import Callable, Sequence

from simulated.database import Connection, Database
from simulated.network import Process
from simulated.truth import Truth
from tallystick.errors import (
    Corrupt,
    HeadMoved,
    KeyTaken,
    TallystickError,
    TemporaryError,
)
from tallystick.keys import Signer
from tallystick.ledger import Ledger, Receipt, Sealable
from tallystick.ledger.guard import Guard
from tallystick.ledger.store import Row

GATHER_SECONDS = 0.01
CATCH_UP_SECONDS = 0.2
PUBLISH_SECONDS = 0.5
APPENDS_MAX = 4
"""Most attempts to append one batch while others append as well."""


class Sequencer(Process):
    """Takes orders under keys and answers with receipts; several may share a database."""

    def __init__(
        self,
        name: str,
        database: Database,
        signer: Signer,
        guard: Guard | None,
        truth: Truth,
        chance: random.Random,
        bad: Callable[[], bool],
        *,
        publishes_unguarded: bool = False,
    ) -> None:
        super().__init__(name)
        self.database = database
        self.published = ""
        """The checkpoint in this process's public folder."""
        self._truth = truth
        self._publishes_unguarded = publishes_unguarded
        self._waiting: dict[str, asyncio.Future[Receipt]] = {}
        self._wake = asyncio.Event()
        self._made = 0
        self._ledger = Ledger(Connection(database, self, chance, bad), signer, guard)
        self.spawn(self._sequence())
        self.spawn(self._catch_up())
        self.spawn(self._publish())

    # What it answers.

    async def submit(self, key: str) -> Receipt:
        """Settle a key: the receipt of its entry, the old one where there is one."""
        position = self._ledger.find(key)
        if position is not None and position < self._ledger.size:
            return self._shown(self._ledger.receipt(position))
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
            self._wake.set()
        return await asyncio.shield(self._waiting[key])

    async def checkpoint(self) -> str:
        """The published checkpoint."""
        return self.published

    async def proof(self, old: int, new: int) -> list[bytes]:
        """That the tree of `new` entries begins with that of `old`."""
        return self._ledger.consistency_proof(old, new) if old else []

    async def rows(self, start: int, limit: int) -> tuple[int, Sequence[Row]]:
        """Entries from `start` on."""
        return start, self._ledger.rows(start, limit)

    # What it does by itself.

    async def _sequence(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting, {}
            try:
                await self._settle(batch)
            except TemporaryError as error:
                self._answer(batch, error)
            except Corrupt as error:
                self._answer(batch, error)
                self._end(error)

    async def _settle(self, batch: dict[str, asyncio.Future[Receipt]]) -> None:
        for _ in range(APPENDS_MAX):
            first = self._ledger.size
            new = {
                key: answer
                for key, answer in batch.items()
                if not answer.done() and not self._find(key, answer)
            }
            self._made += 1
            sealables = [self._entry(key) for key in new]
            try:
                sealed = await self._ledger.append(first, sealables)
            except (HeadMoved, KeyTaken):
                self._ledger.catch_up()
                continue
            self._truth.say(self.name, "appended", first, *new)
            for number, answer in enumerate(new.values()):
                answer.set_result(self._shown(sealed.receipt(number)))
            return
        raise TemporaryError("Others were always first.")

    def _entry(self, key: str) -> Sealable:
        text = f'{{"key":"{key}","by":"{self.name}","try":{self._made}}}'
        return Sealable(text.encode(), (key,))

    def _find(self, key: str, answer: "asyncio.Future[Receipt]") -> bool:
        position = self._ledger.find(key)
        if position is None or position >= self._ledger.size:
            return False
        answer.set_result(self._shown(self._ledger.receipt(position)))
        return True

    def _shown(self, receipt: Receipt) -> Receipt:
        self._truth.show(receipt.checkpoint, self.database)
        return receipt

    @staticmethod
    def _answer(batch: dict[str, asyncio.Future[Receipt]], error: TallystickError) -> None:
        for answer in batch.values():
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # whoever waits hears it; nobody may be waiting any more

    async def _catch_up(self) -> None:
        while True:
            await asyncio.sleep(CATCH_UP_SECONDS)
            try:
                self._ledger.catch_up()
            except Corrupt as error:
                self._end(error)

    async def _publish(self) -> None:
        while True:
            await asyncio.sleep(PUBLISH_SECONDS)
            self._ledger.sync()
            size, note = self._ledger.size, self._ledger.note
            if self._publishes_unguarded:
                size, note = self.database.store.checkpoint(-1) or (0, "")
            if size:
                self._truth.say(self.name, "publishes", size)
                self._truth.show(note, self.database)
                self.published = note

    def _end(self, error: Corrupt) -> None:
        """The product's process ends when it may sign no more; an operator has to look."""
        self._truth.say(self.name, "ends:", type(error).__name__, error)
        self.kill()
