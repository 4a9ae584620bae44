"""Trailing stops are stop-losses whose stop price follows the market at a distance."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

POINT = 100_000


def test_it_follows_a_rise(play: Callable[..., None]) -> None:
    """In steps of a tenth of the distance, never down; it sells when the bid is at the stop."""
    play("""
        1.08249 1.08251
        A: buy 1m market                               => A filled 1m@1.08251
        B: sell 1m trailing_stop distance=0.00200      => B new 1.08049
        1.08268 1.08270
        1.08269 1.08271                                => B trailed 1.08069
        1.08200 1.08202
        1.08350 1.08352                                => B trailed 1.08150
        restart
        1.08151 1.08153
        1.08150 1.08152                                => B filled 1m@1.08150
        position                                       => +0 -0
    """)


def test_it_follows_a_fall(play: Callable[..., None]) -> None:
    """The other way round for who is short: below the ask, and it buys at the stop or beyond."""
    play("""
        1.08249 1.08251
        A: sell 1m market                              => A filled 1m@1.08249
        B: buy 1m trailing_stop distance=0.00200       => B new 1.08451
        1.08230 1.08232
        1.08229 1.08231                                => B trailed 1.08431
        1.08428 1.08430
        1.08450 1.08452                                => B filled 1m@1.08452
    """)


def test_a_step_is_at_least_a_pip(play: Callable[..., None]) -> None:
    """A tenth of three pips is less than one: it moves pip by pip."""
    play("""
        1.08249 1.08251
        A: buy 1m market                               => A filled 1m@1.08251
        B: sell 1m trailing_stop distance=0.00030      => B new 1.08219
        1.08258 1.08260
        1.08259 1.08261                                => B trailed 1.08229
    """)


def test_the_mid_rounds_away_from_the_market(play: Callable[..., None]) -> None:
    """Half a point goes to the client's disadvantage, never to a stop that is too near."""
    play("""
        1.08249 1.08252
        A: buy 1m market                                         => A filled 1m@1.08252
        B: sell 1m trailing_stop distance=0.00200 trigger=mid    => B new 1.08050
        C: sell 2m market  => C filled 2m@1.08249; B cancelled NOTHING_TO_REDUCE
        D: buy 1m trailing_stop distance=0.00200 trigger=mid     => D new 1.08451
        1.08449 1.08452
        1.08450 1.08452                                          => D filled 1m@1.08452
    """)


def test_depth_and_halts(play: Callable[..., None]) -> None:
    """Set off it follows no more; while halted it neither follows nor sells."""
    play("""
        1.08249 1.08251
        A: buy 1m market                               => A filled 1m@1.08251
        B: sell 1m trailing_stop distance=0.00200      => B new 1.08049
        halt
        1.08500 1.08502
        1.08000 1.08002
        resume
        1.08049x400k 1.08051x1m                        => B partially_filled 400k@1.08049
        1.08900x400k 1.08902x1m                        => B partially_filled 400k@1.08900
        1.08900 1.08902                                => B filled 200k@1.08900
    """)


def test_it_begins_where_its_parent_was_filled(play: Callable[..., None]) -> None:
    """A suspended one is set when it wakes: not where the market was when it was placed."""
    play("""
        1.08449 1.08451
        A: buy 1m limit price=1.08200 + B: trailing_stop distance=0.00100 \
            => A new; B suspended 1.08349
        1.08198 1.08200     => A filled 1m@1.08200; B activated 1.08098
        1.08099 1.08101
        1.08098 1.08100                                => B filled 1m@1.08098
    """)


@given(
    moves=st.lists(st.integers(-150, 150), max_size=25),
    distance=st.integers(1, 300),
    side=st.sampled_from(["buy", "sell"]),
)
def test_the_stop_only_ever_comes_nearer(
    words: Any, moves: list[int], distance: int, side: str
) -> None:
    """Against a model: the best price since it was placed, less than a step behind."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo")
            sign = 1 if side == "sell" else -1
            await floor.place(side="buy" if side == "sell" else "sell")
            placed = await floor.place(
                type="trailing_stop", side=side, distance=f"{distance / POINT:.5f}"
            )
            best = bid = 108_249 if side == "sell" else 108_251
            step = max(10, distance // 10)
            stops = [stop_of(placed.entry.order)]
            for move in moves:
                bid += move
                price = bid if side == "sell" else bid - 1
                floor.price(bid=f"{price / POINT:.5f}", ask=f"{(price + 1) / POINT:.5f}")
                await floor.settle()
                order = floor.facts()[-1]["order"]
                if order["state"] == "filled":
                    assert sign * (bid - stops[-1]) <= 0
                    return
                best = max(best, bid) if side == "sell" else min(best, bid)
                now = int(order["stop_price"].replace(".", "")) if "stop_price" in order else None
                assert now is not None
                assert sign * (now - stops[-1]) >= 0
                assert 0 <= sign * (best - sign * distance - now) < step
                assert sign * (bid - now) > 0
                stops.append(now)

    asyncio.run(main())


def stop_of(order: Any) -> int:
    """A stop price in points."""
    return int(order.stop_price.replace(".", ""))


@pytest.mark.parametrize("member", ["price", "stop_price"])
def test_what_it_has_not(refused: Callable[..., str], words: Any, member: str) -> None:
    """Its stop price is its own doing."""
    code = refused(
        lambda: words.request(type="trailing_stop", distance="0.001", **{member: "1.08"})
    )

    assert code == {"price": "PRICE_NOT_ALLOWED", "stop_price": "MEMBER_NOT_ALLOWED"}[member]
