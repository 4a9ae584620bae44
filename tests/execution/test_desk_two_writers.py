"""Two desks, one ledger: whoever is second decides again on what the first one left."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Refused
from tallystick.ledger import SqliteStore


def catch_up(*floors: Any) -> None:
    """Let each desk know all that is in the store."""
    for floor in floors:
        floor.ledger._reload()
        floor.desk.catch_up()


@pytest.mark.parametrize("seed", range(3))
def test_a_race_on_one_database(words: Any, tmp_path: Path, seed: int) -> None:
    """Real commits, some orders sent to both desks: each is placed once and answered alike."""
    chance = random.Random(seed)  # noqa: S311  a seeded flow

    async def main() -> None:
        path, clock = tmp_path / "ledger.db", SystemClock()
        stores = [SqliteStore(path), SqliteStore(path)]
        one = words.Floor(stores[0], clock)
        one.start()
        await one.open("demo", "other")
        two = words.Floor(stores[1], clock)
        two.start()
        two.price()

        placing = []
        for n in range(80):
            account = chance.choice(["demo", "other"])
            price = {"price": f"1.082{chance.randint(40, 60)}"} if chance.random() < 0.5 else {}
            side = chance.choice(["buy", "sell"])
            members = {"client_order_id": f"c-{n}", "account": account, "side": side, **price}
            floors = [one, two] if n % 4 == 0 else [chance.choice([one, two])]
            placing += [asyncio.create_task(floor.place(f"h-{n}", **members)) for floor in floors]
            if chance.random() < 0.1:
                await asyncio.sleep(0)
            if chance.random() < 0.1:
                bid = chance.randint(40, 60)
                chance.choice([one, two]).price(bid=f"1.082{bid}", ask=f"1.082{bid + 1}")
        answers = await asyncio.gather(*placing)

        for floor in (one, two):
            floor.desk.close()
            await floor.task
        catch_up(one, two)
        one.require_truth()
        two.require_truth()
        assert one.entries() == two.entries()
        assert words.book_state(one.desk.book) == words.book_state(two.desk.book)
        entries = one.entries()
        by_name: dict[str, set[bytes]] = {}
        for answer in answers:
            assert entries[answer.receipt.position] == answer.receipt.entry
            one.require_proved(answer.receipt)
            name = answer.entry.order.client_order_id
            by_name.setdefault(name, set()).add(answer.receipt.entry)
        assert len(by_name) == 80
        assert all(len(entries) == 1 for entries in by_name.values())
        assert sum(not answer.replayed for answer in answers) == 80
        for store in stores:
            store.close()

    asyncio.run(main())


def test_decided_again_on_what_the_other_left(words: Any) -> None:
    """The second writer's order meets a limit that the first one's used up."""

    async def main() -> None:
        async with words.Floor() as one:
            await one.open("demo", position_usd_max="1500000.00")
            async with words.Floor(one.store) as two:
                two.price()
                first = await one.place(client_order_id="c-1")
                assert two.ledger.size == 1  # it has not heard of it

                second = await two.place(client_order_id="c-2")

                assert first.entry.order.state == "filled"
                assert second.entry.rejection is not None
                assert second.entry.rejection.code == "POSITION_LIMIT"
                assert second.receipt.position == 2
                catch_up(one)
                one.require_truth()
                two.require_truth()

    asyncio.run(main())


def test_a_key_that_the_other_settled_is_replayed(words: Any) -> None:
    """Alone in its batch, or gathering behind another order: the other desk's answer, at once."""

    async def main() -> None:
        async with words.Floor() as one:
            await one.open("demo")
            async with words.Floor(one.store) as two:
                two.price()
                first = await one.place("h-1", client_order_id="c-1")
                again = await two.place("h-1", client_order_id="c-1")
                assert (again.receipt, again.replayed) == (first.receipt, True)

                second = await one.place("h-2", client_order_id="c-2")
                one.store.gate.clear()
                ahead = asyncio.create_task(two.place(client_order_id="c-3"))
                for _turn in range(3):
                    await asyncio.sleep(0)
                behind = [
                    asyncio.create_task(two.place("h-2", client_order_id=name))
                    for name in ("c-2", "c-2", "c-4")
                ]
                await asyncio.sleep(0)
                one.store.gate.set()

                assert not (await ahead).replayed
                told = await asyncio.wait_for(asyncio.gather(*behind, return_exceptions=True), 60)
                assert [each.receipt for each in told[:2]] == [second.receipt] * 2
                assert all(each.replayed for each in told[:2])
                assert isinstance(told[2], Refused)
                assert told[2].code == "IDEMPOTENCY_CONFLICT"
                two.require_truth()

    asyncio.run(main())


def test_a_lost_race_asks_about_all_keys_at_once(
    words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question to the store for a batch that is decided again, however large it is."""

    async def main() -> None:
        async with words.Floor() as one:
            await one.open("demo")
            async with words.Floor(one.store) as two:
                two.price()
                await one.place("h-1", client_order_id="theirs")
                asked: list[int] = []
                find_all = one.store.find_all

                def counted(keys: Any) -> Any:
                    asked.append(len(keys))
                    return find_all(keys)

                monkeypatch.setattr(one.store, "find_all", counted)
                placing = [two.place(f"k-{n}", client_order_id=f"c-{n}") for n in range(30)]
                answers = await asyncio.gather(*placing)

                assert len({answer.receipt.position for answer in answers}) == 30
                assert asked == [60]
                two.require_truth()

    asyncio.run(main())


def test_what_the_other_cancelled_cannot_be_cancelled(words: Any) -> None:
    """The second decision refuses what the first one did not know."""

    async def main() -> None:
        async with words.Floor() as one:
            await one.open("demo")
            order = (await one.place(price="1.08200")).entry.order
            async with words.Floor(one.store) as two:
                two.price()
                await one.desk.cancel(order.id, "demo", by="one", reason="first")

                with pytest.raises(Refused) as caught:
                    await two.desk.cancel(order.id, "demo", by="two", reason="second")

                assert caught.value.code == "ORDER_NOT_OPEN"
                two.require_truth()

    asyncio.run(main())


def test_a_fill_never_meets_another_order_under_its_id(words: Any) -> None:
    """A resting order moves to another position, and its id becomes the other desk's order's."""

    async def main() -> None:
        async with words.Floor() as one:
            await one.open("demo")
            async with words.Floor(one.store) as two:
                two.price()
                theirs = await one.place(price="1.08200", quantity="2000000")
                placing = asyncio.create_task(two.place(price="1.08210", quantity="1000000"))
                await asyncio.sleep(0)  # decided as O-1, not yet committed
                assert list(two.desk.book.account("demo").open_orders) == ["O-1"]
                two.price(bid="1.08209", ask="1.08210")  # fills it, for now
                two.price()  # the price is gone when it is decided again

                ours = await placing

                await two.settle()
                assert [theirs.entry.order.id, ours.entry.order.id] == ["O-1", "O-2"]
                assert ours.entry.order.state == "new"
                assert list(two.desk.book.account("demo").open_orders) == ["O-1", "O-2"]
                two.require_truth()

    asyncio.run(main())
