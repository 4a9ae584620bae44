"""Margin calls and close-outs on a falling market: the blotter of a retail account, by hand."""

import asyncio
from typing import Any

import pytest

from tallystick.execution.book import HOUSE
from tallystick.execution.margin_call import CALL_AGAIN_SECONDS, CLOSE_OUT


def test_a_retail_account_is_called_again_let_go_and_closed_out(words: Any, margin: Any) -> None:
    """The whole life of a call, figure by figure.

    deposit 40,000 USD; buy 1,000,000 EUR/USD at 1.08251: margin is a thirtieth of its worth
    1.08000/02  equity 40,000 - 2,500 = 37,500 (mid 1.08001)   used 36,000.34   104 %: nothing
    1.07800/02  equity 35,500   used 35,933.67    99 %: called
    1.07900/02  equity 36,500   used 35,967.00   101 %: still called, under 105 %
    a quarter of an hour later: called again
    1.08200/02  equity 39,500   used 36,067.00   110 %: let go
    1.06000/02  equity 17,500   used 35,333.67    49.5 %: called and closed out at 1.06000
    """

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words)
            floor.price()
            monitor = margin.watch(floor)
            await floor.place(quantity="1000000")
            start = len(floor.facts())
            await margin.tick(floor, monitor, "1.08000", "1.08002")
            assert margin.story(floor, start) == []
            await margin.tick(floor, monitor, "1.07800", "1.07802")
            assert margin.story(floor, start) == [("call_entered", "35500.00", "35933.67")]
            await margin.tick(floor, monitor, "1.07900", "1.07902")
            assert len(margin.story(floor, start)) == 1
            floor.clock.advance(CALL_AGAIN_SECONDS)
            monitor.check_due()
            await floor.settle()
            assert margin.story(floor, start)[1:] == [("call_extended", "36500.00", "35967.00")]
            await margin.tick(floor, monitor, "1.08200", "1.08202")
            assert margin.story(floor, start)[2:] == [("call_exited", "39500.00", "36067.00")]
            await margin.tick(floor, monitor, "1.06000", "1.06002")
            assert margin.story(floor, start)[3:] == [
                ("call_entered", "17500.00", "35333.67"),
                ("filled", "sell", "1000000.00", "EUR/USD"),
                ("closed_out", "17490.00", "0.00"),
                ("call_exited", "17490.00", "0.00"),
            ]
            closing = floor.facts()[-3]
            assert closing["by"] == CLOSE_OUT
            assert closing["order"]["position_fill"] == "reduce_only"
            assert words.book_state(floor.desk.book) == words.book_state(floor.refold())

    asyncio.run(run())


def test_working_orders_that_would_open_go_first_those_that_close_stay_to_the_end(
    words: Any, margin: Any
) -> None:
    """A close-out cancels what could open; a stop-loss goes with the position it guards."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words)
            floor.price()
            monitor = margin.watch(floor)
            await floor.place(quantity="1000000")
            await floor.place(
                quantity="1000", type="limit", price="1.07250", time_in_force="GTC", side="buy"
            )
            stop = {"type": "stop_loss", "side": "sell", "time_in_force": "GTC"}
            await floor.place(quantity="1000000", stop_price="1.07300", trigger="mid", **stop)
            start = len(floor.facts())
            # Nobody may trade on the way down: the order at 1.07250 is not reached.
            await floor.switch("demo", active=True)
            await margin.tick(floor, monitor, "1.06000", "1.06002")
            assert [told[0] for told in margin.story(floor, start)] == [
                "call_entered", "cancelled", "filled", "cancelled", "closed_out", "call_exited",
            ]  # fmt: skip
            codes = [fact["code"] for fact in floor.facts() if fact["kind"] == "order_cancelled"]
            assert codes == ["MARGIN_CLOSE_OUT", "NOTHING_TO_REDUCE"]

    asyncio.run(run())


def test_the_pair_that_needs_most_margin_is_closed_first_and_no_more_than_needed(
    words: Any, margin: Any
) -> None:
    """Two positions: the larger goes, and with it the need; the smaller stays."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words, dollars="40000.00")
            floor.price()
            floor.price("GBP/USD", "1.27000", "1.27002")
            monitor = margin.watch(floor)
            await floor.place(quantity="100000", pair="GBP/USD")
            await floor.place(quantity="900000")
            start = len(floor.facts())
            await margin.tick(floor, monitor, "1.05700", "1.05702")
            story = margin.story(floor, start)
            assert [told[0] for told in story] == [
                "call_entered", "filled", "closed_out", "call_exited",
            ]  # fmt: skip
            assert story[1] == ("filled", "sell", "900000.00", "EUR/USD")
            assert floor.desk.book.account("demo").positions["GBP/USD"].long == 10_000_000

    asyncio.run(run())


@pytest.mark.parametrize("missing", ["stale", "withdrawn"])
def test_without_a_price_to_deal_on_the_close_out_waits(
    words: Any, margin: Any, missing: str
) -> None:
    """A worth outlives its quote: the account is called at once, and closed when there is one."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words)
            floor.price()
            await floor.place(quantity="1000000")
            floor.price(bid="1.06000", ask="1.06002")
            if missing == "stale":
                floor.clock.advance(120)
            else:
                floor.board.withdraw("EUR/USD")
            monitor = margin.watch(floor)
            start = len(floor.facts())
            for _ in range(3):
                monitor.check_due()
                await floor.settle()
            assert [told[0] for told in margin.story(floor, start)] == ["call_entered"]
            await margin.tick(floor, monitor, "1.06000", "1.06002")
            assert [told[0] for told in margin.story(floor, start)][1:] == [
                "filled", "closed_out", "call_exited",
            ]  # fmt: skip

    asyncio.run(run())


@pytest.mark.parametrize("profile", ["esma_retail", "professional"])
def test_after_a_gap_a_retail_account_owes_nothing(words: Any, margin: Any, profile: str) -> None:
    """The market opens 10 % lower: the house takes over what a retail client would owe."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words, margin=profile)
            floor.price()
            monitor = margin.watch(floor)
            await floor.place(quantity="1000000")
            start = len(floor.facts())
            await margin.tick(floor, monitor, "0.97000", "0.97002")
            account = floor.desk.book.account("demo")
            protected = ("negative balance protection",) in margin.story(floor, start)
            assert protected == (profile == "esma_retail")
            owed = 4_000_000 - 108_251_000 + 97_000_000
            assert account.balances["USD"] == (0 if protected else owed)
            assert not protected or not any(account.flows.values())
            assert floor.desk.book.house["USD"] == -account.balances["USD"]
            await margin.tick(floor, monitor, "0.96000", "0.96002")
            assert len(floor.facts()) == start + (5 if protected else 4), "it was said once"
            assert HOUSE not in floor.desk.book.accounts

    asyncio.run(run())


def test_a_hedging_account_closes_both_sides(words: Any, margin: Any) -> None:
    """Long and short need the larger side's margin; the close-out takes the trades of each."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words, mode="hedging")
            floor.price()
            monitor = margin.watch(floor)
            await floor.place(quantity="1000000")
            await floor.place(quantity="300000", side="sell")
            held = floor.desk.book.account("demo").positions["EUR/USD"]
            assert (held.long, held.short) == (100_000_000, 30_000_000)
            start = len(floor.facts())
            await margin.tick(floor, monitor, "1.05000", "1.05002")
            story = margin.story(floor, start)
            assert story[1] == ("filled", "sell", "1000000.00", "EUR/USD")
            assert story[-2][0] == "closed_out"
            assert not floor.desk.book.account("demo").positions["EUR/USD"].long

    asyncio.run(run())


def test_a_commit_that_fails_is_made_up_for(words: Any, margin: Any) -> None:
    """What was said and lost is said again with the next look, once."""

    async def run() -> None:
        from tallystick.errors import TemporaryError  # noqa: PLC0415

        floor = words.Floor()
        async with floor:
            await margin.open(floor, words)
            floor.price()
            monitor = margin.watch(floor)
            await floor.place(quantity="1000000")
            start = len(floor.facts())
            floor.store.failures.append(TemporaryError("the disk is full"))
            await margin.tick(floor, monitor, "1.07800", "1.07802")
            assert margin.story(floor, start) == []
            monitor.check_due()
            await floor.settle()
            assert [told[0] for told in margin.story(floor, start)] == ["call_entered"]

    asyncio.run(run())


def test_a_restart_goes_on_where_it_was(words: Any, margin: Any) -> None:
    """A desk and a monitor made anew from the entries: the call is not entered twice, and ends."""

    async def run() -> None:
        first = words.Floor()
        async with first:
            await margin.open(first, words)
            first.price()
            monitor = margin.watch(first)
            await first.place(quantity="1000000")
            await margin.tick(first, monitor, "1.07800", "1.07802")
        second = words.Floor(first.store, first.clock)
        async with second:
            start = len(second.facts())
            second.price(bid="1.07800", ask="1.07802")
            monitor = margin.watch(second)
            monitor.check_due()
            await second.settle()
            assert margin.story(second, start) == []
            await margin.tick(second, monitor, "1.08200", "1.08202")
            assert [told[0] for told in margin.story(second, start)] == ["call_exited"]

    asyncio.run(run())
