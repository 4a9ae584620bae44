"""A reading room: a ledger with a desk, and the door's reading operations on a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from structlog.testing import capture_logs

from tallystick.access import Scope, Tokens
from tallystick.api import Api, Calls, Metrics, Services
from tallystick.api.followers import Followers
from tallystick.clock import SystemClock, rfc3339
from tallystick.execution import (
    Book,
    Desk,
    History,
    LimitsText,
    PlaceOrder,
    Quote,
    QuoteBoard,
    parse_request,
)
from tallystick.execution.entries import TradingStateSet
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, Publisher, SqliteStore
from tallystick.money import Price

TOKENS: dict[str, tuple[str, tuple[Scope, ...]]] = {
    "demo": ("demo", ("read",)),
    "other": ("other", ("read",)),
    "operator": ("", ("operate",)),
    "auditor": ("", ("audit",)),
    "trader": ("demo", ("trade",)),
}
GIVEN = {
    "clock", "tokens", "desk", "history", "ledger", "board", "published", "hec_token",
    "ledger_public", "ready", "followers",
}  # fmt: skip
OTHER_ROOMS = [
    each.name for each in fields(Services) if each.default is MISSING and each.name not in GIVEN
]
"""What is not asked here."""
LIMITS = LimitsText(
    order_quantity_max="10000000",
    position_usd_max="100000000.00",
    collar_bps=100,
    duplicate_window_ms=1,
    duplicates_max=1_000_000,
)


class Room:
    """Real parts; what these operations never touch is not there."""

    def __init__(
        self, folder: Path, *, public: bool, heartbeat_seconds: float, followers_max: int
    ) -> None:
        """To be made inside an event loop."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.clock = SystemClock()
        self.tokens = Tokens(folder / "tokens.json")
        self.bearer = {name: self.tokens.issue(name, *rights) for name, rights in TOKENS.items()}
        signer = FileKeyring("tallystick.test/reading", bytes(32))
        self.ledger = Ledger(SqliteStore(folder / "ledger.db", self.clock), signer)
        self.publisher = Publisher(SqliteStore(folder / "ledger.db", self.clock), folder / "ledger")
        self.history = History(folder / "projections.db", self.ledger)
        self.board = QuoteBoard()
        self.desk = Desk(self.ledger, Book(), self.board, self.clock)
        self.followers = Followers(
            self.ledger,
            self.clock,
            heartbeat_seconds=heartbeat_seconds,
            followers_max=followers_max,
        )
        nothing = cast("Any", None)
        self.services = Services(
            clock=self.clock, tokens=self.tokens, desk=self.desk, history=self.history,
            ledger=self.ledger, board=self.board, published=folder / "ledger", hec_token="",
            ledger_public=public, ready=lambda: None, followers=self.followers,
            **dict.fromkeys(OTHER_ROOMS, nothing),
        )  # fmt: skip
        calls = Calls(self.clock)
        app = Api(self.services, calls, Metrics(calls, lambda: ()))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
        )
        self.server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._orders = 0

    async def open(self, *accounts: str) -> None:
        """Accounts, and a price for the euro."""
        for account in accounts:
            await self.desk.open_account(account, LIMITS)
        at_ns = self.clock.now_ns()
        self.board.update([Quote("EUR/USD", Price(108_249), Price(108_251), at_ns, "test")])

    async def switch(self, account: str | None, *, active: bool) -> None:
        """Trading is halted, or goes on, for an account or (None) all; nobody is asked."""
        scope: Any = "all" if account is None else "account"
        state: Any = "halted" if active else "active"
        await self.desk.say(
            lambda _position, at_ns: (
                TradingStateSet(rfc3339(at_ns), scope, account, state, "risk", "test"),
            )
        )

    async def place(self, account: str = "demo", **members: Any) -> Any:
        """An order for euro, filled at once unless told otherwise."""
        self._orders += 1
        at_ns = self.clock.now_ns()
        self.board.update([Quote("EUR/USD", Price(108_249), Price(108_251), at_ns, "test")])
        kind = "limit" if "price" in members else "market"
        body = {
            "client_order_id": f"c-{self._orders}", "account": account, "pair": "EUR/USD",
            "side": "buy", "quantity": str(1_000 + self._orders), "type": kind, **members,
        }  # fmt: skip
        return await self.desk.place(parse_request(PlaceOrder(**body)))

    def client(self, name: str | None = None) -> httpx.AsyncClient:
        """A client with this token, or with none."""
        headers = {} if name is None else {"Authorization": f"Bearer {self.bearer[name]}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def get(self, path: str, name: str | None = "operator", **query: Any) -> Any:
        """The JSON answer to a GET that must succeed."""
        response = await self.ask(path, name, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def ask(self, path: str, name: str | None = "operator", **query: Any) -> httpx.Response:
        """The response to a GET; a trailing _ of a name is cut off."""
        params = {key.rstrip("_"): value for key, value in query.items()}
        async with self.client(name) as client:
            return await client.get(path, params=params)

    async def refused(self, path: str, name: str | None = "operator", **query: Any) -> str:
        """The status and code with which a GET is refused."""
        response = await self.ask(path, name, **query)
        problem = response.json()
        assert problem["detail"].endswith(".")
        return f"{response.status_code} {problem['code']}"


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[Room]:
    """The room with its server and desk at work; everything ends in order."""
    defaults = {"public": False, "heartbeat_seconds": 5.0, "followers_max": 4}
    room = Room(folder, **{**defaults, **settings})
    desk = asyncio.create_task(room.desk.run())
    serving = asyncio.create_task(room.server.serve([room.listener]))
    try:
        yield room
    finally:
        room.followers.close()
        room.server.should_exit = True
        await serving
        room.desk.close()
        await desk
        room.listener.close()
        room.publisher.close()
        room.history.close()
        room.ledger.close()


@pytest.fixture
def reading(tmp_path: Path) -> Callable[..., None]:
    """`reading(act, **settings)`: lets `act(room)` work in a room, then ends it."""

    def run(act: Callable[[Room], Awaitable[None]], **settings: Any) -> None:
        async def main() -> None:
            with capture_logs():
                await inside()

        async def inside() -> None:
            async with opened(tmp_path / "data", **settings) as room:
                await act(room)

        asyncio.run(main())

    return run
