"""Stop-loss orders close a position at the market when it has moved to their stop price."""

from collections.abc import Callable

import pytest


def test_long_and_short(play: Callable[..., None]) -> None:
    """Below a long position, above a short one; through a gap at what the market then is."""
    play("""
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 1m stop_loss stop_price=1.08200   => B new
        1.08201 1.08203
        1.08200 1.08202                           => B filled 1m@1.08200
        C: sell 1m market                         => C filled 1m@1.08200
        D: buy 1m stop_loss stop_price=1.08250    => D new
        1.08300 1.08302                           => D filled 1m@1.08302
        position                                  => +0 -0
    """)


def test_depth_and_what_is_left(play: Callable[..., None]) -> None:
    """Set off it sells into every quote until the position is flat, and never beyond."""
    play("""
        1.08249 1.08251
        A: buy 1m market                          => A filled 1m@1.08251
        B: sell 2m stop_loss stop_price=1.08200   => B new
        1.08200x300k 1.08202x1m                   => B partially_filled 300k@1.08200
        1.08250x300k 1.08252x1m                   => B partially_filled 300k@1.08250
        restart
        1.08150 1.08152  => B partially_filled 400k@1.08150; B cancelled NOTHING_TO_REDUCE
        position                                  => +0 -0
    """)


def test_the_price_bound(play: Callable[..., None]) -> None:
    """No further than its bound; it waits there."""
    play("""
        1.08249 1.08251
        A: buy 1m market                                            => A filled 1m@1.08251
        B: sell 1m stop_loss stop_price=1.08200 price_bound=1.08190 => B new
        1.08100 1.08102                                             => B triggered
        1.08189 1.08191
        1.08190 1.08192                                             => B filled 1m@1.08190
    """)


@pytest.mark.parametrize(
    ("trigger", "waits", "meets"),
    [
        ("default", "1.08201 1.08210", "1.08200 1.08210"),
        ("ask", "1.08190 1.08201", "1.08190 1.08200"),
        ("mid", "1.08196 1.08205", "1.08196 1.08204"),
    ],
)
def test_the_watched_price(play: Callable[..., None], trigger: str, waits: str, meets: str) -> None:
    """Exactly at 1.08200 on the side that is watched; it takes the bid."""
    play(f"""
        1.08249 1.08251
        A: buy 1m market                                          => A filled 1m@1.08251
        B: sell 1m stop_loss stop_price=1.08200 trigger={trigger} => B new
        {waits}
        {meets} => B filled 1m@{meets.split(maxsplit=1)[0]}
    """)


def test_one_trade_of_who_hedges(play: Callable[..., None]) -> None:
    """It closes the trade that it names and no other; F-3-1 is opened by the entry at 3."""
    play(
        """
        1.08249 1.08251
        A: buy 1m market                                         => A filled 1m@1.08251
        B: buy 2m market                                         => B filled 2m@1.08251
        C: sell 5m stop_loss stop_price=1.08200 trade=F-2-1      => C new
        D: sell 1m stop_loss stop_price=1.08200 trade=F-9-1      => D rejected UNKNOWN_TRADE
        E: buy 1m stop_loss stop_price=1.08300 trade=F-2-1       => E rejected UNKNOWN_TRADE
        1.08200 1.08202  => C partially_filled 2m@1.08200; C cancelled NOTHING_TO_REDUCE
        position                                                 => +1m -0
        """,
        "hedging",
    )


@pytest.mark.parametrize("mode", ["netting", "fifo"])
def test_nobody_else_names_a_trade(play: Callable[..., None], mode: str) -> None:
    """NFA 2-43: the oldest trade is closed first, so none can be chosen."""
    play(
        """
        1.08249 1.08251
        A: buy 1m market                                         => A filled 1m@1.08251
        B: buy 1m market                                         => B filled 1m@1.08251
        C: sell 1m stop_loss stop_price=1.08200 trade=F-2-1      => C rejected UNKNOWN_TRADE
        """,
        mode,
    )
