"""From several sources to one board: composed, withdrawn, expired."""

import asyncio
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.execution.quotes import Drops, PriceFeed, Quote, QuoteBoard, Sink
from tallystick.money import Price


class Asked:
    """A source that gives what it is handed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.drops = Drops()
        self.ready: list[tuple[int, int]] = []

    def quotes(self, now_ns: int) -> list[Quote]:
        """EUR/USD, now."""
        found = [Quote("EUR/USD", Price(b), Price(a), now_ns, self.name) for b, a in self.ready]
        self.ready.clear()
        return found


class Failing:
    """A live source with a programmer's error in it."""

    name = "broken"

    def __init__(self) -> None:
        self.drops = Drops()

    async def run(self, sink: Sink) -> None:
        """Break at once."""
        raise ZeroDivisionError(sink)


def floor() -> Any:
    """A clock, two sources, a board and its feed."""
    clock, board = ManualClock(), QuoteBoard()
    first, second = Asked("A"), Asked("B")
    ages = {"A": 5 * NS_PER_SECOND, "B": 60 * NS_PER_SECOND}
    feed = PriceFeed([first, second], board, clock, lambda _pair, source: ages[source])
    return clock, board, first, second, feed


def test_the_board_shows_the_best_and_lets_go() -> None:
    """Of both; when one is too old, of the other; when it withdraws, of nobody."""
    clock, board, first, second, feed = floor()
    first.ready, second.ready = [(100, 110)], [(99, 108)]
    feed.ask()
    both = board.get("EUR/USD")
    assert (both.bid, both.ask, both.source) == (100, 108, "A (bid) + B (ask)")

    clock.advance(6)
    feed.ask()
    alone = board.get("EUR/USD")
    assert (alone.bid, alone.ask, alone.source) == (99, 108, "B")

    feed.withdraw("B")
    assert board.get("EUR/USD") is None
    assert not board.quoted("EUR/USD")
    assert board.usd("EUR", 10**6) is not None, "its worth stays"


def test_an_error_of_ours_ends_the_feed() -> None:
    """A programmer's error is not swallowed: the process is told."""

    async def scene() -> None:
        clock = ManualClock()
        with pytest.raises(ExceptionGroup) as group:
            await PriceFeed([Failing()], QuoteBoard(), clock).run()
        assert group.group_contains(ZeroDivisionError)

    asyncio.run(scene())
