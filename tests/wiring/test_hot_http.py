"""The short way of orders over real sockets: the same bytes as the usual way, whatever is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
from starlette.types import Receive, Scope, Send

from tallystick.limits import BODY_BYTES_MAX
from tallystick.wiring.hot_http import Answer, Headers, HotProtocol, protocol_for
from tallystick.wiring.http import Server, listen, server_for

HOST = "127.0.0.1"
HEAD = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n"


class Echo:
    """Answers with the order's bytes; `gate` lets orders wait."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.taken = 0
        self.waiting: list[tuple[Callable[[Answer], None], Answer]] = []

    def place(
        self, headers: Headers, body: bytes, say: Callable[[Answer], None], network: str | None
    ) -> None:
        """`short:` and the body, now or when the gate opens; `fail` fails."""
        self.taken += 1
        if body == b"fail":
            raise ValueError("as asked")
        assert network == "127.0.0.0/24"
        said = b"short:" + body * (1_000_000 if body == b"long" else 1)
        key = dict(headers).get(b"idempotency-key", b"")
        answer = 201, [(b"content-length", b"%d" % len(said)), (b"x-key", key)], said
        if self.gate.is_set():
            say(answer)
        else:
            self.waiting.append((say, answer))

    def open(self) -> None:
        """Answer what waits."""
        self.gate.set()
        waiting, self.waiting = self.waiting, []
        for say, answer in waiting:
            say(answer)


async def usual(scope: Scope, receive: Receive, send: Send) -> None:
    """`usual:`, the method and the body: the application behind ASGI."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    said = b"usual:" + scope["method"].encode() + b":%d" % len(body)
    headers = [(b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


class Client:
    """A connection on which raw bytes are sent and answers are read one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[bytes, bytes]:
        """(head, body) of the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, await self.reader.readexactly(length)

    async def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """Send, and read one answer."""
        self.writer.write(data)
        return await self.answer()


Work = Callable[[Client, Echo, Server], Awaitable[None]]


def serving(work: Work) -> None:
    """Run `work` with one connection to a server that knows the short way."""

    async def run() -> None:
        orders = Echo()
        with closing(listen(HOST, 0)) as listener:
            port = listener.getsockname()[1]
            server = server_for(usual, HOST, port, http=protocol_for(orders))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                async with asyncio.timeout(20):
                    await work(Client(reader, writer), orders, server)
            finally:
                orders.open()
                writer.close()
                server.should_exit = True
                await task

    asyncio.run(run())


def order(body: bytes, more: bytes = b"") -> bytes:
    """The bytes of a plain order."""
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_orders_are_answered_one_after_another() -> None:
    """One connection, many orders: status, date, headers and the whole body of each."""

    async def work(client: Client, orders: Echo, _: Server) -> None:
        for number in range(20):
            body = b"%d" % number * number
            head, said = await client.ask(order(body, b"Idempotency-Key: k%d\r\n" % number))
            assert head.startswith(b"HTTP/1.1 201 Created\r\ndate: ")
            assert b"x-key: k%d\r\n" % number in head
            assert b"connection" not in head
            assert said == b"short:" + body
        assert orders.taken == 20

    serving(work)


def test_an_order_may_come_in_pieces() -> None:
    """Byte by byte, and two in one piece: the answers come in order."""

    async def work(client: Client, _: Echo, __: Server) -> None:
        for byte in order(b"slow"):
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert (await client.answer())[1] == b"short:slow"

    serving(work)


@pytest.mark.parametrize(
    ("request_bytes", "said"),
    [
        (b"GET /v1/orders HTTP/1.1\r\nHost: x\r\n\r\n", b"usual:GET:0"),
        (order(b"ab").replace(b"/orders", b"/orders?a=1"), b"usual:POST:2"),
        (order(b"ab").replace(b"/orders", b"/other"), b"usual:POST:2"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"usual:POST:2"),
        (HEAD + b"\r\n", b"usual:POST:0"),
        (order(b"x" * (BODY_BYTES_MAX + 1)), b"usual:POST:%d" % (BODY_BYTES_MAX + 1)),
    ],
    ids=["get", "query", "path", "chunks", "empty", "large"],
)
def test_what_is_not_plain_goes_the_usual_way(request_bytes: bytes, said: bytes) -> None:
    """And an order behind it on the same connection goes the short one again."""

    async def work(client: Client, orders: Echo, _: Server) -> None:
        assert (await client.ask(request_bytes))[1] == said
        assert orders.taken == 0
        assert (await client.ask(order(b"next")))[1] == b"short:next"

    serving(work)


def test_old_clients_and_those_who_close_go_the_usual_way() -> None:
    """HTTP/1.0 and `Connection: close`: answered, and the connection ends."""

    async def work(client: Client, orders: Echo, _: Server) -> None:
        head, said = await client.ask(order(b"last", b"Connection: close\r\n"))
        assert (b"connection: close" in head, said) == (True, b"usual:POST:4")
        assert await client.reader.read() == b""
        assert orders.taken == 0

    serving(work)


def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    """`Expect: 100-continue` (RFC 9110 section 10.1.1) is uvicorn's affair."""

    async def work(client: Client, _: Echo, __: Server) -> None:
        client.writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await client.ask(b"ab"))[1] == b"usual:POST:2"

    serving(work)


def test_pipelined_requests_are_answered_in_order() -> None:
    """What comes behind an order that is not answered yet waits for it, whatever it is."""

    async def work(client: Client, orders: Echo, _: Server) -> None:
        orders.gate.clear()
        get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        client.writer.write(order(b"1") + get + order(b"2") + get)
        while not orders.taken:  # noqa: ASYNC110  the server has no event for it
            await asyncio.sleep(0)
        orders.open()
        said = [(await client.answer())[1] for _ in range(4)]
        assert said == [b"short:1", b"usual:GET:0", b"usual:POST:1", b"usual:GET:0"]
        assert (await client.ask(order(b"3")))[1] == b"short:3"

    serving(work)


def test_a_client_that_leaves_is_not_written_to() -> None:
    """The order is taken all the same; the next connection is served."""

    async def work(client: Client, orders: Echo, server: Server) -> None:
        orders.gate.clear()
        client.writer.write(order(b"gone"))
        while not orders.taken:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        client.writer.close()
        await client.writer.wait_closed()
        while server.server_state.connections:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        orders.open()
        assert orders.taken == 1
        assert not server.server_state.tasks

    serving(work)


def test_a_client_that_does_not_read_is_waited_for() -> None:
    """Answers larger than all buffers: the second is written when the first one is read."""

    async def work(client: Client, orders: Echo, server: Server) -> None:
        orders.gate.clear()
        (connection,) = server.server_state.connections
        assert isinstance(connection, HotProtocol)
        client.writer.write(order(b"long") + order(b"2"))
        while not orders.taken:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        connection.flow.pause_writing()
        orders.open()
        assert connection.cycle.response_complete is False
        connection.flow.resume_writing()
        assert (await client.answer())[1] == b"short:" + b"long" * 1_000_000
        assert (await client.answer())[1] == b"usual:POST:1"

    serving(work)


def test_a_failure_ends_the_connection() -> None:
    """Nobody waits for an answer that will not come; the failure is told to the loop."""
    told: list[object] = []

    async def work(client: Client, _: Echo, __: Server) -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: told.append(context["exception"])
        )
        client.writer.write(order(b"fail"))
        assert await client.reader.read() == b""

    serving(work)

    assert [str(error) for error in told] == ["as asked"]


def test_a_shutdown_waits_for_the_answer() -> None:
    """An order under way is answered, with the word that the connection ends."""

    async def work(client: Client, orders: Echo, server: Server) -> None:
        orders.gate.clear()
        client.writer.write(order(b"late"))
        while not orders.taken:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        server.should_exit = True
        (connection,) = server.server_state.connections
        assert isinstance(connection, HotProtocol)
        while connection.cycle.keep_alive:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        orders.open()
        head, said = await client.answer()
        assert (b"connection: close" in head, said) == (True, b"short:late")
        assert await client.reader.read() == b""

    serving(work)
