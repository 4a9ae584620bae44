"""What pages hear: a real stream of a real product, and ledger entries as its events."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from tallystick.execution import Fill, Order, OrderDecided, OrderFilled, Rejection, encode
from tallystick.execution.entries import (
    KillSwitchSet,
    MarginChanged,
    OrderActivated,
    OrderCancelled,
    OrderExpired,
    OrderTrailed,
    OrderTriggered,
    QuoteSeen,
    ResumeAsked,
    TradingStateSet,
)
from tallystick.stream import Message
from tallystick.wiring.live import live_events

AT = "2026-11-22T04:08:16.000000Z"


def order(account: str = "demo", position: int = 1, state: Any = "filled", **more: Any) -> Order:
    """An order of an account."""
    plain = {
        "id": f"O-{position}", "account": account, "client_order_id": f"c-{position}",
        "pair": "EUR/USD", "side": "buy", "quantity": "5.00", "type": "market",
        "time_in_force": "FOK", "price": None, "state": state,
    }  # fmt: skip
    return Order(**(plain | more))


def message(position: int, entry: Any) -> Message:
    """An entry as the stream says it."""
    return Message(position, encode(entry))


FILL = Fill(id="F-1-1", price="1.1", quantity="5.00", amount="5.50", value_date="2026-11-25")
QUOTE = QuoteSeen(bid="1.09999", ask="1.1", at=AT, source="test")


def decided(position: int, account: str = "demo", **changes: Any) -> Message:
    """An order that was decided."""
    members: dict[str, Any] = {
        "at": AT, "order": order(account, position), "request": "0" * 64, "key": None,
        "fills": (FILL,), "postings": (), "rejection": None, "quote": None,
    }  # fmt: skip
    return message(position, OrderDecided(**(members | changes)))


def order_events(messages: list[Message], rows_max: int) -> Iterator[tuple[str | None, Any]]:
    """(account, its orders) of what is told."""
    for said in live_events(messages, rows_max):
        if said.event == "order":
            yield said.account, said.data


def test_each_account_hears_its_orders() -> None:
    """Oldest first, with the position of the entry that speaks of them."""
    messages = [decided(1), decided(2, "other"), decided(3)]
    heard = dict(order_events(messages, 10))

    assert [row.position for row in heard["demo"].orders] == [1, 3]
    assert [row.id for row in heard["other"].orders] == ["O-2"]
    assert heard["demo"].orders[0].fills[0].price == "1.1"


def test_every_kind_of_order_entry_is_an_event() -> None:
    """Each step of an order leaves it as the entry says; nothing else is an order."""
    refusal = Rejection("NO_PRICE", "There is no price.")
    rejected = order(state="rejected")
    stop: dict[str, Any] = {
        "type": "stop",
        "time_in_force": "GTD",
        "stop_price": "1.2",
        "expires_at": AT,
    }
    trailing: dict[str, Any] = {
        "type": "trailing_stop",
        "distance": "0.01",
        "stop_price": "1.1",
        "parent": "O-9",
    }
    part = order(position=1, state="partially_filled", filled="2.00")
    messages = [
        decided(1, order=rejected, fills=(), rejection=refusal),
        message(2, OrderFilled(AT, part, (FILL,), (), QUOTE)),
        message(3, OrderCancelled(AT, order(state="cancelled"), "me", "why", 2, "OCO_FILLED")),
        message(4, KillSwitchSet(AT, None, True, "me", "why")),
        message(5, OrderExpired(AT, order(state="expired", **stop))),
        message(6, OrderTriggered(AT, order(state="new", **stop, triggered=True), QUOTE)),
        message(7, OrderTrailed(AT, order(state="new", **trailing), QUOTE)),
        message(8, OrderActivated(AT, order(state="new", **trailing))),
    ]
    ((_account, heard),) = order_events(messages, 10)

    said = [msgspec.to_builtins(row) for row in heard.orders]
    assert [(row["position"], row["state"]) for row in said] == [
        (1, "rejected"), (2, "partially_filled"), (3, "cancelled"), (5, "expired"), (6, "new"),
        (7, "new"), (8, "new"),
    ]  # fmt: skip
    assert said[0]["rejection"] == {"code": "NO_PRICE", "reason": "There is no price."}
    assert (said[1]["filled"], said[1]["fills"][0]["id"]) == ("2.00", "F-1-1")
    assert said[2]["cancelled"] == {"by": "me", "reason": "why", "code": "OCO_FILLED"}
    assert (said[3]["expires_at"], said[4]["triggered"]) == (AT, True)
    assert (said[5]["distance"], said[5]["stop_price"], said[6]["parent"]) == ("0.01", "1.1", "O-9")
    assert "stop_price" not in said[0]


def test_an_order_says_what_it_replaces_and_who_placed_it() -> None:
    """The page can then close the other one, and name the desk where the client did nothing."""
    own = order(position=4, state="new", replaces="O-1")
    ((_account, heard),) = order_events([decided(4, order=own, by="margin close-out")], 10)

    assert (heard.orders[0].replaces, heard.orders[0].by) == ("O-1", "margin close-out")


def test_stops_and_margin_calls_are_told_to_whom_they_concern() -> None:
    """Everybody hears of everybody and of pairs, an account of itself, operators of desks."""
    messages = [
        message(1, KillSwitchSet(AT, "demo", True, "ann", "odd")),
        message(2, TradingStateSet(AT, "all", None, "reducing", "ann", "a drill")),
        message(3, TradingStateSet(AT, "pair", "EUR/USD", "halted", "ann", "news")),
        message(4, TradingStateSet(AT, "desk", "west", "halted", "ann", "odd")),
        message(5, ResumeAsked(AT, "all", None, "active", "ann", "over")),
        message(6, MarginChanged(AT, "demo", "call_entered", "90.00", "100.00")),
    ]
    heard = list(live_events(messages, 10))

    assert [(said.event, said.account, said.scope) for said in heard] == [
        ("trading_state", "demo", None), ("trading_state", None, None),
        ("trading_state", None, None), ("trading_state", None, "operate"),
        ("trading_state", None, None), ("margin", "demo", None),
    ]  # fmt: skip
    states = [msgspec.to_builtins(said.data) for said in heard[:5]]
    assert [(s["scope"], s["id"], s["state"], s["asked"]) for s in states] == [
        ("account", "demo", "halted", False), ("all", None, "reducing", False),
        ("pair", "EUR/USD", "halted", False), ("desk", "west", "halted", False),
        ("all", None, "active", True),
    ]  # fmt: skip
    assert msgspec.to_builtins(heard[5].data)["used"] == "100.00"


def test_orders_and_notices_of_one_batch_are_all_said() -> None:
    """What is read once is said once: the notice, and each account's orders."""
    stop = message(2, TradingStateSet(AT, "account", "demo", "halted", "throttle", "too many"))
    heard = list(live_events([decided(1), stop, decided(3, "other")], 10))

    assert [(said.event, said.account) for said in heard] == [
        ("trading_state", "demo"), ("order", "demo"), ("order", "other"),
    ]  # fmt: skip


def test_a_burst_leaves_out_the_oldest_and_says_so() -> None:
    """A page shows only so many: the newest are said, the rest is counted."""
    ((_account, heard),) = order_events([decided(n) for n in range(1, 8)], 3)

    assert [row.position for row in heard.orders] == [5, 6, 7]
    assert heard.omitted == 4


def events(stream: httpx.Response) -> Iterator[tuple[str, Any]]:
    """(event, data) of a stream, heartbeats left out."""
    name = ""
    for line in stream.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


@pytest.mark.server
def test_a_page_hears_what_happens(serve: Callable[..., Any], tmp_path: Any) -> None:
    """`hello` first; prices, the order, its checkpoint and its log line; the end at shutdown."""
    server = serve(tmp_path / "data")
    body = {
        "client_order_id": "seen", "account": "demo", "pair": "EUR/USD", "side": "buy",
        "quantity": "5", "type": "market",
    }  # fmt: skip
    with server.client() as client, client.stream("GET", "/v1/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        heard = events(stream)
        name, hello = next(heard)
        assert (name, hello["account"]) == ("hello", "demo")
        assert set(hello["scopes"]) == {"trade", "read", "operate"}

        position = client.post("/v1/orders", json=body).json()["receipt"]["position"]
        seen: dict[str, Any] = {}
        for name, data in heard:
            if name == "order":
                seen["order"] = data["orders"][0]
            elif name == "price":
                seen["price"] = data["prices"][0]
            elif name == "checkpoint" and data["size"] > position:
                seen["checkpoint"] = data
            elif name == "log":
                for line in data["logs"]:
                    if line.get("ledger.position") == position:
                        seen["log"] = line
            if seen.keys() == {"order", "price", "checkpoint", "log"}:
                break
        assert (seen["order"]["client_order_id"], seen["order"]["position"]) == ("seen", position)
        assert seen["price"]["bid"] < seen["price"]["ask"]
        assert seen["checkpoint"]["note"].split("\n")[2] == seen["checkpoint"]["root"]
        assert seen["log"]["event_name"] == "api.request_answered"

        server.process.terminate()
        assert {name for name, _ in heard} <= {"price", "checkpoint", "log", "order"}
    assert server.process.wait(20) == 0
    assert server.said() == ""


@pytest.mark.server
def test_nobody_follows_without_a_token(serve: Callable[..., Any], tmp_path: Any) -> None:
    """401 as everywhere."""
    server = serve(tmp_path / "data")
    response = httpx.get(f"{server.url}/v1/live", timeout=20)

    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
    assert server.stop() == 0
