"""What pages hear: a real stream of a real product, and ledger entries as its events."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tallystick.execution import Fill, Order, OrderDecided, OrderFilled, Rejection, encode
from tallystick.execution.entries import KillSwitchSet, OrderCancelled, QuoteSeen
from tallystick.stream import Message
from tallystick.wiring.live import order_events

AT = "2026-11-22T04:08:16.000000Z"


def order(account: str = "demo", position: int = 1, state: Any = "filled") -> Order:
    """An order of an account."""
    return Order(
        id=f"O-{position}", account=account, client_order_id=f"c-{position}", pair="EUR/USD",
        side="buy", quantity="5.00", type="market", time_in_force="FOK", price=None, state=state,
    )  # fmt: skip


def message(position: int, entry: Any) -> Message:
    """An entry as the stream says it."""
    return Message(position, encode(entry))


FILL = Fill(id="F-1-1", price="1.1", quantity="5.00", amount="5.50", value_date="2026-11-25")
QUOTE = QuoteSeen(bid="1.09999", ask="1.1", at=AT, source="test")


def decided(position: int, account: str = "demo", **changes: Any) -> Message:
    """An order that was decided."""
    members = {
        "at": AT, "order": order(account, position), "request": "0" * 64, "key": None,
        "fills": (FILL,), "postings": (), "rejection": None, "quote": None,
    }  # fmt: skip
    return message(position, OrderDecided(**(members | changes)))


def test_each_account_hears_its_orders() -> None:
    """Oldest first, with the position of the entry that speaks of them."""
    messages = [decided(1), decided(2, "other"), decided(3)]
    heard = dict(order_events(messages, 10))

    assert [row.position for row in heard["demo"].orders] == [1, 3]
    assert [row.id for row in heard["other"].orders] == ["O-2"]
    assert heard["demo"].orders[0].fills[0].price == "1.1"


def test_every_kind_of_order_entry_is_an_event() -> None:
    """Rejections with their reason, later fills and cancellations; nothing else."""
    refusal = Rejection("NO_PRICE", "There is no price.")
    rejected = order(state="rejected")
    messages = [
        decided(1, order=rejected, fills=(), rejection=refusal),
        message(2, OrderFilled(AT, order(position=1), (FILL,), (), QUOTE)),
        message(3, OrderCancelled(AT, order(position=1, state="cancelled"), "me", "why")),
        message(4, KillSwitchSet(AT, None, True, "me", "why")),
    ]
    ((_account, heard),) = order_events(messages, 10)

    assert [row.state for row in heard.orders] == ["rejected", "filled", "cancelled"]
    assert heard.orders[0].rejection is not None
    assert heard.orders[0].rejection.code == "NO_PRICE"


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
