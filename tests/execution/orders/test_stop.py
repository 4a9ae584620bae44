"""Stop orders take the market when it has moved against them to their stop price."""

from collections.abc import Callable

import pytest


def test_a_buy_stop(play: Callable[..., None]) -> None:
    """It waits below its price, and takes the ask when that is there; through a gap as well."""
    play("""
        1.08249 1.08251
        A: buy 1m stop stop_price=1.08300      => A new
        B: buy 1m stop stop_price=1.08310      => B new
        1.08297 1.08299
        1.08298 1.08300                        => A filled 1m@1.08300
        1.08400 1.08402                        => B filled 1m@1.08402
        position                               => +2m -0
    """)


def test_a_sell_stop(play: Callable[..., None]) -> None:
    """It waits above its price, and takes the bid when that is there; through a gap as well."""
    play("""
        1.08249 1.08251
        A: sell 1m stop stop_price=1.08200     => A new
        B: sell 1m stop stop_price=1.08190     => B new
        1.08201 1.08203
        1.08200 1.08202                        => A filled 1m@1.08200
        1.08100 1.08102                        => B filled 1m@1.08100
        position                               => +0 -2m
    """)


@pytest.mark.parametrize(
    ("side", "trigger", "waits", "meets", "price"),
    [
        ("buy", "default", "1.08295 1.08299", "1.08295 1.08300", "1.08300"),
        ("buy", "ask", "1.08295 1.08299", "1.08295 1.08300", "1.08300"),
        ("buy", "bid", "1.08299 1.08310", "1.08300 1.08311", "1.08311"),
        ("buy", "inverse", "1.08299 1.08310", "1.08300 1.08311", "1.08311"),
        ("buy", "mid", "1.08295 1.08304", "1.08296 1.08304", "1.08304"),
        ("sell", "default", "1.08301 1.08305", "1.08300 1.08305", "1.08300"),
        ("sell", "bid", "1.08301 1.08305", "1.08300 1.08305", "1.08300"),
        ("sell", "ask", "1.08290 1.08301", "1.08290 1.08300", "1.08290"),
        ("sell", "inverse", "1.08290 1.08301", "1.08290 1.08300", "1.08290"),
        ("sell", "mid", "1.08296 1.08305", "1.08296 1.08304", "1.08296"),
    ],
)
def test_the_watched_price(
    play: Callable[..., None], side: str, trigger: str, waits: str, meets: str, price: str
) -> None:
    """Exactly at 1.08300 on the side that is watched, the mid to half a point; never before."""
    start = "1.08249 1.08251" if side == "buy" else "1.08349 1.08351"
    play(f"""
        {start}
        A: {side} 1m stop stop_price=1.08300 trigger={trigger} => A new
        {waits}
        {meets} => A filled 1m@{price}
    """)


@pytest.mark.parametrize(("side", "stop"), [("buy", "1.08251"), ("sell", "1.08249")])
def test_where_the_market_is_already(play: Callable[..., None], side: str, stop: str) -> None:
    """The price has come when it is placed: it takes the market at once."""
    play(f"""
        1.08249 1.08251
        A: {side} 1m stop stop_price={stop} => A filled 1m@{stop}
    """)


def test_partial_fills_through_depth(play: Callable[..., None]) -> None:
    """It takes level by level, and what is left takes whatever comes next, wherever that is."""
    play("""
        1.08249 1.08251
        A: buy 1m stop stop_price=1.08300                       => A new
        1.08298x1m 1.08300x100k,1.08301x200k \
            => A partially_filled 100k@1.08300 200k@1.08301
        1.08248x1m 1.08250x300k                                 => A partially_filled 300k@1.08250
        1.08248x1m 1.08260x500k                                 => A filled 400k@1.08260
        position                                                => +1m -0
    """)


def test_the_price_bound(play: Callable[..., None]) -> None:
    """Set off beyond its bound it takes nothing, and only what is within it from then on."""
    play("""
        1.08249 1.08251
        A: buy 1m stop stop_price=1.08300 price_bound=1.08310   => A new
        1.08318 1.08320                                         => A triggered
        1.08309 1.08311
        1.08308x1m 1.08310x400k,1.08311x9m                      => A partially_filled 400k@1.08310
        1.08318 1.08320
        restart
        1.08248 1.08250                                         => A filled 600k@1.08250
    """)


def test_set_off_when_placed_but_beyond_its_bound(play: Callable[..., None]) -> None:
    """It is set off at once, and waits for its bound."""
    play("""
        1.08349 1.08351
        A: buy 1m stop stop_price=1.08300 price_bound=1.08310   => A new
        1.08297 1.08299                                         => A filled 1m@1.08299
    """)


def test_a_halt_and_a_reduction(play: Callable[..., None]) -> None:
    """Halted, nothing is set off; reducing, what would open is cancelled when its price comes."""
    play("""
        1.08249 1.08251
        A: buy 1m stop stop_price=1.08300   => A new
        B: buy 2m stop stop_price=1.08320   => B new
        C: sell 3m market                   => C filled 3m@1.08249
        halt
        1.08298 1.08300
        resume
        1.08297 1.08299
        reduce
        1.08298 1.08300                     => A filled 1m@1.08300
        1.08319 1.08320                     => B filled 2m@1.08320
        resume
        D: buy 1m stop stop_price=1.08340   => D new
        reduce
        1.08339 1.08341                     => D cancelled KILL_SWITCH
    """)


@pytest.mark.parametrize("mode", ["hedging", "fifo", "netting"])
def test_reducing_in_every_mode(play: Callable[..., None], mode: str) -> None:
    """While reducing, an order of an account that hedges would open a trade: it is cancelled."""
    outcome = "cancelled KILL_SWITCH" if mode == "hedging" else "filled 1m@1.08300"
    play(
        f"""
        1.08249 1.08251
        A: sell 1m market                   => A filled 1m@1.08249
        B: buy 1m stop stop_price=1.08300   => B new
        reduce
        1.08298 1.08300                     => B {outcome}
        """,
        mode,
    )
