"""A risk room: a ledger with a desk, prices, and the risk operations as the product serves them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest
from starlette.routing import Router
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from tallystick.access import Scope, Tokens
from tallystick.api import orders, risk, stops
from tallystick.api.operation import route
from tallystick.api.problems import TITLES, known_error, problem_response
from tallystick.api.services import Services
from tallystick.clock import ManualClock, rfc3339
from tallystick.execution import Book, Desk, History, LimitsText, Quote, QuoteBoard
from tallystick.execution.approval import Approval, sign_approval
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, SqliteStore
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.money import Price

START_NS = 1_795_514_400_000_000_000
HOUR_NS = 3_600_000_000_000
LIMITS = LimitsText("1000000", "100000000.00", 100, 1_000, 1_000_000)
TOKENS: dict[str, tuple[str, tuple[Scope, ...]]] = {
    "ann": ("", ("operate", "read")),
    "bob": ("", ("operate", "read")),
    "trader": ("demo", ("trade", "read")),
    "second": ("other", ("trade", "read")),
}
ALICE = FileKeyring("alice", bytes(range(32)))
MALLORY = FileKeyring("mallory", bytes(range(1, 33)))
Answer = httpx.Response


class Room:
    """Real parts; what these operations never touch is not there."""

    alice, mallory = ALICE, MALLORY

    def __init__(self, folder: Path) -> None:
        """To be made inside an event loop."""
        self.folder = folder
        self.clock = ManualClock(START_NS)
        self.tokens = Tokens(folder / "tokens.json")
        self.bearer = {name: self.tokens.issue(name, *rights) for name, rights in TOKENS.items()}
        signer = FileKeyring("tallystick.test/risk", bytes(32))
        self.ledger = Ledger(SqliteStore(folder / "ledger.db", self.clock), signer)
        self.history = History(folder / "projections.db", self.ledger)
        self.board = QuoteBoard()
        self.desk = Desk(self.ledger, Book(), self.board, self.clock)
        self.board.listen(self.desk.on_quotes)
        services = SimpleNamespace(
            clock=self.clock, tokens=self.tokens, desk=self.desk, history=self.history,
            ledger=self.ledger, board=self.board, ledger_public=False, ledger_tiles_public=False,
            approvers=(VerifierKey.parse(ALICE.vkey),),
        )  # fmt: skip
        each_of = (*risk.OPERATIONS, *stops.OPERATIONS, *orders.OPERATIONS)
        routes = [route(each, cast("Services", services)) for each in each_of]
        self._router = Router(routes, redirect_slashes=False)
        transport = httpx.ASGITransport(self._app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://risk")
        self._numbers = iter(range(1_000_000))

    async def _app(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """As the product's application does it, for these routes alone."""
        scope["app"] = self
        scope.setdefault("state", {})
        try:
            await self._router(scope, receive, send)
        except Exception as error:  # noqa: BLE001  as the product does
            await problem_response(known_error(error))(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Room"]:
        """With the desk at work, two accounts on two desks, and a price."""
        task = asyncio.create_task(self.desk.run())
        await self.desk.open_account("demo", LIMITS, desk="x")
        await self.desk.open_account("other", LIMITS, desk="y")
        self.price()
        try:
            yield self
        finally:
            self.desk.close()
            await task
            await self._client.aclose()
            self.history.close()
            self.ledger.close()

    def price(self, bid: int = 108_249) -> None:
        """A fresh quote of two points' width."""
        quote = Quote("EUR/USD", Price(bid), Price(bid + 2), self.clock.now_ns(), "test")
        self.board.update([quote])

    async def ask(
        self, who: str, method: str, path: str, *, key: str | None = None, **members: Any
    ) -> Answer:
        """What somebody is answered; `members` are the query of a GET, else the body."""
        headers = {"Authorization": f"Bearer {self.bearer[who]}"} if who in self.bearer else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        if method == "GET":
            return await self._client.request(method, path, params=members, headers=headers)
        return await self._client.request(method, path, json=members, headers=headers)

    async def place(self, **members: Any) -> dict[str, Any]:
        """The answer to an order of the trader."""
        body = {
            "client_order_id": f"c-{next(self._numbers)}", "account": "demo", "pair": "EUR/USD",
            "side": "buy", "quantity": "1000", "type": "market",
        }  # fmt: skip
        if "price" in members:
            body["type"] = "limit"
        who = "second" if members.get("account") == "other" else "trader"
        response = await self.ask(who, "POST", "/v1/orders", **{**body, **members})
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def note(self, signer: FileKeyring = ALICE, *, hours: float = 2, **members: Any) -> str:
        """An override of the demo account's largest order, but for what is said."""
        now_ns = self.clock.now_ns()
        approval = Approval(
            "account", "demo", "order_quantity_max", "2000000", rfc3339(now_ns),
            rfc3339(now_ns + round(hours * HOUR_NS)), "a large hedge",
        )  # fmt: skip
        return sign_approval(msgspec.structs.replace(approval, **members), signer)


@pytest.fixture
def room(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Room]]:
    """Enter `room()` inside an event loop."""
    return lambda: Room(tmp_path).running()


@pytest.fixture
def refused() -> Callable[..., str]:
    """Checks that an answer is a problem with this status, code and field; its sentence."""

    def check(response: Answer, status: int, code: str, field: str | None = None) -> str:
        assert response.headers["content-type"] == "application/problem+json", response.text
        problem = response.json()
        said = (response.status_code, problem["code"], problem.get("field"))
        assert said == (status, code, field), response.text
        assert problem["title"] == TITLES[code]
        sentence: str = problem["detail"]
        assert sentence.endswith(".")
        return sentence

    return check
