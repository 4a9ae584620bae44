"""Replacing and cancelling orders over HTTP, each once under its key."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_receipt

Check = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def _nothing_rests(product: Any) -> None:
    """What other tests left resting is no part of what is counted here."""
    for name in ("demo", "other"):
        product.clients[name].post("/v1/orders/cancel", json={"account": name})


def rest(product: Any, name: str = "demo", **changes: Any) -> dict[str, Any]:
    """Place a limit order that rests."""
    price = product.far_price(changes.get("pair", "EUR/USD"))
    limit = {"type": "limit", "time_in_force": "GTC", "price": price}
    placed: dict[str, Any] = product.place(name, **(limit | changes))
    assert placed["order"]["state"] == "new"
    return placed


def size_of(product: Any) -> int:
    """How many entries the ledger has."""
    return int(product.demo.get("/v1/positions").json()["position"])


def test_an_order_is_replaced_in_one_step(product: Any) -> None:
    """One entry closes the old order and opens the new one; both stories say so."""
    old = rest(product)["order"]
    body = product.order(type="limit", time_in_force="GTC", price=old["price"], quantity="2000")
    size = size_of(product)
    answer = product.demo.put(f"/v1/orders/{old['id']}", json=body)
    new = answer.json()["order"]

    assert answer.status_code == 201, answer.text
    assert (new["state"], new["replaces"], new["quantity"]) == ("new", old["id"], "2000.00")
    assert answer.headers["location"] == f"/v1/orders/{new['id']}"
    assert size_of(product) == size + 1
    key = VerifierKey.parse(product.vkey)
    assert verify_receipt(answer.content, key).verdict == "clean"
    story = product.demo.get(f"/v1/orders/{old['id']}").json()
    assert [step["state"] for step in story["steps"]] == ["new", "replaced"]
    assert story["order"]["state"] == "replaced"


@pytest.mark.parametrize("header", [None, "replace-key"])
def test_a_retried_replacement_is_the_same_one(
    product: Any, refused: Check, header: str | None
) -> None:
    """The same bytes again; as a new order, or in another one's place, it is a conflict."""
    old, bystander = rest(product)["order"], rest(product)["order"]
    body = product.order(type="limit", time_in_force="GTC", price=old["price"])
    headers = {} if header is None else {"Idempotency-Key": header}
    first = product.demo.put(f"/v1/orders/{old['id']}", json=body, headers=headers)
    size = size_of(product)
    again = product.demo.put(f"/v1/orders/{old['id']}", json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    refused(product.demo.post("/v1/orders", json=body), 409, "IDEMPOTENCY_CONFLICT")
    other = product.demo.put(f"/v1/orders/{bystander['id']}", json=body, headers=headers)
    refused(other, 409, "IDEMPOTENCY_CONFLICT")
    assert size_of(product) == size


def test_a_replacement_that_is_rejected_leaves_the_order(product: Any) -> None:
    """The rejection is a fact; the old order still works."""
    old = rest(product, "other")["order"]
    body = product.order(
        account="other", type="limit", time_in_force="GTC", price=old["price"], quantity="5000000"
    )
    answer = product.clients["other"].put(f"/v1/orders/{old['id']}", json=body)

    assert answer.status_code == 201
    assert answer.json()["rejection"]["code"] == "QUANTITY_TOO_LARGE"
    story = product.clients["other"].get(f"/v1/orders/{old['id']}").json()
    assert story["order"]["state"] == "new"


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"pair": "GBP/USD"}, 422, "VALUE_NOT_ALLOWED", "pair"),
        ({"side": "sell"}, 422, "VALUE_NOT_ALLOWED", "side"),
        ({"account": "other"}, 422, "VALUE_NOT_ALLOWED", "account"),
        ({"oco": {"type": "stop", "stop_price": "1.20000"}}, 422, "MEMBER_NOT_ALLOWED", "oco"),
        ({"quantity": "0.001"}, 422, "AMOUNT_TOO_PRECISE", "quantity"),
    ],
)
def test_a_replacement_that_cannot_be(
    product: Any, refused: Check, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    """Of another account, pair or side, or with orders of its own: refused, nothing done."""
    old = rest(product)["order"]
    limit = {"type": "limit", "time_in_force": "GTC", "price": old["price"]}
    body = product.order(**(limit | changes))
    size = size_of(product)

    refused(product.demo.put(f"/v1/orders/{old['id']}", json=body), status, code, field)
    assert size_of(product) == size


def test_what_is_not_there_or_over_is_not_replaced(product: Any, refused: Check) -> None:
    """404 for what never was, or is another's; 409 for what is over."""
    over = product.place()["order"]["id"]
    theirs = rest(product)["order"]["id"]
    body = product.order(account="other")

    refused(product.demo.put("/v1/orders/O-999999", json=product.order()), 404, "UNKNOWN_ORDER")
    refused(product.demo.put(f"/v1/orders/{over}", json=product.order()), 409, "ORDER_NOT_OPEN")
    answer = product.clients["other"].put(f"/v1/orders/{theirs}", json=body)
    refused(answer, 404, "UNKNOWN_ORDER")


def test_a_cancel_under_a_key_is_done_once(product: Any, refused: Check) -> None:
    """The same bytes again, also when the order is long over; another order is a conflict."""
    one, two = rest(product)["order"]["id"], rest(product)["order"]["id"]
    headers = {"Idempotency-Key": f"cancel-{one}"}
    first = product.demo.delete(f"/v1/orders/{one}", headers=headers)
    size = size_of(product)
    again = product.demo.delete(f"/v1/orders/{one}", headers=headers)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    refused(product.demo.delete(f"/v1/orders/{two}", headers=headers), 409, "IDEMPOTENCY_CONFLICT")
    refused(product.demo.delete(f"/v1/orders/{one}"), 409, "ORDER_NOT_OPEN")
    assert size_of(product) == size


def test_an_operator_cancels_for_others(product: Any) -> None:
    """With the scope `operate`; the entry says that it was no client."""
    order_id = rest(product, "other")["order"]["id"]
    answer = product.demo.delete(f"/v1/orders/{order_id}")
    position = answer.json()["receipt"]["position"]
    entries = product.demo.get("/v1/ledger/entries", params={"from": position}).json()["entries"]

    assert answer.status_code == 200
    assert '"code":"OPERATOR_REQUEST"' in entries[0]["entry"]


def test_an_order_is_cancelled_by_its_client_order_id(product: Any) -> None:
    """`@` and the client_order_id, as for reading."""
    rest(product, client_order_id="to-cancel")
    answer = product.demo.delete("/v1/orders/@to-cancel")

    assert (answer.status_code, answer.json()["order"]["state"]) == (200, "cancelled")


def test_all_orders_are_cancelled_at_once(product: Any) -> None:
    """Oldest first, of one pair or of all, in consecutive entries; what waited goes along."""
    one, two = rest(product), rest(product, pair="GBP/USD")
    stop = {"type": "stop_loss", "stop_price": product.far_price(), "client_order_id": "waits"}
    three = rest(product, if_done=[stop])
    pair = product.demo.post("/v1/orders/cancel", json={"account": "demo", "pair": "GBP/USD"})
    every = product.demo.post("/v1/orders/cancel", json={"account": "demo"})
    key = VerifierKey.parse(product.vkey)

    assert (pair.status_code, every.status_code) == (200, 200)
    assert [each["id"] for each in pair.json()["orders"]] == [two["order"]["id"]]
    gone = every.json()
    assert [o["id"] for o in gone["orders"]] == [one["order"]["id"], three["order"]["id"]]
    assert gone["orders"][0]["position"] == gone["receipt"]["position"]
    assert verify_receipt(msgspec.json.encode(gone["receipt"]), key).verdict == "clean"
    assert product.demo.get("/v1/orders", params={"state": "open"}).json()["orders"] == []
    for each in (*pair.json()["orders"], *gone["orders"]):
        story = product.demo.get(f"/v1/orders/{each['id']}").json()
        assert story["steps"][-1]["position"] == each["position"]
        assert story["order"]["state"] == "cancelled"


def test_cancelling_all_under_a_key_is_done_once(product: Any, refused: Check) -> None:
    """A retry is told the same orders, and leaves alone what was placed meanwhile."""
    for _ in range(3):
        rest(product, if_done=[{"type": "stop_loss", "stop_price": product.far_price()}])
    headers = {"Idempotency-Key": "all-of-them"}
    first = product.demo.post("/v1/orders/cancel", json={"account": "demo"}, headers=headers)
    later = rest(product)["order"]["id"]
    again = product.demo.post("/v1/orders/cancel", json={"account": "demo"}, headers=headers)
    body = {"account": "demo", "pair": "EUR/USD"}

    assert len(first.json()["orders"]) == 3
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert product.demo.get(f"/v1/orders/{later}").json()["order"]["state"] == "new"
    other = product.demo.post("/v1/orders/cancel", json=body, headers=headers)
    refused(other, 409, "IDEMPOTENCY_CONFLICT")


def test_nothing_to_cancel_writes_nothing(product: Any, refused: Check) -> None:
    """An empty list without a receipt; a misspelt account or pair is refused instead."""
    size = size_of(product)
    answer = product.demo.post("/v1/orders/cancel", json={"account": "demo"})
    wrong = product.demo.post("/v1/orders/cancel", json={"account": "demo", "pair": "EURUSD"})
    nobody = product.demo.post("/v1/orders/cancel", json={"account": "no"})
    theirs = product.clients["other"].post("/v1/orders/cancel", json={"account": "demo"})

    assert answer.json() == {"account": "demo", "orders": [], "receipt": None}
    assert size_of(product) == size
    refused(wrong, 422, "UNKNOWN_PAIR")
    refused(nobody, 422, "UNKNOWN_ACCOUNT", "account")
    refused(theirs, 403, "FORBIDDEN")


@pytest.mark.parametrize("key", ["", "a b", "k" * 65])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST"])
def test_a_key_that_cannot_be_used(product: Any, refused: Check, method: str, key: str) -> None:
    """422 that names the header, on every write."""
    order_id = rest(product)["order"]["id"]
    path = "/v1/orders/cancel" if method == "POST" else f"/v1/orders/{order_id}"
    body = {"DELETE": None, "PUT": product.order(), "POST": {"account": "demo"}}[method]
    headers = {"Idempotency-Key": key}

    answer = product.demo.request(method, path, json=body, headers=headers)
    refused(answer, 422, "BAD_KEY", "Idempotency-Key")
