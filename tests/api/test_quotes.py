"""Quotes over HTTP: asked for, taken, looked at; by hand on a desk of real parts, and for real."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Tokens
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.quotes import OPERATIONS
from tallystick.api.services import Services
from tallystick.clock import ManualClock, parse_rfc3339
from tallystick.errors import Refused
from tallystick.execution import Book, Desk, LimitsText, Quote, QuoteBoard
from tallystick.execution.financing import SHIPPED
from tallystick.execution.rfq import ParityPoints
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore
from tallystick.ledger.verify import verify_receipt
from tallystick.money import Price

NOW = "2026-11-24T10:00:00Z"
LIMITS = LimitsText("2000000", "100000000.00", 100, 1_000, 1_000)
SPOT = {"account": "demo", "pair": "EUR/USD", "quantity": "1000000", "type": "spot"}
SWAP = SPOT | {"type": "swap", "tenor": "1M"}
Check = Callable[..., dict[str, Any]]


class Door:
    """The operations of this module on a desk, at a time that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        """To be made inside an event loop."""
        self.clock = ManualClock(parse_rfc3339(NOW))
        self.ledger = Ledger(MemoryStore(), FileKeyring("tallystick.test/rfq", bytes(32)))
        self.board = QuoteBoard()
        self.desk = Desk(self.ledger, Book(), self.board, self.clock)
        tokens = Tokens(folder / "tokens.json")
        self.tokens = {
            "demo": tokens.issue("demo", "demo", ("trade", "read")),
            "other": tokens.issue("other", "other", ("trade", "read")),
            "reader": tokens.issue("reader", "demo", ("read",)),
            "operator": tokens.issue("operator", "desk", ("trade", "read", "operate")),
        }
        # The operations need these of the door's services; all of them are the real ones.
        needed = SimpleNamespace(
            clock=self.clock, tokens=tokens, desk=self.desk, ledger=self.ledger,
            points=ParityPoints(SHIPPED.yearly, SHIPPED.source),
        )  # fmt: skip
        services = cast("Services", needed)
        routes = [route(each, services) for each in OPERATIONS]
        self.app = Starlette(routes=routes, exception_handlers={Refused: _refuse})

    def price(self, bid: int = 108_249, ask: int = 108_251) -> None:
        """A fresh price of the euro."""
        now = self.clock.now_ns()
        self.board.update([Quote("EUR/USD", Price(bid), Price(ask), now, "test floor")])

    async def send(self, method: str, path: str, *, token: str = "demo", **more: Any) -> Any:  # noqa: S107
        """One request."""
        headers = {"Authorization": f"Bearer {self.tokens[token]}"} | more.pop("headers", {})
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://rfq") as client:
            return await client.request(method, path, headers=headers, **more)

    async def ask(self, body: dict[str, Any] = SPOT, **more: Any) -> Any:
        """A request for a quote."""
        return await self.send("POST", "/v1/quotes", json=body, **more)

    async def given(self, body: dict[str, Any] = SPOT, **more: Any) -> dict[str, Any]:
        """A quote that must be given."""
        response = await self.ask(body, **more)
        assert response.status_code == 201, response.text
        found: dict[str, Any] = response.json()["quote"]
        return found

    async def take(self, quote: dict[str, Any], name: str, **more: Any) -> Any:
        """Take a quote as the order of this name."""
        body = {"client_order_id": name} | more.pop("body", {"side": "buy"})
        return await self.send("POST", f"/v1/quotes/{quote['id']}/accept", json=body, **more)

    async def look(self, quote: dict[str, Any], **more: Any) -> Any:
        """The quote as it stands."""
        return await self.send("GET", f"/v1/quotes/{quote['id']}", **more)


async def _refuse(_request: Request, error: Exception) -> Response:
    """As the application does."""
    assert isinstance(error, Refused)
    return problem_response(error)


@pytest.fixture
def at_the_door(tmp_path: Path) -> Callable[[Callable[[Door], Awaitable[None]]], None]:
    """Runs a test's work with a door whose desk is at work, and lets it end in order."""

    def run(work: Callable[[Door], Awaitable[None]]) -> None:
        async def inside() -> None:
            door = Door(tmp_path)
            working = asyncio.create_task(door.desk.run())
            for account in ("demo", "other"):
                await door.desk.open_account(account, LIMITS)
            door.price()
            await work(door)
            door.desk.close()
            await working

        asyncio.run(inside())

    return run


At = Callable[[Callable[[Door], Awaitable[None]]], None]


def test_a_quote_is_given_taken_and_looked_at(at_the_door: At) -> None:
    """The whole way of a swap, with its receipts."""

    async def work(door: Door) -> None:
        asked = await door.ask(SWAP | {"client_quote_id": "mine"})
        quote = asked.json()["quote"]
        before = (await door.look(quote)).json()
        taken = await door.take(quote, "c-1")
        after = (await door.look(quote)).json()

        assert asked.status_code == 201, asked.text
        assert asked.headers["location"] == f"/v1/quotes/{quote['id']}"
        assert quote["valid_until"] == "2026-11-24T10:00:10.000000Z"
        assert quote["client_quote_id"] == "mine"
        assert quote["ask_points"] == "16.8"
        assert quote["legs"][1] == {
            "value_date": "2026-12-28", "bid": "1.08408", "ask": "1.08418",
            "bid_points": "15.8", "ask_points": "16.8",
        }  # fmt: skip
        proof = json.dumps(asked.json()["receipt"]).encode()  # an answer is verified if an order's
        assert verify_receipt(proof, door.ledger.vkey).verdict == "clean"
        assert (before["state"], before["order"], before["quote"]) == ("open", None, quote)
        assert before["receipt"] == asked.json()["receipt"]
        assert taken.status_code == 201, taken.text
        order = taken.json()["order"]
        assert (order["type"], order["state"], order["quote"]) == ("quoted", "filled", quote["id"])
        assert taken.headers["location"] == f"/v1/orders/{order['id']}"
        prices = [(each.get("side", "buy"), each["price"]) for each in taken.json()["fills"]]
        assert prices == [("sell", "1.08250"), ("buy", "1.08418")]
        assert verify_receipt(taken.content, door.ledger.vkey).verdict == "clean"
        assert (after["state"], after["order"]) == ("taken", order["id"])

    at_the_door(work)


def test_a_retry_gets_the_same_bytes(at_the_door: At) -> None:
    """Of the quote under its Idempotency-Key, of the taking under its order's name or its key."""

    async def work(door: Door) -> None:
        headers = {"Idempotency-Key": "k-1"}
        asked = await door.ask(SWAP, headers=headers)
        quote = asked.json()["quote"]
        taken = await door.take(quote, "c-1", headers={"Idempotency-Key": "k-2"})
        door.clock.advance(3_600)
        door.price()
        again = await door.ask(SWAP | {"quantity": "1000000.00"}, headers=headers)
        taken_again = await door.take(quote, "c-1")
        another = await door.take(quote, "c-2")
        conflicts = [
            await door.ask(SPOT, headers=headers),
            await door.take(quote, "c-3", headers={"Idempotency-Key": "k-2"}),
            await door.take(quote, "c-4", headers=headers),
            await door.take(quote, "c-1", body={"side": "sell"}),
        ]

        assert again.content == asked.content
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in asked.headers
        assert (taken_again.content, taken_again.status_code) == (taken.content, 201)
        assert taken_again.headers["idempotency-replayed"] == "true"
        assert another.json()["rejection"]["code"] == "UNKNOWN_QUOTE"
        codes = {(each.status_code, each.json()["code"]) for each in conflicts}
        assert codes == {(409, "IDEMPOTENCY_CONFLICT")}

    at_the_door(work)


def test_two_at_once_are_one(at_the_door: At) -> None:
    """Sixteen duplicates in parallel: one quote, and one order that takes it."""

    async def work(door: Door) -> None:
        headers = {"Idempotency-Key": "k-1"}
        asked = await asyncio.gather(*(door.ask(SPOT, headers=headers) for _ in range(16)))
        quote = asked[0].json()["quote"]
        taken = await asyncio.gather(*(door.take(quote, "c-1") for _ in range(16)))

        assert len({each.content for each in asked}) == 1
        assert len({each.content for each in taken}) == 1
        assert door.ledger.size == 4  # two accounts, the quote, the order

    at_the_door(work)


def test_a_quote_ends(at_the_door: At) -> None:
    """Ten seconds later it is expired, and taking it is a rejection."""

    async def work(door: Door) -> None:
        quote = await door.given()
        door.clock.advance(10)
        door.price()
        late = await door.take(quote, "c-1")

        assert (await door.look(quote)).json()["state"] == "expired"
        assert late.status_code == 201
        assert late.json()["rejection"]["code"] == "QUOTE_EXPIRED"
        assert (await door.look(quote)).json()["order"] is None

    at_the_door(work)


def test_a_quote_is_its_accounts(at_the_door: At, refused: Check) -> None:
    """Nobody else sees it or takes it; an operator may do both; a reader only looks."""

    async def work(door: Door) -> None:
        quote = await door.given(SPOT | {"side": "sell"})
        for path in (f"/v1/quotes/{quote['id']}", "/v1/quotes/Q-0", "/v1/quotes/Q-99"):
            refused(await door.send("GET", path, token="other"), 404, "UNKNOWN_QUOTE", "id")
        foreign = await door.take(quote, "c-1", token="other")
        refused(foreign, 404, "UNKNOWN_QUOTE", "id")
        refused(await door.ask(token="other"), 403, "FORBIDDEN")
        refused(await door.ask(token="reader"), 403, "FORBIDDEN")
        assert (await door.look(quote, token="reader")).json()["state"] == "open"
        assert (await door.look(quote, token="operator")).json()["state"] == "open"
        taken = await door.take(quote, "c-1", token="operator", body={})
        order = taken.json()["order"]
        assert (order["account"], order["side"], order["state"]) == ("demo", "sell", "filled")

    at_the_door(work)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"pair": "EUR/XXX"}, "UNKNOWN_PAIR", "pair"),
        ({"pair": "USD/KRW", "type": "ndf", "tenor": "1M"}, "PAIR_NOT_DEALT", "pair"),
        ({"pair": "USD/JPY"}, "NO_PRICE", None),
        ({"quantity": "2000000.01"}, "QUANTITY_TOO_LARGE", "side"),
        ({"quantity": "0.001"}, "AMOUNT_TOO_PRECISE", "quantity"),
        ({"type": "outright", "tenor": "7D"}, "UNKNOWN_TENOR", "tenor"),
        ({"type": "outright", "value_date": "2026-11-26"}, "VALUE_DATE_CLOSED", "value_date"),
        ({"type": "outright", "value_date": "2026-11-23"}, "VALUE_DATE_RANGE", "value_date"),
        ({"type": "swap", "near_tenor": "TN", "far_tenor": "1M"}, "TENOR_NOT_DEALT", "near_tenor"),
        ({"account": "nobody"}, "UNKNOWN_ACCOUNT", "account"),
    ],
)
def test_what_is_not_quoted_says_why(
    at_the_door: At, refused: Check, body: dict[str, Any], code: str, field: str | None
) -> None:
    """A problem with a code, a title, a sentence and the field; nothing is written."""

    async def work(door: Door) -> None:
        size = door.ledger.size
        problem = refused(await door.ask(SPOT | body, token="operator"), 422, code, field)
        assert problem["title"] != code
        assert door.ledger.size == size

    at_the_door(work)


def test_too_many_open_quotes_and_an_unsaid_side(at_the_door: At, refused: Check) -> None:
    """The rest of what a client may do wrong."""

    async def work(door: Door) -> None:
        for _ in range(64):
            quote = await door.given()
        refused(await door.ask(), 422, "TOO_MANY_QUOTES")
        unsaid = await door.take(quote, "c-1", body={})
        refused(unsaid, 422, "MEMBER_REQUIRED", "side")
        refused(await door.take(quote, "a b"), 422, "BAD_KEY", "client_order_id")
        refused(
            await door.ask(headers={"Idempotency-Key": "a b"}), 422, "BAD_KEY", "Idempotency-Key"
        )

    at_the_door(work)


@pytest.mark.server
def test_the_running_product_quotes(product: Any) -> None:
    """An outright on the synthetic prices of the demo: given, taken, told and proved."""
    body = {
        "account": "demo", "pair": "EUR/USD", "quantity": "1000", "type": "outright", "tenor": "1M",
    }  # fmt: skip
    asked = product.demo.post("/v1/quotes", json=body)
    quote = asked.json()["quote"]
    taken = product.demo.post(
        f"/v1/quotes/{quote['id']}/accept", json={"client_order_id": "rfq-1", "side": "buy"}
    )
    fill = taken.json()["fills"][0]
    state = product.demo.get(f"/v1/quotes/{quote['id']}").json()

    assert (asked.status_code, taken.status_code) == (201, 201)
    assert fill["price"] == quote["legs"][0]["ask"]
    assert fill["value_date"] == quote["legs"][0]["value_date"]
    assert (state["state"], state["order"]) == ("taken", taken.json()["order"]["id"])
