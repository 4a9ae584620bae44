"""Cancelling all working orders of an account: in one proposal, and known again afterwards."""

import asyncio
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.execution import decode
from tallystick.execution.cancelling import NOTHING, cancel_working, cancelled_with
from tallystick.execution.desk import Key
from tallystick.execution.entries import OrderCancelled

KEY = Key("tester", "k", "0" * 64)


async def cancel(floor: Any, pair: str | None = None, key: Key | None = None) -> Any:
    """As the API does it."""

    def propose(_position: int, at_ns: int) -> Any:
        return cancel_working(
            "demo", pair, book=floor.desk.book, at_ns=at_ns, by="tester",
            key=None if key is None else key.text,
            request=None if key is None else key.digest,
        )  # fmt: skip

    return await floor.desk.write(propose, key)


def behind(floor: Any, position: int) -> list[Any]:
    """The entries behind a position."""
    return [decode(entry) for entry in floor.entries()[position + 1 :]]


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "a key"])
def test_what_was_cancelled_is_found_again(words: Any, key: Key | None) -> None:
    """Oldest first, children with their parents, one commit; the ledger alone tells the same."""

    async def run() -> tuple[Any, list[str], list[Any], list[int]]:
        """Three orders, one with a child that waits for it."""
        async with words.Floor() as floor:
            await floor.open("demo")
            child = {"type": "stop_loss", "stop_price": "1.07000"}
            placed = [
                await floor.place(price="1.08000", time_in_force="GTC", if_done=each)
                for each in ((), (child,), ())
            ]
            recorded = await cancel(floor, key=key)
            later = await floor.place(price="1.08000", time_in_force="GTC")
            await floor.desk.cancel(later.entry.order.id, "demo", by="tester", reason="again")
            floor.require_truth()
            names = [each.entry.order.id for each in placed]
            return recorded, names, behind(floor, recorded.receipt.position), floor.store.batches

    recorded, names, entries, batches = asyncio.run(run())
    found = list(cancelled_with(recorded.entry, entries))
    assert [entry.order.id for _number, entry in found] == names
    assert found == list(cancelled_with(recorded.entry, recorded.more))
    assert [number for number, _entry in found] == [0, 1, 3]  # the child's stands between
    assert 4 in batches
    assert {entry.code for _number, entry in found} == {"CANCEL_ALL"}


def test_a_retry_finds_the_first_and_cancels_nothing_more(words: Any) -> None:
    """Under the same key the entry is the first one's, whatever was placed since."""

    async def run() -> None:
        """Twice, with an order between."""
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.place(price="1.08000", time_in_force="GTC")
            first = await cancel(floor, key=KEY)
            await floor.place(price="1.08000", time_in_force="GTC")
            again = await cancel(floor, key=KEY)
            assert again.receipt == first.receipt
            assert len(floor.desk.book.account("demo").open_orders) == 1
            with pytest.raises(Refused, match="Another request"):
                await cancel(floor, key=Key("tester", "k", "1" * 64))

    asyncio.run(run())


def test_nothing_to_cancel_is_refused(words: Any) -> None:
    """Also where only another pair's orders work; nothing is written."""

    async def run() -> None:
        """One order in another pair."""
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.place(price="1.08000", time_in_force="GTC")
            size = floor.ledger.size
            with pytest.raises(Refused) as caught:
                await cancel(floor, pair="GBP/USD")
            assert caught.value.code == NOTHING
            assert floor.ledger.size == size

    asyncio.run(run())


def test_what_another_request_cancelled_is_not_taken_for_it(words: Any) -> None:
    """Entries that follow at once, of another hand, key or time, end the list."""

    async def run() -> tuple[Any, list[Any]]:
        """All of one pair, then one of another in the same commit."""
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.price("GBP/USD", "1.26000", "1.26002")
            await floor.place(price="1.08000", time_in_force="GTC")
            other = await floor.place(pair="GBP/USD", price="1.26000", time_in_force="GTC")
            one = asyncio.create_task(cancel(floor, pair="EUR/USD", key=KEY))
            two = asyncio.create_task(
                floor.desk.cancel(other.entry.order.id, "demo", by="tester", reason="one")
            )
            recorded, _second = await asyncio.gather(one, two)
            return recorded, behind(floor, recorded.receipt.position)

    recorded, entries = asyncio.run(run())
    assert isinstance(entries[0], OrderCancelled)
    assert len(list(cancelled_with(recorded.entry, entries))) == 1
