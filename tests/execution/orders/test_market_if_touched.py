"""Market-if-touched orders take the market when it has come to their price in their favour."""

from collections.abc import Callable

import pytest


def test_both_sides(play: Callable[..., None]) -> None:
    """A buyer waits for a lower ask, a seller for a higher bid; a gap gives the better price."""
    play("""
        1.08249 1.08251
        A: buy 1m market_if_touched stop_price=1.08200    => A new
        B: sell 1m market_if_touched stop_price=1.08300   => B new
        C: sell 1m market_if_touched stop_price=1.08350   => C new
        1.08199 1.08201
        1.08198 1.08200                                   => A filled 1m@1.08200
        1.08299 1.08301
        1.08300 1.08302                                   => B filled 1m@1.08300
        1.08400 1.08402                                   => C filled 1m@1.08400
    """)


def test_once_touched_it_takes_the_market(play: Callable[..., None]) -> None:
    """Unlike a limit order it takes what is left wherever the market is then."""
    play("""
        1.08249 1.08251
        A: buy 1m market_if_touched stop_price=1.08200    => A new
        1.08198x1m 1.08200x100k,1.08205x200k \
            => A partially_filled 100k@1.08200 200k@1.08205
        1.08300 1.08302                                   => A filled 700k@1.08302
    """)


def test_the_price_bound(play: Callable[..., None]) -> None:
    """As far as it may: touched it waits for its bound."""
    play("""
        1.08249 1.08251
        A: buy 1m market_if_touched stop_price=1.08200 price_bound=1.08199 => A new
        1.08198 1.08200                                   => A triggered
        1.08300 1.08302
        1.08197 1.08199                                   => A filled 1m@1.08199
    """)


@pytest.mark.parametrize(
    ("trigger", "waits", "meets"),
    [
        ("default", "1.08190 1.08201", "1.08190 1.08200"),
        ("ask", "1.08190 1.08201", "1.08190 1.08200"),
        ("bid", "1.08201 1.08203", "1.08200 1.08203"),
        ("inverse", "1.08201 1.08203", "1.08200 1.08203"),
        ("mid", "1.08196 1.08205", "1.08196 1.08204"),
    ],
)
def test_the_watched_price(play: Callable[..., None], trigger: str, waits: str, meets: str) -> None:
    """Exactly at 1.08200 on the side that is watched; it takes the ask."""
    play(f"""
        1.08249 1.08251
        A: buy 1m market_if_touched stop_price=1.08200 trigger={trigger} => A new
        {waits}
        {meets} => A filled 1m@{meets.split()[1]}
    """)
