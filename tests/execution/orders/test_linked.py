"""Orders that come with another one: done if it is, or one cancelling the other."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest


def test_if_done(play: Callable[..., None]) -> None:
    """Both sleep until the first is filled, then work; one filled cancels the other."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.082 + S: stop_loss stop_price=1.081 + T: take_profit price=1.083 \
            => A new; S suspended; T suspended
        1.08050 1.08210
        1.08198 1.08200      => A filled 1m@1.08200; S activated; T activated
        1.08300 1.08302      => T filled 1m@1.08300; S cancelled OCO_FILLED
        position             => +0 -0
    """)


def test_if_done_at_once(play: Callable[..., None]) -> None:
    """The first is a market order: the others work from the beginning."""
    play("""
        1.08249 1.08251
        A: buy 1m market + S: stop_loss stop_price=1.08100 + T: take_profit price=1.083 \
            => A filled 1m@1.08251; S new; T new
        1.08100 1.08102      => S filled 1m@1.08100; T cancelled OCO_FILLED
        position             => +0 -0
    """)


def test_a_child_that_is_done_at_once(play: Callable[..., None]) -> None:
    """The market is at its price already: its brother is not placed any more."""
    play("""
        1.08249 1.08251
        A: buy 1m market + T: take_profit price=1.08200 + S: stop_loss stop_price=1.08100 \
            => A filled 1m@1.08251; T filled 1m@1.08249
        position             => +0 -0
        1.08000 1.08002
    """)


@pytest.mark.parametrize("end", ["cancel A", "cancel all", "at 2026-11-24T22:00:00Z"])
def test_the_end_of_a_parent_that_was_not_filled(play: Callable[..., None], end: str) -> None:
    """Its children end with it, whoever ends it."""
    code = {"cancel A": "cancelled CLIENT_REQUEST", "cancel all": "cancelled CANCEL_ALL"}
    play(f"""
        1.08249 1.08251
        A: buy 1m limit price=1.08 time_in_force=GFD + S: stop_loss stop_price=1.07 \
            => A new; S suspended
        {end} => A {code.get(end, "expired")}; S cancelled PARENT_NOT_FILLED
        1.07000 1.07002
    """)


def test_a_child_that_is_cancelled_alone(play: Callable[..., None]) -> None:
    """The others stay."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + S: stop_loss stop_price=1.07 + T: take_profit price=1.09 \
            => A new; S suspended; T suspended
        cancel S             => S cancelled CLIENT_REQUEST
        1.08198 1.08200      => A filled 1m@1.08200; T activated
    """)


def test_a_parent_that_is_filled_in_part(play: Callable[..., None]) -> None:
    """Its children wake with the first part, and close no more than there is."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + S: stop_loss stop_price=1.08100 => A new; S suspended
        1.08198x1m 1.08200x300k => A partially_filled 300k@1.08200; S activated
        cancel A                => A cancelled CLIENT_REQUEST
        1.08100 1.08102         => S partially_filled 300k@1.08100; S cancelled NOTHING_TO_REDUCE
        position                => +0 -0
    """)


def test_a_part_and_the_rest_is_cancelled(play: Callable[..., None]) -> None:
    """An IOC order of which there was a part: its children work."""
    play("""
        1.08249x1m 1.08251x300k
        A: buy 1m market time_in_force=IOC + S: stop_loss stop_price=1.08100 \
            => A cancelled 300k@1.08251; S new
        1.08100 1.08102         => S partially_filled 300k@1.08100; S cancelled NOTHING_TO_REDUCE
    """)


def test_the_time_of_a_suspended_order(play: Callable[..., None]) -> None:
    """It runs while it sleeps."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + S: stop stop_price=1.09 time_in_force=GFD \
            => A new; S suspended
        at 2026-11-24T22:00:00Z => S expired
        1.08198 1.08200         => A filled 1m@1.08200
    """)


def test_one_cancels_the_other(play: Callable[..., None]) -> None:
    """A part of one is enough to cancel the other; what is left of the one goes on."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + oco B: stop stop_price=1.08300 => A new; B new
        1.08298x1m 1.08300x400k  => B partially_filled 400k@1.08300; A cancelled OCO_FILLED
        1.08198 1.08200          => B filled 600k@1.08200
    """)


def test_an_oco_leg_alone(play: Callable[..., None]) -> None:
    """Cancelled or expired, one leaves the other as it is."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + oco B: stop stop_price=1.08300 time_in_force=GFD \
            => A new; B new
        at 2026-11-24T22:00:00Z  => B expired
        1.08198 1.08200          => A filled 1m@1.08200
    """)


def test_an_oco_that_is_done_at_once(play: Callable[..., None]) -> None:
    """The first is filled: the other is never placed; the other is filled: the first goes."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08251 + oco B: stop stop_price=1.08300 => A filled 1m@1.08251
        C: buy 1m limit price=1.08200 + oco D: stop stop_price=1.08250 \
            => C new; D filled 1m@1.08251; C cancelled OCO_FILLED
        1.08198 1.08200
        position                 => +2m -0
    """)


def test_an_oco_whose_first_leg_has_children(play: Callable[..., None]) -> None:
    """The other leg is filled: the first goes, and its children with it."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.082 + S: stop_loss stop_price=1.081 + oco B: stop stop_price=1.083 \
            => A new; S suspended; B new
        1.08298 1.08300 \
            => B filled 1m@1.08300; A cancelled OCO_FILLED; S cancelled PARENT_NOT_FILLED
    """)


def test_one_quote_that_reaches_both(play: Callable[..., None]) -> None:
    """The first come of the two is filled, the other not."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + oco B: limit price=1.08210 => A new; B new
        1.08198 1.08200          => A filled 1m@1.08200; B cancelled OCO_FILLED
        position                 => +1m -0
    """)


def test_none_when_one_is_rejected(play: Callable[..., None]) -> None:
    """An order that would be rejected takes those that come with it along, also a market order."""
    play("""
        1.08249 1.08251
        A: buy 1m market + S: buy 90m limit price=1.08 \
            => A rejected LINKED_ORDER_REJECTED
        B: buy 1m limit price=1.082 + oco C: buy 90m stop stop_price=1.083 \
            => B rejected LINKED_ORDER_REJECTED
        D: buy 90m market + S: stop_loss stop_price=1.08 \
            => D rejected QUANTITY_TOO_LARGE
    """)


def test_children_after_a_restart(play: Callable[..., None]) -> None:
    """What is linked is in the ledger: a restart forgets none of it."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.082 + S: stop_loss stop_price=1.081 + T: take_profit price=1.083 \
            => A new; S suspended; T suspended
        restart
        1.08198 1.08200      => A filled 1m@1.08200; S activated; T activated
        restart
        1.08100 1.08102      => S filled 1m@1.08100; T cancelled OCO_FILLED
    """)


def test_a_child_without_a_position(play: Callable[..., None]) -> None:
    """The parent's fill only made a short position smaller: there is nothing to sell."""
    play("""
        1.08249 1.08251
        X: sell 3m market                                   => X filled 3m@1.08249
        A: buy 1m market + S: stop_loss stop_price=1.08100  => A filled 1m@1.08251; S new
        1.08100 1.08102                                     => S cancelled NOTHING_TO_REDUCE
        B: buy 1m market + T: stop_loss stop_price=1.08200 \
            => B filled 1m@1.08102; T rejected NOTHING_TO_REDUCE
        position                                            => +0 -1m
    """)


def test_only_opening_is_asked_again_at_the_fill(play: Callable[..., None]) -> None:
    """It was fine when it was placed; now it would make a position smaller."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 position_fill=open_only => A new
        B: sell 2m market                                     => B filled 2m@1.08249
        1.08198 1.08200                                       => A cancelled NOT_ALLOWED_AT_TRIGGER
    """)


def test_reduce_only_limits(play: Callable[..., None]) -> None:
    """They stay within the position at the fill, and go when there is none."""
    play("""
        1.08249 1.08251
        A: buy 2m market                                          => A filled 2m@1.08251
        B: sell 2m limit price=1.08300 position_fill=reduce_only  => B new
        C: sell 2m limit price=1.08310 position_fill=reduce_only  => C new
        D: sell 1m market                                         => D filled 1m@1.08249
        1.08300 1.08302 \
            => B partially_filled 1m@1.08300; C cancelled NOTHING_TO_REDUCE; \
B cancelled NOTHING_TO_REDUCE
        E: buy 1m market                                          => E filled 1m@1.08302
        F: sell 3m limit price=1.08300 position_fill=reduce_only  => F cancelled 1m@1.08300
    """)


def test_where_trades_are_kept_apart_a_child_closes_its_parents(words: Any) -> None:
    """A hedging account, two trades; the second's stop-loss leaves the first alone.

    Another one came with a limit order, and learns its trade when that is filled.
    """

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.desk.open_account("demo", words.LIMITS, mode="hedging")
            loss = {"type": "stop_loss", "stop_price": "1.07000"}
            await floor.place(quantity="1000000")
            placed = await floor.place(quantity="500000", if_done=[loss])
            later = await floor.place(price="1.08100", quantity="200000", if_done=[loss])
            assert placed.linked[0].order.trade == placed.entry.fills[0].id
            assert later.linked[0].order.trade is msgspec.UNSET
            floor.price(bid="1.08090", ask="1.08095")
            await floor.settle()
            floor.price(bid="1.06990", ask="1.07000")
            await floor.settle()

            lots = floor.desk.book.account("demo").lots["EUR/USD"]
            assert [(lot.order, lot.units) for lot in lots.values()] == [("O-2", 100_000_000)]
            woken = [f["order"] for f in floor.facts() if f["kind"] == "order_activated"]
            assert [order["trade"][:2] for order in woken] == ["F-"]
            floor.require_truth()

    asyncio.run(main())
