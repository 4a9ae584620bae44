"""One running product for the tests of the door, with a second account beside the demo's."""

import asyncio
import base64
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tallystick.access import Scope, Tokens
from tallystick.clock import SystemClock
from tallystick.execution import Book, Desk, LimitsText, QuoteBoard
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, SqliteStore
from tallystick.wiring.settings import Settings
from tallystick.wiring.single import Single

ROOT_CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
DEADLINE_SECONDS = 240.0
"""Longest wait for something to be true: at its first start detection is compiled for a minute."""
NARROW = LimitsText(
    order_quantity_max="1000000",
    position_usd_max="3000000.00",
    collar_bps=100,
    duplicate_window_ms=600_000,
    duplicates_max=2,
)
"""Limits of the account `other`: each rule can be met with a few orders."""
TOKENS: dict[str, tuple[str, tuple[Scope, ...]]] = {
    "other": ("other", ("trade", "read")),
    "reader": ("demo", ("read",)),
    "homeless": ("nowhere", ("trade", "read")),
}
"""Name of a token: its account and scopes."""


class Product:
    """The running product, and a client for every token."""

    def __init__(self, server: Any, tokens: dict[str, str]) -> None:
        """`tokens`: those that were prepared, by name; the demo's is the server's own."""
        self.server = server
        self.url: str = server.url
        self.folder: Path = server.folder
        self.vkey: str = server.vkey
        self.hec_token: str = server.hec_token
        self.tokens = {"demo": server.token} | tokens
        self.clients = {name: self._client(token) for name, token in self.tokens.items()}
        self.stranger = httpx.Client(base_url=self.url, timeout=30)
        self._keys = itertools.count(1)

    @property
    def demo(self) -> httpx.Client:
        """The client of the demo token, which has every scope."""
        return self.clients["demo"]

    def order(self, **changes: Any) -> dict[str, Any]:
        """An ordinary market order under a new client_order_id; None leaves a member out."""
        body = {
            "client_order_id": f"t-{next(self._keys)}",
            "account": "demo",
            "pair": "EUR/USD",
            "side": "buy",
            "quantity": "1000",
            "type": "market",
            "time_in_force": "FOK",
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    def place(self, name: str = "demo", **changes: Any) -> dict[str, Any]:
        """Place an order that must be answered with 201; the answer."""
        account = TOKENS[name][0] if name in TOKENS else "demo"
        body = self.order(account=account) | changes
        response = self.clients[name].post("/v1/orders", json=body)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def far_price(self, pair: str = "EUR/USD") -> str:
        """A price at which nobody sells: a buying limit rests there, inside any collar here."""
        quotes = {each["pair"]: each for each in self.demo.get("/v1/prices").json()["prices"]}
        whole, _, digits = quotes[pair]["bid"].partition(".")
        points = int(whole + digits) * 995 // 1000
        text = str(points).zfill(len(digits) + 1)
        return f"{text[: -len(digits)]}.{text[-len(digits) :]}"

    def close(self) -> None:
        """Close the clients, end the process as an operator would, and hold it to its promise."""
        for client in (*self.clients.values(), self.stranger):
            client.close()
        assert self.server.stop() == 0, self.server.said()

    def _client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


def prepare(folder: Path) -> dict[str, str]:
    """A data folder with the account `other` and the tokens of `TOKENS`; the tokens by name."""
    clock = SystemClock()
    folder.mkdir(mode=0o700)
    store = Tokens(folder / "tokens.json")
    tokens = {name: store.issue(name, *rights) for name, rights in TOKENS.items()}
    key = folder / "keys" / "ledger.key"
    signer = FileKeyring.open(key, default_name="tallystick.test/api", seed=bytes(range(32)))
    ledger = Ledger(SqliteStore(folder / "ledger.db", clock), signer)

    async def open_account() -> None:
        """Through the desk, as the product would."""
        desk = Desk(ledger, Book(), QuoteBoard(), clock)
        working = asyncio.create_task(desk.run())
        await desk.open_account("other", NARROW)
        desk.close()
        await working

    asyncio.run(open_account())
    ledger.close()
    return tokens


@pytest.fixture(scope="session")
def launch_product(request: pytest.FixtureRequest) -> Callable[..., Product]:
    """Starts the whole product as a process on a prepared folder; whoever calls closes it."""
    plugin = request.config.pluginmanager.get_plugin(str(ROOT_CONFTEST))
    assert plugin is not None

    def launch(folder: Path, **settings: str) -> Product:
        tokens = prepare(folder)
        return Product(plugin.Server(folder, **settings).wait(), tokens)

    return launch


@pytest.fixture(scope="session")
def product(
    launch_product: Callable[..., Product], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """The product that most tests of the door share: they add to it and never stop it."""
    running = launch_product(tmp_path_factory.mktemp("api") / "data", seed="7", detection="on")
    yield running
    running.close()
    assert running.server.said() == ""


@pytest.fixture
def refused() -> Callable[..., dict[str, Any]]:
    """Checks that a response is problem+json with this status, code and field; the problem."""

    def check(
        response: httpx.Response, status: int, code: str, field: str | None = None
    ) -> dict[str, Any]:
        assert response.headers["content-type"] == "application/problem+json", response.text
        problem: dict[str, Any] = response.json()
        said = (response.status_code, problem["status"], problem["code"], problem.get("field"))
        assert said == (status, status, code, field), response.text
        assert problem["type"] == "about:blank"
        assert problem["title"]
        assert problem["detail"].endswith(".")
        return problem

    return check


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Asks again and again until the answer is true; fails at a deadline."""

    def ask(question: Callable[[], Any]) -> Any:
        pause = threading.Event()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            pause.wait(0.05)
        pytest.fail(f"not true within {DEADLINE_SECONDS:.0f} s")

    return ask


@pytest.fixture
def decoded() -> Callable[[list[str]], list[bytes]]:
    """Base64 strings as bytes."""
    return lambda texts: [base64.b64decode(text, validate=True) for text in texts]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Single]:
    """The product inside this process, with the desk at work and no other loop."""
    single = Single(Settings(data=str(folder), alerts_terminal=False), SystemClock())
    working = asyncio.create_task(single.desk.run())
    try:
        yield single
    finally:
        single.desk.close()
        await working
        await single.notifier.stop()
        await single.publishing.close()
        single.close()


@pytest.fixture
def inside() -> Callable[[Path], AbstractAsyncContextManager[Single]]:
    """Opens the product inside this process, for what only a look inside can show."""
    return opened


@pytest.fixture(scope="module")
def log_app(new_log_app: Callable[..., Any]) -> Any:
    """An hour of requests: one each second minute fails; and two lines of another index."""

    def line(minute: int, members: dict[str, Any]) -> bytes:
        stamp = f"2026-03-02T14:{minute:02}:00Z"
        return msgspec.json.encode({"timestamp": stamp, "severity_text": "INFO"} | members)

    made = new_log_app()
    lines = [
        line(
            minute,
            {
                "event_name": "api.request_answered",
                "body": f"answered order O-{minute} in {minute * 10} ms",
                "http.response.status_code": 500 if minute % 2 else 200,
                "http.route": f"/v1/{'orders' if minute % 3 else 'trades'}",
                "duration_us": minute * 1_000,
                "host.name": f"h{minute % 2}",
                "severity_text": "ERROR" if minute % 2 else "INFO",
            },
        )
        for minute in range(60)
    ]
    paid = {"body": "payments settled", "com.splunk.index": "pay"}
    other = [line(minute, paid) for minute in (10, 20)]
    made.store.append(lines[:40])
    made.store.seal()
    made.store.append([*lines[40:], *other])
    return made
