"""Stop-limit orders become limit orders when the market reaches their stop price."""

from collections.abc import Callable

import pytest


def test_set_off_and_filled_by_one_quote(play: Callable[..., None]) -> None:
    """Both are on record, the one behind the other."""
    play("""
        1.08249 1.08251
        A: buy 1m stop_limit stop_price=1.08300 price=1.08310   => A new
        1.08297 1.08299
        1.08298 1.08300                                         => A triggered; A filled 1m@1.08300
    """)


def test_a_gap_beyond_its_limit(play: Callable[..., None]) -> None:
    """It is set off, rests at its limit, and is filled when the market comes back to that."""
    play("""
        1.08249 1.08251
        A: buy 1m stop_limit stop_price=1.08300 price=1.08310   => A new
        1.08398 1.08400                                         => A triggered
        1.08309 1.08311
        restart
        1.08308 1.08310                                         => A filled 1m@1.08310
        B: sell 1m stop_limit stop_price=1.08200 price=1.08190  => B new
        1.08100 1.08102                                         => B triggered
        1.08189 1.08191
        1.08195 1.08197                                         => B filled 1m@1.08195
    """)


def test_a_limit_that_the_stop_has_not_reached(play: Callable[..., None]) -> None:
    """A better market than its limit does not fill it before its stop has come."""
    play("""
        1.08249 1.08251
        A: sell 1m stop_limit stop_price=1.08200 price=1.08100  => A new
        1.08210 1.08212
        1.08199 1.08201                                         => A triggered; A filled 1m@1.08199
    """)


def test_depth_behind_the_stop(play: Callable[..., None]) -> None:
    """The quote that sets it off fills what it can within the limit; the rest rests there."""
    play("""
        1.08249 1.08251
        A: buy 1m stop_limit stop_price=1.08300 price=1.08301   => A new
        1.08298x1m 1.08300x100k,1.08302x9m \
            => A triggered; A partially_filled 100k@1.08300
        1.08298x1m 1.08302x9m
        1.08198x1m 1.08200x300k                                 => A partially_filled 300k@1.08200
        1.08198x1m 1.08200x900k                                 => A filled 600k@1.08200
    """)


@pytest.mark.parametrize(
    ("trigger", "waits", "meets"),
    [
        ("bid", "1.08299 1.08305", "1.08300 1.08306"),
        ("inverse", "1.08299 1.08305", "1.08300 1.08306"),
        ("mid", "1.08296 1.08303", "1.08296 1.08304"),
        ("ask", "1.08295 1.08299", "1.08296 1.08300"),
    ],
)
def test_the_watched_price(play: Callable[..., None], trigger: str, waits: str, meets: str) -> None:
    """The stop is watched on its side, the limit on the side that the order takes."""
    ask = meets.split()[1]
    play(f"""
        1.08249 1.08251
        A: buy 1m stop_limit stop_price=1.08300 price=1.08310 trigger={trigger} => A new
        {waits}
        {meets} => A triggered; A filled 1m@{ask}
    """)


def test_the_stop_is_there_already(play: Callable[..., None]) -> None:
    """It works at its limit from the beginning: filled, in part, or resting."""
    play("""
        1.08249x1m 1.08251x400k,1.08252x9m
        A: buy 1m stop_limit stop_price=1.08200 price=1.08251   => A partially_filled 400k@1.08251
        B: buy 1m stop_limit stop_price=1.08200 price=1.08250   => B new
        C: buy 400k stop_limit stop_price=1.08251 price=1.08251 => C filled 400k@1.08251
        1.08249 1.08250 => A filled 600k@1.08250; B filled 1m@1.08250
    """)


def test_its_end(play: Callable[..., None]) -> None:
    """Set off or not, it ends when it says."""
    play("""
        1.08249 1.08251
        A: buy 1m stop_limit stop_price=1.083 price=1.083 time_in_force=GFD => A new
        1.08398 1.08400                                                     => A triggered
        at 2026-11-24T22:00:00Z                                             => A expired
    """)
