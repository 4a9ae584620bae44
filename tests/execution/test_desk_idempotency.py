"""One key, one answer: retries, duplicates, conflicts, and keys of long ago."""

import asyncio
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.execution import recent as recent_module


async def code_of(act: Any) -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as caught:
        await act
    return caught.value.code


def test_the_same_key_gets_the_same_answer(words: Any) -> None:
    """Byte for byte, in another spelling too, and nothing new stands in the ledger."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first = await floor.place(client_order_id="c-1", quantity="1000000")
            await floor.place(client_order_id="c-2")
            size = floor.ledger.size

            again = await floor.place(client_order_id="c-1", quantity="1000000.00")

            assert not first.replayed
            assert again.replayed
            assert (again.entry, again.receipt) == (first.entry, first.receipt)
            assert floor.ledger.size == size
            floor.require_proved(again.receipt)

    asyncio.run(main())


def test_rejections_are_answers_too(words: Any) -> None:
    """A retry of a rejected order gets the rejection, even when it would be filled by now."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first = await floor.place(client_order_id="c-1", price="1.08250", time_in_force="IOC")
            floor.price(bid="1.08240", ask="1.08242")

            again = await floor.place(client_order_id="c-1", price="1.08250", time_in_force="IOC")

            assert first.entry.rejection is not None
            assert first.entry.rejection.code == "NOT_MARKETABLE"
            assert (again.entry, again.replayed) == (first.entry, True)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("key", "members"),
    [
        (None, {"client_order_id": "c-1", "quantity": "2"}),
        ("h-2", {"client_order_id": "c-1", "side": "sell"}),
        ("h-1", {"client_order_id": "c-2"}),
        ("h-1", {"client_order_id": "c-1", "price": "1.08250"}),
    ],
)
def test_another_order_under_a_used_key_is_a_conflict(
    words: Any, key: str | None, members: dict[str, str]
) -> None:
    """The client_order_id protects, and so does the header's key; settled or on its way."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.store.gate.clear()
            first = asyncio.create_task(floor.place("h-1", client_order_id="c-1"))
            await asyncio.sleep(0)
            pending = asyncio.create_task(floor.place(key, **members))
            await asyncio.sleep(0)
            floor.store.gate.set()

            assert await code_of(pending) == "IDEMPOTENCY_CONFLICT"
            assert (await first).entry.key == "h-1"
            assert await code_of(floor.place(key, **members)) == "IDEMPOTENCY_CONFLICT"
            assert floor.ledger.size == 2

    asyncio.run(main())


def test_either_key_finds_the_answer(words: Any) -> None:
    """With the header, without it, and with a new header on the same order."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            first = await floor.place("h-1", client_order_id="c-1")

            for key in ("h-1", None, "h-2"):
                again = await floor.place(key, client_order_id="c-1")
                assert (again.receipt, again.replayed) == (first.receipt, True)
            theirs = await floor.place("h-1", client_order_id="c-1", account="other")
            assert not theirs.replayed
            floor.require_truth()

    asyncio.run(main())


def test_concurrent_duplicates_are_one_order(words: Any) -> None:
    """Twenty retries at once: one entry, one answer, nineteen of them replayed."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            retries = [floor.place("h-1", client_order_id="c-1") for _ in range(20)]

            answers = await asyncio.gather(*retries)

            assert [answer.replayed for answer in answers].count(False) == 1
            assert len({answer.receipt.checkpoint for answer in answers}) == 1
            assert len({answer.receipt.entry for answer in answers}) == 1
            assert floor.ledger.size == 2

    asyncio.run(main())


def test_an_answer_survives_a_restart(words: Any) -> None:
    """Another desk on the same ledger gives the same bytes."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first = await floor.place("h-1", client_order_id="c-1")
        async with words.Floor(floor.store) as later:
            again = await later.place("h-1", client_order_id="c-1")

            assert (again.entry, again.receipt) == (first.entry, first.receipt)
            assert again.replayed

    asyncio.run(main())


def test_an_old_key_comes_to_light_at_the_append(
    words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long forgotten in memory: its retry is replayed, and its neighbours are placed once."""
    monkeypatch.setattr(recent_module, "WARY_ORDERS", 1)
    monkeypatch.setattr(recent_module, "RECENT_KEYS_MAX", 2)

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first = [await floor.place(client_order_id=f"c-{n}") for n in range(9)]
            orders = [f"c-{n}" for n in (0, 20, 1, 21, 2)]

            answers = await asyncio.gather(
                *(floor.place("h-1" if name == "c-0" else None, client_order_id=name)
                  for name in orders)
            )  # fmt: skip

            assert [answer.replayed for answer in answers] == [True, False, True, False, True]
            assert [answers[n].receipt for n in (0, 2, 4)] == [one.receipt for one in first[:3]]
            floor.require_truth()

    asyncio.run(main())


def test_remembered_keys_are_bounded(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are in memory, at least half of the bound and at most all of it."""
    monkeypatch.setattr(recent_module, "RECENT_KEYS_MAX", 8)

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            for n in range(50):
                await floor.place(client_order_id=f"c-{n}")
                known = {**floor.desk.recent._older, **floor.desk.recent._newest}
                assert len(known) <= 9
                newest = range(max(0, n - 3), n + 1)
                assert {f"order demo c-{m}": m + 1 for m in newest}.items() <= known.items()

    asyncio.run(main())


def test_a_refused_order_leaves_no_trace(words: Any) -> None:
    """An unknown account: no entry, and the key is still free."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            assert await code_of(floor.place(account="late", client_order_id="c-1")) == (
                "UNKNOWN_ACCOUNT"
            )
            await floor.open("late")

            placed = await floor.place(account="late", client_order_id="c-1")

            assert not placed.replayed
            floor.require_truth()

    asyncio.run(main())
