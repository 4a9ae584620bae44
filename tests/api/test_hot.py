"""Placing orders through the hot path: fills, rejections, retries, and what is refused."""

import asyncio
import http.client
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from starlette.routing import Router

from tallystick.api.operation import route
from tallystick.api.orders import OPERATIONS, place_order
from tallystick.execution import Quote
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_receipt
from tallystick.limits import BODY_BYTES_MAX
from tallystick.money import Price
from tallystick.wiring.single import Single

Check = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.server


def key_of(product: Any) -> VerifierKey:
    """The key that the ledger itself serves."""
    return VerifierKey.parse(product.stranger.get("/v1/ledger/vkey").text)


def test_a_market_order_is_filled_and_proved(product: Any) -> None:
    """201 with the order, its fill and a receipt that verifies under the served key."""
    response = product.demo.post("/v1/orders", json=product.order(quantity="1000000"))
    answer = response.json()
    order, fill = answer["order"], answer["fills"][0]

    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert response.headers["location"] == f"/v1/orders/{order['id']}"
    assert "idempotency-replayed" not in response.headers
    assert order["state"] == "filled"
    assert order["quantity"] == fill["quantity"] == "1000000.00"
    assert order["id"] == f"O-{answer['receipt']['position']}"
    assert answer["rejection"] is None
    report = verify_receipt(response.content, key_of(product))
    assert (report.verdict, report.position) == ("clean", answer["receipt"]["position"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "1000001"}, "QUANTITY_TOO_LARGE"),
        ({"type": "limit", "time_in_force": "GTC", "price": "0.50000"}, "PRICE_OUT_OF_COLLAR"),
        ({"type": "limit", "time_in_force": "IOC", "price": "far"}, "NOT_MARKETABLE"),
        ({"type": "limit", "time_in_force": "FOK", "price": "far"}, "NOT_MARKETABLE"),
    ],
)
def test_a_rejection_is_a_fact(product: Any, changes: dict[str, str], code: str) -> None:
    """201 with a coded rejection that is in the ledger as well: it can be proved, too."""
    if changes.get("price") == "far":
        changes = changes | {"price": product.far_price()}
    body = product.order(account="other", **changes)
    response = product.clients["other"].post("/v1/orders", json=body)
    answer = response.json()

    assert response.status_code == 201
    assert answer["order"]["state"] == "rejected"
    assert answer["fills"] == []
    assert answer["rejection"]["code"] == code
    assert answer["rejection"]["reason"].endswith(".")
    assert verify_receipt(response.content, key_of(product)).verdict == "clean"


def test_a_limit_order_fills_rests_or_goes(product: Any) -> None:
    """At the market's price it fills at the market's; below it, GTC rests and IOC does not."""
    limit = {"type": "limit", "pair": "GBP/USD"}
    quotes = {each["pair"]: each for each in product.demo.get("/v1/prices").json()["prices"]}
    far = product.far_price("GBP/USD")
    generous = f"{float(quotes['GBP/USD']['ask']) * 1.01:.5f}"

    filled = product.place(time_in_force="IOC", price=generous, **limit)
    resting = product.place(time_in_force="GTC", price=far, **limit)
    gone = product.place(time_in_force="IOC", price=far, **limit)

    assert filled["order"]["state"] == "filled"
    assert filled["fills"][0]["price"] < generous
    assert (resting["order"]["state"], resting["fills"]) == ("new", [])
    assert resting["order"]["price"] == far
    assert gone["order"]["state"] == "rejected"


def test_a_default_time_in_force_is_said(product: Any) -> None:
    """Market orders are FOK, limit orders GTC, unless they say otherwise."""
    market = product.place(time_in_force=None)
    limit = product.place(time_in_force=None, type="limit", price=product.far_price())

    assert market["order"]["time_in_force"] == "FOK"
    assert limit["order"]["time_in_force"] == "GTC"


@pytest.mark.parametrize("header", [None, "retry-key-1"])
def test_a_retry_gets_the_same_bytes(product: Any, header: str | None) -> None:
    """The same order again, by its client_order_id or a header, is answered and not done again."""
    body = product.order(client_order_id=f"again-{header}")
    headers = {} if header is None else {"Idempotency-Key": header}
    first = product.demo.post("/v1/orders", json=body, headers=headers)
    size = product.demo.get("/v1/positions").json()["position"]
    second = product.demo.post("/v1/orders", json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert product.demo.get("/v1/positions").json()["position"] == size


def test_the_same_meaning_is_the_same_order(product: Any) -> None:
    """Another spelling of the same amount is a retry, not a conflict."""
    body = product.order(quantity="2500")
    first = product.demo.post("/v1/orders", json=body)
    second = product.demo.post("/v1/orders", json=body | {"quantity": "2500.00"})

    assert second.content == first.content


def test_another_order_under_a_used_key_is_a_conflict(product: Any, refused: Check) -> None:
    """409, whether the client_order_id or the header is used again."""
    body = product.order()
    headers = {"Idempotency-Key": f"conflict-{body['client_order_id']}"}
    assert product.demo.post("/v1/orders", json=body, headers=headers).status_code == 201

    again = product.demo.post("/v1/orders", json=body | {"side": "sell"})
    other = product.demo.post("/v1/orders", json=product.order(), headers=headers)

    refused(again, 409, "IDEMPOTENCY_CONFLICT")
    refused(other, 409, "IDEMPOTENCY_CONFLICT")


def test_a_key_belongs_to_an_account(product: Any) -> None:
    """Two accounts may use the same client_order_id."""
    name = product.order()["client_order_id"]
    mine = product.place(client_order_id=name, quantity="1111")
    theirs = product.place("other", client_order_id=name, quantity="1111")

    assert mine["order"]["id"] != theirs["order"]["id"]


LIMIT = {"type": "limit", "price": "1.08", "time_in_force": None}
WAITS = {"type": "stop", "stop_price": "1.08"}
STOP_LOSS = {"type": "stop_loss", "stop_price": "1.08", "time_in_force": None}
REFUSALS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"quantity": 1000000}, 422, "VALUE_NOT_ALLOWED", "quantity"),
    ({"quantity": 1000000.5}, 422, "VALUE_NOT_ALLOWED", "quantity"),
    ({"quantity": True}, 422, "VALUE_NOT_ALLOWED", "quantity"),
    ({"quantity": "1e6"}, 422, "AMOUNT_MALFORMED", "quantity"),
    ({"quantity": " 1"}, 422, "AMOUNT_MALFORMED", "quantity"),
    ({"quantity": "٣"}, 422, "AMOUNT_MALFORMED", "quantity"),
    ({"quantity": "9" * 25}, 422, "AMOUNT_MALFORMED", "quantity"),
    ({"quantity": "1.001"}, 422, "AMOUNT_TOO_PRECISE", "quantity"),
    ({"quantity": "0"}, 422, "AMOUNT_NOT_POSITIVE", "quantity"),
    ({"quantity": "-1"}, 422, "AMOUNT_NOT_POSITIVE", "quantity"),
    ({"quantity": None}, 422, "BAD_REQUEST", "quantity"),
    ({"side": "bid"}, 422, "VALUE_NOT_ALLOWED", "side"),
    ({"type": "iceberg"}, 422, "VALUE_NOT_ALLOWED", "type"),
    ({"time_in_force": "DAY"}, 422, "VALUE_NOT_ALLOWED", "time_in_force"),
    ({"time_in_force": "GTD"}, 422, "TIME_IN_FORCE_NOT_ALLOWED", "time_in_force"),
    ({"trigger": "last"}, 422, "VALUE_NOT_ALLOWED", "trigger"),
    ({"trigger": "mid"}, 422, "MEMBER_NOT_ALLOWED", "trigger"),
    ({"position_fill": "close"}, 422, "VALUE_NOT_ALLOWED", "position_fill"),
    ({"stop_price": "1.1"}, 422, "MEMBER_NOT_ALLOWED", "stop_price"),
    ({"price_bound": "0"}, 422, "AMOUNT_NOT_POSITIVE", "price_bound"),
    ({"price_bound": "1.123456"}, 422, "AMOUNT_TOO_PRECISE", "price_bound"),
    ({"type": "stop", "time_in_force": None}, 422, "MEMBER_REQUIRED", "stop_price"),
    ({"type": "trailing_stop", "time_in_force": None}, 422, "MEMBER_REQUIRED", "distance"),
    ({"type": "quoted"}, 422, "MEMBER_REQUIRED", "quote"),
    ({"type": "quoted", "quote": "Q 1"}, 422, "BAD_KEY", "quote"),
    (LIMIT | {"time_in_force": "GTD"}, 422, "MEMBER_REQUIRED", "expires_at"),
    (LIMIT | {"time_in_force": "GTD", "expires_at": "tomorrow"}, 422, "BAD_TIME", "expires_at"),
    (LIMIT | {"expires_at": "2099-01-01T00:00:00Z"}, 422, "MEMBER_NOT_ALLOWED", "expires_at"),
    ({"trade": "F-1-1"}, 422, "MEMBER_NOT_ALLOWED", "trade"),
    (STOP_LOSS | {"trade": "x" * 65}, 422, "BAD_KEY", "trade"),
    (STOP_LOSS | {"position_fill": "open_only"}, 422, "VALUE_NOT_ALLOWED", "position_fill"),
    ({"if_done": [{"type": "stop_loss"}]}, 422, "MEMBER_REQUIRED", "if_done[0].stop_price"),
    ({"if_done": [{"type": "market"}]}, 422, "VALUE_NOT_ALLOWED", "if_done[0].type"),
    ({"if_done": [{"type": "hope"}]}, 422, "VALUE_NOT_ALLOWED", "if_done[0].type"),
    ({"if_done": [{"typ": "stop"}]}, 422, "UNKNOWN_FIELD", "if_done[0].typ"),
    ({"if_done": [{}]}, 422, "BAD_REQUEST", "if_done[0].type"),
    ({"if_done": [WAITS] * 5}, 422, "TOO_MANY_LINKED_ORDERS", "if_done"),
    ({"if_done": [WAITS] * 4, "oco": WAITS}, 422, "TOO_MANY_LINKED_ORDERS", "if_done"),
    ({"oco": WAITS | {"price": "1.08"}}, 422, "PRICE_NOT_ALLOWED", "oco.price"),
    (
        {"if_done": [WAITS | {"client_order_id": "a"}, WAITS | {"client_order_id": "a"}]},
        422,
        "BAD_KEY",
        "if_done[1].client_order_id",
    ),
    ({"time_in_force": "GTC"}, 422, "TIME_IN_FORCE_NOT_ALLOWED", "time_in_force"),
    ({"price": "1.08"}, 422, "PRICE_NOT_ALLOWED", "price"),
    ({"type": "limit", "time_in_force": "GTC"}, 422, "PRICE_REQUIRED", "price"),
    ({"type": "limit", "price": "1.0812345"}, 422, "AMOUNT_TOO_PRECISE", "price"),
    ({"type": "limit", "price": 1.08}, 422, "VALUE_NOT_ALLOWED", "price"),
    ({"pair": "EUR/XXX"}, 422, "UNKNOWN_PAIR", "pair"),
    ({"pair": "USD/EUR"}, 422, "UNKNOWN_PAIR", "pair"),
    ({"client_order_id": ""}, 422, "BAD_KEY", "client_order_id"),
    ({"client_order_id": "a b"}, 422, "BAD_KEY", "client_order_id"),
    ({"client_order_id": "x" * 65}, 422, "BAD_KEY", "client_order_id"),
    ({"account": "nobody"}, 422, "UNKNOWN_ACCOUNT", "account"),
    ({"account": "house"}, 422, "UNKNOWN_ACCOUNT", "account"),
    ({"quantity_max": "1"}, 422, "UNKNOWN_FIELD", "quantity_max"),
]


@pytest.mark.parametrize(("changes", "status", "code", "field"), REFUSALS)
def test_what_cannot_become_an_order_is_refused(
    product: Any, refused: Check, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    """A status, a code, the member's name, and a sentence that names it."""
    size = product.demo.get("/v1/positions").json()["position"]
    response = product.demo.post("/v1/orders", json=product.order(**changes))
    problem = refused(response, status, code, field)

    named = {
        "TIME_IN_FORCE_NOT_ALLOWED": "GT",
        "UNKNOWN_PAIR": "EUR/",
        "TOO_MANY_LINKED_ORDERS": "At most 4",
    }
    member = named.get(code) or field.rpartition(".")[2]
    assert member in problem["detail"], problem["detail"]
    assert product.demo.get("/v1/positions").json()["position"] == size


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"quantity": "1.001"}, "0.01"),
        ({"pair": "USD/JPY", "type": "limit", "price": "150.0001"}, "0.001"),
        ({"type": "limit", "price": "1.081234"}, "0.00001"),
        ({"if_done": [WAITS | {"stop_price": "1.081234"}]}, "0.00001"),
    ],
)
def test_what_is_too_precise_is_told_the_step(
    product: Any, changes: dict[str, Any], step: str
) -> None:
    """In the sentence, and as a member of the problem for programs."""
    problem = product.demo.post("/v1/orders", json=product.order(**changes)).json()

    assert (problem["code"], problem["step"]) == ("AMOUNT_TOO_PRECISE", step)
    assert problem["detail"].endswith(f"The step is {step}.")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BAD_JSON"),
        (b"nope", 400, "BAD_JSON"),
        (b"{", 400, "BAD_JSON"),
        (b'{"account":"\xff"}', 400, "BAD_JSON"),
        (b"\xef\xbb\xbf{}", 400, "BAD_JSON"),
        (b"[]", 422, "VALUE_NOT_ALLOWED"),
        (b'"order"', 422, "VALUE_NOT_ALLOWED"),
        (b"null", 422, "VALUE_NOT_ALLOWED"),
        (b"[" * 60_000, 422, "VALUE_NOT_ALLOWED"),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    product: Any, refused: Check, body: bytes, status: int, code: str
) -> None:
    """Not JSON is 400, JSON of another shape 422."""
    refused(product.demo.post("/v1/orders", content=body), status, code)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "Send your token"),
        ("", "Send your token"),
        ("Basic ZGVtbzpkZW1v", "Send your token"),
        ("Bearer", "Send your token"),
        ("Bearer " + "x" * 300, "Send your token"),
        ("Bearer tally_wrong", "not known"),
        ("Bearer \xe9\xff", "not known"),
    ],
)
def test_who_has_no_token_is_told_so(
    product: Any, refused: Check, header: str | None, words: str
) -> None:
    """401 with WWW-Authenticate (RFC 6750) and what to send."""
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
    response = product.stranger.post("/v1/orders", json=product.order(), headers=headers)

    assert words in refused(response, 401, "UNAUTHENTICATED")["detail"]
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("name", "account"), [("other", "demo"), ("reader", "demo")])
def test_a_token_does_what_it_may(product: Any, refused: Check, name: str, account: str) -> None:
    """Another account's token, and one without the scope, are 403."""
    body = product.order(account=account)

    refused(product.clients[name].post("/v1/orders", json=body), 403, "FORBIDDEN")


def test_a_token_of_an_account_that_was_never_opened(product: Any, refused: Check) -> None:
    """The token is good, the account does not exist."""
    body = product.order(account="nowhere")
    response = product.clients["homeless"].post("/v1/orders", json=body)

    refused(response, 422, "UNKNOWN_ACCOUNT", "account")


@pytest.mark.parametrize("key", ["", "a b", "k" * 65, "\xe4"])
def test_a_header_key_that_cannot_be_used(product: Any, refused: Check, key: str) -> None:
    """422 that names the header."""
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    response = product.demo.post("/v1/orders", json=product.order(), headers=headers)

    refused(response, 422, "BAD_KEY", "Idempotency-Key")


def connect(product: Any) -> http.client.HTTPConnection:
    """A bare connection, to see what happens on one."""
    place = urlsplit(product.url)
    return http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)


def test_a_body_too_large_leaves_the_connection_usable(product: Any) -> None:
    """413, with or without a length said before; the next request on the connection is answered."""
    headers = {"Authorization": f"Bearer {product.tokens['demo']}"}
    connection = connect(product)
    try:
        for body in (b"x" * (BODY_BYTES_MAX + 1), iter([b"y" * 40_000] * 3)):
            connection.request("POST", "/v1/orders", body=body, headers=headers)
            response = connection.getresponse()
            problem = msgspec.json.decode(response.read())
            assert (response.status, problem["code"]) == (413, "BODY_TOO_LARGE")
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    finally:
        connection.close()


def test_a_body_in_pieces_is_one_body(product: Any) -> None:
    """Chunked transfer: the order is whole before it is read."""
    body = msgspec.json.encode(product.order())
    headers = {"Authorization": f"Bearer {product.tokens['demo']}"}
    connection = connect(product)
    try:
        pieces = iter([body[:10], body[10:11], body[11:]])
        connection.request("POST", "/v1/orders", body=pieces, headers=headers)
        response = connection.getresponse()
        assert (response.status, response.read()[:9]) == (201, b'{"order":')
    finally:
        connection.close()


def test_the_described_operation_answers_the_same(
    tmp_path: Path, inside: Callable[[Path], AbstractAsyncContextManager[Single]]
) -> None:
    """The hot path's bytes are those of the operation that OpenAPI describes."""
    operation = next(each for each in OPERATIONS if each.handler is place_order)
    order = {"account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "5", "type": "market"}

    async def ask() -> list[bytes]:
        """The same order to each of both."""
        async with inside(tmp_path) as single:
            now_ns = single.clock.now_ns()
            single.board.update([Quote("EUR/USD", Price(108249), Price(108251), now_ns, "test")])
            await single._open_demo_account()
            hot = single.app.hot
            described = Router([route(operation, hot._services)])
            headers = {"Authorization": f"Bearer {single.facts.token}"}
            answers = []
            for app in (hot, described):
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                    body = order | {"client_order_id": "same"}
                    answer = await client.post("/v1/orders", json=body, headers=headers)
                    answers.append(answer.content)
            return answers

    hot, described = asyncio.run(ask())
    assert hot == described
