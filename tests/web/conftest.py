"""A small stage for the page: the real web routes over a real ledger, on a real port."""

import asyncio
import base64
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec
import pytest
import uvicorn
from selenium.common.exceptions import StaleElementReferenceException as Stale
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tallystick.access import Tokens
from tallystick.clock import SystemClock, rfc3339
from tallystick.errors import Refused
from tallystick.execution import entries
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.web import LiveHub, live_route, page_routes

ORIGIN = "stage.example/ledger"
QUOTES = {"EUR/USD": ("1.08249", "1.08251"), "USD/JPY": ("149.120", "149.128")}
ORDER = {
    "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "1000000",
    "type": "market", "time_in_force": "FOK",
}  # fmt: skip
QUANTITY_MAX = 50_000_000
STATUS = {
    "UNAUTHENTICATED": 401, "FORBIDDEN": 403, "UNKNOWN_ORDER": 404, "UNKNOWN_ENTRY": 404,
    "NOT_FOUND": 404,
}  # fmt: skip
PRECHECK, FIGURES = "/v1/orders/precheck", "/v1/accounts/demo"
HISTOGRAM = {
    "earliest": "2026-11-22T04:00:00Z", "latest": "2026-11-22T05:00:00Z", "bucket_seconds": 3600.0,
    "total": 0, "buckets": [{"at": "2026-11-22T04:00:00Z", "count": 0, "by": {}}],
}  # fmt: skip
RESTORE = {
    "id": "R-1", "state": "running", "parts": 2, "parts_readable": 0,
    "eta": "2026-11-22T16:30:00Z",
}  # fmt: skip
"""A restore that goes on for as long as anybody looks."""
MORE = ("stop_price", "distance", "expires_at", "oco", "parent")


class Placed(msgspec.Struct):
    """An order as the stage keeps it: the entry that decided it, and where."""

    entry: entries.OrderDecided
    position: int


class Stage:
    """Answers as the API does, from a ledger in memory; `overrides` makes it lie.

    `overrides` maps a path with its query to the body that is sent in its place; None: it is not
    there. `prechecks` are the bodies of dry runs, `sent` those of orders.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.ledger = Ledger(MemoryStore(), FileKeyring(ORIGIN, b"s" * 32))
        self.hub = LiveHub()
        self.tokens = Tokens(folder / "tokens.json")
        self.token = self.tokens.issue("demo", "demo", ("trade", "read", "operate"))
        self.overrides: dict[str, object] = {PRECHECK: None, FIGURES: None}
        self.placed: list[Placed] = []
        self.logs: list[dict[str, object]] = []
        self.anomalies: list[dict[str, object]] = []
        self.alerts: list[dict[str, object]] = []
        self.incidents: list[dict[str, object]] = []
        self.searches: list[str] = []
        self.prechecks: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="stage")
        self._thread.start()
        assert self._started.wait(20), "the stage did not start"

    # -- what a test says ------------------------------------------------------------------

    def publish(self, event: str, data: object, **audience: Any) -> None:
        """Say something on the live stream, from the test's thread."""
        self._loop.call_soon_threadsafe(lambda: self.hub.publish(event, data, **audience))

    def place(self, **changes: str) -> Placed:
        """Decide a market order, or a changed one, and announce it with the new head."""
        order = ORDER | {"client_order_id": f"c-{len(self.placed)}"} | changes
        decided = asyncio.run_coroutine_threadsafe(self._decide(order), self._loop).result(20)
        self.announce(decided)
        return decided

    def announce(self, placed: Placed) -> None:
        """Publish an order and the head, as the product does."""
        self.publish("order", {"orders": [self.row(placed)]}, account=placed.entry.order.account)
        self.publish("checkpoint", self.head())

    def row(self, placed: Placed) -> dict[str, object]:
        """The order as a row of the blotter."""
        entry = placed.entry
        extra = {"at": entry.at, "position": placed.position, "fills": entry.fills}
        order: dict[str, object] = msgspec.to_builtins(entry.order)
        return order | extra | {"rejection": entry.rejection}

    def _listed(self, placed: Placed) -> dict[str, object]:
        row, rejection = self.row(placed), placed.entry.rejection
        del row["rejection"]
        return row | {"rejection_code": rejection and rejection.code}

    def head(self) -> dict[str, object]:
        """The newest checkpoint as it is announced."""
        note = self.ledger.note
        return {"size": self.ledger.size, "root": note.split("\n")[2], "note": note}

    def receipt(self, position: int) -> dict[str, Any]:
        """The receipt of an entry, in the shapes of the wire."""
        made: dict[str, Any] = msgspec.to_builtins(self.ledger.receipt(position))
        return made

    def answer(self, placed: Placed) -> dict[str, object]:
        """What the API answers about an order."""
        entry = placed.entry
        return {
            "order": entry.order,
            "fills": entry.fills,
            "rejection": entry.rejection,
            "receipt": self.receipt(placed.position),
        }

    def close(self) -> None:
        """End the streams, then the server, then its thread."""
        self._loop.call_soon_threadsafe(self.hub.close)
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._socket.close()

    # -- the server ------------------------------------------------------------------------

    def _serve(self) -> None:
        config = uvicorn.Config(
            self._app(), ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=5
        )
        self._server = uvicorn.Server(config)

        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._started.set()  # the socket listens already: whoever comes now will wait
            await self._server.serve(sockets=[self._socket])

        asyncio.run(main())

    def _app(self) -> Starlette:
        answers: dict[str, Callable[[Request], object]] = {
            "/v1/prices": lambda _: {"prices": self._prices()},
            "/v1/orders": lambda _: {"orders": [self._listed(p) for p in reversed(self.placed)]},
            "/v1/orders/{id}": self._order,
            "/v1/positions": lambda _: self._positions(),
            "/v1/accounts/{id}": lambda _: None,
            "/v1/trading-state": lambda _: {"states": []},
            "/v1/prices/stream": lambda _: "",
            "/v1/ledger/vkey": lambda _: f"{self.ledger.vkey}\n",
            "/v1/ledger/checkpoint": lambda _: self.ledger.note,
            "/v1/ledger/entries/{n:int}": lambda r: self.receipt(r.path_params["n"]),
            "/v1/ledger/proof/consistency": self._consistency,
            "/v1/logs": self._found,
            "/v1/logs/histogram": lambda _: HISTOGRAM,
            "/v1/logs/facets": lambda _: {"total": 0, "facets": []},
            "/v1/archive/restores/{id}": lambda _: RESTORE,
            "/v1/anomalies": lambda _: {"anomalies": self.anomalies},
            "/v1/anomalies/{id}": self._anomaly,
            "/v1/alerts": lambda _: {"alerts": self.alerts},
            "/v1/incidents": lambda _: {"incidents": self.incidents, "next": None},
            "/v1/incidents/{id}": lambda _: self.incidents[0],
            "/v1/notify/targets": lambda _: {"targets": []},
        }
        routes = [Route(path, self._answering(make)) for path, make in answers.items()]
        routes.append(Route("/v1/orders", self._post, methods=["POST"]))
        routes.append(Route("/v1/anomalies/{id}/verdict", self._judge, methods=["POST"]))
        routes.append(Route("/v1/archive/restores", self._restore, methods=["POST"]))
        routes.insert(0, Route(PRECHECK, self._precheck, methods=["POST"]))
        routes += [live_route(self.hub, self._principal), *page_routes()]
        return Starlette(routes=routes, exception_handlers={Refused: _problem})

    def _principal(self, request: Request) -> Any:
        return self.tokens.principal(request.headers.get("Authorization"))

    def _answering(self, make: Callable[[Request], object]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self._principal(request)
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            body = self.overrides[path] if path in self.overrides else make(request)
            if body is None:
                raise Refused("NOT_FOUND", "There is nothing at this path.")
            if isinstance(body, str):
                return PlainTextResponse(body)
            return Response(msgspec.json.encode(body), media_type="application/json")

        return answer

    async def _precheck(self, request: Request) -> Response:
        self.prechecks.append(msgspec.json.decode(await request.body()))
        answer: Response = await self._answering(lambda _: None)(request)
        return answer

    def _order(self, request: Request) -> object:
        for placed in self.placed:
            if placed.entry.order.id == request.path_params["id"]:
                return self.answer(placed)
        raise Refused("UNKNOWN_ORDER", "There is no such order.")

    async def _post(self, request: Request) -> Response:
        self._principal(request)
        body: dict[str, Any] = msgspec.json.decode(await request.body())
        self.sent.append(body)
        known = [p for p in self.placed if p.entry.key == body["client_order_id"]]
        placed = known[0] if known else await self._decide(body)
        self.announce(placed)
        content = msgspec.json.encode(self.answer(placed))
        return Response(content, 201, media_type="application/json")

    def _anomaly(self, request: Request) -> object:
        return next(one for one in self.anomalies if one["id"] == request.path_params["id"])

    async def _judge(self, request: Request) -> Response:
        self._principal(request)
        said: dict[str, Any] = msgspec.json.decode(await request.body())
        self.sent.append(said)
        more = {"position": 7, "at": "2026-11-22T04:31:00Z", "by": "demo", "scope": "stream"}
        self._anomaly(request)["verdict"] = said["verdict"]  # type: ignore[index]
        self._anomaly(request)["verdicts"].append(said | more | {"until": None})  # type: ignore[index]
        return Response(b"{}", media_type="application/json")

    async def _restore(self, request: Request) -> Response:
        self._principal(request)
        self.sent.append(msgspec.json.decode(await request.body()))
        content = msgspec.json.encode(RESTORE)
        return Response(content, 202, media_type="application/json")

    async def _decide(self, body: dict[str, Any]) -> Placed:
        """A market order is filled at the quote, others wait, a huge one is rejected."""
        at = rfc3339(self.clock.now_ns())
        position = self.ledger.size
        pair, side = body["pair"], body["side"]
        bid, ask = QUOTES[pair]
        price = ask if side == "buy" else bid
        waits = body["type"] != "market"
        huge = int(body["quantity"]) > QUANTITY_MAX
        quantity = f"{body['quantity']}.00"
        amount = f"{int(body['quantity']) * float(price):.2f}"
        state = "rejected" if huge else "new" if waits else "filled"
        order = entries.Order(
            id=f"O-{position}", account=body["account"], client_order_id=body["client_order_id"],
            pair=pair, side=side, quantity=quantity, type=body["type"],
            time_in_force=body["time_in_force"], price=body.get("price"), state=state,
            **{name: body[name] for name in MORE if name in body},
        )  # type: ignore[arg-type]  # fmt: skip
        fill = entries.Fill(f"F-{position}-1", price, quantity, amount, "2026-11-25")
        reason = entries.Rejection("ORDER_TOO_LARGE", "An order may be at most 50,000,000 EUR.")
        entry = entries.OrderDecided(
            at=at, order=order, request="0" * 64, key=order.client_order_id,
            fills=(fill,) if state == "filled" else (), rejection=reason if huge else None,
        )  # fmt: skip
        await self.ledger.append(position, [Sealable(entries.encode(entry))])
        self.placed.append(Placed(entry, position))
        return self.placed[-1]

    def _prices(self) -> list[dict[str, str]]:
        at = rfc3339(self.clock.now_ns())
        return [
            {"pair": pair, "bid": bid, "ask": ask, "at": at, "source": "ecb-anchored (synthetic)"}
            for pair, (bid, ask) in QUOTES.items()
        ]

    def _positions(self) -> object:
        balances = [{"currency": "EUR", "amount": "1000000.00"}]
        return {"account": "demo", "position": self.ledger.size, "balances": balances}

    def _consistency(self, request: Request) -> object:
        old, new = int(request.query_params["from"]), int(request.query_params["to"])
        return {"from": old, "to": new, "proof": self.ledger.consistency_proof(old, new)}

    def _found(self, request: Request) -> object:
        query = request.query_params.get("q", "")
        self.searches.append(query)
        wanted = dict(term.split("=", 1) for term in query.split() if "=" in term)
        return {
            "logs": [
                line
                for line in reversed(self.logs)
                if all(str(line.get(name)) == value for name, value in wanted.items())
            ],
            "next_before": None,
        }


class Screen:
    """The page as a person uses it: look, click, type."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def all(self, css: str) -> list[WebElement]:
        """Every element of this selector."""
        found: list[WebElement] = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found

    def wait_for(self, css: str, text: str = "") -> WebElement:
        """The first visible element of this selector that holds this text, white space folded.

        Fails after 20 s with what the page shows instead.
        """

        def found(_driver: Chrome) -> WebElement | None:
            for element in self.all(css):
                if text in " ".join(element.text.split()) and element.is_displayed():
                    return element
            return None

        wait = WebDriverWait(self.driver, 20, poll_frequency=0.05, ignored_exceptions=[Stale])
        try:
            return wait.until(found)
        except TimeoutException:
            shown = self.driver.find_element(By.TAG_NAME, "body").text[:3000]
            pytest.fail(f"no {css} with {text!r} on the page:\n{shown}")

    def click(self, css: str, text: str = "") -> None:
        """Click it once it is there."""
        self.wait_for(css, text).click()

    def type_into(self, css: str, text: str) -> None:
        """Replace what a field holds."""
        field = self.wait_for(css)
        field.clear()
        field.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def steps(self) -> dict[str, str]:
        """The verdict of every step of the first report that is shown."""
        names = self.wait_for(".report").find_elements(By.TAG_NAME, "dt")
        return {line.text.split()[0]: line.text.split(" ", 1)[1] for line in names}

    def remember(self, vkey: str, note: str) -> None:
        """Make this browser one that has known a ledger since an earlier visit."""
        since = "2026-01-01T00:00:00Z"
        for name, kept in (
            ("tallystick.key", {"vkey": vkey, "since": since}),
            ("tallystick.seen", {"note": note, "at": since}),
        ):
            text = msgspec.json.encode(kept).decode()
            self.driver.execute_script("localStorage.setItem(...arguments)", name, text)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    body = {"status": STATUS.get(error.code, 400), "code": error.code, "detail": str(error)}
    content = msgspec.json.encode(body)
    return Response(content, STATUS.get(error.code, 400), media_type="application/problem+json")


def flipped(text: str) -> str:
    """Base64 text whose first byte has one bit flipped."""
    raw = bytearray(base64.b64decode(text))
    raw[0] ^= 1
    return base64.b64encode(raw).decode()


@pytest.fixture
def fetch() -> Callable[[Starlette, str], httpx.Response]:
    """GETs a path from an application without a port; what the application raises is raised."""

    def get(app: Starlette, path: str) -> httpx.Response:
        async def main() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://stage") as client:
                return await client.get(path)

        return asyncio.run(main())

    return get


@pytest.fixture
def flip() -> Callable[[str], str]:
    """Flips one bit of base64 text."""
    return flipped


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A fresh server with an empty ledger."""
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def signed_out(chromium: Chrome, stage: Stage) -> Screen:
    """The stage's page in a tab that holds no token."""
    chromium.get(stage.url)
    chromium.execute_script("sessionStorage.clear()")
    chromium.refresh()
    return Screen(chromium)


@pytest.fixture
def explore(chromium: Chrome) -> Iterator[Callable[..., Screen]]:
    """Opens the log explorer of a server, signed in; the console stays clean of violations."""

    def open_explorer(url: str, token: str, **said: str) -> Screen:
        chromium.get("about:blank")
        chromium.get(f"{url}/#{urlencode({'token': token, 'view': 'logs'} | said)}")
        return Screen(chromium)

    chromium.get_log("browser")
    yield open_explorer
    said = [line["message"] for line in chromium.get_log("browser")]
    chromium.get("about:blank")
    assert not [line for line in said if "Content Security Policy" in line or "Error:" in line]


@pytest.fixture
def page(chromium: Chrome, stage: Stage) -> Iterator[Callable[[], Screen]]:
    """Opens the stage's page signed in; afterwards the console must be clean of violations."""

    def open_page() -> Screen:
        # Away first: a changed fragment alone would not load the page again.
        chromium.get("about:blank")
        chromium.get(f"{stage.url}/#token={quote(stage.token)}")
        return Screen(chromium)

    chromium.get_log("browser")
    yield open_page
    said = [line["message"] for line in chromium.get_log("browser")]
    chromium.get("about:blank")
    assert not [line for line in said if "Content Security Policy" in line or "Error:" in line]
