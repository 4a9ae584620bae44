"""Prices, health, documents and the kill switch."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tallystick import __version__
from tallystick.api import OPERATIONS
from tallystick.api.openapi import plain_path
from tallystick.api.problems import TITLES
from tallystick.fx import PAIRS

Check = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.server


def test_health_and_readiness(product: Any) -> None:
    """Both need no token."""
    for path in ("/healthz", "/readyz"):
        response = product.stranger.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_prices(product: Any, refused: Check) -> None:
    """Each pair with bid below ask in its own digits, when and from where, and a value date."""
    prices = product.demo.get("/v1/prices").json()["prices"]

    assert {price["pair"] for price in prices} <= PAIRS.keys()
    for price in prices:
        bid, ask = Decimal(price["bid"]), Decimal(price["ask"])
        assert 0 < bid < ask
        assert -bid.as_tuple().exponent == PAIRS[price["pair"]].price_digits  # type: ignore[operator]
        assert price["value_date"] > price["at"][:10]
        assert "synthetic" in price["source"]
    refused(product.stranger.get("/v1/prices"), 401, "UNAUTHENTICATED")


def test_the_reference_page_names_every_operation_and_code(product: Any) -> None:
    """/docs is plain HTML under a strict policy, with its style from a file of its own."""
    page = product.stranger.get("/docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == "default-src 'none'; style-src 'self'"
    assert __version__ in page.text
    for operation in OPERATIONS:
        assert f"<code>{plain_path(operation.path)}</code>" in page.text
    for code in TITLES:
        assert f"<code>{code}</code>" in page.text
    assert "<script" not in page.text
    assert " style=" not in page.text
    style = product.stranger.get("/docs.css")
    assert style.headers["content-type"].startswith("text/css")


def test_the_kill_switch_stops_one_account_or_all(
    serve: Callable[..., Any], tmp_path: Path, refused: Check
) -> None:
    """Orders are rejected while it is active, the switch is an entry, and it can be taken back."""
    server = serve(tmp_path / "data")
    order = {
        "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "1", "type": "market",
    }  # fmt: skip
    with server.client() as client:
        switch = "/v1/kill-switch"
        assert client.get(switch).json() == {"all": False, "accounts": []}
        for account, shown in (("demo", ["demo"]), (None, [])):
            body = {"active": True, "reason": "a drill", "account": account}
            stopped = client.post(switch, json=body).json()
            assert stopped == {"all": account is None, "accounts": shown}
            key = f"k-{account}"
            placed = client.post("/v1/orders", json=order | {"client_order_id": key}).json()
            assert placed["rejection"]["code"] == "KILL_SWITCH_ACTIVE"
            client.post(switch, json=body | {"active": False})
        assert client.get(switch).json() == {"all": False, "accounts": []}
        placed = client.post("/v1/orders", json=order | {"client_order_id": "k-3"}).json()
        assert placed["order"]["state"] == "filled"
        body = {"active": True, "reason": "x", "account": "nobody"}
        refused(client.post(switch, json=body), 422, "UNKNOWN_ACCOUNT", "account")
        refused(
            client.post(switch, json=body | {"reason": "x" * 501, "account": None}),
            422, "VALUE_NOT_ALLOWED", "reason",
        )  # fmt: skip
    assert server.stop() == 0


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/alerts", "/v1/anomalies", "/v1/silences"])
def test_operating_needs_its_scope(product: Any, refused: Check, path: str) -> None:
    """A trader's token sees none of it."""
    refused(product.clients["other"].get(path), 403, "FORBIDDEN")


def test_a_trader_sees_the_kill_switch_and_does_not_touch_it(product: Any, refused: Check) -> None:
    """Whoever is stopped may know it; only an operator stops and resumes."""
    body = {"active": True, "reason": "mine", "account": "other"}

    assert product.clients["other"].get("/v1/kill-switch").status_code == 200
    refused(product.clients["other"].post("/v1/kill-switch", json=body), 403, "FORBIDDEN")
