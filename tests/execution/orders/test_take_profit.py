"""Take-profit orders close a position at their price or better, and never open one."""

from collections.abc import Callable

import pytest


def test_long_and_short(play: Callable[..., None]) -> None:
    """Above a long position, below a short one; at the price exactly, better through a gap."""
    play("""
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 1m take_profit price=1.08300      => B new
        1.08299 1.08301
        1.08300 1.08302                           => B filled 1m@1.08300
        C: sell 1m market                         => C filled 1m@1.08300
        D: buy 1m take_profit price=1.08200       => D new
        1.08100 1.08102                           => D filled 1m@1.08102
        position                                  => +0 -0
    """)


def test_it_closes_no_more_than_there_is(play: Callable[..., None]) -> None:
    """What is left of it when the position is flat is cancelled."""
    play("""
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 3m take_profit price=1.08300      => B new
        1.08300 1.08302  => B partially_filled 1m@1.08300; B cancelled NOTHING_TO_REDUCE
        position                                  => +0 -0
    """)


def test_with_nothing_to_close(play: Callable[..., None]) -> None:
    """Rejected where there is no position; cancelled when there is none any more."""
    play("""
        1.08249 1.08251
        A: sell 1m take_profit price=1.08300      => A rejected NOTHING_TO_REDUCE
        B: buy 1m market                          => B filled 1m@1.08251
        C: buy 1m take_profit price=1.08200       => C rejected NOTHING_TO_REDUCE
        D: sell 1m take_profit price=1.08300      => D new
        E: sell 1m stop_loss stop_price=1.08200   => E new
        F: sell 500k market                       => F filled 500k@1.08249
        G: sell 500k market \
            => G filled 500k@1.08249; D cancelled NOTHING_TO_REDUCE; E cancelled NOTHING_TO_REDUCE
    """)


def test_a_position_that_turned(play: Callable[..., None]) -> None:
    """Sold through flat, the long position's orders have nothing to close."""
    play("""
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 1m take_profit price=1.08300      => B new
        C: sell 2m market       => C filled 2m@1.08249; B cancelled NOTHING_TO_REDUCE
        position                                  => +0 -1m
    """)


def test_depth(play: Callable[..., None]) -> None:
    """No level below its price; the rest waits for it."""
    play("""
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 1m take_profit price=1.08300      => B new
        1.08301x100k,1.08300x200k,1.08299x9m 1.08303x1m \
            => B partially_filled 100k@1.08301 200k@1.08300
        1.08300 1.08302                           => B filled 700k@1.08300
    """)


def test_watched_on_another_side(play: Callable[..., None]) -> None:
    """The ask has come to its price, the bid has not: it waits for a bid that brings the price."""
    play("""
        1.08249 1.08251
        A: buy 1m market                                  => A filled 1m@1.08251
        B: sell 1m take_profit price=1.08300 trigger=ask  => B new
        1.08298 1.08300
        1.08300 1.08302                                   => B filled 1m@1.08300
    """)


@pytest.mark.parametrize("mode", ["netting", "fifo"])
def test_the_reduced_market(play: Callable[..., None], mode: str) -> None:
    """It closes while only reducing is allowed, and not while trading is halted."""
    play(
        """
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 1m take_profit price=1.08300      => B new
        halt
        1.08300 1.08302
        reduce
        1.08301 1.08303                           => B filled 1m@1.08301
        """,
        mode,
    )
