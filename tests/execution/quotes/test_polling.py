"""A provider that is asked over HTTP: a real server on loopback that answers what it is told."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from tallystick.clock import SystemClock
from tallystick.execution.quotes import LiquidityProvider, Provider, Quote

DEADLINE_SECONDS = 20.0
Answer = tuple[str, dict[str, str], bytes]
"""Status line, headers, body."""


class Hasty(SystemClock):
    """The machine's clock, but nobody waits."""

    async def sleep(self, seconds: float) -> None:
        """Let others run, and the network."""
        assert seconds > 0
        await super().sleep(0.001)


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.quotes: list[Quote] = []

    def take(self, quotes: Iterable[Quote]) -> None:
        """Keep them."""
        self.quotes += quotes

    def withdraw(self, source: str) -> None:
        """Nothing is ever withdrawn by an answer."""
        raise AssertionError(source)


def page(*quotes: Any) -> bytes:
    """An answer's body."""
    return json.dumps({"quotes": quotes}).encode()


def quoted(bid: str, **changes: Any) -> dict[str, Any]:
    """A quote of EUR/USD."""
    return {"type": "quote", "pair": "EUR/USD", "bid": bid, "ask": "1.09", **changes}


def ok(body: bytes, **headers: str) -> Answer:
    """An ordinary answer."""
    return "200 OK", headers, body


@asynccontextmanager
async def asked(*answers: Answer | None) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that gives these answers in turn, the last one for ever; None: it hangs up."""
    left, heads = list(answers), list[str]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    break
                status, headers, body = answer
                lines = {**headers, "Content-Length": str(len(body))}
                head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
                writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()


async def follow(
    count: int, asks: int, *answers: Answer | None
) -> tuple[list[Quote], LiquidityProvider, list[str]]:
    """What was heard until so many quotes came and so many questions were asked."""
    async with asked(*answers) as (port, heads):
        provider = Provider("LP1", f"http://127.0.0.1:{port}/quotes", token="secret")
        source = LiquidityProvider(provider, Hasty(), random.Random(0))  # noqa: S311  jitter
        heard = Heard()
        task = asyncio.create_task(source.run(heard))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(heard.quotes) < count or len(heads) < asks:
                assert not task.done(), task
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return heard.quotes, source, heads


def test_what_is_new_comes_once() -> None:
    """The entity tag of the last answer is sent; 304 says nothing new."""
    answers = [
        ok(page(quoted("1.08")), ETag='"one"'),
        ("304 Not Modified", {}, b""),
        ok(page(quoted("1.081")), ETag='"two"'),
        ("304 Not Modified", {}, b""),
    ]

    quotes, source, heads = asyncio.run(follow(2, 5, *answers))

    assert [quote.bid for quote in quotes] == [108_000, 108_100]
    assert "if-none-match" not in heads[0]
    assert 'if-none-match: "one"' in heads[1]
    assert 'if-none-match: "one"' in heads[2]
    assert 'if-none-match: "two"' in heads[3]
    assert "authorization: bearer secret" in heads[0]
    assert source.drops.total == 0


def test_bad_answers_are_survived_and_counted() -> None:
    """Errors, torn connections, nonsense, too much of it: the good quote comes in the end."""
    answers = [
        ("500 Internal Server Error", {}, b"no"),
        None,
        ("302 Found", {"Location": "http://127.0.0.1:9/"}, b""),
        ok(b"nonsense"),
        ok(b'{"quotes":3}'),
        ok(page(quoted("1.10"), quoted("x"), 5, quoted("1.08", pair="EUR/XXX"))),
        ok(b" " * 1_100_000),
        ok(page(quoted("1.08"))),
    ]

    quotes, source, _heads = asyncio.run(follow(1, 0, *answers))

    assert quotes[0].bid == 108_000
    assert source.drops.by_reason() == {
        "malformed": 4,
        "crossed": 1,
        "unknown_pair": 1,
        "too_large": 1,
    }


def test_it_is_asked_while_its_websocket_is_away() -> None:
    """Nobody listens at the WebSocket: the prices come by asking, and go on to be tried there."""

    async def scene() -> None:
        async with asked(ok(page(quoted("1.08")))) as (port, heads):
            provider = Provider(
                "LP1", "ws://127.0.0.1:9/", poll_url=f"http://127.0.0.1:{port}/quotes"
            )
            source = LiquidityProvider(provider, Hasty(), random.Random(0))  # noqa: S311  jitter
            heard = Heard()
            task = asyncio.create_task(source.run(heard))
            async with asyncio.timeout(DEADLINE_SECONDS):
                while len(heads) < 5:
                    assert not task.done(), task
                    await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert heard.quotes[0].bid == 108_000

    asyncio.run(scene())
