"""The HTTP server of the house over real sockets: addresses, signals, WebSockets, limits."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from tallystick.errors import Misconfigured
from tallystick.wiring.http import MESSAGE_BYTES_MAX, Server, heed_signals, listen, server_for

HOST = "127.0.0.1"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says 'plain' over HTTP, and over a WebSocket whatever it is told."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"plain"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def serving(
    work: Callable[[Server, int], Awaitable[None]],
    app: ASGIApp = echo,
    *,
    websockets: bool = False,
    requests_max: int | None = None,
) -> None:
    """Run `work` against a server on a free port, which it may end itself."""

    async def run() -> None:
        with closing(listen(HOST, 0)) as listener:
            port = listener.getsockname()[1]
            server = server_for(app, HOST, port, websockets=websockets, requests_max=requests_max)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0)
            try:
                await work(server, port)
            finally:
                server.should_exit = True
                await task

    asyncio.run(run())


async def get(port: int, **headers: str) -> httpx.Response:
    """One plain request."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://{HOST}:{port}/", headers=headers)


def test_a_taken_address_is_told_with_advice() -> None:
    """Nothing is left open, and the sentence says what to do."""
    with closing(listen(HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=r"Address already in use\); turn the dial\.$"):
            listen(HOST, port, "turn the dial")
        with pytest.raises(Misconfigured, match=rf"^Cannot listen on {HOST}:{port} \(.*\)"):
            listen(HOST, port)


def test_an_address_of_nobody_is_told() -> None:
    """An address that is not this machine's is refused as well (RFC 5737, TEST-NET-1)."""
    with pytest.raises(Misconfigured, match="choose another address"):
        listen("192.0.2.1", 0)


def test_it_listens_on_ipv6() -> None:
    """A host with a colon is an IPv6 address."""
    try:
        listener = listen("::1", 0)
    except Misconfigured as error:
        pytest.skip(str(error))
    with closing(listener):
        assert listener.family is socket.AF_INET6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_serving_and_not_the_process(number: signal.Signals) -> None:
    """`serve` returns, and the signal is not raised again: its caller closes what is open."""
    ended = []

    async def work(server: Server, port: int) -> None:
        heed_signals(server)
        assert (await get(port)).text == "plain"
        os.kill(os.getpid(), number)
        while not server.should_exit:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        ended.append(number)

    serving(work)

    assert ended == [number]


def test_the_headers_tell_the_time_and_not_the_server() -> None:
    """RFC 9110 section 6.6.1 wants `Date`; whose software it is is nobody's business."""

    async def work(_: Server, port: int) -> None:
        answer = await get(port)
        assert "date" in answer.headers
        assert "server" not in answer.headers

    serving(work)


def test_without_websockets_an_upgrade_is_plain_http() -> None:
    """The header is ignored, as RFC 9110 section 7.8 allows."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    async def work(_: Server, port: int) -> None:
        answer = await get(port, **headers)
        assert (answer.status_code, answer.text) == (200, "plain")

    serving(work)


def test_a_websocket_is_spoken_where_it_is_wanted() -> None:
    """Messages go both ways, uncompressed, beside plain HTTP on the same port."""

    async def work(_: Server, port: int) -> None:
        async with connect(f"ws://{HOST}:{port}/any", proxy=None) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
            assert client.protocol.extensions == []
            assert (await get(port)).text == "plain"

    serving(work, websockets=True)


def test_the_largest_message_passes_and_the_next_ends_it() -> None:
    """A message over the limit closes its own connection with 1009, and nobody else's."""

    async def work(_: Server, port: int) -> None:
        url = f"ws://{HOST}:{port}/"
        async with connect(url, proxy=None) as other, connect(url, proxy=None) as client:
            await client.send("x" * MESSAGE_BYTES_MAX)
            assert len(await client.recv()) == MESSAGE_BYTES_MAX
            await client.send("x" * (MESSAGE_BYTES_MAX + 1))
            with pytest.raises(ConnectionClosedError) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
            await other.send("still here")
            assert await other.recv() == "still here"

    serving(work, websockets=True)


def test_an_idle_websocket_does_not_keep_the_server() -> None:
    """When the server ends, its followers are told to go: 1012, service restart."""

    async def work(server: Server, port: int) -> None:
        client = await connect(f"ws://{HOST}:{port}/", proxy=None)
        server.should_exit = True
        await client.wait_closed()
        assert client.close_code == 1012

    serving(work, websockets=True)


def test_too_many_at_once_are_told_to_come_back() -> None:
    """Over `requests_max` the answer is 503 at once; nothing waits without a bound."""

    async def work(_: Server, port: int) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:  # its connection is kept alive
            assert (await client.get(f"http://{HOST}:{port}/")).status_code == 200
            assert (await get(port)).status_code == 503

    serving(work, requests_max=2)
