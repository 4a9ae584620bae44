"""Accounts over the door: opening, money, snapshots, changes, closing, the trial balance."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tallystick.api import Api, Metrics, Services, accounts
from tallystick.api.operation import route
from tallystick.execution import Quote
from tallystick.execution.trial import TrialBalances
from tallystick.fx import pair
from tallystick.money import Price, parse_decimal
from tallystick.tracing import untraced

LIMITS = {
    "order_quantity_max": "10000000",
    "position_usd_max": "100000000.00",
    "collar_bps": 500,
    "duplicate_window_ms": 1000,
    "duplicates_max": 1000,
}


FIELDS = dataclasses.fields(Services)


def _ready() -> str | None:
    return None


class Door:
    """The operations of accounts on a real desk, with clients for three tokens."""

    def __init__(self, single: Any, tmp: Path) -> None:
        """`single`: the product inside this process."""
        self.single = single
        members = {each.name: getattr(single, each.name, None) for each in FIELDS}
        members |= {"published": tmp, "hec_token": "", "ready": _ready, "traced": untraced}
        members |= {"trial_balances": TrialBalances(single.ledger), "ledger_public": False}
        services = Services(**members)
        routes = [route(operation, services) for operation in accounts.OPERATIONS]
        gauges: Callable[[], Any] = list
        self.app = Api(services, single.calls, Metrics(single.calls, gauges), routes)
        issue = single.tokens.issue
        self.operator = self._client(issue("ann", "office", ("operate", "read", "trade", "audit")))
        self.trader = self._client(issue("bob", "bob", ("trade", "read")))
        self.other = self._client(issue("eve", "eve", ("trade", "read")))
        self._numbers = iter(range(10_000))

    def _client(self, token: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),  # type: ignore[arg-type]
            base_url="http://tallystick.test",
            headers={"Authorization": f"Bearer {token}"},
        )

    def price(self, symbol: str, bid: str, ask: str) -> None:
        """A fresh quote on the board."""
        digits = pair(symbol).price_digits
        prices = [Price(parse_decimal(text, digits)) for text in (bid, ask)]
        at_ns = self.single.clock.now_ns()
        self.single.board.update([Quote(symbol, *prices, at_ns, "test")])

    async def open(self, account: str = "bob", key: str = "open-1", **more: Any) -> Any:
        """An account with a home in euro under the retail profile."""
        body = {
            "account": account, "limits": LIMITS, "home": "EUR", "margin": "esma_retail", **more,
        }  # fmt: skip
        return await self.operator.post(
            "/v1/accounts", json=body, headers={"Idempotency-Key": f"{account}-{key}"}
        )

    async def fund(self, amount: str, key: str, **more: Any) -> Any:
        """Money for bob."""
        body = {
            "direction": "deposit", "currency": "EUR", "amount": amount, "reason": "a test", **more,
        }  # fmt: skip
        return await self.operator.post(
            "/v1/accounts/bob/funds", json=body, headers={"Idempotency-Key": key}
        )

    async def order(self, **more: Any) -> Any:
        """Bob buys 100,000 euro at the market."""
        body = {
            "client_order_id": f"c-{next(self._numbers)}", "account": "bob", "pair": "EUR/USD",
            "side": "buy", "quantity": "100000", "type": "market", **more,
        }  # fmt: skip
        answer = await self.trader.post("/v1/orders", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def close(self) -> None:
        """Close the clients."""
        for client in (self.operator, self.trader, self.other):
            await client.aclose()


Use = Callable[[Door], Awaitable[None]]
Run = Callable[[Use], None]


@pytest.fixture
def at_door(inside: Any, tmp_path: Path) -> Run:
    """Runs a test against a door with the account bob, 100,000 EUR in it and a price."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Door]:
        async with inside(tmp_path / "data") as single:
            door = Door(single, tmp_path)
            door.price("EUR/USD", "1.08249", "1.08251")
            assert (await door.open()).status_code == 201
            assert (await door.fund("100000.00", "fund-1")).status_code == 201
            yield door
            await door.close()

    async def use(test: Use) -> None:
        async with opened() as door:
            await test(door)

    return lambda test: asyncio.run(use(test))


def _refused(answer: Any, status: int, code: str, field: str | None = None) -> None:
    said = (answer.status_code, answer.json().get("code"), answer.json().get("field"))
    assert said == (status, code, field), answer.text
    assert answer.json()["detail"].endswith(".")


def test_an_account_is_opened_once_and_changed_later(at_door: Run) -> None:
    """A retry gets the stored answer, another body under the key is refused, changes are merged."""

    async def test(door: Door) -> None:
        again = await door.open()
        assert again.status_code == 201
        assert again.headers["idempotency-replayed"] == "true"
        _refused(await door.open(home="USD"), 409, "IDEMPOTENCY_CONFLICT")
        changed = await door.operator.post("/v1/accounts", json={"account": "bob", "desk": "d1"})
        assert changed.json()["configuration"] == {
            "desk": "d1", "home": "EUR", "mode": "netting", "margin": "esma_retail",
            "financing": "none",
        }  # fmt: skip
        snapshot = (await door.trader.get("/v1/accounts/bob")).json()
        assert snapshot["limits"] == LIMITS
        await door.open("amy")
        first = (await door.operator.get("/v1/accounts?limit=1")).json()
        assert [each["account"] for each in first["accounts"]] == ["bob"]
        rest = (await door.operator.get(f"/v1/accounts?cursor={first['next_cursor']}")).json()
        assert [each["account"] for each in rest["accounts"]] == ["amy"]
        assert rest["next_cursor"] is None

    at_door(test)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"account": "new"}, 422, "MEMBER_REQUIRED", "limits"),
        ({"account": "house", "limits": LIMITS}, 422, "VALUE_NOT_ALLOWED", "account"),
        ({"account": "a b", "limits": LIMITS}, 422, "BAD_KEY", "account"),
        ({"account": "new", "limits": LIMITS, "margin": "x"}, 422, "VALUE_NOT_ALLOWED", "margin"),
        ({"account": "new", "limits": LIMITS, "home": "XXY"}, 422, "UNKNOWN_CURRENCY", "home"),
        ({"account": "new", "limits": LIMITS, "mode": "x"}, 422, "VALUE_NOT_ALLOWED", "mode"),
        (
            {"account": "new", "limits": LIMITS | {"position_usd_max": "1.001"}},
            422, "AMOUNT_TOO_PRECISE", None,
        ),
    ],
    ids=["limits", "house", "name", "margin", "home", "mode", "precise"],
)  # fmt: skip
def test_an_account_that_cannot_be_is_refused(
    at_door: Run, body: Any, status: int, code: str, field: str | None
) -> None:
    """Coded, with the member, and nothing written."""

    async def test(door: Door) -> None:
        size = door.single.ledger.size
        answer = await door.operator.post("/v1/accounts", json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["code"] == code
        if field is not None:
            assert answer.json()["field"] == field
        assert door.single.ledger.size == size

    at_door(test)


def test_what_positions_are_counted_by_cannot_change_under_them(at_door: Run) -> None:
    """home, mode and financing stand while a position is open; home also with a result."""

    async def test(door: Door) -> None:
        await door.order()
        for change in ({"home": "USD"}, {"mode": "fifo"}, {"financing": "daily"}):
            answer = await door.operator.post("/v1/accounts", json={"account": "bob", **change})
            _refused(answer, 409, "ACCOUNT_NOT_FLAT", next(iter(change)))
        await door.order(side="sell")
        flat = await door.operator.post("/v1/accounts", json={"account": "bob", "mode": "fifo"})
        assert flat.status_code == 201
        answer = await door.operator.post("/v1/accounts", json={"account": "bob", "home": "USD"})
        _refused(answer, 409, "ACCOUNT_NOT_FLAT", "home")

    at_door(test)


def test_money_moves_once_and_not_beyond_what_is_free(at_door: Run) -> None:
    """Deposits and withdrawals are keyed; what margin needs or has not settled stays."""

    async def test(door: Door) -> None:
        again = await door.fund("100000.00", "fund-1")
        assert again.headers["idempotency-replayed"] == "true"
        _refused(await door.fund("5.00", "fund-1"), 409, "IDEMPOTENCY_CONFLICT")
        body = {"direction": "deposit", "currency": "EUR", "amount": "1.00", "reason": "x"}
        bare = await door.operator.post("/v1/accounts/bob/funds", json=body)
        _refused(bare, 422, "KEY_REQUIRED", "Idempotency-Key")
        out = {"direction": "withdraw"}
        _refused(await door.fund("0.00", "f-2"), 422, "AMOUNT_NOT_POSITIVE", "amount")
        _refused(await door.fund("1.001", "f-3"), 422, "AMOUNT_TOO_PRECISE", "amount")
        _refused(await door.fund("1", "f-4", currency="XXY"), 422, "UNKNOWN_CURRENCY", "currency")
        _refused(await door.fund("100000.01", "f-5", **out), 409, "INSUFFICIENT_FUNDS", "amount")
        await door.order(quantity="2000000")
        _refused(await door.fund("90000.00", "f-6", **out), 409, "INSUFFICIENT_FUNDS", "amount")
        # 2,000,000 EUR by 30 are 66,666.67 EUR of margin; half the spread was paid.
        assert (await door.fund("33000.00", "f-7", **out)).status_code == 201
        _refused(await door.fund("400.00", "f-8", **out), 409, "INSUFFICIENT_FUNDS", "amount")
        balance = (await door.trader.get("/v1/accounts/bob")).json()["balances"][0]
        assert (balance["currency"], balance["settled"]) == ("EUR", "67000.00")

    at_door(test)


def test_the_snapshot_says_where_the_account_stands(at_door: Run) -> None:
    """Worth, margin, positions and orders, by hand.

    100,000 EUR; bought 1,000,000 EUR/USD at 1.08251; mid now 1.09000:
    unrealised 7,490 USD = 6,871.56 EUR; margin 1,090,000 / 30 = 36,333.34 USD.
    """

    async def test(door: Door) -> None:
        await door.order(quantity="1000000")
        await door.order(quantity="500000", type="limit", price="1.07000", time_in_force="GTC")
        door.price("EUR/USD", "1.08999", "1.09001")
        view = (await door.trader.get("/v1/accounts/bob")).json()
        summary = view["summary"]
        assert (summary["home"], summary["nav"]) == ("EUR", "106871.56")
        assert (summary["unrealised"], summary["realised"]) == ("6871.56", "0.00")
        margin = summary["margin"]
        assert (margin["equity"], margin["used"]) == ("116490.00", "36333.34")
        assert (margin["reserved"], margin["available"]) == ("54500.00", "61990.00")
        assert (margin["level_percent"], margin["in_call"]) == ("320.61", False)
        (position,) = view["positions"]
        assert (position["long"], position["long_average"]) == ("1000000.00", "1.0825100")
        assert (position["unrealised"], position["price"]) == ("7490.00", "1.090000")
        assert [each["type"] for each in view["working_orders"]] == ["limit"]
        assert view["last_position"] == door.single.ledger.size - 1
        short = (await door.trader.get("/v1/accounts/bob/summary")).json()
        assert short["summary"] == summary
        assert (short["positions"], short["working_orders"]) == (1, 1)

    at_door(test)


def test_accounts_of_others_are_not_shown(at_door: Run) -> None:
    """Every read and every close checks whose account it is."""

    async def test(door: Door) -> None:
        for path in ("", "/summary", "/changes?since=0"):
            _refused(await door.other.get(f"/v1/accounts/bob{path}"), 403, "FORBIDDEN")
        _refused(await door.other.get("/v1/open-trades?account=bob"), 403, "FORBIDDEN")
        body = {"client_order_id": "x", "account": "bob"}
        closing = await door.other.post("/v1/positions/EUR/USD/close", json=body)
        _refused(closing, 403, "FORBIDDEN")
        _refused(await door.other.get("/v1/accounts"), 403, "FORBIDDEN")
        _refused(await door.trader.get("/v1/book"), 403, "FORBIDDEN")
        _refused(await door.operator.get("/v1/accounts/ghost"), 422, "UNKNOWN_ACCOUNT", "account")

    at_door(test)


def test_changes_lead_from_one_snapshot_to_the_next(at_door: Run) -> None:
    """Page by page: every entry about the account once, and the figures of now."""

    async def test(door: Door) -> None:
        since = (await door.trader.get("/v1/accounts/bob")).json()["last_position"]
        bought = await door.order()
        resting = await door.order(type="limit", price="1.07000", time_in_force="GTC")
        await door.order(quantity="10000000", client_order_id="too-much")
        await door.trader.delete(f"/v1/orders/{resting['order']['id']}")
        await door.fund("1.00", "fund-2")
        seen: list[int] = []
        whole: dict[str, list[Any]] = {}
        more = True
        while more:
            path = f"/v1/accounts/bob/changes?since={since}&limit=2"
            page = (await door.trader.get(path)).json()
            for name, items in page["changes"].items():
                whole.setdefault(name, []).extend(items)
            seen += [each["position"] for each in page["changes"]["transactions"]]
            since, more = page["last_position"], page["more"]
        assert seen == list(range(seen[0], door.single.ledger.size))
        assert since == door.single.ledger.size - 1
        states = {
            name: [each["state"] for each in whole[name]]
            for name in whole if name.startswith("orders_")
        }  # fmt: skip
        assert states == {
            "orders_created": ["filled", "new"], "orders_filled": ["filled"],
            "orders_cancelled": ["cancelled"], "orders_rejected": ["rejected"],
            "orders_changed": [],
        }  # fmt: skip
        assert [each["id"] for each in whole["trades"]] == [bought["fills"][0]["id"]]
        assert whole["positions"][0]["long"] == "100000.00"
        kinds = [each["entry"]["kind"] for each in whole["transactions"]]
        assert kinds[-1] == "funds_moved"
        assert page["state"]["summary"]["nav"] is not None
        nothing = (await door.trader.get(f"/v1/accounts/bob/changes?since={since}")).json()
        assert nothing["changes"]["transactions"] == []
        beyond = await door.trader.get(f"/v1/accounts/bob/changes?since={since + 1}")
        _refused(beyond, 416, "SINCE_OUT_OF_RANGE", "since")

    at_door(test)


def test_a_position_is_closed_in_part_and_whole_each_once(at_door: Run) -> None:
    """A retry of "close all" gets the stored answer, though nothing is left to close."""

    async def test(door: Door) -> None:
        await door.order(quantity="300000")
        path = "/v1/positions/EUR/USD/close"
        part = await door.trader.post(path, json={"client_order_id": "p", "quantity": "100000"})
        assert part.json()["order"]["state"] == "filled"
        assert part.json()["order"]["position_fill"] == "reduce_only"
        whole = await door.trader.post("/v1/positions/eur-usd/close", json={"client_order_id": "w"})
        assert whole.json()["order"]["quantity"] == "200000.00"
        again = await door.trader.post(path, json={"client_order_id": "w"})
        assert again.headers["idempotency-replayed"] == "true"
        assert again.content == whole.content
        other = await door.trader.post(path, json={"client_order_id": "w", "quantity": "5"})
        _refused(other, 409, "IDEMPOTENCY_CONFLICT")
        side = await door.trader.post(path, json={"client_order_id": "w", "side": "short"})
        _refused(side, 409, "IDEMPOTENCY_CONFLICT")
        _refused(await door.trader.post(path, json={"client_order_id": "n"}), 404, "NO_POSITION")
        odd = await door.trader.post("/v1/positions/EUR/XXX/close", json={"client_order_id": "n"})
        _refused(odd, 422, "UNKNOWN_PAIR")

    at_door(test)


def test_trades_of_a_hedging_account_are_closed_one_by_one(at_door: Run) -> None:
    """Long and short side by side; a trade is closed in part, then whole, each once."""

    async def test(door: Door) -> None:
        await door.operator.post("/v1/accounts", json={"account": "bob", "mode": "hedging"})
        long = (await door.order(quantity="300000"))["fills"][0]["id"]
        await door.order(quantity="100000", side="sell")
        trades = (await door.trader.get("/v1/open-trades?pair=EUR/USD")).json()["trades"]
        assert [each["units"] for each in trades] == ["300000.00", "-100000.00"]
        both = await door.trader.post("/v1/positions/EUR/USD/close", json={"client_order_id": "b"})
        _refused(both, 422, "MEMBER_REQUIRED", "side")
        path = f"/v1/trades/{long}/close"
        part = await door.trader.post(path, json={"client_order_id": "t1", "quantity": "50000"})
        assert part.json()["order"]["trade"] == long
        whole = await door.trader.post(path, json={"client_order_id": "t2"})
        assert whole.json()["order"]["quantity"] == "250000.00"
        again = await door.trader.post(path, json={"client_order_id": "t2"})
        assert again.content == whole.content
        gone = await door.trader.post(path, json={"client_order_id": "t3"})
        _refused(gone, 404, "NO_POSITION")
        left = (await door.trader.get("/v1/open-trades")).json()["trades"]
        assert [each["units"] for each in left] == ["-100000.00"]
        short = await door.trader.post(
            "/v1/positions/EUR/USD/close", json={"client_order_id": "s", "side": "short"}
        )
        assert short.json()["order"]["state"] == "filled"

    at_door(test)


def test_a_fifo_account_closes_its_oldest_trade_first(at_door: Run) -> None:
    """One trade of it cannot be picked (NFA 2-43)."""

    async def test(door: Door) -> None:
        await door.operator.post("/v1/accounts", json={"account": "bob", "mode": "fifo"})
        await door.order()
        second = (await door.order())["fills"][0]["id"]
        picked = await door.trader.post(f"/v1/trades/{second}/close", json={"client_order_id": "t"})
        _refused(picked, 422, "VALUE_NOT_ALLOWED", "id")

    at_door(test)


def test_an_order_beyond_the_margin_is_rejected(at_door: Run) -> None:
    """100,000 EUR carry 3,000,000 at 30:1, and no more."""

    async def test(door: Door) -> None:
        too_much = await door.order(quantity="3000000")
        assert too_much["rejection"]["code"] == "INSUFFICIENT_MARGIN"
        fits = await door.order(quantity="2999000")
        assert fits["order"]["state"] == "filled"
        less = await door.order(quantity="2999000", side="sell")
        assert less["order"]["state"] == "filled"

    at_door(test)


def test_the_trial_balance_at_any_position(at_door: Run) -> None:
    """Clients and house are each other's opposite in every line, then and now."""

    async def test(door: Door) -> None:
        await door.order(quantity="1000000")
        for position in (*range(door.single.ledger.size), None):
            query = "" if position is None else f"?position={position}"
            book = (await door.operator.get(f"/v1/book{query}")).json()
            assert book["size"] == (door.single.ledger.size if position is None else position + 1)
            for line in book["lines"]:
                assert Decimal(line["clients"]) == -Decimal(line["house"])
        assert {line["currency"] for line in book["lines"]} == {"EUR", "USD"}
        beyond = await door.operator.get(f"/v1/book?position={door.single.ledger.size}")
        _refused(beyond, 422, "BAD_RANGE", "position")
        odd = await door.operator.get("/v1/book?since=yesterday")
        _refused(odd, 422, "VALUE_NOT_ALLOWED", "since")

    at_door(test)


def test_what_is_not_durable_yet_is_not_shown(at_door: Run) -> None:
    """A snapshot taken while an order is on its way answers when that is durable."""

    async def test(door: Door) -> None:
        placing = asyncio.create_task(door.order(quantity="1000000"))
        reading = None
        while not placing.done():
            if reading is None and door.single.desk.book.account("bob").positions:
                reading = asyncio.create_task(door.trader.get("/v1/accounts/bob"))
            await asyncio.sleep(0)
        assert reading is not None, "the book runs ahead of the disk"
        view = (await reading).json()
        assert view["positions"][0]["long"] == "1000000.00"
        assert view["last_position"] == (await placing)["receipt"]["position"]

    at_door(test)
