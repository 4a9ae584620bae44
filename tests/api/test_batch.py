"""Batches of orders: each answered on its own and in order, in one commit, and safe to retry."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_receipt
from tallystick.limits import BATCH_BODY_BYTES_MAX, BATCH_ORDERS_MAX

Check = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.server


def send(product: Any, orders: list[Any], key: str | None = None, name: str = "demo") -> Any:
    """Post a batch."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return product.clients[name].post("/v1/orders/batch", json={"orders": orders}, headers=headers)


def test_each_order_is_answered_as_if_alone(product: Any) -> None:
    """In order, with its own receipt, under one checkpoint; a retry of one gets the same bytes."""
    orders = [product.order(quantity=str(1_000 + number)) for number in range(50)]
    answer = send(product, orders)
    answers = answer.json()["answers"]
    key = VerifierKey.parse(product.vkey)

    assert answer.status_code == 200
    assert [each["order"]["client_order_id"] for each in answers] == [
        each["client_order_id"] for each in orders
    ]
    positions = [each["receipt"]["position"] for each in answers]
    assert positions == list(range(positions[0], positions[0] + 50))
    assert len({each["receipt"]["checkpoint"] for each in answers}) == 1
    for body, each in zip(orders, answers, strict=True):
        assert verify_receipt(msgspec.json.encode(each), key).verdict == "clean"
        alone = product.demo.post("/v1/orders", json=body)
        assert alone.json() == each
        assert alone.headers["idempotency-replayed"] == "true"


def test_a_wrong_order_stops_no_other(product: Any) -> None:
    """What cannot become an order is a problem in its place, with its code, status and field."""
    conflict = product.order()
    product.demo.post("/v1/orders", json=conflict)
    orders: list[Any] = [
        product.order(),
        product.order(quantity="1.001"),
        product.order(side="hold"),
        product.order(account="nobody"),
        {"client_order_id": "x"},
        [],
        conflict | {"side": "sell"},
        product.order(type="stop", time_in_force=None),
        product.order(),
    ]
    answers = send(product, orders).json()["answers"]
    wanted = [
        None,
        (422, "AMOUNT_TOO_PRECISE", "quantity"),
        (422, "VALUE_NOT_ALLOWED", "side"),
        (422, "UNKNOWN_ACCOUNT", "account"),
        (422, "BAD_REQUEST", "account"),
        (422, "VALUE_NOT_ALLOWED", None),
        (409, "IDEMPOTENCY_CONFLICT", None),
        (422, "MEMBER_REQUIRED", "stop_price"),
        None,
    ]

    assert len(answers) == len(orders)
    for each, want in zip(answers, wanted, strict=True):
        if want is None:
            assert each["order"]["state"] == "filled"
        else:
            assert (each["status"], each["code"], each.get("field")) == want
            assert each["detail"].endswith(".")
    assert answers[1]["step"] == "0.01"


def test_a_batch_is_of_the_accounts_that_the_token_may(product: Any) -> None:
    """The other account's order is a problem; the operator's token may place for both."""
    orders = [product.order(account="other", quantity="555"), product.order(quantity="555")]
    theirs = send(product, orders, name="other").json()["answers"]
    both = send(product, orders).json()["answers"]

    assert theirs[0]["order"]["state"] == "filled"
    assert (theirs[1]["status"], theirs[1]["code"]) == (403, "FORBIDDEN")
    assert both[0] == theirs[0]
    assert both[1]["order"]["account"] == "demo"


@pytest.mark.parametrize("key", [None, "batch-key"])
def test_a_retried_batch_gets_the_same_bytes(product: Any, key: str | None) -> None:
    """Nothing is placed twice, and the header says that all of it is stored."""
    orders = [product.order(quantity=str(700 + n)) for n in range(20)]
    orders.insert(5, product.order(quantity="0"))
    first = send(product, orders, key)
    size = product.demo.get("/v1/positions").json()["position"]
    again = send(product, orders, key)

    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert product.demo.get("/v1/positions").json()["position"] == size


def test_a_batch_that_was_half_done_is_finished(product: Any) -> None:
    """Of a retry, what is known is answered as before, and only the rest is placed."""
    orders = [product.order() for _ in range(10)]
    first = send(product, orders[:4]).json()["answers"]
    whole = send(product, orders)
    answers = whole.json()["answers"]

    assert answers[:4] == first
    assert "idempotency-replayed" not in whole.headers
    positions = [each["receipt"]["position"] for each in answers]
    assert len(set(positions)) == 10


def test_the_same_order_twice_in_a_batch_is_one(product: Any) -> None:
    """The second is the answer to the first; another one under its name is a conflict."""
    body = product.order()
    answers = send(product, [body, body, body | {"side": "sell"}]).json()["answers"]

    assert answers[0] == answers[1]
    assert answers[2]["code"] == "IDEMPOTENCY_CONFLICT"


def test_the_key_of_a_batch_is_one_of_each_order(product: Any) -> None:
    """Order n has the key K#n: another order in its place is a conflict, there alone."""
    orders = [product.order() for _ in range(3)]
    first = send(product, orders, "k-1").json()["answers"]
    changed = [orders[0], product.order(), orders[2]]
    answers = send(product, changed, "k-1").json()["answers"]

    assert [answers[0], answers[2]] == [first[0], first[2]]
    assert answers[1]["code"] == "IDEMPOTENCY_CONFLICT"
    alone = product.demo.post("/v1/orders", json=orders[1], headers={"Idempotency-Key": "k-1#1"})
    assert alone.json() == first[1]


def test_orders_of_every_type_come_in_a_batch(product: Any) -> None:
    """With what comes with them."""
    far = product.far_price()
    orders = [
        product.order(type="limit", time_in_force="GTC", price=far),
        product.order(type="market_if_touched", time_in_force=None, stop_price=far),
        product.order(if_done=[{"type": "stop_loss", "stop_price": far}]),
    ]
    answers = send(product, orders).json()["answers"]

    assert [each["order"]["state"] for each in answers] == ["new", "new", "filled"]
    assert [len(each.get("linked", ())) for each in answers] == [0, 0, 1]
    product.demo.post("/v1/orders/cancel", json={"account": "demo"})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"orders":[]}', 422, "VALUE_NOT_ALLOWED"),
        (b'{"orders":[' + b"{}," * BATCH_ORDERS_MAX + b"{}]}", 422, "VALUE_NOT_ALLOWED"),
        (b"{}", 422, "BAD_REQUEST"),
        (b"[]", 422, "VALUE_NOT_ALLOWED"),
        (b'{"orders":[{]}', 400, "BAD_JSON"),
        (b'{"orders":[{}],"more":1}', 422, "UNKNOWN_FIELD"),
        (b" " * (BATCH_BODY_BYTES_MAX + 1), 413, "BODY_TOO_LARGE"),
    ],
    ids=["none", "too many", "no member", "a list", "no JSON", "a strange member", "too large"],
)
def test_a_batch_that_is_none(product: Any, body: bytes, status: int, code: str) -> None:
    """Refused as a whole, nothing done."""
    size = product.demo.get("/v1/positions").json()["position"]
    answer = product.demo.post("/v1/orders/batch", content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert product.demo.get("/v1/positions").json()["position"] == size


def test_a_full_batch_is_one_commit(product: Any) -> None:
    """A thousand orders, each filled, under one checkpoint."""
    orders = [product.order(quantity=str(1_000 + n)) for n in range(BATCH_ORDERS_MAX)]
    answers = send(product, orders).json()["answers"]

    assert {each["order"]["state"] for each in answers} == {"filled"}
    assert len({each["receipt"]["checkpoint"] for each in answers}) == 1


def test_who_may_not_trade_sends_no_batch(product: Any, refused: Check) -> None:
    """403 without the scope, 401 without a token."""
    body = {"orders": [product.order()]}

    refused(product.clients["reader"].post("/v1/orders/batch", json=body), 403, "FORBIDDEN")
    refused(product.stranger.post("/v1/orders/batch", json=body), 401, "UNAUTHENTICATED")
