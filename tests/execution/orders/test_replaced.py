"""An order in the place of another one: one entry closes the one and opens the other."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.errors import Refused


async def code_of(act: Any) -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as caught:
        await act
    return caught.value.code


def test_a_replacement(play: Callable[..., None]) -> None:
    """The old one is closed by the new one's entry; prices no longer find it."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200                     => A new
        replace A by B: buy 2m limit price=1.08100        => B new
        1.08198 1.08200
        replace B by C: buy 3m stop stop_price=1.08300    => C new
        1.08098 1.08100
        replace C by D: buy 1m market                     => D filled 1m@1.08100
        1.08400 1.08402
        position                                          => +1m -0
    """)


def test_what_is_filled_in_part_is_replaced_by_a_whole(play: Callable[..., None]) -> None:
    """The new order's quantity is its own."""
    play("""
        1.08249x1m 1.08251x400k
        A: buy 1m limit price=1.08251                     => A partially_filled 400k@1.08251
        replace A by B: buy 1m limit price=1.08200        => B new
        1.08198 1.08200                                   => B filled 1m@1.08200
        position                                          => +1400k -0
    """)


def test_a_rejected_replacement(play: Callable[..., None]) -> None:
    """The order stays as it is."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200                     => A new
        replace A by B: buy 90m limit price=1.08200       => B rejected QUANTITY_TOO_LARGE
        replace A by C: buy 1m limit price=1.08 time_in_force=FOK => C rejected NOT_MARKETABLE
        1.08198 1.08200                                   => A filled 1m@1.08200
    """)


def test_children_follow(play: Callable[..., None]) -> None:
    """They wait for the order in the parent's place, are woken by it and end with it."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.08200 + S: stop_loss stop_price=1.08050 => A new; S suspended
        replace A by B: buy 1m limit price=1.08100        => B new
        replace B by C: buy 1m limit price=1.08110        => C new
        restart
        1.08108 1.08110                                   => C filled 1m@1.08110; S activated
        1.08050 1.08052                                   => S filled 1m@1.08050
        D: buy 1m limit price=1.08 + T: stop_loss stop_price=1.07 => D new; T suspended
        replace D by E: buy 1m limit price=1.07           => E new
        cancel E             => E cancelled CLIENT_REQUEST; T cancelled PARENT_NOT_FILLED
        F: buy 1m limit price=1.08 + U: stop_loss stop_price=1.07 => F new; U suspended
        replace F by G: buy 1m market                     => G filled 1m@1.08052; U activated
    """)


def test_a_replaced_child(play: Callable[..., None]) -> None:
    """It sleeps on in the old one's place, and cancels the same brother."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.082 + S: stop_loss stop_price=1.081 + T: take_profit price=1.083 \
            => A new; S suspended; T suspended
        replace S by U: sell 1m stop_loss stop_price=1.08150 => U suspended
        1.08198 1.08200      => A filled 1m@1.08200; T activated; U activated
        replace T by V: sell 1m take_profit price=1.08290 => V new
        1.08290 1.08292      => V filled 1m@1.08290; U cancelled OCO_FILLED
    """)


def test_parent_and_child_are_replaced(play: Callable[..., None]) -> None:
    """First the one, then the other: they still belong together."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.082 + S: stop_loss stop_price=1.081 => A new; S suspended
        replace A by B: buy 1m limit price=1.08100                  => B new
        replace S by T: sell 1m stop_loss stop_price=1.08000        => T suspended
        replace B by C: buy 1m market              => C filled 1m@1.08251; T activated
    """)


def test_an_oco_leg_that_is_replaced(play: Callable[..., None]) -> None:
    """The new one cancels the other leg, and the other way round."""
    play("""
        1.08249 1.08251
        A: buy 1m limit price=1.082 + oco B: stop stop_price=1.083 => A new; B new
        replace A by C: buy 1m limit price=1.08210        => C new
        replace B by D: buy 1m stop stop_price=1.08310    => D new
        1.08308 1.08310              => D filled 1m@1.08310; C cancelled OCO_FILLED
    """)


def test_what_may_not_stand_in_its_place(words: Any) -> None:
    """Another pair or side, orders of its own, or one that cannot wait where the old one does."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            child = {"type": "stop_loss", "stop_price": "1.07"}
            placed = await floor.place(price="1.08", if_done=[child])
            parent, (sleeper,) = placed.entry.order.id, placed.linked
            limit = {"type": "limit", "price": "1.08"}
            cases = [
                (parent, {**limit, "side": "sell"}, "VALUE_NOT_ALLOWED"),
                (parent, {**limit, "pair": "EUR/GBP"}, "VALUE_NOT_ALLOWED"),
                (parent, {**limit, "if_done": [child]}, "MEMBER_NOT_ALLOWED"),
                (parent, {**limit, "oco": limit}, "MEMBER_NOT_ALLOWED"),
                (parent, {**limit, "account": "other"}, "ORDER_NOT_OPEN"),
                (parent, {**limit, "account": "nobody"}, "UNKNOWN_ACCOUNT"),
                (sleeper.order.id, {"side": "sell", "type": "market"}, "VALUE_NOT_ALLOWED"),
                (
                    sleeper.order.id,
                    {**limit, "side": "sell", "time_in_force": "IOC"},
                    "VALUE_NOT_ALLOWED",
                ),
                ("O-99", limit, "ORDER_NOT_OPEN"),
            ]
            size = floor.ledger.size
            for replaced, members, code in cases:
                request = words.request(client_order_id="r-1", **members)
                assert await code_of(floor.desk.replace(replaced, request)) == code
            assert floor.ledger.size == size
            await floor.desk.cancel(parent, "demo", by="x", reason="y")
            late = words.request(client_order_id="r-1", price="1.08")
            assert await code_of(floor.desk.replace(parent, late)) == "ORDER_NOT_OPEN"
            floor.require_truth()

    asyncio.run(main())


def test_a_replacement_happens_once(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry gets the stored answer, also long after and from a desk that was started anew."""
    from tallystick.execution import recent  # noqa: PLC0415

    monkeypatch.setattr(recent, "WARY_ORDERS", 0)
    monkeypatch.setattr(recent, "RECENT_KEYS_MAX", 2)

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            first = (await floor.place(price="1.08")).entry.order.id
            second = (await floor.place(price="1.07")).entry.order.id
            request = words.request(client_order_id="r-1", price="1.06")
            answers = await asyncio.gather(
                *(floor.desk.replace(first, request, "k-1") for _ in range(3))
            )
            for _ in range(9):
                await floor.place()
            async with words.Floor(floor.store, floor.clock) as again:
                answers.append(await again.desk.replace(first, request, "k-1"))

            assert len({answer.entry.order.id for answer in answers}) == 1
            assert [answer.replayed for answer in answers] == [False, True, True, True]
            for replaced, key in ((second, None), (second, "k-1")):
                act = floor.desk.replace(replaced, request, key)
                assert await code_of(act) == "IDEMPOTENCY_CONFLICT"
            assert await code_of(floor.desk.place(request)) == "IDEMPOTENCY_CONFLICT"
            floor.require_truth()

    asyncio.run(main())


def test_a_retry_is_told_of_every_order_that_came_along(words: Any) -> None:
    """However much else its entry did: twenty orders were cancelled between them."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.place(side="sell")
            for _ in range(20):
                await floor.place(type="stop_loss", stop_price="1.09")
            linked = [
                {"type": "stop_loss", "stop_price": "1.07"},
                {"type": "take_profit", "price": "1.09"},
            ]
            order = {"client_order_id": "c-1", "quantity": "2000000", "if_done": linked}
            first = await floor.place(**order)
            retry = await floor.place(**order)

            assert [each.order.state for each in first.linked] == ["new", "new"]
            assert retry.replayed
            assert (retry.entry, retry.receipt) == (first.entry, first.receipt)
            assert retry.linked == first.linked
            floor.require_truth()

    asyncio.run(main())
