"""The load generator against small real servers on loopback."""

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

import msgspec
import pytest
import uvicorn

from load import LoadError, Plan, Result, order_bodies, put_load
from ports import LOOPBACK, free_port
from server import Ceiling, Receive, Scope, Send
from tallystick.execution import PlaceOrder
from targets import HERE

ANSWER = b'{"rejection":null}'
Answerer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """An application with nothing in it."""
    assert scope["type"] == "http"
    await receive()
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def ceiling() -> AsyncIterator[str]:
    """A uvicorn that answers POST /bench/parse; gives its URL."""
    port = free_port()
    config = uvicorn.Config(Ceiling(not_found), port=port, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0)
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def bare(answerer: Answerer) -> AsyncIterator[str]:
    """A TCP server that gives each connection to `answerer`; gives its URL."""
    server = await asyncio.start_server(answerer, LOOPBACK, 0)
    async with server:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return await reader.readexactly(length)


def plan(url: str, **changes: object) -> Plan:
    """A short plan against `url`."""
    asked = {"path": "/bench/parse?bytes=500", "connections": 8, "requests": 400} | changes
    return msgspec.convert({"url": url, "token": "t", **asked}, Plan)


def test_every_request_is_answered_and_counted() -> None:
    """A run bounded by requests sends each once, and its figures add up."""

    async def run() -> tuple[Result, list[bytes]]:
        keep = io.BytesIO()
        async with ceiling() as url:
            return await put_load(plan(url), keep), keep.getvalue().splitlines()

    result, lines = asyncio.run(run())
    assert (result.requests, result.statuses, result.expected) == (400, {"201": 400}, 400)
    assert (result.unanswered, result.ended, result.answer_bytes) == (0, "requests", 500)
    assert 0 < result.latency_ms_p50 <= result.latency_ms_p99 <= result.latency_ms_max
    kept = [msgspec.json.decode(line) for line in lines]
    assert len({line["request"]["client_order_id"] for line in kept}) == 400
    assert all(line["answer"]["rejection"] is None for line in kept)


def test_a_run_ends_with_its_time() -> None:
    """Without a number of requests the clock ends the run, and no answer is missing."""

    async def run() -> Result:
        async with ceiling() as url:
            return await put_load(plan(url, requests=None, seconds=0.2))

    result = asyncio.run(run())
    assert (result.ended, result.unanswered) == ("time", 0)
    assert result.requests > 0


def test_answers_may_come_in_pieces() -> None:
    """Head and body split anywhere are read as one answer; the loop is closed."""
    waiting, most = 0, 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, most
        whole = b"HTTP/1.1 200 OK\r\nConTent-LenGth: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
        try:
            while await read_request(reader):
                waiting += 1
                most = max(most, waiting)
                for piece in (whole[:5], whole[5:40], whole[40:50], whole[50:]):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                waiting -= 1
        except asyncio.IncompleteReadError:
            writer.close()

    async def run() -> Result:
        async with bare(answer) as url:
            return await put_load(plan(url, connections=5, requests=50))

    result = asyncio.run(run())
    assert (result.statuses, result.expected) == ({"200": 50}, 50)
    assert most <= 5


def test_a_dying_server_leaves_unanswered_requests() -> None:
    """What was on its way when the server went is counted and kept as status 0."""

    async def die_after_three(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await read_request(reader)
            writer.write(b"HTTP/1.1 201 C\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))
        await read_request(reader)
        writer.transport.abort()

    async def run() -> tuple[Result, list[bytes]]:
        keep = io.BytesIO()
        async with bare(die_after_three) as url:
            return await put_load(plan(url, connections=4), keep), keep.getvalue().splitlines()

    result, lines = asyncio.run(run())
    assert (result.requests, result.unanswered, result.ended) == (12, 4, "lost")
    unknown = [line for line in map(msgspec.json.decode, lines) if line["status"] == 0]
    assert [line["answer"] for line in unknown] == [None] * 4


@pytest.mark.parametrize(
    "nonsense", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
def test_what_cannot_be_read_is_an_error(nonsense: bytes) -> None:
    """Answers without a Content-Length end the run with a sentence, not with wrong figures."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(nonsense)
        await writer.drain()
        writer.close()

    async def run() -> None:
        async with bare(answer) as url:
            await put_load(plan(url, connections=1))

    with pytest.raises(LoadError, match="cannot be read"):
        asyncio.run(run())


@pytest.mark.parametrize("changes", [{"connections": 0}, {"seconds": -1}, {"requests": 10**9}])
def test_a_plan_keeps_to_its_limits(changes: dict[str, object]) -> None:
    """Nothing unbounded is asked for."""
    with pytest.raises(LoadError, match="outside its limits"):
        plan("http://127.0.0.1:9", **changes)


def test_orders_are_the_products_own_and_cancel_out() -> None:
    """Each body decodes as the product's order, and each buy is followed by its sale."""
    orders = [
        msgspec.json.decode(body, type=PlaceOrder)
        for body in order_bodies(plan("http://127.0.0.1:9"), 1_000)
    ]
    for buy, sale in zip(orders[::2], orders[1::2], strict=True):
        assert (buy.side, sale.side) == ("buy", "sell")
        assert (buy.pair, Fraction(buy.quantity)) == (sale.pair, Fraction(sale.quantity))
    assert len({(order.pair, order.quantity) for order in orders}) == 500


def test_the_command_prints_its_result() -> None:
    """From a shell the result is JSON, and a server that is not there is exit code 2."""

    async def run() -> bytes:
        async with ceiling() as url:
            command = [str(HERE / "load.py"), "--url", url, "--token", "t", "--requests", "20"]
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, "--path", "/bench/parse", stdout=subprocess.PIPE
            )
            return (await process.communicate())[0]

    assert msgspec.json.decode(asyncio.run(run()), type=Result).requests == 20
    nobody = f"http://{LOOPBACK}:{free_port()}"
    command = [sys.executable, str(HERE / "load.py"), "--url", nobody, "--token", "t"]
    gone = subprocess.run(command, capture_output=True, check=False)
    assert gone.returncode == 2
    assert b"cannot connect" in gone.stderr
