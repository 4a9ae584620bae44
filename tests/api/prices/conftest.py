"""A door with prices alone, on a real server, whose board is moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from tallystick.access import Tokens
from tallystick.api.calls import Calls
from tallystick.api.operation import route
from tallystick.api.price_socket import price_socket_route
from tallystick.api.price_stream import PriceStream
from tallystick.api.prices import OPERATIONS
from tallystick.api.problems import known_error, problem_response
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, SystemClock
from tallystick.execution import Quote, QuoteBoard
from tallystick.execution.quotes import Level
from tallystick.fx import PAIRS, Session
from tallystick.limits import PRICE_SOCKET_MESSAGE_BYTES_MAX
from tallystick.money import Price, Quantity

HEARTBEAT_SECONDS = 0.3
FOLLOWERS_MAX = 4
KEPT_MAX = 50


class Shop:
    """The board, its stream, and what a client needs."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.board = QuoteBoard()
        self.open = True
        self.tokens = Tokens(folder / "tokens.json")
        self.token = self.tokens.issue("reader", "demo", ("read",))
        self.auditor = self.tokens.issue("auditor", "demo", ("audit",))
        self.stream = PriceStream(
            self.board,
            self.clock,
            self.session,
            heartbeat_seconds=HEARTBEAT_SECONDS,
            kept_max=KEPT_MAX,
            followers_max=FOLLOWERS_MAX,
        )
        self.calls = Calls(self.clock)
        self.prices = self.stream
        self.url = ""

    def session(self, at_ns: int) -> Session:
        """Open or closed as the test says, for another hour."""
        return Session(self.open, at_ns + 3_600 * NS_PER_SECOND)

    def quote(self, symbol: str, bid: int, *, age_seconds: float = 0, depth: int = 2) -> Quote:
        """A quote of ten points' width, as old as is said."""
        digits = PAIRS[symbol].base_digits
        sizes = [Quantity((n + 1) * 10 ** (6 + digits)) for n in range(depth)]
        return Quote(
            symbol,
            Price(bid),
            Price(bid + 10),
            self.clock.now_ns() - round(age_seconds * NS_PER_SECOND),
            "test",
            tuple(Level(Price(bid - n), size) for n, size in enumerate(sizes)),
            tuple(Level(Price(bid + 10 + n), size) for n, size in enumerate(sizes)),
        )

    def price(self, symbol: str, bid: int) -> None:
        """Put a fresh one on the board."""
        self.board.update([self.quote(symbol, bid)])

    @property
    def headers(self) -> dict[str, str]:
        """With the token that may read."""
        return {"Authorization": f"Bearer {self.token}"}

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the product's application does it, for these routes alone."""
        if scope["type"] == "websocket":
            await self._router(scope, receive, send)
            return
        scope["app"] = self
        try:
            await self._router(scope, receive, send)
        except Exception as error:  # noqa: BLE001  as the product does
            await problem_response(known_error(error))(scope, receive, send)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Shop"]:
        """Behind a real server, in this event loop."""
        routes = [route(each, cast("Services", self)) for each in OPERATIONS]
        socket = price_socket_route(self.stream, self.tokens, self.calls)
        self._router = Router([*routes, socket], redirect_slashes=False)
        config = uvicorn.Config(
            self.app,
            interface="asgi3",
            port=0,
            ws="websockets-sansio",
            ws_max_size=PRICE_SOCKET_MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())
        async with asyncio.timeout(10):
            while not server.started:
                assert not serving.done(), serving
                await asyncio.sleep(0)
        port = server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            self.stream.close()
            server.should_exit = True
            await serving
            assert self.stream.count == 0


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Any]]:
    """Enter `shop()` for the board and a real server around it."""
    return lambda: Shop(tmp_path).serving()
