"""Prices, health and documents."""

from collections.abc import Callable
from decimal import Decimal
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
