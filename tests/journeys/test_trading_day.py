"""A trading day over HTTP: two accounts, an operator, a risk officer and a price that we set.

The whole product runs as a process; a liquidity provider of ours quotes to it over a WebSocket, so
every fill and every cent is worked out by hand here. The day is one story: what each part of it
finds, the parts before have left.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Self

import httpx
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_quotes
from websockets.exceptions import ConnectionClosed

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_receipt

pytestmark = pytest.mark.server

DEADLINE_SECONDS = 20.0
LOOK_SECONDS = 0.01
LIMITS = {
    "order_quantity_max": "5000000",
    "position_usd_max": "20000000.00",
    "collar_bps": 500,
    "duplicate_window_ms": 1_000,
    "duplicates_max": 100,
}
Launch = Callable[..., Any]
Run = Callable[..., CompletedProcess[str]]


class Street:
    """A liquidity provider: what it says is the market."""

    def __init__(self) -> None:
        self._lines: set[ServerConnection] = set()
        self._quotes: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._server = await serve_quotes(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def say(self, pair: str, bids: list[list[str]], asks: list[list[str]]) -> None:
        """A quote with depth: [price, quantity], best first."""
        quote = {"type": "quote", "pair": pair, "bids": bids, "asks": asks}
        self._quotes[pair] = json.dumps(quote)
        for line in self._lines:
            await line.send(self._quotes[pair])

    async def _serve(self, line: ServerConnection) -> None:
        self._lines.add(line)
        try:
            async for _subscription in line:
                for quote in self._quotes.values():
                    await line.send(quote)
        except ConnectionClosed:
            return
        finally:
            self._lines.discard(line)


class Person:
    """Somebody with a token: asks, and expects a status."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, status: int = 200) -> Any:
        """The answer's JSON."""
        return _json(await self.client.get(path), status)

    async def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        status: int = 200,
    ) -> Any:
        """The answer's JSON; a write under a key is sent twice, and done once."""
        headers = {} if key is None else {"Idempotency-Key": key}
        times = 1 if key is None else 2
        answers = [
            await self.client.request(method, path, json=body, headers=headers)
            for _time in range(times)
        ]
        assert answers[-1].content == answers[0].content
        assert key is None or answers[-1].headers["Idempotency-Replayed"] == "true"
        return _json(answers[0], status)

    async def order(self, name: str, account: str, side: str, quantity: str, **more: Any) -> Any:
        """Place one in EUR/USD, at the market unless it says more."""
        order = {
            "client_order_id": name, "account": account, "pair": "EUR/USD", "side": side,
            "quantity": quantity, "type": "market",
        }  # fmt: skip
        return await self.send("POST", "/v1/orders", order | more, status=201)


def _json(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


class Day:
    """The scene: the street, the server, and four people."""

    def __init__(self, folder: Path, launch: Launch, run: Run, street: Street) -> None:
        self.street = street
        self._folder, self._launch, self._run = folder, launch, run
        providers = folder.with_name("providers.toml")
        url = f"ws://127.0.0.1:{street.port}/quotes"
        providers.write_text(f'[[provider]]\nname = "LP1"\nurl = "{url}"\n')
        self._settings = {"providers": str(providers), "session": "always"}
        self.server = launch(folder, **self._settings)
        self._tokens: dict[str, str] = {}

    def issue(self, name: str, account: str, *scopes: str) -> None:
        """A token for somebody."""
        options = [word for scope in scopes for word in ("--scope", scope)]
        told = self._run(
            "token", "issue", "--name", name, "--account", account, *options, "--json",
            data=self._folder,
        )  # fmt: skip
        self._tokens[name] = json.loads(told.stdout)["token"]

    async def people(self, stack: AsyncExitStack) -> tuple[Person, ...]:
        """Everybody, connected to the server that runs now."""
        clients = [
            httpx.AsyncClient(
                base_url=self.server.url, headers={"Authorization": f"Bearer {token}"}, timeout=20
            )
            for token in self._tokens.values()
        ]
        return tuple([Person(await stack.enter_async_context(client)) for client in clients])

    async def market(
        self,
        person: Person,
        bid: str,
        ask: str,
        *worse: tuple[str, str],
        quantity: str = "1000000",
    ) -> None:
        """EUR/USD is now at these prices, so much of it, then more at worse ones; it is seen."""
        bids = [[bid, quantity], *([each, "9000000"] for each, _ask in worse)]
        asks = [[ask, quantity], *([each, "9000000"] for _bid, each in worse)]
        await self.street.say("EUR/USD", bids, asks)

        async def seen() -> bool:
            quotes = (await person.get("/v1/prices?pairs=EUR/USD"))["prices"]
            return [(quote["bid"], quote["ask"]) for quote in quotes] == [(bid, ask)]

        await until(seen)

    def crash(self) -> None:
        """The process is gone in the middle of the day; another one takes over its data."""
        self.server.kill()
        self.server = self._launch(self._folder, **self._settings)

    def close(self) -> str:
        """The end of the day: stopped in order, then checked; what `tallystick check` says."""
        assert self.server.stop() == 0
        checked = self._run("check", data=self._folder)
        assert checked.returncode == 0, checked.stdout
        return checked.stdout


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a process that does its work by itself."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await question():  # noqa: ASYNC110  another process answers
            await asyncio.sleep(LOOK_SECONDS)


def test_a_trading_day(tmp_path: Path, serve: Launch, tallystick: Run) -> None:
    """From the opening of the accounts to the check of the books."""

    async def story() -> None:
        async with Street() as street, AsyncExitStack() as stack:
            day = Day(tmp_path / "data", serve, tallystick, street)
            day.issue("ann", "house", "operate", "read")
            day.issue("rita", "house", "operate", "read")
            day.issue("alice", "alpha", "trade", "read")
            day.issue("bob", "beta", "trade", "read")
            ann, rita, alice, bob = await day.people(stack)
            await the_accounts_are_opened(ann)
            await day.market(alice, "1.10000", "1.10010", ("1.09980", "1.10030"))
            await a_bracket_takes_its_profit(day, alice)
            await hedged_trades_are_closed_one_by_one(bob)
            await good_and_bad_ones_come_together(alice)
            await a_working_order_is_replaced_and_filled(day, alice)
            await limits_and_stops_hold_until_two_agree(ann, rita, bob)
            before = await a_swap_is_quoted_and_taken(alice)
            day.crash()
            ann, rita, alice, bob = await day.people(stack)
            await day.market(alice, "1.10300", "1.10310")
            await a_retry_finds_what_was_done(alice, before)
            await a_crash_of_the_price_closes_out(day, ann, bob)
            await every_receipt_holds(day, ann)
            said = await asyncio.to_thread(day.close)
            assert "clean       double entry" in said

    asyncio.run(story())


async def the_accounts_are_opened(ann: Person) -> None:
    """A netting one in dollars and a retail one in euros that hedges; each done once."""
    alpha = {"account": "alpha", "home": "USD", "mode": "netting", "desk": "d1", "limits": LIMITS}
    beta = {"account": "beta", "home": "EUR", "mode": "hedging", "margin": "esma_retail"}
    await ann.send("POST", "/v1/accounts", alpha, key="open-alpha", status=201)
    await ann.send("POST", "/v1/accounts", beta | {"limits": LIMITS}, key="open-beta", status=201)
    money = {"direction": "deposit", "currency": "USD", "amount": "40000.00", "reason": "wire"}
    await ann.send("POST", "/v1/accounts/beta/funds", money, key="fund-beta", status=201)


async def a_bracket_takes_its_profit(day: Day, alice: Person) -> None:
    """A market order through two levels; what was prechecked happens; one exit ends the other."""
    exits = [
        {"type": "take_profit", "price": "1.10200"},
        {"type": "stop_loss", "stop_price": "1.09"},
    ]
    order = {
        "client_order_id": "bracket", "account": "alpha", "pair": "EUR/USD", "side": "buy",
        "quantity": "3000000", "type": "market", "if_done": exits,
    }  # fmt: skip
    expected = await alice.send("POST", "/v1/orders/precheck", order)
    assert (expected["accepted"], expected["state"]) == (True, "filled")
    done = await alice.send("POST", "/v1/orders", order, status=201)

    fills = [(fill["quantity"], fill["price"]) for fill in done["fills"]]
    assert fills == [("1000000.00", "1.10010"), ("2000000.00", "1.10030")]
    assert [(each["quantity"], each["price"]) for each in expected["fills"]] == fills
    # 1,000,000 x 0.5 pip + 2,000,000 x 2.5 pips over the mid of 1.10005
    assert expected["cost"] == {"currency": "USD", "amount": "550.00"}
    profit, loss = (each["id"] for each in done["linked"])

    await day.market(alice, "1.10200", "1.10210", quantity="9000000")

    async def is_closed() -> bool:
        return bool((await alice.get(f"/v1/orders/{profit}"))["order"]["state"] == "filled")

    await until(is_closed)
    story = await alice.get(f"/v1/orders/{loss}")
    assert [step["state"] for step in story["steps"]] == ["new", "cancelled"]
    # bought for 1,100,100 + 2,200,600, sold for 3,306,000
    summary = (await alice.get("/v1/accounts/alpha/summary"))["summary"]
    assert (summary["realised"], summary["nav"]) == ("5300.00", "5300.00")


async def hedged_trades_are_closed_one_by_one(bob: Person) -> None:
    """Both sides are open at once; closing one leaves the other; nothing else can be reduced."""
    long = (await bob.order("long", "beta", "buy", "30000"))["fills"][0]["id"]
    await bob.order("short", "beta", "sell", "10000")
    trades = (await bob.get("/v1/open-trades"))["trades"]
    assert [trade["units"] for trade in trades] == ["30000.00", "-10000.00"]

    body = {"client_order_id": "part", "quantity": "20000"}
    await bob.send("POST", f"/v1/trades/{long}/close", body, key="part", status=201)
    trades = (await bob.get("/v1/open-trades"))["trades"]
    assert [trade["units"] for trade in trades] == ["10000.00", "-10000.00"]

    unknown = await bob.order(
        "none", "beta", "sell", "1000", position_fill="reduce_only", trade="F-1-1"
    )
    assert unknown["rejection"]["code"] == "UNKNOWN_TRADE"


async def good_and_bad_ones_come_together(alice: Person) -> None:
    """In a batch each is answered by itself; a refusal names the member and the step."""
    good = {
        "client_order_id": "g", "account": "alpha", "pair": "EUR/USD", "side": "buy",
        "quantity": "1000", "type": "market",
    }  # fmt: skip
    orders = [
        good,
        good | {"client_order_id": "b1", "quantity": "1000.001"},
        good | {"client_order_id": "b2", "type": "limit", "price": "1.2", "time_in_force": "GTX"},
        good | {"client_order_id": "b3", "type": "limit", "price": "1.00000"},
        good | {"client_order_id": "b4", "side": "sell"},
    ]
    answers = (await alice.send("POST", "/v1/orders/batch", {"orders": orders}, key="batch"))[
        "answers"
    ]
    said = [
        each.get("code") or (each["rejection"] or {}).get("code") or each["order"]["state"]
        for each in answers
    ]
    wrong = ["AMOUNT_TOO_PRECISE", "VALUE_NOT_ALLOWED", "PRICE_OUT_OF_COLLAR"]
    assert said == ["filled", *wrong, "filled"]
    assert (answers[1]["field"], answers[1]["step"]) == ("quantity", "0.01")
    assert "GTC, GTD" in answers[2]["detail"]


async def a_working_order_is_replaced_and_filled(day: Day, alice: Person) -> None:
    """In parts, as the market deals it; its story is the ledger's."""
    limit = {"type": "limit", "price": "1.10000"}
    old = (await alice.order("work", "alpha", "buy", "1000000", **limit))["order"]["id"]
    body = {
        "client_order_id": "work-2", "account": "alpha", "pair": "EUR/USD", "side": "buy",
        "quantity": "1500000", "type": "limit", "price": "1.10100",
    }  # fmt: skip
    new = (await alice.send("PUT", "/v1/orders/@work", body, key="r-1", status=201))["order"]["id"]
    assert (await alice.get(f"/v1/orders/{old}"))["order"]["state"] == "replaced"

    await day.market(alice, "1.10090", "1.10100", ("1.10080", "1.10110"))

    async def in_part() -> bool:
        order = (await alice.get(f"/v1/orders/{new}"))["order"]
        return bool(order.get("filled") == "1000000.00")

    await until(in_part)
    await alice.send("DELETE", f"/v1/orders/{new}", key="d-1")
    steps = (await alice.get(f"/v1/orders/{new}"))["steps"]
    assert [step["state"] for step in steps] == ["new", "partially_filled", "cancelled"]
    assert (await alice.get("/v1/orders?state=open"))["orders"] == []
    await alice.send(
        "POST", "/v1/positions/EUR/USD/close", {"client_order_id": "flat"}, key="c-1", status=201
    )


async def limits_and_stops_hold_until_two_agree(ann: Person, rita: Person, bob: Person) -> None:
    """A pair's limit rejects; one person halts, and orders with it; two let trading go on."""
    limits = {"scope": "pair", "id": "EUR/USD", "reason": "thin"}
    tight = limits | {"limits": {"order_quantity_max": "500"}}
    await rita.send("PUT", "/v1/limits", tight, key="tight")
    large = await bob.order("large", "beta", "buy", "1000")
    assert large["rejection"]["code"] == "QUANTITY_TOO_LARGE"
    await rita.send("PUT", "/v1/limits", limits | {"limits": {}}, key="wide")

    resting = await bob.order("rest", "beta", "buy", "1000", type="limit", price="1.09000")
    scope = {"scope": "account", "id": "beta", "reason": "looks like a loop"}
    halt = scope | {"state": "halted", "cancel_orders": True}
    await rita.send("POST", "/v1/trading-state", halt, key="halt")
    state = (await bob.get(f"/v1/orders/{resting['order']['id']}"))["order"]["state"]
    assert state == "cancelled"
    stopped = await bob.order("stopped", "beta", "buy", "1000")
    assert stopped["rejection"]["code"] == "KILL_SWITCH_ACTIVE"

    await bob.send("POST", "/v1/trading-state/resume", scope, status=403)
    asked = await rita.send("POST", "/v1/trading-state/resume", scope, key="go", status=202)
    assert not asked["granted"]
    again = await rita.send("POST", "/v1/trading-state/resume", scope, status=409)
    assert again["code"] == "SECOND_PERSON_NEEDED"
    granted = await ann.send("POST", "/v1/trading-state/resume", scope, key="go")
    assert (granted["by"], granted["asked_by"]) == ("ann", "rita")
    assert (await bob.order("on", "beta", "buy", "1000"))["order"]["state"] == "filled"


async def a_swap_is_quoted_and_taken(alice: Person) -> bytes:
    """At the price that was promised, once; what was answered, byte for byte."""
    ask = {"account": "alpha", "pair": "EUR/USD", "quantity": "1000000", "type": "swap"}
    given = await alice.send("POST", "/v1/quotes", ask | {"tenor": "1M"}, key="q-1", status=201)
    quote = given["quote"]
    path = f"/v1/quotes/{quote['id']}/accept"
    answer = await alice.client.post(path, json={"client_order_id": "swap", "side": "buy"})
    taken = _json(answer, 201)
    assert [fill.get("side", "buy") for fill in taken["fills"]] == ["sell", "buy"]
    assert [fill["price"] for fill in taken["fills"]] == [
        quote["legs"][0]["bid"], quote["legs"][1]["ask"],
    ]  # fmt: skip
    twice = _json(await alice.client.post(path, json={"client_order_id": "2", "side": "buy"}), 201)
    assert twice["rejection"]["code"] == "UNKNOWN_QUOTE"
    return answer.content


async def a_retry_finds_what_was_done(alice: Person, before: bytes) -> None:
    """After the crash the swap is answered as it was; the position is what it was."""
    orders = (await alice.get("/v1/orders?state=filled"))["orders"]
    (swap,) = [order for order in orders if order["client_order_id"] == "swap"]
    path = f"/v1/quotes/{swap['quote']}/accept"
    again = await alice.client.post(path, json={"client_order_id": "swap", "side": "buy"})
    assert again.content == before
    assert again.headers["Idempotency-Replayed"] == "true"
    (position,) = (await alice.get("/v1/accounts/alpha"))["positions"]
    assert (position["long"], position["short"]) == ("0.00", "0.00")


async def a_crash_of_the_price_closes_out(day: Day, ann: Person, bob: Person) -> None:
    """Margin at 30:1 reserves; a call is entered, then the account is closed out at 50 %."""
    since = (await bob.get("/v1/accounts/beta/summary"))["last_position"]
    refused = await bob.order("too-large", "beta", "buy", "2000000")
    assert refused["rejection"]["code"] == "INSUFFICIENT_MARGIN"
    await day.street.say("EUR/USD", [["1.10300", "9000000"]], [["1.10310", "9000000"]])
    assert (await bob.order("all-in", "beta", "buy", "1000000"))["order"]["state"] == "filled"

    async def has(event: str) -> bool:
        changes = (await bob.get(f"/v1/accounts/beta/changes?since={since}"))["changes"]
        said = [each["entry"].get("event") for each in changes["transactions"]]
        return event in said

    for bid, ask, event in (
        ("1.09900", "1.09910", "call_entered"), ("1.08000", "1.08010", "closed_out"),
    ):  # fmt: skip
        assert not await has(event)
        await day.street.say("EUR/USD", [[bid, "9000000"]], [[ask, "9000000"]])
        await until(lambda event=event: has(event))  # type: ignore[misc]
    account = await ann.get("/v1/accounts/beta")
    # the long side frees most, and is enough: the short one may stay
    assert [trade["units"] for trade in account["open_trades"]] == ["-10000.00"]
    assert float(account["summary"]["margin"]["level_percent"]) > 50
    gone = await ann.get("/v1/accounts/beta/changes?since=999999", status=416)
    assert gone["code"] == "SINCE_OUT_OF_RANGE"


async def every_receipt_holds(day: Day, ann: Person) -> None:
    """Each entry of the day is proved by the key alone; the book balances after each."""
    last = (await ann.get("/v1/accounts/beta/summary"))["last_position"]
    key = VerifierKey.parse(day.server.vkey)
    for position in range(last + 1):
        receipt = await ann.client.get(f"/v1/ledger/entries/{position}/receipt")
        assert verify_receipt(receipt.content, key).verdict == "clean"
        for line in (await ann.get(f"/v1/book?position={position}"))["lines"]:
            opposite = line["house"].removeprefix("-")
            assert line["clients"].removeprefix("-") == opposite
            assert line["clients"] == opposite or line["house"] == opposite
