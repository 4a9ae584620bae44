"""A batch tells whoever waits for it, a few at a time."""

import asyncio
from itertools import pairwise

import pytest

from tallystick.errors import TallystickError, TemporaryError
from tallystick.execution.batch import TOLD_AT_ONCE, Batch, Item
from tallystick.ledger import Sealed

SEALED = Sealed(0, [], "note", lambda _positions: [])


@pytest.mark.parametrize("outcome", [SEALED, TemporaryError("lost")], ids=["durable", "lost"])
def test_everybody_hears_once_and_in_order(outcome: Sealed | TallystickError) -> None:
    """Calls and those who await; between every few calls the event loop does other things."""

    async def run() -> None:
        batch, heard = Batch(), []
        told: list[int] = []
        count = 3 * TOLD_AT_ONCE + 1
        for number in range(count):
            batch.waiting.append(lambda said, n=number: heard.append((n, said)))  # type: ignore[misc]
        batch.end(outcome)
        assert heard == []
        while len(heard) < count:
            await asyncio.sleep(0)
            told.append(len(heard))
        assert heard == [(number, outcome) for number in range(count)]
        assert max(after - before for before, after in pairwise(told)) <= TOLD_AT_ONCE
        if isinstance(outcome, Sealed):
            assert await batch.done is outcome
        else:
            with pytest.raises(TemporaryError, match="lost"):
                await batch.done

    asyncio.run(run())


def test_a_batch_that_ended_holds_nothing() -> None:
    """Neither items nor calls: what they hold would be kept by a cycle."""

    async def run() -> None:
        batch = Batch()
        batch.items.append(Item(lambda _position, _at_ns: (), (), batch))
        batch.waiting.append(lambda _outcome: None)
        batch.end(SEALED)
        assert (batch.items, batch.waiting) == ([], [])
        await asyncio.sleep(0)

    asyncio.run(run())
