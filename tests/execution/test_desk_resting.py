"""Orders that rest: prices that come, cancels that race them, switches that stop them."""

import asyncio
from typing import Any

import msgspec
import pytest

from tallystick.errors import Refused


async def code_of(act: Any) -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as caught:
        await act
    return caught.value.code


def kinds(floor: Any) -> list[str]:
    """The kinds of the ledger's entries."""
    return [fact["kind"] for fact in floor.facts()]


def test_a_resting_order_is_filled_when_its_price_comes(words: Any) -> None:
    """An order blotter.

    buy 1_000_000 EURUSD limit 1.08200 GTC   rests at 1.08249 / 1.08251
    1.08199 / 1.08201                        still rests
    1.08197 / 1.08199                        filled at 1.08199, better than asked
    1.08000 / 1.08002                        nothing is left to fill
    """

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            placed = await floor.place(price="1.08200")
            assert placed.entry.order.state == "new"
            for bid, ask in (("1.08199", "1.08201"), ("1.08197", "1.08199"), ("1.08", "1.08002")):
                floor.price(bid=bid, ask=ask)
                await floor.settle()

            assert kinds(floor) == ["account_opened", "order_decided", "order_filled"]
            fact = floor.facts()[-1]
            assert fact["order"] == {**floor.facts()[1]["order"], "state": "filled"}
            assert [fill["price"] for fill in fact["fills"]] == ["1.08199"]
            assert fact["fills"][0]["id"] == "F-2-1"
            assert fact["quote"]["ask"] == "1.08199"
            floor.require_proved(floor.ledger.receipt(2))
            floor.require_truth()

    asyncio.run(main())


def test_first_come_first_filled(words: Any) -> None:
    """All that one quote reaches are filled, in the order in which they were placed."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            placed = [
                await floor.place(account=account, price=price)
                for account, price in (
                    ("other", "1.08210"),
                    ("demo", "1.08220"),
                    ("demo", "1.08100"),
                    ("other", "1.08200"),
                )
            ]
            floor.price(bid="1.08198", ask="1.08200")
            await floor.settle()

            filled = [f["order"]["id"] for f in floor.facts() if f["kind"] == "order_filled"]
            assert filled == [placed[n].entry.order.id for n in (0, 1, 3)]
            floor.require_truth()

    asyncio.run(main())


def test_an_order_on_its_way_can_be_filled(words: Any) -> None:
    """It rests in memory before it is durable; the fill then follows it in the ledger."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.store.gate.clear()
            placing = asyncio.create_task(floor.place(price="1.08200"))
            await asyncio.sleep(0)
            floor.price(bid="1.08198", ask="1.08199")
            floor.price(bid="1.08197", ask="1.08198")
            floor.store.gate.set()

            assert (await placing).entry.order.state == "new"
            await floor.settle()
            assert kinds(floor) == ["account_opened", "order_decided", "order_filled"]
            floor.require_truth()

    asyncio.run(main())


def test_a_cancel_takes_an_order_back(words: Any) -> None:
    """Once; by whom and why is on record, and prices no longer matter."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            order = (await floor.place(price="1.08200")).entry.order
            assert await code_of(floor.desk.cancel(order.id, "other", by="x", reason="y")) == (
                "ORDER_NOT_OPEN"
            )
            recorded = await floor.desk.cancel(order.id, "demo", by="a trader", reason="changed")
            for name in (order.id, "O-1", "O-99", "nonsense"):
                cancel = floor.desk.cancel(name, "demo", by="a trader", reason="again")
                assert await code_of(cancel) == "ORDER_NOT_OPEN"
            floor.price(bid="1.08198", ask="1.08199")
            await floor.settle()

            fact = floor.facts()[-1]
            assert (fact["kind"], fact["by"], fact["reason"]) == (
                "order_cancelled", "a trader", "changed",
            )  # fmt: skip
            assert fact["order"]["state"] == "cancelled"
            floor.require_proved(recorded.receipt)
            floor.require_truth()

    asyncio.run(main())


@pytest.mark.parametrize("first", ["cancel", "fill"])
def test_cancel_and_fill_race(words: Any, first: str) -> None:
    """Whichever is decided first wins, the other finds nothing; never both."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            order = (await floor.place(price="1.08200")).entry.order
            floor.store.gate.clear()
            if first == "fill":
                floor.price(bid="1.08198", ask="1.08199")
            cancels = [
                asyncio.create_task(floor.desk.cancel(order.id, "demo", by="x", reason="y"))
                for _ in range(2)
            ]
            await asyncio.sleep(0)
            floor.price(bid="1.08197", ask="1.08198")
            floor.store.gate.set()

            told = await asyncio.gather(*cancels, return_exceptions=True)
            await floor.settle()

            refused = [isinstance(each, Refused) for each in told]
            assert refused == ([False, True] if first == "cancel" else [True, True])
            assert kinds(floor)[2:] == [
                f"order_{first}led" if first == "cancel" else "order_filled"
            ]
            floor.require_truth()

    asyncio.run(main())


@pytest.mark.parametrize("account", ["demo", None])
def test_the_kill_switch(words: Any, account: str | None) -> None:
    """It stops one account or all: new orders are rejected, what rests stays and is not filled."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            resting = [await floor.place(price="1.08200") for _ in range(2)]
            recorded = await floor.switch(account, active=True)
            floor.require_proved(recorded.receipt)

            stopped = await floor.place()
            assert stopped.entry.rejection is not None
            assert stopped.entry.rejection.code == "KILL_SWITCH_ACTIVE"
            theirs = await floor.place(account="other")
            assert (theirs.entry.rejection is None) == (account == "demo")
            floor.price(bid="1.08198", ask="1.08199")
            await floor.settle()
            assert "order_filled" not in kinds(floor)
            await floor.desk.cancel(resting[0].entry.order.id, "demo", by="x", reason="y")

            await floor.switch(account, active=False)
            assert (await floor.place()).entry.rejection is None
            floor.price(bid="1.08198", ask="1.08199")
            await floor.settle()
            assert floor.facts()[-1]["order"]["id"] == resting[1].entry.order.id
            assert kinds(floor)[-1] == "order_filled"
            floor.require_truth()

    asyncio.run(main())


def test_what_the_operator_may_not_do(words: Any) -> None:
    """Unknown accounts, the house's name, limits that are none."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            desk = floor.desk
            bad = msgspec.structs.replace(words.LIMITS, position_usd_max="a lot")

            for act, code in (
                (desk.open_account("house", words.LIMITS), "VALUE_NOT_ALLOWED"),
                (desk.open_account("late", bad), "AMOUNT_MALFORMED"),
                (desk.cancel("O-1", "late", by="x", reason="y"), "UNKNOWN_ACCOUNT"),
            ):
                assert await code_of(act) == code

            assert kinds(floor) == ["account_opened"]
            floor.require_truth()

    asyncio.run(main())


def test_new_limits_bind_at_once(words: Any) -> None:
    """The next order meets them; what the account holds stays."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.place()
            lower = msgspec.structs.replace(words.LIMITS, order_quantity_max="7")
            await floor.desk.open_account("demo", lower)

            placed = await floor.place()

            assert placed.entry.rejection is not None
            assert placed.entry.rejection.code == "QUANTITY_TOO_LARGE"
            assert floor.desk.book.account("demo").balances["EUR"] == 100_000_000
            floor.require_truth()

    asyncio.run(main())


def test_a_repeated_order_is_stopped(words: Any) -> None:
    """Three alike within a second, and the fourth is rejected; a second later there is room."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", duplicates_max=3)
            codes = []
            for wait in (0.0, 0.4, 0.5, 0.09, 0.01):
                floor.clock.advance(wait)
                rejection = (await floor.place()).entry.rejection
                codes.append(None if rejection is None else rejection.code)

            assert codes == [None, None, None, "DUPLICATE_ORDER", None]
            floor.require_truth()

    asyncio.run(main())


def test_an_order_in_a_cross_meets_it(words: Any) -> None:
    """Nobody quotes EUR/GBP itself: its price comes from two others, also after a restart."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.price("GBP/USD", "1.27000", "1.27002")
            placed = [
                await floor.place(pair="EUR/GBP", price=price) for price in ("0.85200", "0.85100")
            ]
            assert [each.entry.order.state for each in placed] == ["new", "new"]
            floor.price("GBP/USD", "1.27100", "1.27102")
            await floor.settle()
            assert floor.facts()[-1]["order"]["id"] == placed[0].entry.order.id
            assert kinds(floor)[-1] == "order_filled"

            async with words.Floor(floor.store, floor.clock) as again:
                again.price()
                again.price("GBP/USD", "1.27300", "1.27302")
                await again.settle()
                assert again.facts()[-1]["order"]["id"] == placed[1].entry.order.id
                assert kinds(again)[-1] == "order_filled"

    asyncio.run(main())


def test_what_is_held_keeps_its_meaning(words: Any) -> None:
    """An account with open positions stays in its mode, and its result in its home currency."""

    async def main() -> None:
        async with words.Floor() as floor:
            desk, limits = floor.desk, words.LIMITS
            await desk.open_account("demo", limits, mode="netting", home="USD")
            floor.price()
            await floor.place()
            for mode in ("hedging", "fifo"):
                act = desk.open_account("demo", limits, mode=mode)
                assert await code_of(act) == "VALUE_NOT_ALLOWED"
            await desk.open_account("demo", limits, mode="netting", desk="majors")
            await floor.place(side="sell")
            await desk.open_account("demo", limits, mode="hedging")
            assert await code_of(desk.open_account("demo", limits, home="EUR")) == (
                "VALUE_NOT_ALLOWED"
            )

    asyncio.run(main())
