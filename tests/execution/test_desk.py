"""The desk: group commit, and what happens when a commit fails."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Overloaded, PermanentError, Refused, ShuttingDown, TemporaryError
from tallystick.execution import engine as engine_module
from tallystick.execution.book import restore


async def code_of(act: Any) -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as caught:
        await act
    return caught.value.code


def test_group_commit(words: Any) -> None:
    """What comes while a batch is being committed is the next batch; every receipt proves."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.store.gate.clear()
            first = asyncio.create_task(floor.place())
            for _turn in range(3):  # its commit is under way
                await asyncio.sleep(0)
            rest = [asyncio.create_task(floor.place()) for _ in range(300)]
            await asyncio.sleep(0)
            floor.store.gate.set()

            answers = await asyncio.gather(first, *rest)

            assert floor.store.batches == [1, 1, 300]
            assert [answer.receipt.position for answer in answers] == list(range(1, 302))
            for answer in answers[::7]:
                floor.require_proved(answer.receipt)
            floor.require_truth()

    asyncio.run(main())


@pytest.mark.parametrize("error", [TemporaryError("the disk is full"), PermanentError("damaged")])
def test_a_failed_commit_is_taken_back(words: Any, error: Exception) -> None:
    """Everybody who waits is told, the book is what the ledger says, the same keys work next."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            resting = [await floor.place(price="1.08200") for _ in range(3)]
            before = words.book_state(floor.desk.book)
            floor.store.gate.clear()
            floor.store.failures.append(error)
            orders = [f"c-{n}" for n in range(20)]
            waiting = []
            for name in orders:  # some in the commit under way, some in the one that gathers
                waiting.append(asyncio.create_task(floor.place(client_order_id=name)))
                await asyncio.sleep(0)
            floor.price(bid="1.08190", ask="1.08192")  # fills what rests, in that batch
            floor.store.gate.set()

            told = await asyncio.gather(*waiting, return_exceptions=True)

            assert all(type(each) is type(error) for each in told)
            assert words.book_state(floor.desk.book) == before
            floor.require_truth()
            answers = await asyncio.gather(*(floor.place(client_order_id=n) for n in orders))
            assert not any(answer.replayed for answer in answers)
            floor.price(bid="1.08190", ask="1.08192")
            await floor.settle()
            filled = [fact for fact in floor.facts() if fact["kind"] == "order_filled"]
            assert [fact["order"]["id"] for fact in filled] == [r.entry.order.id for r in resting]
            floor.require_truth()

    asyncio.run(main())


def test_an_unknown_error_ends_the_desk(words: Any) -> None:
    """It is not swallowed; who waits, and who comes later, is told that the desk is leaving."""

    async def main() -> None:
        floor = words.Floor()
        floor.start()
        await floor.open("demo")
        floor.store.failures.append(OSError("no such device"))

        with pytest.raises(ShuttingDown):
            await floor.place()
        with pytest.raises(OSError, match="no such device"):
            await floor.task
        with pytest.raises(ShuttingDown):
            await floor.place()
        floor.require_truth()

    asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4])
def test_a_cancelled_desk_leaves_nobody_waiting(words: Any, turns: int) -> None:
    """Before, during or after a commit: each is answered or told, and the ledger says which."""

    async def main() -> None:
        floor = words.Floor()
        floor.start()
        await floor.open("demo")
        names = ["c-0", "c-1", "c-2", "c-3"]
        waiting = [asyncio.create_task(floor.place(client_order_id=n)) for n in names[:3]]
        for _turn in range(turns):
            await asyncio.sleep(0)
        waiting.append(asyncio.create_task(floor.place(client_order_id=names[3])))
        await asyncio.sleep(0)
        floor.task.cancel()

        told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)

        with pytest.raises(asyncio.CancelledError):
            await floor.task
        async with words.Floor(floor.store) as later:
            later.price()
            for name, answer in zip(names, told, strict=True):
                again = await later.place(client_order_id=name)
                if isinstance(answer, ShuttingDown):  # durable or not: a retry settles it
                    continue
                assert (again.receipt, again.replayed) == (answer.receipt, True)
            later.require_truth()

    asyncio.run(main())


def test_one_that_gives_up_does_not_take_others_along(words: Any) -> None:
    """A cancelled caller's order is placed all the same; its neighbour hears its answer."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.store.gate.clear()
            impatient = asyncio.create_task(floor.place(client_order_id="c-1"))
            patient = asyncio.create_task(floor.place(client_order_id="c-2"))
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.sleep(0)
            floor.store.gate.set()

            assert not (await patient).replayed
            with pytest.raises(asyncio.CancelledError):
                await impatient
            assert (await floor.place(client_order_id="c-1")).replayed

    asyncio.run(main())


def test_a_full_queue_says_so(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits without a bound; afterwards there is room again."""
    monkeypatch.setattr(engine_module, "WAITING_ORDERS_MAX", 5)

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.store.gate.clear()
            waiting = [asyncio.create_task(floor.place()) for _ in range(8)]
            for _turn in range(3):
                await asyncio.sleep(0)
            floor.store.gate.set()

            told = await asyncio.gather(*waiting, return_exceptions=True)

            assert [isinstance(each, Overloaded) for each in told] == [False] * 5 + [True] * 3
            assert not (await floor.place()).replayed
            floor.require_truth()

    asyncio.run(main())


def test_closing_drains(words: Any) -> None:
    """What was taken is committed and answered; what comes after is told to go elsewhere."""

    async def main() -> None:
        floor = words.Floor()
        floor.start()
        await floor.open("demo")
        first = await floor.place(client_order_id="c-1")
        floor.store.gate.clear()
        waiting = [asyncio.create_task(floor.place()) for _ in range(9)]
        for _turn in range(3):
            await asyncio.sleep(0)
        floor.desk.close()
        with pytest.raises(ShuttingDown):
            await floor.place()
        assert (await floor.place(client_order_id="c-1")).receipt == first.receipt
        floor.price(bid="1.0", ask="1.1")  # must not trigger anything any more
        floor.store.gate.set()

        answers = await asyncio.gather(*waiting)
        await asyncio.wait_for(floor.task, timeout=60)

        assert len({answer.receipt.position for answer in answers}) == 9
        floor.require_truth()

    asyncio.run(main())


def test_snapshots_under_load(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each equals a refold of the ledger at its size; what gathers meanwhile is not in it."""
    monkeypatch.setattr(engine_module, "SNAPSHOT_ENTRIES", 7)
    kept: list[tuple[int, bytes]] = []

    async def main() -> None:
        async with words.Floor() as floor:
            floor.desk.on_snapshot = lambda size, book: kept.append((size, book))
            await floor.open("demo", "other")
            orders = []
            for n in range(150):
                limit = {"price": f"1.082{40 + n % 20}"} if n % 3 else {}
                side = "sell" if n % 5 else "buy"
                account = "demo" if n % 2 else "other"
                place = floor.place(account=account, side=side, quantity=str(100 + n), **limit)
                orders.append(asyncio.create_task(place))
                if n % 4 == 0:
                    await asyncio.sleep(0)
                if n % 10 == 0:
                    floor.price(bid=f"1.082{40 + n % 17}", ask=f"1.082{41 + n % 17}")
            await asyncio.gather(*orders)
            await floor.settle()

            floor.require_truth()
            assert len(kept) > 5
            for size, data in kept:
                folded = floor.refold(size)
                assert words.book_state(restore(data)) == words.book_state(folded)

    asyncio.run(main())


def test_no_snapshot_while_a_commit_is_under_way(words: Any) -> None:
    """The book runs ahead of the ledger then, and a start from it would fold twice."""
    kept: list[int] = []

    async def main() -> None:
        async with words.Floor() as floor:
            floor.desk.on_snapshot = lambda size, _book: kept.append(size)
            await floor.open("demo")
            floor.store.gate.clear()
            placing = asyncio.create_task(floor.place())
            for _turn in range(3):
                await asyncio.sleep(0)

            floor.desk.snapshot()

            assert kept == []
            floor.store.gate.set()
            await placing
            floor.desk.snapshot()
            assert kept == [2]

    asyncio.run(main())


def test_a_snapshot_leaves_out_what_gathers(words: Any) -> None:
    """It is the ledger's book, and the running book is afterwards what it was before."""
    kept: list[tuple[int, bytes]] = []

    async def main() -> None:
        async with words.Floor() as floor:
            floor.desk.on_snapshot = lambda size, book: kept.append((size, book))
            await floor.open("demo")
            durable = words.book_state(floor.desk.book)
            placing = [asyncio.create_task(floor.place()) for _ in range(3)]
            await asyncio.sleep(0)  # decided, and not yet on their way
            ahead = words.book_state(floor.desk.book)
            assert ahead != durable

            floor.desk.snapshot()

            ((size, data),) = kept
            assert (size, words.book_state(restore(data))) == (1, durable)
            assert words.book_state(floor.desk.book) == ahead
            answers = await asyncio.gather(*placing)
            assert [answer.receipt.position for answer in answers] == [1, 2, 3]
            floor.require_truth()

    asyncio.run(main())


def test_positions_show_what_is_durable(words: Any) -> None:
    """Neither the batch under way nor the one that gathers, until they are in the ledger."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            await floor.place(quantity="100", side="buy")
            before = floor.desk.balances("demo")
            assert before == (3, {"EUR": 10_000, "USD": -10_825})
            floor.store.gate.clear()
            placing = []
            for account in ("demo", "demo", "other", "demo"):
                order = floor.place(account=account, quantity="1000")
                placing.append(asyncio.create_task(order))
                for _turn in range(3):
                    await asyncio.sleep(0)
            assert floor.desk.balances("demo") == before
            assert not any(floor.desk.balances("other")[1].values())
            floor.store.gate.set()
            await asyncio.gather(*placing)

            assert floor.desk.balances("demo") == (7, {"EUR": 310_000, "USD": -335_578})
            assert floor.desk.balances("other") == (7, {"EUR": 100_000, "USD": -108_251})
            assert await code_of(ask_for_balances(floor, "late")) == "UNKNOWN_ACCOUNT"

    asyncio.run(main())


async def ask_for_balances(floor: Any, account: str) -> Any:
    """The balances of an account, durable."""
    return floor.desk.balances(account)


FLOW = st.lists(
    st.tuples(
        st.sampled_from(["demo", "other"]),
        st.sampled_from(["EUR/USD", "USD/JPY", "EUR/JPY", "GBP/USD"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 10**9),
        st.none() | st.integers(-30, 30),
        st.integers(0, 3),
    ),
    max_size=40,
)
MIDS = {"EUR/USD": 108_250, "USD/JPY": 150_120, "EUR/JPY": 162_510, "GBP/USD": 127_000}


def decimal_of(symbol: str, off: int) -> str:
    """A price so many points off the pair's mid."""
    digits = 3 if symbol.endswith("JPY") else 5
    whole, points = divmod(MIDS[symbol] + off, 10**digits)
    return f"{whole}.{points:0{digits}}"


def move_prices(floor: Any, off: int) -> None:
    """Quotes of two points' width."""
    for symbol in MIDS:
        floor.price(symbol, decimal_of(symbol, off - 1), decimal_of(symbol, off + 1))


@settings(max_examples=60)
@given(FLOW, st.integers(-40, 40))
def test_money_is_exact(words: Any, flow: list[Any], move: int) -> None:
    """Every fill balances in both currencies, and positions equal the fold of the entries.

    Whatever the orders, and however they fall into batches: balances of accounts and house are
    those that `decimal` adds up from the ledger's bytes, and sum to zero in every currency.
    """

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            move_prices(floor, 0)
            orders = []
            for account, symbol, side, units, limit, pause in flow:
                price = {} if limit is None else {"price": decimal_of(symbol, limit)}
                quantity = f"{units // 100}.{units % 100:02}"
                members = {"account": account, "pair": symbol, "side": side, "quantity": quantity}
                orders.append(asyncio.create_task(floor.place(**members, **price)))
                for _turn in range(pause):
                    await asyncio.sleep(0)
            move_prices(floor, move)
            await asyncio.gather(*orders)
            await floor.settle()
            floor.require_truth()

    asyncio.run(main())
