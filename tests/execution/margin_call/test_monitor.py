"""The monitor looks at few accounts and misses none."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.execution.entries import decode, keys_of
from tallystick.execution.margin_call import MarginMonitor, assess

PAIRS = {"EUR/USD": (108_250, 5), "USD/JPY": (151_500, 3), "GBP/USD": (127_000, 5)}
ACCOUNTS = 6
step = st.one_of(
    st.tuples(st.sampled_from(sorted(PAIRS)), st.integers(-20, 20)),
    st.tuples(st.sampled_from(sorted(PAIRS)), st.integers(-300, 300)),
    st.tuples(st.just("trade"), st.integers(0, ACCOUNTS - 1)),
    st.tuples(st.just("time"), st.integers(1, 2_000)),
)
"""A move of a pair in hundredths of a percent, small or large; a trade; seconds that pass."""


def _due(floor: Any) -> list[str]:
    """Accounts of which margin would ask something now: everybody is looked at."""
    book, at_ns = floor.desk.book, floor.desk.now_ns()
    return [
        account.id
        for account in book.accounts.values()
        if next(iter(assess(account, book=book, at_ns=at_ns, market=floor.desk.market)), None)
    ]


@settings(max_examples=150)
@given(steps=st.lists(step, min_size=5, max_size=30), chance=st.randoms(use_true_random=False))
def test_it_misses_nothing_that_looking_at_everybody_would_find(
    words: Any, margin: Any, steps: list[tuple[str, int]], chance: Any
) -> None:
    """After every step, whoever asks each account for itself finds nothing left to say."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            prices = {}
            for symbol, (mid, _digits) in PAIRS.items():
                prices[symbol] = mid
            _quote(floor, words, prices, PAIRS)
            for number in range(ACCOUNTS):
                mode = ("netting", "fifo", "hedging")[number % 3]
                await margin.open(floor, words, f"a{number}", "20000.00", mode=mode)
            monitor = margin.watch(floor)
            for what, much in steps:
                if what == "trade":
                    await _trade(floor, f"a{much}", chance)
                elif what == "time":
                    floor.clock.advance(much)
                    _quote(floor, words, prices, PAIRS)
                else:
                    prices[what] += prices[what] * much // 10_000
                    _quote(floor, words, prices, [what])
                for _ in range(2):  # a fill is heard of with the next look
                    monitor.check_due()
                await floor.settle()
                assert _due(floor) == []
            assert words.book_state(floor.desk.book) == words.book_state(floor.refold())

    asyncio.run(run())


def test_a_calm_market_costs_nothing_however_many_accounts_there_are(
    words: Any, margin: Any
) -> None:
    """Two hundred accounts far from a call: a thousand quotes to and fro, and no account looked at.

    A market that then falls by 1 % looks at each of them a few times, not with every quote.
    """

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            floor.price()
            for number in range(200):
                await margin.open(floor, words, f"a{number}", "40000.00")
                await floor.place(account=f"a{number}", quantity="300000")
            monitor = margin.watch(floor)
            assert not monitor.check_due()
            looked = monitor.checks
            assert looked == 200
            for number in range(1_000):
                floor.clock.advance(1)
                mid = 108_250 + (number % 7) * 3
                floor.board.update([_at(words, floor, "EUR/USD", mid)])
            assert monitor.checks == looked
            for number in range(1_000):
                floor.clock.advance(1)
                floor.board.update([_at(words, floor, "EUR/USD", 108_250 - number)])
            assert monitor.checks - looked <= 200 * 4
            assert _due(floor) == []

    asyncio.run(run())


def test_its_loop_hears_of_fills_without_any_quote(words: Any, margin: Any) -> None:
    """A trade that needs more than there is left of the level is called within a look."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words, dollars="36100.00")
            floor.price()
            monitor = MarginMonitor(floor.desk)
            looking = asyncio.create_task(monitor.run(floor.clock))
            await asyncio.sleep(0)
            await floor.place(quantity="1000000")
            start = len(floor.facts())
            for _turn in range(50):
                await asyncio.sleep(0)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await floor.settle()
            assert margin.story(floor, start) == []
            assert monitor.checks >= 2
            # Money leaves by another way than the door, which would not let it.
            await margin.open(floor, words, dollars="-1000.00")
            looking = asyncio.create_task(monitor.run(floor.clock))
            for _turn in range(50):
                await asyncio.sleep(0)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await floor.settle()
            assert margin.story(floor, start)[-1][0] == "call_entered"

    asyncio.run(run())


async def _trade(floor: Any, account: str, chance: Any) -> None:
    pair = chance.choice(sorted(PAIRS))
    quantity = str(chance.randrange(1, 60) * 10_000)
    await floor.place(
        account=account, pair=pair, side=chance.choice(["buy", "sell"]), quantity=quantity
    )


def _quote(floor: Any, words: Any, prices: dict[str, int], symbols: Any) -> None:
    floor.board.update([_at(words, floor, symbol, prices[symbol]) for symbol in symbols])


def _at(words: Any, floor: Any, symbol: str, mid: int) -> Any:
    digits = PAIRS[symbol][1]
    bid, ask = (f"{(mid + side) / 10**digits:.{digits}f}" for side in (-1, 1))
    return words.quote(symbol, bid, ask, floor.clock.now_ns())


def test_an_order_that_closes_out_is_found_by_its_key(words: Any, margin: Any) -> None:
    """Also where it is the first thing to be said: the account was called before."""

    async def run() -> None:
        floor = words.Floor()
        async with floor:
            await margin.open(floor, words)
            floor.price(bid="1.08241", ask="1.08251")
            await floor.place(quantity="1000000")
            monitor = margin.watch(floor)
            await margin.tick(floor, monitor, "1.07796", "1.07806")
            called = len(floor.facts())
            await margin.tick(floor, monitor, "1.05996", "1.06006")

            closing = decode(floor.ledger.receipt(called).entry)
            assert closing.order.client_order_id == f"close-out {called}"
            for key in keys_of(closing):
                assert floor.ledger.find(key) == called

    asyncio.run(run())
