"""A liquidity provider that behaves badly in every way: a real WebSocket server on loopback."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.errors import Misconfigured
from tallystick.execution.quotes import LiquidityProvider, Provider, Quote
from tallystick.execution.quotes.provider import BACK_OFF_SECONDS, BACK_OFF_SECONDS_MAX

DEADLINE_SECONDS = 20.0
Script = Callable[[ServerConnection], Awaitable[None]]


class Hasty(SystemClock):
    """The machine's clock, but nobody waits; what was slept is noted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let others run, and the network."""
        self.slept.append(seconds)
        await super().sleep(0.001)


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.quotes: list[Quote] = []
        self.withdrawn = 0
        self.moved = asyncio.Event()

    def take(self, quotes: Iterable[Quote]) -> None:
        """Keep them."""
        self.quotes += quotes
        self.moved.set()

    def withdraw(self, source: str) -> None:
        """Count it."""
        assert source == "LP1"
        self.withdrawn += 1
        self.moved.set()


def said(**changes: Any) -> str:
    """A good quote of EUR/USD, but for what is said."""
    body = {"type": "quote", "pair": "EUR/USD", "bid": "1.08000", "ask": "1.08010"}
    return json.dumps({**body, **changes})


class Street:
    """A provider and its client; each connection plays the next script, the last one for ever."""

    def __init__(self, *scripts: Script, **settings: Any) -> None:
        self.scripts = list(scripts)
        self.asked: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.heard = Heard()
        self.clock = Hasty()
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.server: Server = await serve(self._serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        settings = {"pairs": ("EUR/USD", "USD/JPY"), **self._settings}
        provider = Provider("LP1", f"ws://127.0.0.1:{port}/quotes", **settings)
        chance = random.Random(1)  # noqa: S311  jitter
        self.source = LiquidityProvider(provider, self.clock, chance)
        self._tasks.append(asyncio.create_task(self.source.run(self.heard)))
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result
        self.server.close()
        await self.server.wait_closed()

    async def until(self, question: Callable[[], bool]) -> None:
        """Until it is true; fails at a deadline, and when the source ended."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not question():
                assert not self._tasks[0].done(), "the source ended"
                await asyncio.sleep(0)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.authorizations.append(connection.request.headers.get("Authorization"))
        self.asked.append(json.loads(await connection.recv()))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            await script(connection)
        except ConnectionClosed:
            return


def says(*messages: str | bytes, stay: bool = True) -> Script:
    """Say these, then be silent or leave."""

    async def script(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        if stay:
            await connection.wait_closed()

    return script


def test_quotes_come_through() -> None:
    """Asked for its pairs, with the token; what it quotes arrives as it was said."""

    async def scene() -> None:
        good = said(bids=[["1.08", "1000000"]], asks=[["1.0801", "2000000"]], seq=7)
        async with Street(says(good), token="secret") as street:
            await street.until(lambda: bool(street.heard.quotes))
            (quote,) = street.heard.quotes
            assert (quote.pair, quote.bid, quote.ask) == ("EUR/USD", 108_000, 108_010)
            assert quote.source == "LP1"
            assert quote.asks == ((108_010, 200_000_000),)
            assert street.asked == [{"type": "subscribe", "pairs": ["EUR/USD", "USD/JPY"]}]
            assert street.authorizations == ["Bearer secret"]
            assert street.source.drops.total == 0

    asyncio.run(scene())


def test_who_goes_says_so() -> None:
    """A provider that we leave is told that we go away (1001), not that something broke."""
    heard: list[int | None] = []

    async def listens(connection: ServerConnection) -> None:
        await connection.send(said())
        await connection.wait_closed()
        heard.append(connection.close_code)

    async def scene() -> None:
        async with Street(listens) as street:
            await street.until(lambda: bool(street.heard.quotes))

    asyncio.run(scene())
    assert heard == [1001]


def test_garbage_is_counted_by_reason_and_harms_nobody() -> None:
    """Between two good quotes, everything that a bad provider can say."""

    async def scene() -> None:
        late = rfc3339(SystemClock().now_ns() + 60 * NS_PER_SECOND)
        garbage: list[str | bytes] = [
            "not json", "[]", "{}", '{"type":"quote"}', '{"type":"unknown"}', b"\xff\xfe", "1" * 99,
            said(bid=1.08), said(pair="GBP/USD"), said(pair="XXX"), said(ask="1.07"),
            said(bid="-1"), said(bid="1.080001"), said(at=late), said(bid="1e5"),
            "[" * 5_000, said(bids=[["1.08", "1"], ["1.09", "1"]], asks=[["1.1", "1"]]),
        ]  # fmt: skip
        async with Street(says(said(), *garbage, said(bid="1.08001"))) as street:
            await street.until(lambda: len(street.heard.quotes) == 2)
            assert [quote.bid for quote in street.heard.quotes] == [108_000, 108_001]
            assert street.source.drops.by_reason() == {
                "malformed": 10, "unknown_pair": 2, "crossed": 1, "not_positive": 1,
                "over_precise": 1, "future": 1, "bad_depth": 1,
            }  # fmt: skip
            assert street.source.connections == 1

    asyncio.run(scene())


def test_a_lost_connection_is_opened_again_and_its_quotes_are_withdrawn() -> None:
    """Whether it was closed, cut, or refused."""

    async def cut(connection: ServerConnection) -> None:
        connection.transport.abort()

    async def scene() -> None:
        async with Street(says(said(), stay=False), cut, says(said(bid="1.07"))) as street:
            await street.until(lambda: len(street.heard.quotes) == 2)
            assert street.source.connections == 3
            assert street.heard.withdrawn == 2
            assert len(street.asked) == 3

    asyncio.run(scene())


def test_silence_ends_a_connection_and_heartbeats_keep_it() -> None:
    """Longer than the idle time nothing came: it is opened again."""

    async def beats(connection: ServerConnection) -> None:
        for _beat in range(6):
            await connection.send('{"type":"heartbeat"}')
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await connection.recv()
        await connection.send(said())
        await connection.wait_closed()

    async def scene() -> None:
        async with Street(says(said()), beats, idle_seconds=0.5) as street:
            await street.until(lambda: len(street.heard.quotes) == 2)
            assert street.source.connections == 2

    asyncio.run(scene())


def test_a_gap_is_flagged_until_every_pair_is_quoted_anew() -> None:
    """Numbers 3 and 4 never came; an old number is dropped; a new connection begins anew."""

    async def scene() -> None:
        yen = {"pair": "USD/JPY", "bid": "150.1", "ask": "150.2"}
        first = says(
            said(seq=1), said(seq=2, **yen), said(seq=5), said(seq=2), '{"type":"heartbeat"}'
        )
        async with Street(first) as street:
            await street.until(lambda: len(street.heard.quotes) == 3)
            await street.until(lambda: street.source.drops["out_of_order"] == 1)
            assert street.source.gaps == 2
            assert street.source.gap  # USD/JPY was not quoted since
        second = says(said(seq=900), said(seq=901))
        async with Street(says(said(seq=1), said(seq=3), stay=False), second) as street:
            await street.until(lambda: len(street.heard.quotes) == 4)
            assert street.source.gaps == 1
            assert not street.source.gap

    asyncio.run(scene())


def test_an_older_quote_of_a_pair_is_dropped() -> None:
    """Quotes of a pair come in the order of their time."""

    async def scene() -> None:
        now = SystemClock().now_ns()
        new, old = rfc3339(now), rfc3339(now - NS_PER_SECOND)
        script = says(said(at=new), said(at=old, bid="1.07"), said(at=new, bid="1.06"))
        async with Street(script) as street:
            await street.until(lambda: len(street.heard.quotes) == 2)
            assert [quote.bid for quote in street.heard.quotes] == [108_000, 106_000]
            assert street.source.drops["out_of_order"] == 1

    asyncio.run(scene())


def test_a_provider_may_withdraw() -> None:
    """It says so itself, and stays."""

    async def scene() -> None:
        async with Street(says(said(), '{"type":"withdraw"}', said())) as street:
            await street.until(lambda: len(street.heard.quotes) == 2)
            assert street.heard.withdrawn == 1
            assert street.source.connections == 1

    asyncio.run(scene())


def test_a_message_that_is_too_large_ends_the_connection() -> None:
    """It is never held in memory; the next connection is as good as new."""

    async def scene() -> None:
        async with Street(says("x" * 100_000), says(said())) as street:
            await street.until(lambda: bool(street.heard.quotes))
            assert street.source.drops["too_large"] == 1
            assert street.source.connections == 2

    asyncio.run(scene())


def test_attempts_are_spread_and_bounded() -> None:
    """Nobody listens: each wait is drawn from the upper half of a doubled one, up to a limit."""

    async def scene() -> None:
        clock = Hasty()
        provider = Provider("LP1", "ws://127.0.0.1:9/")  # the discard port: nobody is there
        source = LiquidityProvider(provider, clock, random.Random(3))  # noqa: S311  jitter
        task = asyncio.create_task(source.run(Heard()))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(clock.slept) < 10:
                assert not task.done(), task
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for attempt, seconds in enumerate(clock.slept[:10]):
            longest = min(BACK_OFF_SECONDS * 2**attempt, BACK_OFF_SECONDS_MAX)
            assert longest / 2 <= seconds <= longest
        assert len(set(clock.slept)) == len(clock.slept)
        assert source.connections == 0

    asyncio.run(scene())


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://somewhere"},
        {"url": "ws://"},
        {"url": "somewhere"},
        {"url": "ws://somewhere", "poll_url": "ws://somewhere"},
        {"url": "ws://somewhere", "poll_url": "file:///etc/passwd"},
    ],
)
def test_an_address_that_cannot_be_used_is_refused(settings: dict[str, Any]) -> None:
    """At start, with a sentence."""
    with pytest.raises(Misconfigured, match="address"):
        LiquidityProvider(Provider("LP1", **settings), SystemClock(), random.Random(0))  # noqa: S311  jitter
