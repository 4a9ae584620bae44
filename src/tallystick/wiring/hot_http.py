"""A shorter way to the hot path: uvicorn's own HTTP protocol, but for one route without ASGI.

Parsing, pipelining, backpressure and shutdown are uvicorn's. For a request that is whole in memory,
as an order is, nothing has to be said in messages, and no task is made: the answer comes by a call.
Whatever is not plain (another route, HTTP/1.0, `Expect`,
chunks, a large body, a request behind one that is not answered yet) goes the usual way.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tallystick.api.calls import ORDERS_ROUTE, network_of
from tallystick.limits import BODY_BYTES_MAX

Headers = Sequence[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
"""Status, headers (with the content-length) and body."""
_URL = ORDERS_ROUTE.encode()
_LENGTH_DIGITS_MAX = len(str(BODY_BYTES_MAX))


class Orders(Protocol):
    """Whoever answers the hot path: `api.hot.HotOrders`."""

    def place(
        self, headers: Headers, body: bytes, say: Callable[[Answer], None], network: str | None
    ) -> None:
        """Call `say` with the answer, now or later, once."""
        ...


class _Placing:
    """What uvicorn asks of a request under way, for one order of a connection after another."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()
        self.response_complete = True


class HotProtocol(HttpToolsProtocol):
    """One connection; see the module."""

    orders: ClassVar[Orders]
    """Who answers; set by `protocol_for`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*arguments, **named)
        self._placing = _Placing()
        self._order: bytes | None = None
        """The body of an order that is being read."""
        self._network: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._network = network_of(self.client)

    def on_message_begin(self) -> None:
        """A request begins; what ASGI has to know of it is put together when it is no order."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """The head is whole: of an order, or of any other request."""
        if self._is_plain_order():
            self._order = b""
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope has this list
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        if self._order is None:
            super().on_body(body)
        else:
            self._order += body

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._order is None:
            super().on_message_complete()
            return
        order, self._order = self._order, None
        self._placing.response_complete = False
        self.cycle = self._placing  # type: ignore[assignment]  # it has what is asked of it
        try:
            self.orders.place(self.headers, order, self._say, self._network)
        except Exception as error:  # noqa: BLE001  outermost loop of a connection
            self.transport.close()  # who must not wait for an answer that will not come
            said = {"message": "An order was not answered.", "exception": error}
            self.loop.call_exception_handler(said)

    def _is_plain_order(self) -> bool:
        parser = self.parser
        if self.url != _URL or parser.get_method() != b"POST":
            return False
        before = cast("_Placing | None", self.cycle)  # uvicorn says None only in a comment
        if before is not None and not before.response_complete:
            return False
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive():
            return False
        if self.expect_100_continue or parser.should_upgrade() or self.limit_concurrency:
            return False
        length = b""
        for name, value in self.headers:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                return False
        return 0 < len(length) <= _LENGTH_DIGITS_MAX and int(length) <= BODY_BYTES_MAX

    def _say(self, answer: Answer) -> None:
        """Answer, unless the client is gone; a client that does not read is waited for."""
        if self.flow.write_paused:
            task = self.loop.create_task(self._say_later(answer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif not self.transport.is_closing():
            self._write(answer)

    async def _say_later(self, answer: Answer) -> None:
        await self.flow.drain()
        if not self.transport.is_closing():
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        """The whole answer in one piece, and on to the next request."""
        status, named, body = answer
        keep_alive = self._placing.keep_alive
        pieces = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *named):
            pieces += name, b": ", value, b"\r\n"
        pieces += b"\r\n" if keep_alive else b"connection: close\r\n\r\n", body
        self.transport.write(b"".join(pieces))
        self._placing.response_complete = True
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()


def protocol_for(orders: Orders) -> type[HotProtocol]:
    """The protocol whose orders are answered by `orders`."""
    return type("HotProtocol", (HotProtocol,), {"orders": orders})
