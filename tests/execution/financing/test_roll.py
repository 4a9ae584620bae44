"""Overnight rolls: the days between value dates by hand, each missed day, each once."""

import asyncio
from collections import Counter
from datetime import date
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, parse_rfc3339
from tallystick.errors import TemporaryError
from tallystick.execution.book import restore, snapshot
from tallystick.execution.financing import SHIPPED, EndOfDay, next_date
from tallystick.execution.financing import end_of_day as end_of_day_module
from tallystick.execution.trial import check_book
from tallystick.fx import pair, spot_date


@pytest.mark.parametrize(
    ("symbol", "trade_date", "from_date", "to_date"),
    [
        ("EUR/USD", "2026-12-01", "2026-12-03", "2026-12-04"),
        ("EUR/USD", "2026-12-02", "2026-12-04", "2026-12-07"),
        ("EUR/USD", "2026-12-03", "2026-12-07", "2026-12-08"),
        ("EUR/USD", "2026-12-04", "2026-12-08", "2026-12-09"),
        ("USD/CAD", "2026-12-02", "2026-12-03", "2026-12-04"),
        ("USD/CAD", "2026-12-03", "2026-12-04", "2026-12-07"),
        ("EUR/USD", "2026-11-24", "2026-11-27", "2026-11-30"),
        ("EUR/USD", "2026-12-22", "2026-12-24", "2026-12-28"),
        ("EUR/USD", "2026-12-23", "2026-12-28", "2026-12-29"),
        ("USD/JPY", "2026-12-29", "2027-01-04", "2027-01-05"),
        ("NZD/USD", "2026-12-02", "2026-12-04", "2026-12-07"),
    ],
    ids=lambda value: value,
)
def test_the_days_of_a_roll(symbol: str, trade_date: str, from_date: str, to_date: str) -> None:
    """Wednesday spans the weekend, for a T+1 pair Thursday; Thanksgiving and Christmas add theirs.

    EUR/USD traded on Tuesday 24 November settles on Friday 27: Thursday is Thanksgiving. That of
    Wednesday settles on Monday, so Tuesday's roll has the three days. Christmas Day 2026 is a
    Friday, and of the target days neither that nor the weekend counts.
    """
    traded = pair(symbol)
    day = date.fromisoformat(trade_date)
    first = date.fromisoformat(from_date)
    assert spot_date(traded, day) == first
    assert next_date(traded, first, day) is None, "not on its own trade date"
    following = _next_weekday(day)
    while (found := next_date(traded, first, following)) is None:
        following = _next_weekday(following)
    assert found == date.fromisoformat(to_date)


def test_wednesday_is_three_days_and_the_figures_are_those_of_the_hand(
    words: Any, rolling: Any
) -> None:
    """Buy 1,000,000 EUR/USD on Wednesday 2 December; at 17:00 New York from the 4th to the 7th.

    Mid 1.08250. Long earns 2.00 % - 1.00 % markup on euro and pays 3.75 % on dollars:
    1,000,000 x 1.0825 x (1.00 - 3.75) % x 3 / 360 = -248.07 (-248.0729...).
    """

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-02T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            await floor.place(quantity="1000000")
            assert await end_of_day.roll_due() == 0, "its trade date has not ended"
            rolling.at(floor, "2026-12-02T21:59:59Z")
            assert await end_of_day.roll_due() == 0
            rolling.at(floor, "2026-12-02T22:00:00Z")
            assert await end_of_day.roll_due() == 1
            assert await end_of_day.roll_due() == 0
            roll = floor.facts()[-1]
            said = {
                name: roll[name] for name in
                ("units", "from_date", "to_date", "days", "price", "financing", "base_rate_bps")
            }  # fmt: skip
            assert said == {
                "units": "1000000.00", "from_date": "2026-12-04", "to_date": "2026-12-07",
                "days": 3, "price": "1.08250", "financing": "-248.07", "base_rate_bps": "100.00",
            }  # fmt: skip
            account = floor.desk.book.account("demo")
            assert account.dated == {("EUR/USD", "2026-12-07"): 100_000_000}
            # Sold at 1.08250 what was bought at 1.08251: the difference settles on the old date.
            assert account.flows == {
                ("EUR", "2026-12-04"): 0, ("USD", "2026-12-04"): -1_000,
                ("EUR", "2026-12-07"): 100_000_000, ("USD", "2026-12-07"): -108_250_000 - 24_807,
            }  # fmt: skip
            assert account.positions["EUR/USD"].realised == -24_807
            check_book(floor.entries(), book=floor.desk.book)

    asyncio.run(run())


def test_a_short_position_pays_its_markup_too(words: Any, rolling: Any) -> None:
    """Short 1,000,000: -1,000,000 x 1.0825 x (3.00 - 3.75) % x 1 / 360 = +22.55."""

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            await floor.place(quantity="1000000", side="sell")
            rolling.at(floor, "2026-12-01T22:00:00Z")
            await end_of_day.roll_due()
            roll = floor.facts()[-1]
            assert (roll["units"], roll["days"], roll["financing"]) == ("-1000000.00", 1, "22.55")

    asyncio.run(run())


def test_after_days_of_standstill_each_missed_day_is_done_once(words: Any, rolling: Any) -> None:
    """Down from Monday to Friday evening: the rolls of five days, and the weekend in one of them.

    The desk is made anew from the entries and asked three times.
    """

    async def run() -> None:
        first = rolling.floor(words, "2026-11-30T15:00:00Z")
        async with first:
            await rolling.open(first, words)
            await first.place(quantity="1000000")
        later = ManualClock(parse_rfc3339("2026-12-04T22:30:00Z"))
        floor = words.Floor(first.store, later)
        async with floor:
            rolling.at(floor, "2026-12-04T22:30:00Z")
            end_of_day = EndOfDay(floor.desk, SHIPPED, later)
            assert await end_of_day.roll_due() == 5
            assert await end_of_day.roll_due() == 0
            assert await EndOfDay(floor.desk, SHIPPED, later).roll_due() == 0
            rolls = [fact for fact in floor.facts() if fact["kind"] == "position_rolled"]
            steps = [(each["from_date"], each["to_date"], each["days"]) for each in rolls]
            assert steps == [
                ("2026-12-02", "2026-12-03", 1), ("2026-12-03", "2026-12-04", 1),
                ("2026-12-04", "2026-12-07", 3), ("2026-12-07", "2026-12-08", 1),
                ("2026-12-08", "2026-12-09", 1),
            ]  # fmt: skip
            check_book(floor.entries(), book=floor.desk.book)

    asyncio.run(run())


def test_what_is_to_be_rolled_survives_a_snapshot(words: Any, rolling: Any) -> None:
    """A start from a snapshot of the book rolls the same as one from all entries."""

    async def run() -> None:
        first = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with first:
            await rolling.open(first, words)
            await first.place(quantity="1000000")
            kept = snapshot(first.desk.book)
        floor = words.Floor(first.store, first.clock, restore(kept))
        async with floor:
            rolling.at(floor, "2026-12-01T22:00:00Z")
            assert await EndOfDay(floor.desk, SHIPPED, floor.clock).roll_due() == 1
            assert words.book_state(floor.desk.book) == words.book_state(floor.refold())

    asyncio.run(run())


def test_many_accounts_are_rolled_some_at_a_time(
    words: Any, rolling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven accounts, two in a step: all are done by one call, each once."""
    monkeypatch.setattr(end_of_day_module, "ACCOUNTS_AT_ONCE", 2)

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            for number in range(7):
                name = f"a{number}"
                await floor.desk.open_account(name, words.LIMITS, home="USD", financing="daily")
                await floor.place(account=name, quantity="1000")
            rolling.at(floor, "2026-12-01T22:00:00Z")
            assert await EndOfDay(floor.desk, SHIPPED, floor.clock).roll_due() == 7

    asyncio.run(run())


def test_two_desks_on_one_ledger_roll_once(words: Any, rolling: Any) -> None:
    """Both try at the same moment; who comes second finds it done."""

    async def run() -> None:
        one = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with one:
            await rolling.open(one, words)
            await one.place(quantity="1000000")
            other = words.Floor(one.store, one.clock)
            async with other:
                rolling.at(one, "2026-12-01T22:00:01Z")
                rolling.at(other, "2026-12-01T22:00:01Z")
                ends = [EndOfDay(each.desk, SHIPPED, each.clock) for each in (one, other)]
                await asyncio.gather(*(each.roll_due() for each in ends))
                one.ledger.catch_up()
                kinds = Counter(fact["kind"] for fact in one.facts())
                assert kinds["position_rolled"] == 1

    asyncio.run(run())


def test_a_crash_between_the_rolls_leaves_each_done_or_still_to_do(
    words: Any, rolling: Any
) -> None:
    """The commit of the rolls fails: the next look does them, and nothing is there twice."""

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            floor.price("GBP/USD", "1.27000", "1.27002")
            await floor.place(quantity="1000000")
            await floor.place(quantity="500000", pair="GBP/USD")
            rolling.at(floor, "2026-12-01T22:00:01Z")
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            floor.store.failures.append(TemporaryError("the disk is full"))
            assert await end_of_day.roll_due() == 0
            assert await end_of_day.roll_due() == 2
            assert words.book_state(floor.desk.book) == words.book_state(floor.refold())

    asyncio.run(run())


def test_what_was_traded_after_the_roll_hour_is_not_rolled(words: Any, rolling: Any) -> None:
    """A fill between 17:00 and the look is of the next trade date: only the older units move.

    And a position closed in that gap was held over 17:00 all the same: both legs meet on one date.
    """

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            await floor.place(quantity="1000000")
            rolling.at(floor, "2026-12-01T22:00:00Z")
            await floor.place(quantity="400000", side="sell")
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            assert await end_of_day.roll_due() == 1
            assert floor.facts()[-1]["units"] == "1000000.00"
            account = floor.desk.book.account("demo")
            assert account.dated == {("EUR/USD", "2026-12-04"): 60_000_000}

    asyncio.run(run())


def test_without_a_price_it_waits_and_says_so(words: Any, rolling: Any) -> None:
    """The account is left alone for half a minute, then done."""

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            await floor.place(quantity="1000000")
            floor.board.withdraw("EUR/USD")
            floor.clock.advance(_seconds_until(floor, "2026-12-01T22:00:00Z"))
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            assert await end_of_day.roll_due() == 0
            assert end_of_day.waiting == {"demo": "There is no price for EUR/USD."}
            floor.price()
            assert await end_of_day.roll_due() == 0
            floor.clock.advance(31)
            assert await end_of_day.roll_due() == 1
            assert end_of_day.waiting == {}

    asyncio.run(run())


def test_who_is_not_financed_settles(words: Any, rolling: Any) -> None:
    """Without daily financing nothing is rolled, and nothing remembered for it."""

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words, financing="none")
            await floor.place(quantity="1000000")
            rolling.at(floor, "2026-12-02T22:00:00Z")
            assert await EndOfDay(floor.desk, SHIPPED, floor.clock).roll_due() == 0
            assert floor.desk.book.account("demo").dated == {}

    asyncio.run(run())


def test_summer_time_moves_the_hour_not_the_rule(words: Any, rolling: Any) -> None:
    """In July 17:00 New York is 21:00 UTC."""

    async def run() -> None:
        floor = rolling.floor(words, "2027-07-13T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            await floor.place(quantity="1000000")
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            rolling.at(floor, "2027-07-13T20:59:59Z")
            assert await end_of_day.roll_due() == 0
            rolling.at(floor, "2027-07-13T21:00:00Z")
            assert await end_of_day.roll_due() == 1

    asyncio.run(run())


def test_the_new_zealand_dollar_rolls_in_the_morning_of_auckland(words: Any, rolling: Any) -> None:
    """07:00 in Auckland in December is 18:00 UTC of the day before; EUR/USD is not due then."""

    async def run() -> None:
        floor = rolling.floor(words, "2026-12-01T15:00:00Z")
        async with floor:
            await rolling.open(floor, words)
            floor.price("NZD/USD", "0.60000", "0.60002")
            await floor.place(quantity="1000000")
            await floor.place(quantity="1000000", pair="NZD/USD")
            end_of_day = EndOfDay(floor.desk, SHIPPED, floor.clock)
            rolling.at(floor, "2026-12-01T18:00:00Z")
            floor.price("NZD/USD", "0.60000", "0.60002")
            assert await end_of_day.roll_due() == 1
            assert floor.facts()[-1]["pair"] == "NZD/USD"
            rolling.at(floor, "2026-12-01T22:00:00Z")
            assert await end_of_day.roll_due() == 1

    asyncio.run(run())


def _next_weekday(day: date) -> date:
    found = date.fromordinal(day.toordinal() + 1)
    return found if found.weekday() < 5 else _next_weekday(found)


def _seconds_until(floor: Any, stamp: str) -> float:
    return (parse_rfc3339(stamp) - floor.clock.now_ns()) / NS_PER_SECOND
