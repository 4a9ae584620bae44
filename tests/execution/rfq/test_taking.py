"""Taking a quote: at its price, once, in time, by its account; and every rule still asked."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tallystick.errors import Refused, TemporaryError
from tallystick.execution.book import Position, restore, snapshot
from tallystick.execution.entries import LimitsSet, ScopedLimits

EUR = 100_000_000
"""A million euro in cents."""


def fills(placed: Any) -> list[tuple[Any, ...]]:
    """(side, price, amount, value date) of each fill; the order's side where it says none."""
    order = placed.entry.order
    return [
        (fill.side or order.side, fill.price, fill.amount, fill.value_date)
        for fill in placed.entry.fills
    ]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_price_is_the_quoted_one(words: Any, rfq: Any, side: str) -> None:
    """However the market has moved since; the value date is the quote's."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor, type="outright", tenor="3M")
            floor.clock.advance(9.999)
            floor.price(bid="1.09000", ask="1.09002")
            placed = await rfq.take(floor, given, side=side)

            price = {"buy": "1.08739", "sell": "1.08714"}[side]
            amount = {"buy": "1087390.00", "sell": "1087140.00"}[side]
            assert fills(placed) == [(side, price, amount, "2027-02-26")]
            order = placed.entry.order
            assert (order.type, order.time_in_force, order.state) == ("quoted", "FOK", "filled")
            assert (order.quote, placed.entry.v) == (given.id, 2)
            assert placed.entry.quote.bid == "1.09000"  # the market of the moment, for the record
            flows = floor.desk.book.account("demo").flows
            sign = 1 if side == "buy" else -1
            assert flows["EUR", "2027-02-26"] == sign * EUR
            floor.require_truth()
            rfq.require_balanced(floor)
            floor.require_proved(placed.receipt)

    asyncio.run(work())


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_swap_is_two_fills(words: Any, rfq: Any, side: str) -> None:
    """Near leg on the other side, far leg on the order's; each date balanced by itself."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor, type="swap", tenor="1M")
            placed = await rfq.take(floor, given, side=side)

            near, far = {
                "buy": (("sell", "1.08250", "1082500.00"), ("buy", "1.08418", "1084180.00")),
                "sell": (("buy", "1.08250", "1082500.00"), ("sell", "1.08408", "1084080.00")),
            }[side]
            assert fills(placed) == [(*near, "2026-11-27"), (*far, "2026-12-28")]
            assert [fill.side for fill in placed.entry.fills] == [near[0], UNSET]
            assert [fill.id for fill in placed.entry.fills] == ["F-2-1", "F-2-2"]
            postings = placed.entry.postings
            assert len(postings) == 8
            assert all(posting.value_date is not UNSET for posting in postings)
            account = floor.desk.book.account("demo")
            sign = 1 if side == "buy" else -1
            assert account.flows["EUR", "2026-11-27"] == -sign * EUR
            assert account.flows["EUR", "2026-12-28"] == sign * EUR
            assert account.balances["EUR"] == 0
            rfq.require_balanced(floor)

    asyncio.run(work())


@pytest.mark.parametrize("mode", ["netting", "fifo", "hedging"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_swap_leaves_the_position_and_books_its_points(
    words: Any, rfq: Any, mode: str, side: str
) -> None:
    """Units, cost and open trades stay; the points are a result, in home currency too."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.desk.open_account("demo", words.LIMITS, mode=mode, home="EUR")
            floor.price(bid="1.08000", ask="1.08002")
            await floor.place(quantity="1500000")
            floor.price()
            account = floor.desk.book.account("demo")
            before, lots = account.positions["EUR/USD"], dict(account.lots.get("EUR/USD", {}))
            given = await rfq.ask(floor, type="swap", tenor="1M")
            placed = await rfq.take(floor, given, side=side)

            paid = -168_000 if side == "buy" else 158_000
            after = account.positions["EUR/USD"]
            assert after == msgspec.structs.replace(before, realised=paid)
            assert account.lots.get("EUR/USD", {}) == lots
            rate = int(placed.entry.home_rate.replace(".", ""))
            assert account.marks["realised"] == pytest.approx(paid * rate / 10**10, abs=1)
            rfq.require_balanced(floor)
            assert words.book_state(floor.refold()) == words.book_state(floor.desk.book)

    asyncio.run(work())


def test_from_flat_a_swap_leaves_nothing_but_its_points(words: Any, rfq: Any) -> None:
    """Spot units stay zero; an outright is a position like any other."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            await rfq.take(floor, await rfq.ask(floor, type="swap", tenor="1M"), side="sell")
            held = floor.desk.book.account("demo").positions["EUR/USD"]
            assert held == Position(realised=158_000)
            await rfq.take(floor, await rfq.ask(floor, type="outright", tenor="1M"))
            held = floor.desk.book.account("demo").positions["EUR/USD"]
            assert held == Position(long=EUR, long_cost=108_419_000, realised=158_000)

    asyncio.run(work())


def test_it_is_taken_once(words: Any, rfq: Any) -> None:
    """The same order again is a replay; another one finds no quote; the ledger holds it so too."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor)
            first, second = await asyncio.gather(
                rfq.take(floor, given, client_order_id="a"),
                rfq.take(floor, given, client_order_id="b"),
            )
            again = await rfq.take(floor, given, client_order_id="a")

            assert first.entry.order.state == "filled"
            assert second.entry.rejection.code == "UNKNOWN_QUOTE"
            assert again.replayed
            assert again.receipt == first.receipt
            assert given.id not in floor.desk.book.quotes
            assert floor.ledger.find(f"quote {given.id}") == first.receipt.position
            with pytest.raises(Refused) as caught:
                await rfq.take(floor, given, client_order_id="a", side="sell")
            assert caught.value.code == "IDEMPOTENCY_CONFLICT"

    asyncio.run(work())


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(9.999999, None), (10, "QUOTE_EXPIRED"), (69, "QUOTE_EXPIRED"), (71, "UNKNOWN_QUOTE")],
)
def test_it_is_taken_before_its_end(words: Any, rfq: Any, seconds: float, code: str | None) -> None:
    """By the ledger's clock; a minute later it has left the book, with the next quote's entry."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor)
            floor.clock.advance(seconds)
            floor.price()
            if seconds > 10:
                await rfq.ask(floor)
            placed = await rfq.take(floor, given)

            rejection = placed.entry.rejection
            assert (rejection and rejection.code) == code
            assert (given.id in floor.desk.book.quotes) == (code == "QUOTE_EXPIRED")
            floor.require_truth()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("asked", "taken", "code"),
    [
        ({}, {"account": "other"}, "UNKNOWN_QUOTE"),
        ({}, {"quote": "Q-999"}, "UNKNOWN_QUOTE"),
        ({}, {"quote": "O-1"}, "UNKNOWN_QUOTE"),
        ({}, {"quantity": "999999.99"}, "QUOTE_MISMATCH"),
        ({}, {"pair": "USD/CAD"}, "QUOTE_MISMATCH"),
        ({"side": "buy"}, {"side": "sell"}, "QUOTE_MISMATCH"),
        ({"type": "swap", "tenor": "1M", "side": "sell"}, {"side": "buy"}, "QUOTE_MISMATCH"),
        ({}, {"position_fill": "reduce_only", "side": "sell", "quantity": "1000000"},
         "QUOTE_MISMATCH"),
        ({"type": "swap", "tenor": "1M"}, {"position_fill": "reduce_first"}, "QUOTE_MISMATCH"),
        ({}, {"position_fill": "open_only", "side": "sell"}, "WOULD_REDUCE"),
    ],
)  # fmt: skip
def test_what_does_not_take_it(
    words: Any, rfq: Any, asked: dict[str, Any], taken: dict[str, Any], code: str
) -> None:
    """Rejected as a fact, and the quote is still there for whom it was given."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            floor.price("USD/CAD", "1.40000", "1.40010")
            await floor.place(quantity="500000")
            given = await rfq.ask(floor, **asked)
            missed = await rfq.take(floor, given, **taken)

            assert missed.entry.rejection.code == code
            assert missed.entry.order.state == "rejected"
            assert missed.entry.fills == ()
            assert (await rfq.take(floor, given)).entry.order.state == "filled"

    asyncio.run(work())


def test_every_rule_is_asked_again(words: Any, rfq: Any) -> None:
    """What came between: a stop, a closed market, an old price, a limit that was used up."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", position_usd_max="1500000.00")
            given = await rfq.ask(floor)

            async def code() -> str:
                rejection = (await rfq.take(floor, given)).entry.rejection
                return "" if rejection is None else str(rejection.code)

            await floor.switch(None, active=True)
            assert await code() == "KILL_SWITCH_ACTIVE"
            await floor.switch(None, active=False)
            floor.desk._is_open = lambda _at_ns: False
            assert await code() == "MARKET_CLOSED"
            floor.desk._is_open = lambda _at_ns: True
            await floor.place()
            assert await code() == "POSITION_LIMIT"
            await floor.place(side="sell")
            assert await code() == ""
            late = await rfq.ask(floor, side="sell")
            floor.clock.advance(9)
            floor.board.replace([words.quote(at_ns=floor.clock.now_ns() - 61 * 10**9)])
            given = late
            assert await code() == "STALE_PRICE"
            rfq.require_balanced(floor)

    asyncio.run(work())


def test_settlement_is_asked_for_the_dates_of_the_quote(words: Any, rfq: Any) -> None:
    """What is delivered on one date does not fill the limit of another; a swap has two."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            at, limits = floor.facts()[0]["at"], ScopedLimits(settlement_usd_max="1500000.00")
            await floor.desk.say(
                lambda _position, _at: (LimitsSet(at, "account", "demo", limits, "risk", "a test"),)
            )
            for tenor in ("1M", "2M"):
                given = await rfq.ask(floor, type="outright", tenor=tenor)
                assert (await rfq.take(floor, given)).entry.order.state == "filled"
            codes = []
            for members in (
                {"type": "outright", "tenor": "2M", "side": "buy"},
                {"type": "swap", "far_tenor": "2M", "side": "buy"},
                {"type": "swap", "near_tenor": "1M", "far_tenor": "3M", "side": "sell"},
            ):
                with pytest.raises(Refused) as caught:
                    await rfq.ask(floor, **members)
                codes.append(caught.value.code)

            assert codes == ["SETTLEMENT_LIMIT"] * 3
            closing = await rfq.ask(floor, type="outright", tenor="2M", side="sell")
            rolling = await rfq.ask(floor, type="swap", near_tenor="1M", far_tenor="3M", side="buy")
            for given in (closing, rolling):
                assert (await rfq.take(floor, given)).entry.order.state == "filled"
            rfq.require_balanced(floor)

    asyncio.run(work())


def test_margin_is_needed_for_a_position_and_not_for_a_swap(words: Any, rfq: Any) -> None:
    """An outright needs what spot needs; a swap changes nothing that margin is kept for."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.desk.open_account("demo", words.LIMITS, margin="esma_retail", home="USD")
            floor.price()
            with pytest.raises(Refused) as caught:
                await rfq.ask(floor, type="outright", tenor="1M", side="buy")
            given = await rfq.ask(floor, type="swap", tenor="1M")

            assert caught.value.code == "INSUFFICIENT_MARGIN"
            assert (await rfq.take(floor, given)).entry.order.state == "filled"

    asyncio.run(work())


def test_what_is_financed_daily_waits_for_its_own_date(words: Any, rfq: Any) -> None:
    """A swap moves the units that are to be rolled from its near date to its far one."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.desk.open_account("demo", words.LIMITS, financing="daily", home="USD")
            floor.price()
            await floor.place()
            dated = floor.desk.book.account("demo").dated
            assert dated == {("EUR/USD", "2026-11-27"): EUR}
            await rfq.take(floor, await rfq.ask(floor, type="swap", tenor="1M"), side="buy")
            assert dated == {("EUR/USD", "2026-12-28"): EUR}
            given = await rfq.ask(floor, type="outright", tenor="1W")
            await rfq.take(floor, given, side="sell")
            assert dated == {("EUR/USD", "2026-12-28"): EUR, ("EUR/USD", "2026-12-04"): -EUR}

    asyncio.run(work())


def test_a_commit_that_fails_gives_the_quote_back(words: Any, rfq: Any) -> None:
    """Nothing was done; the retry takes it, once."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor)
            kept = words.book_state(floor.desk.book)
            floor.store.failures.append(TemporaryError("the disk is away"))
            with pytest.raises(TemporaryError):
                await rfq.take(floor, given, client_order_id="a")
            assert words.book_state(floor.desk.book) == kept
            assert (await rfq.take(floor, given, client_order_id="a")).entry.fills
            floor.require_truth()

    asyncio.run(work())


def test_a_quote_whose_commit_fails_was_never_given(words: Any, rfq: Any) -> None:
    """The book forgets it, and its key gives a new one."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.store.failures.append(TemporaryError("the disk is away"))
            with pytest.raises(TemporaryError):
                await rfq.record(floor, "k-1")
            assert not floor.desk.book.quotes
            recorded = await rfq.record(floor, "k-1")
            assert (recorded.replayed, recorded.entry.id) == (False, "Q-1")

    asyncio.run(work())


def test_quotes_outlive_a_restart(words: Any, rfq: Any) -> None:
    """From the entries and from a snapshot: an open one can be taken, a taken one cannot."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            taken, still_open = await rfq.ask(floor), await rfq.ask(floor, type="swap", tenor="1M")
            placed = await rfq.take(floor, taken, client_order_id="a")
            book = restore(snapshot(floor.desk.book))
        for kept in (None, book):
            async with words.Floor(floor.store, floor.clock, kept) as again:
                again.price()
                replay = await rfq.take(again, taken, client_order_id="a")
                assert replay.receipt == placed.receipt
                missed = await rfq.take(again, taken)
                assert missed.entry.rejection.code == "UNKNOWN_QUOTE"
                if kept is None:
                    assert (await rfq.take(again, still_open)).entry.order.state == "filled"
                rfq.require_balanced(again)

    asyncio.run(work())


def test_two_desks_cannot_both_take_it(words: Any, rfq: Any) -> None:
    """Another writer takes it first: this one's decision is made again and finds it gone."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor)
            async with words.Floor(floor.store, floor.clock) as other:
                other.price()
                mine, theirs = await asyncio.gather(
                    rfq.take(floor, given, client_order_id="mine"),
                    rfq.take(other, given, client_order_id="theirs"),
                )

            states = sorted(each.entry.order.state for each in (mine, theirs))
            assert states == ["filled", "rejected"]
            taken = [fact for fact in floor.facts() if fact.get("fills")]
            assert len(taken) == 1

    asyncio.run(work())


def test_orders_may_come_with_it(words: Any, rfq: Any) -> None:
    """A stop-loss that waits for the taken quote works at once."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor)
            placed = await rfq.take(
                floor, given, if_done=[{"type": "stop_loss", "stop_price": "1.08000"}]
            )

            assert placed.entry.order.state == "filled"
            assert [each.order.state for each in placed.linked] == ["new"]
            assert placed.linked[0].order.parent == placed.entry.order.id

    asyncio.run(work())


def test_it_may_stand_in_the_place_of_a_working_order(words: Any, rfq: Any) -> None:
    """Replacing a limit by a quote that is taken: one entry ends the one and fills the other."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            resting = await floor.place(price="1.08000", time_in_force="GTC")
            given = await rfq.ask(floor)
            request = words.request(
                client_order_id="r", type="quoted", quote=given.id, quantity=given.quantity
            )
            placed = await floor.desk.replace(resting.entry.order.id, request)

            assert placed.entry.order.replaces == resting.entry.order.id
            assert placed.entry.order.state == "filled"
            assert not floor.desk.book.account("demo").open_orders

    asyncio.run(work())
