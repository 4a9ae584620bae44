"""What is quoted, at which price; and that nothing is quoted that would be rejected."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tallystick.errors import Overloaded, Refused
from tallystick.execution import Quote
from tallystick.execution.book import book as book_module
from tallystick.execution.entries import LimitsSet, QuoteGiven, ScopedLimits, TradingStateSet
from tallystick.execution.quotes.quote import Level
from tallystick.limits import QUOTES_OPEN_MAX
from tallystick.money import Price, Quantity

MILLION = 100_000_000
DEPTH_BIDS = ((108_249, MILLION), (108_240, MILLION), (108_230, MILLION))
DEPTH_ASKS = ((108_251, MILLION), (108_261, 2 * MILLION))


def deep(words: Any) -> Quote:
    """Three million on each side, in steps."""
    bids, asks = (
        tuple(Level(Price(price), Quantity(units)) for price, units in side)
        for side in (DEPTH_BIDS, DEPTH_ASKS)
    )
    quote: Quote = msgspec.structs.replace(words.quote(), bids=bids, asks=asks)
    return quote


def refused_with(work: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Refused]:
    """The refusal that asking ends in."""

    async def caught() -> Refused:
        with pytest.raises(Refused) as found:
            await work
        return found.value

    return caught()


def prices(given: QuoteGiven) -> list[tuple[Any, ...]]:
    """(value date, bid, ask, points of the bid, points of the ask) of each leg."""
    return [
        (leg.value_date, leg.bid, leg.ask, leg.bid_points, leg.ask_points) for leg in given.legs
    ]


def test_the_quotes_of_the_guide(words: Any, rfq: Any) -> None:
    """Spot, outright and swap in EUR/USD on a Tuesday, over Thanksgiving, to the last digit."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            spot = await rfq.ask(floor, client_quote_id="mine")
            outright = await rfq.ask(floor, type="outright", tenor="3M")
            swap = await rfq.ask(floor, type="swap", tenor="1M")
            overnight = await rfq.ask(floor, type="swap", tenor="ON")

            assert prices(spot) == [("2026-11-27", "1.08249", "1.08251", "0.0", "0.0")]
            assert (spot.client_quote_id, spot.tenor) == ("mine", UNSET)
            assert spot.valid_until == "2026-11-24T10:00:10.000000Z"
            assert prices(outright) == [("2027-02-26", "1.08714", "1.08739", "46.5", "48.8")]
            assert (outright.spot_bid, outright.spot_ask) == ("1.08249", "1.08251")
            assert (outright.tenor, outright.legs[0].tenor) == ("3M", "3M")
            assert prices(swap) == [
                ("2026-11-27", "1.08250", "1.08250", "0.0", "0.0"),
                ("2026-12-28", "1.08408", "1.08418", "15.8", "16.8"),
            ]
            assert (swap.spot_bid, swap.bid_points, swap.ask_points) == ("1.08250", "15.8", "16.8")
            assert prices(overnight) == [
                ("2026-11-24", "1.08232", "1.08236", "-1.8", "-1.4"),
                ("2026-11-25", "1.08238", "1.08241", "-1.2", "-0.9"),
            ]
            assert (overnight.bid_points, overnight.ask_points) == ("0.2", "0.9")
            assert overnight.source.startswith("test floor; points: interest-rate parity (")
            assert [fact["id"] for fact in floor.facts()[1:]] == ["Q-1", "Q-2", "Q-3", "Q-4"]

    asyncio.run(work())


def test_a_larger_quantity_goes_through_the_depth(words: Any, rfq: Any) -> None:
    """The average price, rounded away from the client: exact fractions, the bid down, ask up."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.board.update([deep(words)])
            small = await rfq.ask(floor, quantity="1000000")
            large = await rfq.ask(floor, quantity="3000000")
            odd = await rfq.ask(floor, quantity="1500000.01")

            assert (small.spot_bid, small.spot_ask) == ("1.08249", "1.08251")
            # (108249 + 108240 + 108230) / 3 = 108239.67; (108251 + 2 x 108261) / 3 = 108257.67
            assert (large.spot_bid, large.spot_ask) == ("1.08239", "1.08258")
            # two thirds at the best, a third at the next: 108246.00, 108254.33
            assert (odd.spot_bid, odd.spot_ask) == ("1.08245", "1.08255")

    asyncio.run(work())


def test_more_than_the_market_deals_is_refused(words: Any, rfq: Any) -> None:
    """On the side that is asked for; the other side may be as thin as it is."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            thin = msgspec.structs.replace(deep(words), asks=deep(words).asks[:1])
            floor.board.update([thin])
            refusal = await refused_with(rfq.ask(floor, quantity="3000000"))
            sold = await rfq.ask(floor, quantity="3000000", side="sell")

            assert (refusal.code, refusal.field) == ("INSUFFICIENT_LIQUIDITY", "quantity")
            assert "1000000.00 EUR of 3000000.00" in str(refusal)
            assert prices(sold) == [("2026-11-27", "1.08239", UNSET, "0.0", UNSET)]
            assert (sold.side, sold.spot_ask) == ("sell", "1.08251")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("side", "legs"),
    [
        ("buy", [("1.08250", UNSET), (UNSET, "1.08418")]),
        ("sell", [(UNSET, "1.08250"), ("1.08408", UNSET)]),
    ],
)
def test_one_side_of_a_swap(words: Any, rfq: Any, side: str, legs: list[Any]) -> None:
    """Whoever buys it sells near and buys far: only those two prices are said."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            given = await rfq.ask(floor, type="swap", tenor="1M", side=side)

            assert [(leg.bid, leg.ask) for leg in given.legs] == legs
            said = {"buy": given.ask_points, "sell": given.bid_points}
            assert said.pop(side) in {"15.8", "16.8"}
            assert set(said.values()) == {UNSET}

    asyncio.run(work())


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"account": "nobody"}, "UNKNOWN_ACCOUNT"),
        ({"pair": "USD/JPY"}, "NO_PRICE"),
        ({"quantity": "10000000.01"}, "QUANTITY_TOO_LARGE"),
        ({"quantity": "0.01", "pair": "EUR/KRW"}, "UNKNOWN_PAIR"),
        ({"type": "outright", "value_date": "2026-11-26"}, "VALUE_DATE_CLOSED"),
        ({"type": "swap", "pair": "USD/CAD", "tenor": "TN"}, "TENOR_NOT_DEALT"),
    ],
)
def test_what_is_not_quoted(words: Any, rfq: Any, members: dict[str, str], code: str) -> None:
    """A code, and not an entry."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.price("USD/CAD", "1.40000", "1.40010")
            refusal = await refused_with(rfq.ask(floor, **members))

            assert refusal.code == code
            assert floor.ledger.size == 1

    asyncio.run(work())


def test_a_stale_price_a_closed_market_and_a_halt_quote_nothing(words: Any, rfq: Any) -> None:
    """The reasons for which an order is rejected, before anything is priced."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            floor.clock.advance(61)
            assert (await refused_with(rfq.ask(floor))).code == "STALE_PRICE"
            floor.price()
            floor.desk._is_open = lambda _at_ns: False
            assert (await refused_with(rfq.ask(floor))).code == "MARKET_CLOSED"
            floor.desk._is_open = lambda _at_ns: True
            await floor.switch("demo", active=True)
            refusal = await refused_with(rfq.ask(floor, type="swap", tenor="1M"))
            assert refusal.code == "KILL_SWITCH_ACTIVE"

    asyncio.run(work())


def test_where_only_reducing_is_allowed_one_side_is_quoted(words: Any, rfq: Any) -> None:
    """Two-way is refused with the side that may not; the side that reduces is given, no swap."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.place()
            at = floor.facts()[-1]["at"]
            await floor.desk.say(
                lambda _position, _at: (
                    TradingStateSet(at, "account", "demo", "reducing", "risk", "a test"),
                )
            )
            refusal = await refused_with(rfq.ask(floor))
            given = await rfq.ask(floor, side="sell")
            swap = await refused_with(rfq.ask(floor, type="swap", tenor="1M", side="sell"))

            assert refusal.code == swap.code == "ONLY_REDUCING"
            assert given.side == "sell"
            assert (await rfq.take(floor, given)).entry.rejection is None

    asyncio.run(work())


def test_a_limit_names_the_side_that_it_stops(words: Any, rfq: Any) -> None:
    """An account that is long as far as it may: it cannot be quoted to buy, but to sell."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", position_usd_max="1100000.00")
            await floor.place()
            refusal = await refused_with(rfq.ask(floor, quantity="100000"))
            given = await rfq.ask(floor, quantity="100000", side="sell")
            swap = await rfq.ask(floor, type="swap", tenor="1W")

            assert (refusal.code, refusal.field) == ("POSITION_LIMIT", "side")
            assert "who would buy" in str(refusal)
            assert given.legs[0].ask is UNSET
            assert (await rfq.take(floor, swap)).entry.order.state == "filled"
            rfq.require_balanced(floor)

    asyncio.run(work())


def test_an_account_has_so_many_open_quotes(words: Any, rfq: Any) -> None:
    """One more is refused until one ends or is taken; other accounts are not held up."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            given = [await rfq.ask(floor, quantity="1000") for _ in range(QUOTES_OPEN_MAX)]
            assert (await refused_with(rfq.ask(floor))).code == "TOO_MANY_QUOTES"
            await rfq.ask(floor, account="other")
            await rfq.take(floor, given[3])
            await rfq.ask(floor)
            assert (await refused_with(rfq.ask(floor))).code == "TOO_MANY_QUOTES"
            floor.clock.advance(10)
            assert (await rfq.ask(floor)).id.startswith("Q-")

    asyncio.run(work())


def test_no_valid_quote_goes_for_a_new_one(
    words: Any, rfq: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that can be kept are valid, the next is told to come back."""
    monkeypatch.setattr(book_module, "QUOTES_KEPT_MAX", 3)
    monkeypatch.setattr("tallystick.execution.rfq.giving.QUOTES_KEPT_MAX", 3)

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first = [await rfq.ask(floor) for _ in range(3)]
            with pytest.raises(Overloaded):
                await rfq.ask(floor)
            floor.clock.advance(10)
            last = await rfq.ask(floor)

            assert list(floor.desk.book.quotes) == [first[1].id, first[2].id, last.id]
            floor.require_truth()

    asyncio.run(work())


def test_asking_is_a_message(words: Any, rfq: Any) -> None:
    """It counts in the account's message rate, and is refused above it."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            at, limits = floor.facts()[0]["at"], ScopedLimits(messages_per_second=2)
            await floor.desk.say(
                lambda _position, _at: (LimitsSet(at, "account", "demo", limits, "risk", "a test"),)
            )
            await rfq.ask(floor)
            await rfq.ask(floor)
            refusal = await refused_with(rfq.ask(floor))
            placed = await floor.place()
            floor.clock.advance(1)
            await rfq.ask(floor)

            assert refusal.code == "MESSAGE_RATE"
            assert placed.entry.rejection.code == "MESSAGE_RATE"
            floor.require_truth()

    asyncio.run(work())


def test_a_retry_gets_the_stored_quote(words: Any, rfq: Any) -> None:
    """The same bytes under the same key, after the quote has ended too; also sent together."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first, beside = await asyncio.gather(
                rfq.record(floor, "k-1", type="swap", tenor="1M"),
                rfq.record(floor, "k-1", type="swap", tenor="1M"),
            )
            floor.clock.advance(3_600)
            again = await rfq.record(floor, "k-1", type="swap", tenor="1M")

            assert first.receipt == beside.receipt == again.receipt
            assert [each.replayed for each in (first, beside, again)] == [False, True, True]
            assert floor.facts()[-1]["key"] == "k-1"
            assert floor.ledger.find("key demo k-1") == first.receipt.position
            floor.require_proved(again.receipt)

    asyncio.run(work())
