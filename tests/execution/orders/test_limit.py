"""Limit orders fill at their price or better; otherwise they rest or are rejected."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.match import take
from tallystick.execution.quotes.quote import Level, Quote
from tallystick.money import Price, Quantity

BLOTTER = """
    buy   1.08252  GTC  filled 1.08251
    buy   1.08252  IOC  filled 1.08251
    buy   1.08252  FOK  filled 1.08251
    buy   1.08251  GTC  filled 1.08251
    buy   1.08251  IOC  filled 1.08251
    buy   1.08251  FOK  filled 1.08251
    buy   1.08250  GTC  new
    buy   1.08250  IOC  rejected
    buy   1.08250  FOK  rejected
    sell  1.08248  GTC  filled 1.08249
    sell  1.08248  IOC  filled 1.08249
    sell  1.08248  FOK  filled 1.08249
    sell  1.08249  GTC  filled 1.08249
    sell  1.08249  IOC  filled 1.08249
    sell  1.08249  FOK  filled 1.08249
    sell  1.08250  GTC  new
    sell  1.08250  IOC  rejected
    sell  1.08250  FOK  rejected
"""
"""Against 1.08249 / 1.08251: better than the market, at it, and inside of it."""


@pytest.mark.parametrize("line", BLOTTER.strip().splitlines())
def test_blotter(words: Any, line: str) -> None:
    """Every side, place and time in force: filled at the quote, resting, or rejected."""
    side, limit, time_in_force, state, *price = line.split()

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            placed = await floor.place(side=side, price=limit, time_in_force=time_in_force)

            entry = placed.entry
            assert entry.order.state == state
            assert [fill.price for fill in entry.fills] == price
            assert (entry.rejection is None) == (state != "rejected")
            if entry.rejection is not None:
                assert entry.rejection.code == "NOT_MARKETABLE"
                market = "1.08251" if side == "buy" else "1.08249"
                figures = f"Limit {limit}, market {market}, {time_in_force}."
                assert figures in entry.rejection.reason

    asyncio.run(main())


LEVELS = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 1_000)), max_size=4)


@given(
    side=st.sampled_from(["buy", "sell"]),
    limit=st.integers(1, 10**6),
    bid=st.integers(1_000, 10**6),
    spread=st.integers(1, 100),
    quantity=st.integers(1, 3_000),
    levels=LEVELS,
)
def test_a_limit_is_never_worse_than_asked(
    side: Any, limit: int, bid: int, spread: int, quantity: int, levels: list[tuple[int, int]]
) -> None:
    """A buy never pays more than its limit, a sale never brings less; and none misses its price."""
    bids = _depth(bid, -1, levels)
    asks = _depth(bid + spread, 1, levels)
    quote = Quote("EUR/USD", Price(bid), Price(bid + spread), 0, "test", bids, asks)

    taken = take(quote, side, Quantity(quantity), Price(limit))

    depth = (asks if side == "buy" else bids) or (Level(_market(quote, side), Quantity(10**9)),)
    good = [each for each in depth if (each[0] <= limit if side == "buy" else each[0] >= limit)]
    assert sum(size for _price, size in taken) == min(quantity, sum(size for _, size in good))
    assert all(dealt <= size for (_p, dealt), (_q, size) in zip(taken, good, strict=False))
    assert [price for price, _size in taken] == [price for price, _size in good][: len(taken)]


def _depth(price: int, sign: int, steps: list[tuple[int, int]]) -> tuple[Level, ...]:
    found = []
    for step, size in steps:
        found.append(Level(Price(price), Quantity(size)))
        price += sign * step
    return tuple(found)


def _market(quote: Quote, side: str) -> Price:
    return quote.ask if side == "buy" else quote.bid


def test_it_is_met_exactly_at_its_price(play: Callable[..., None]) -> None:
    """By the side that it takes; through a gap it gets the better price."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200   => A new
        B: sell 1m limit price=1.08300  => B new
        C: buy 1m limit price=1.08190   => C new
        1.08200 1.08201
        1.08198 1.08200                 => A filled 1m@1.08200
        1.08150 1.08152                 => C filled 1m@1.08152
        1.08299 1.08302
        1.08300 1.08302                 => B filled 1m@1.08300
        position                        => +1m -0
    """)


def test_depth_within_the_limit(play: Callable[..., None]) -> None:
    """What the levels deal up to the limit is filled, level by level; the rest waits."""
    play("""
        1.08249x1m 1.08251x100k,1.08252x200k,1.08260x9m
        A: buy 1m limit price=1.08255        => A partially_filled 100k@1.08251 200k@1.08252
        1.08249x1m 1.08256x9m
        restart
        1.08249x1m 1.08250x300k,1.08255x1k   => A partially_filled 300k@1.08250 1k@1.08255
        1.08253 1.08255                      => A filled 399k@1.08255
        B: sell 1m limit price=1.08253       => B filled 1m@1.08253
    """)


@pytest.mark.parametrize(
    ("time_in_force", "outcome"),
    [
        ("IOC", "cancelled 100k@1.08251 200k@1.08252"),
        ("FOK", "rejected INSUFFICIENT_LIQUIDITY"),
        ("GTC", "partially_filled 100k@1.08251 200k@1.08252"),
    ],
)
def test_the_rest_of_what_may_not_wait(
    play: Callable[..., None], time_in_force: str, outcome: str
) -> None:
    """IOC: what there is, and the rest is cancelled; FOK: whole or not at all."""
    play(f"""
        1.08249x1m 1.08251x100k,1.08252x200k
        A: buy 1m limit price=1.08255 time_in_force={time_in_force} => A {outcome}
    """)


@pytest.mark.parametrize(
    ("placed", "before", "end"),
    [
        ("2026-11-24T10:00:00Z", "2026-11-24T21:59:59Z", "2026-11-24T22:00:00Z"),  # winter
        ("2026-11-24T21:59:59Z", "2026-11-24T21:59:59Z", "2026-11-24T22:00:00Z"),
        ("2026-11-24T22:00:00Z", "2026-11-25T21:59:59Z", "2026-11-25T22:00:00Z"),
        ("2027-03-12T18:00:00Z", "2027-03-12T21:59:59Z", "2027-03-12T22:00:00Z"),  # a Friday
        ("2027-03-12T22:00:00Z", "2027-03-15T20:59:59Z", "2027-03-15T21:00:00Z"),  # summer begins
        ("2027-11-05T20:00:00Z", "2027-11-05T20:59:59Z", "2027-11-05T21:00:00Z"),
        ("2027-11-05T21:00:00Z", "2027-11-08T21:59:59Z", "2027-11-08T22:00:00Z"),  # winter begins
    ],
)
def test_good_for_the_day(play: Callable[..., None], placed: str, before: str, end: str) -> None:
    """Until the next 17:00 in New York on a weekday, whatever that is in UTC."""
    play(f"""
        at {placed}
        1.08249 1.08251
        A: buy 1m limit price=1.08000 time_in_force=GFD  => A new
        at {before}
        restart
        at {end}                                         => A expired
        1.07000 1.07002
    """)


def test_good_till_date(play: Callable[..., None]) -> None:
    """It works until its end, to the microsecond, and is over then even while trading is halted."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08000 time_in_force=GTD expires_at=2026-11-24T10:00:00.5Z => A new
        B: buy 1m limit price=1.08100 time_in_force=GTD expires_at=2026-11-24T10:00:01Z   => B new
        C: buy 1m limit price=1.08 time_in_force=GTD expires_at=2026-11-24T10:00:00Z \
            => C rejected ALREADY_EXPIRED
        at 2026-11-24T10:00:00.499Z
        halt
        at 2026-11-24T10:00:00.5Z                        => A expired
        resume
        1.08098 1.08100                                  => B filled 1m@1.08100
        at 2026-11-24T10:00:01Z
    """)
