"""What every price source promises, whichever it is: driven by the feed, on a real board."""

import asyncio
import json
import random
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tallystick.clock import ManualClock
from tallystick.execution.quotes import (
    SOURCES,
    EcbAnchored,
    LeanTicks,
    LiquidityProvider,
    LiveSource,
    PriceFeed,
    Provider,
    Quote,
    QuoteBoard,
    Source,
)

TURNS_MAX = 200_000
QUOTES = 40
GARBAGE = 5
"""Bad quotes that each source is fed, where it can be fed."""
Made = Callable[[Path], AbstractAsyncContextManager[Source | LiveSource]]


@asynccontextmanager
async def ecb(_folder: Path) -> AsyncIterator[EcbAnchored]:
    """The simulator in its venue's shape; nothing bad can get into it."""
    yield EcbAnchored([{"USD": 1.1, "JPY": 160.0}], random.Random(5), "venue")  # noqa: S311  seeded


@asynccontextmanager
async def ticks(folder: Path) -> AsyncIterator[LeanTicks]:
    """A replay of good rows with bad ones between."""
    rows = ["5,x,y", "6,1.2,1.1", "7,0,1", "8,1.1000001,1.2", "9"]
    rows += [f"{n * 100},{1.1 + n / 1000:.5f},{1.1002 + n / 1000:.5f}" for n in range(QUOTES)]
    path = folder / "eurusd" / "20140505_quote.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("ticks.csv", "\n".join(rows))
    yield LeanTicks(folder)


@asynccontextmanager
async def provider(_folder: Path) -> AsyncIterator[LiquidityProvider]:
    """A real server that says good quotes with bad ones between."""

    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        for bad in ("nonsense", "{}", '{"type":"quote","pair":"EUR/USD","bid":"2","ask":"1"}'):
            await connection.send(bad)
        await connection.send('{"type":"quote","pair":"XXX","bid":"1","ask":"2"}')
        await connection.send('{"type":"quote","pair":"EUR/USD","bid":"0","ask":"1"}')
        for n in range(QUOTES):
            quote = {"type": "quote", "pair": "EUR/USD", "bid": f"1.1{n:03}", "ask": f"1.2{n:03}"}
            await connection.send(json.dumps(quote))
        await connection.wait_closed()

    async with serve(script, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        place = Provider("LP1", f"ws://127.0.0.1:{port}/")
        yield LiquidityProvider(place, ManualClock(), random.Random(5))  # noqa: S311  jitter


MADE: dict[str, Made] = {"ecb": ecb, "provider": provider, "ticks": ticks}


def test_every_source_is_held_to_it() -> None:
    """A new source gets a line here."""
    assert MADE.keys() == SOURCES.keys()


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_contract(name: str, tmp_path: Path) -> None:
    """In order of time, never crossed, never of the future; what is bad is counted, not said."""

    async def scene() -> None:
        clock = ManualClock()
        board = QuoteBoard()
        heard: list[tuple[int, Quote]] = []
        board.listen(lambda fresh: heard.extend((clock.now_ns(), quote) for quote in fresh))
        async with MADE[name](tmp_path) as source:
            feed = PriceFeed([source], board, clock)
            running = asyncio.create_task(feed.run())
            for _turn in range(TURNS_MAX):
                if len(heard) >= QUOTES:
                    break
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert len(heard) >= QUOTES
            newest: dict[str, int] = {}
            for now_ns, quote in heard:
                assert 0 < quote.bid < quote.ask
                assert newest.get(quote.pair, 0) <= quote.at_ns <= now_ns
                newest[quote.pair] = quote.at_ns
                if quote.bids:
                    assert quote.bids[0].price == quote.bid
                    assert quote.asks[0].price == quote.ask
            assert isinstance(source, LiveSource) == hasattr(source, "run")
            assert source.drops.total == (0 if name == "ecb" else GARBAGE)
            assert sum(source.drops.by_reason().values()) == source.drops.total
            assert feed.drops == [source.drops]

    asyncio.run(scene())
