"""Market orders take the quote, at once or not at all."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("time_in_force", ["FOK", "IOC"])
def test_they_fill_whole_at_the_quote(play: Callable[..., None], time_in_force: str) -> None:
    """A buyer pays the ask, a seller gets the bid."""
    play(f"""
        1.08249 1.08251
        A: buy 1m market time_in_force={time_in_force}   => A filled 1m@1.08251
        B: sell 1m market time_in_force={time_in_force}  => B filled 1m@1.08249
        position                                         => +0 -0
    """)


@pytest.mark.parametrize(
    ("time_in_force", "outcome"),
    [
        ("IOC", "cancelled 100k@1.08251 200k@1.08252"),
        ("FOK", "rejected INSUFFICIENT_LIQUIDITY"),
    ],
)
def test_depth(play: Callable[..., None], time_in_force: str, outcome: str) -> None:
    """Level by level; with less than it wants, IOC takes what there is and FOK nothing."""
    play(f"""
        1.08249x1m 1.08251x100k,1.08252x200k
        A: buy 1m market time_in_force={time_in_force}  => A {outcome}
        B: buy 300k market                              => B filled 100k@1.08251 200k@1.08252
        C: sell 1m market                               => C filled 1m@1.08249
    """)


def test_the_price_bound(play: Callable[..., None]) -> None:
    """Never worse than its bound."""
    play("""
        1.08249x1m 1.08251x100k,1.08252x200k,1.08253x9m
        A: buy 1m market price_bound=1.08252 time_in_force=IOC \
            => A cancelled 100k@1.08251 200k@1.08252
        B: buy 1m market price_bound=1.08252                    => B rejected INSUFFICIENT_LIQUIDITY
        C: buy 1m market price_bound=1.08250 time_in_force=IOC  => C rejected NOT_MARKETABLE
        D: buy 300k market price_bound=1.08252 \
            => D filled 100k@1.08251 200k@1.08252
        E: sell 1m market price_bound=1.08250                   => E rejected NOT_MARKETABLE
        F: sell 1m market price_bound=1.08249                   => F filled 1m@1.08249
    """)


@pytest.mark.parametrize("mode", ["netting", "fifo"])
def test_position_fill_where_positions_net(play: Callable[..., None], mode: str) -> None:
    """What only reduces never turns the position; what only opens never makes it smaller."""
    play(
        """
        1.08249 1.08251
        A: sell 1m market position_fill=reduce_only   => A rejected NOTHING_TO_REDUCE
        B: buy 1m market position_fill=open_only      => B filled 1m@1.08251
        C: buy 1m market position_fill=reduce_only    => C rejected NOTHING_TO_REDUCE
        D: sell 2m market position_fill=open_only     => D rejected WOULD_REDUCE
        E: buy 1m market position_fill=open_only      => E filled 1m@1.08251
        F: sell 500k market position_fill=reduce_only => F filled 500k@1.08249
        G: sell 2m market position_fill=reduce_only   => G cancelled 1500k@1.08249
        position                                      => +0 -0
        H: buy 1m market                              => H filled 1m@1.08251
        I: sell 3m market position_fill=reduce_first  => I filled 3m@1.08249
        position                                      => +0 -2m
        J: buy 3m market                              => J filled 3m@1.08251
        position                                      => +1m -0
        """,
        mode,
    )


def test_position_fill_of_who_hedges(play: Callable[..., None]) -> None:
    """Both sides stand side by side until something is said to reduce."""
    play(
        """
        1.08249 1.08251
        A: buy 1m market                              => A filled 1m@1.08251
        B: sell 2m market                             => B filled 2m@1.08249
        position                                      => +1m -2m
        C: buy 1m market position_fill=open_only      => C filled 1m@1.08251
        position                                      => +2m -2m
        D: buy 3m market position_fill=reduce_first   => D filled 3m@1.08251
        position                                      => +3m -0
        E: sell 4m market position_fill=reduce_only   => E cancelled 3m@1.08249
        position                                      => +0 -0
        F: sell 1m market position_fill=reduce_only   => F rejected NOTHING_TO_REDUCE
        """,
        "hedging",
    )


def test_while_trading_is_stopped(play: Callable[..., None]) -> None:
    """Halted: nothing; reducing: what makes the position smaller and no more."""
    play("""
        1.08249 1.08251
        A: buy 1m market                              => A filled 1m@1.08251
        halt
        B: sell 1m market                             => B rejected KILL_SWITCH_ACTIVE
        reduce
        C: buy 1m market                              => C rejected ONLY_REDUCING
        D: sell 1500k market                          => D rejected ONLY_REDUCING
        E: sell 1500k market position_fill=reduce_only => E cancelled 1m@1.08249
        resume
        F: sell 1m market                             => F filled 1m@1.08249
    """)


@pytest.mark.parametrize("time_in_force", ["GTC", "GTD", "GFD"])
def test_it_may_not_wait(play: Callable[..., None], time_in_force: str) -> None:
    """Refused at the door."""
    from tallystick.errors import Refused  # noqa: PLC0415

    with pytest.raises(Refused) as caught:
        play(f"A: buy 1m market time_in_force={time_in_force}")

    assert caught.value.code == "TIME_IN_FORCE_NOT_ALLOWED"
