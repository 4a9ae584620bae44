"""Orders, trades and positions as they are read back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_receipt

Check = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.server


def rest(product: Any, name: str = "demo", **changes: Any) -> dict[str, Any]:
    """Place a limit order that rests."""
    price = product.far_price(changes.get("pair", "EUR/USD"))
    limit = {"type": "limit", "time_in_force": "GTC", "price": price}
    placed: dict[str, Any] = product.place(name, **(limit | changes))
    assert placed["order"]["state"] == "new"
    return placed


def pages(ask: Callable[[dict[str, int]], dict[str, Any]], items: str) -> list[list[Any]]:
    """All pages of a list, following `next_before` to its end."""
    found: list[list[Any]] = []
    before: dict[str, int] = {}
    while True:
        page = ask(before)
        found.append(page[items])
        if page["next_before"] is None:
            return found
        before = {"before": page["next_before"]}


def test_an_order_reads_back_as_it_was_answered(product: Any) -> None:
    """The same order, fills and receipt, byte for byte; and the one step that led there."""
    response = product.demo.post("/v1/orders", json=product.order())
    again = product.demo.get(response.headers["location"])
    position = response.json()["receipt"]["position"]

    assert again.status_code == 200
    assert again.content.startswith(response.content[:-1])
    (step,) = again.json()["steps"]
    assert step.pop("at")[-1] == "Z"
    assert step == {"position": position, "kind": "order_decided", "state": "filled"}


def test_a_rejected_order_reads_back(product: Any) -> None:
    """With its code in the list and its sentence by itself."""
    placed = product.place("other", quantity="5000000")
    order_id = placed["order"]["id"]
    listed = product.clients["other"].get("/v1/orders", params={"state": "rejected"}).json()

    story = product.clients["other"].get(f"/v1/orders/{order_id}").json()
    assert story.items() >= placed.items()
    assert [step["state"] for step in story["steps"]] == ["rejected"]
    assert {o["id"]: o["rejection_code"] for o in listed["orders"]}[order_id] == (
        "QUANTITY_TOO_LARGE"
    )


def test_a_resting_order_is_cancelled_once(product: Any, refused: Check) -> None:
    """DELETE answers with the cancellation's receipt; a second one is 409."""
    order_id = rest(product)["order"]["id"]
    gone = product.demo.delete(f"/v1/orders/{order_id}")
    now = product.demo.get(f"/v1/orders/{order_id}")
    key = VerifierKey.parse(product.vkey)

    assert gone.status_code == 200
    assert gone.json()["order"]["state"] == now.json()["order"]["state"] == "cancelled"
    assert gone.json()["receipt"]["position"] > int(order_id.removeprefix("O-"))
    assert verify_receipt(gone.content, key).verdict == "clean"
    assert verify_receipt(now.content, key).verdict == "cannot_tell"  # a receipt proves one step
    receipt = msgspec.json.encode(now.json()["receipt"])
    assert verify_receipt(receipt, key).verdict == "clean"
    assert now.content.startswith(gone.content[:-1])
    assert [step["state"] for step in now.json()["steps"]] == ["new", "cancelled"]
    refused(product.demo.delete(f"/v1/orders/{order_id}"), 409, "ORDER_NOT_OPEN")


def test_a_filled_order_cannot_be_cancelled(product: Any, refused: Check) -> None:
    """409 with the order's id in the sentence."""
    order_id = product.place()["order"]["id"]
    problem = refused(product.demo.delete(f"/v1/orders/{order_id}"), 409, "ORDER_NOT_OPEN")

    assert order_id in problem["detail"]


@pytest.mark.parametrize("order_id", ["O-0", "O-999999", "O-01", "X", "O-", "O--1", "%00", "O-1.0"])
def test_an_order_that_is_not_there(product: Any, refused: Check, order_id: str) -> None:
    """404 for what was never an order: O-0 is the entry that opened an account."""
    refused(product.demo.get(f"/v1/orders/{order_id}"), 404, "UNKNOWN_ORDER")
    refused(product.demo.delete(f"/v1/orders/{order_id}"), 404, "UNKNOWN_ORDER")


def test_an_order_of_another_account_is_not_there(product: Any, refused: Check) -> None:
    """404, so that ids cannot be tried out; and it is not cancelled."""
    resting = rest(product)
    path = f"/v1/orders/{resting['order']['id']}"

    refused(product.clients["other"].get(path), 404, "UNKNOWN_ORDER")
    refused(product.clients["other"].delete(path), 404, "UNKNOWN_ORDER")
    assert product.demo.get(path).json()["order"]["state"] == "new"


def test_a_reader_reads_and_does_not_cancel(product: Any, refused: Check) -> None:
    """The scope `read` sees the account's orders, and that is all."""
    path = f"/v1/orders/{rest(product)['order']['id']}"

    assert product.clients["reader"].get(path).status_code == 200
    refused(product.clients["reader"].delete(path), 403, "FORBIDDEN")


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/trades", "/v1/positions"])
def test_accounts_are_kept_apart(product: Any, refused: Check, path: str) -> None:
    """A token reads its own account; `operate` reads any; nobody reads without a token."""
    theirs = product.clients["other"].get(path, params={"account": "demo"})

    refused(theirs, 403, "FORBIDDEN")
    assert product.demo.get(path, params={"account": "other"}).status_code == 200
    refused(product.stranger.get(path), 401, "UNAUTHENTICATED")


def test_pages_of_orders_are_whole(product: Any) -> None:
    """Newest first, nothing twice, nothing left out, and a last page that says so."""
    for number in range(5):
        product.place("other", quantity=str(100 + number), pair="AUD/USD")
    client = product.clients["other"]
    whole = client.get("/v1/orders", params={"limit": 1000}).json()
    assert whole["next_before"] is None

    found = pages(lambda p: client.get("/v1/orders", params={"limit": 2} | p).json(), "orders")
    positions = [order["position"] for page in found for order in page]
    assert max(map(len, found)) == 2
    assert positions == sorted(positions, reverse=True)
    assert positions == [order["position"] for order in whole["orders"]]
    assert len(set(positions)) == len(positions)


def test_pages_of_trades_are_whole(product: Any) -> None:
    """Every fill is one trade, and leads back to its order."""
    placed = [product.place("other", quantity=str(200 + n), pair="NZD/USD") for n in range(3)]
    client = product.clients["other"]
    asked = {"pair": "NZD/USD", "limit": 1}
    found = pages(lambda p: client.get("/v1/trades", params=asked | p).json(), "trades")
    trades = [trade for page in found for trade in page]

    wanted = {answer["order"]["id"]: answer["fills"][0] for answer in placed}
    ours = {t["order_id"]: t for t in trades if t["order_id"] in wanted}
    assert ours.keys() == wanted.keys()
    for order_id, fill in wanted.items():
        assert fill.items() <= ours[order_id].items()
    assert {trade["pair"] for trade in trades} == {"NZD/USD"}
    assert [t["position"] for t in trades] == sorted((t["position"] for t in trades), reverse=True)


def test_orders_by_state(product: Any) -> None:
    """Each state lists its own."""
    rest(product)
    product.place()
    for state in ("new", "filled", "cancelled", "rejected"):
        page = product.demo.get("/v1/orders", params={"state": state, "limit": 1000}).json()
        assert {order["state"] for order in page["orders"]} <= {state}
        assert state in {"cancelled", "rejected"} or page["orders"]


def test_orders_by_pair_and_type_and_whether_they_are_open(product: Any) -> None:
    """Every filter holds for each order of the answer, alone and together, over all pages."""
    resting = rest(product, pair="GBP/USD")["order"]["id"]
    gone = rest(product, pair="GBP/USD")["order"]["id"]
    product.demo.delete(f"/v1/orders/{gone}")
    taken = product.place(pair="GBP/USD")["order"]["id"]
    listing = pages(
        lambda p: product.demo.get("/v1/orders", params={"limit": 1000} | p).json(), "orders"
    )
    every = [order for page in listing for order in page]

    for asked in (
        {"pair": "GBP/USD"},
        {"type": "limit"},
        {"state": "open"},
        {"pair": "GBP/USD", "type": "limit", "state": "open"},
        {"pair": "GBP/USD", "type": "market"},
        {"pair": "USD/MXN", "type": "stop"},
    ):
        wanted = [o["id"] for o in every if all(fits(o, *each) for each in asked.items())]
        found = pages(
            lambda p, asked=asked: product.demo.get(  # type: ignore[misc]
                "/v1/orders", params={"limit": 3} | asked | p
            ).json(),
            "orders",
        )
        assert [order["id"] for page in found for order in page] == wanted, asked
    opened = {order["id"] for order in listed(product, state="open")}
    assert resting in opened
    assert opened.isdisjoint({gone, taken})


def listed(product: Any, **asked: Any) -> list[dict[str, Any]]:
    """One page of the demo account's orders."""
    found: list[dict[str, Any]] = product.demo.get("/v1/orders", params=asked).json()["orders"]
    return found


def fits(order: dict[str, Any], name: str, value: str) -> bool:
    """Whether an order is as the filter wants it."""
    if (name, value) == ("state", "open"):
        return order["state"] in {"new", "partially_filled", "suspended"}
    return bool(order[name] == value)


def test_an_order_is_found_by_its_client_order_id(product: Any, refused: Check) -> None:
    """`@` and the client_order_id, of the token's own account or of a named one."""
    placed = product.place(client_order_id="mine/with:signs?")
    theirs = product.place("other", client_order_id="theirs")
    mine = product.demo.get("/v1/orders/@mine%2Fwith%3Asigns%3F").json()
    found = product.demo.get("/v1/orders/@theirs", params={"account": "other"}).json()

    assert mine["order"] == placed["order"]
    assert found["order"] == theirs["order"]
    refused(product.demo.get("/v1/orders/@theirs"), 404, "UNKNOWN_ORDER")
    refused(product.demo.get("/v1/orders/@"), 404, "UNKNOWN_ORDER")
    seen = product.clients["other"].get("/v1/orders/@mine", params={"account": "demo"})
    refused(seen, 403, "FORBIDDEN")


def test_orders_that_come_with_one_are_told_with_it(product: Any) -> None:
    """`linked` in the answer, in its replay, and in the story: there as they stand now."""
    stop = {"type": "stop_loss", "stop_price": product.far_price()}
    body = product.order(if_done=[stop, {"type": "trailing_stop", "distance": "0.00500"}])
    first = product.demo.post("/v1/orders", json=body)
    again = product.demo.post("/v1/orders", json=body)
    linked = first.json()["linked"]
    name = body["client_order_id"]

    assert first.status_code == 201, first.text
    assert [each["client_order_id"] for each in linked] == [f"{name}.1", f"{name}.2"]
    assert {each["state"] for each in linked} == {"new"}
    assert again.content == first.content
    report = verify_receipt(first.content, VerifierKey.parse(product.vkey))
    assert report.verdict == "clean"
    assert any("linked" in note for note in report.notes)
    product.demo.delete(f"/v1/orders/{linked[0]['id']}")
    story = product.demo.get(first.headers["location"]).json()
    assert story["linked"][0]["state"] == "cancelled"
    assert [each["id"] for each in story["linked"]] == [each["id"] for each in linked]


def test_whoever_placed_an_order_finds_it(product: Any) -> None:
    """Read your writes: positions, orders and trades know it as soon as it is answered."""
    before = product.demo.get("/v1/positions").json()
    answer = product.place(pair="USD/CHF", quantity="12345.67")
    after = product.demo.get("/v1/positions").json()
    orders = product.demo.get("/v1/orders", params={"limit": 1000}).json()["orders"]
    trades = product.demo.get("/v1/trades", params={"limit": 1000}).json()["trades"]

    assert after["position"] > answer["receipt"]["position"] >= before["position"]
    assert answer["order"]["id"] in {order["id"] for order in orders}
    assert answer["fills"][0]["id"] in {trade["id"] for trade in trades}
    usd = [held(page, "USD") for page in (before, after)]
    chf = [held(page, "CHF") for page in (before, after)]
    assert usd[1] - usd[0] == Decimal("12345.67")
    assert chf[1] - chf[0] == -Decimal(answer["fills"][0]["amount"])


def held(positions: dict[str, Any], currency: str) -> Decimal:
    """What an account holds of a currency; nothing where it is not listed."""
    found = {each["currency"]: each["amount"] for each in positions["balances"]}
    return Decimal(found.get(currency, "0"))


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "VALUE_NOT_ALLOWED", "limit"),
        ("limit=1001", "VALUE_NOT_ALLOWED", "limit"),
        ("limit=many", "VALUE_NOT_ALLOWED", "limit"),
        ("before=0", "VALUE_NOT_ALLOWED", "before"),
        ("before=99999999999999999999", "VALUE_NOT_ALLOWED", "before"),
        ("page=2", "UNKNOWN_FIELD", "page"),
        ("state=done", "VALUE_NOT_ALLOWED", "state"),
        ("type=iceberg", "VALUE_NOT_ALLOWED", "type"),
        ("pair=EURUSD", "UNKNOWN_PAIR", None),
    ],
)
def test_a_query_that_cannot_be_is_refused(
    product: Any, refused: Check, query: str, code: str, field: str | None
) -> None:
    """422 that names the parameter."""
    refused(product.demo.get(f"/v1/orders?{query}"), 422, code, field)


def test_trades_of_a_pair_that_does_not_exist(product: Any, refused: Check) -> None:
    """A misspelt pair is refused; an empty list would say that nothing was traded."""
    refused(product.demo.get("/v1/trades?pair=EURUSD"), 422, "UNKNOWN_PAIR")


def test_positions_of_an_account_that_does_not_exist(product: Any, refused: Check) -> None:
    """No such account: refused, not empty."""
    refused(product.demo.get("/v1/positions?account=no"), 422, "UNKNOWN_ACCOUNT", "account")
