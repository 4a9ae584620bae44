"""The dry run over HTTP: it answers, and leaves no trace."""

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.server


def size_of(product: Any) -> int:
    """How many entries the ledger has."""
    return int(product.demo.get("/v1/positions").json()["position"])


def test_a_dry_run_writes_nothing_and_takes_no_key(product: Any) -> None:
    """The order may then be placed under the same client_order_id, and comes to the same."""
    body = product.order(quantity="1000000")
    size = size_of(product)
    checked = product.demo.post("/v1/orders/precheck", json=body)

    assert checked.status_code == 200, checked.text
    assert size_of(product) == size
    answer = checked.json()
    assert answer["accepted"] is True
    assert answer["state"] == "filled"
    assert answer["position"] >= size
    placed = product.demo.post("/v1/orders", json=body).json()
    assert placed["order"]["state"] == "filled"
    assert placed["fills"][0]["value_date"] == answer["value_date"]
    assert answer["cost"]["currency"] == "USD"
    assert float(answer["cost"]["amount"]) >= 0


def test_why_it_would_be_rejected(product: Any) -> None:
    """Every reason with its code and its sentence."""
    body = product.order(
        account="other", quantity="5000000", type="limit", time_in_force="GTC", price="0.50000"
    )
    answer = product.clients["other"].post("/v1/orders/precheck", json=body).json()

    assert (answer["accepted"], answer["state"]) == (False, "rejected")
    codes = [each["code"] for each in answer["rejections"]]
    assert {"QUANTITY_TOO_LARGE", "PRICE_OUT_OF_COLLAR"} <= set(codes)
    assert all(each["reason"].endswith(".") for each in answer["rejections"])


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"quantity": "1.001"}, 422, "AMOUNT_TOO_PRECISE", "quantity"),
        ({"account": "nobody"}, 422, "UNKNOWN_ACCOUNT", "account"),
        ({"pair": "EURUSD"}, 422, "UNKNOWN_PAIR", "pair"),
    ],
)
def test_what_cannot_become_an_order(
    product: Any, refused: Check, changes: dict[str, str], status: int, code: str, field: str
) -> None:
    """Refused as the order itself would be."""
    body = product.order(**changes)
    refused(product.demo.post("/v1/orders/precheck", json=body), status, code, field)


def test_only_who_may_trade_the_account(product: Any, refused: Check) -> None:
    """The same rights as for the order."""
    body = product.order()
    refused(product.clients["reader"].post("/v1/orders/precheck", json=body), 403, "FORBIDDEN")
    refused(product.clients["other"].post("/v1/orders/precheck", json=body), 403, "FORBIDDEN")
