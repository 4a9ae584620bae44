"""Orders as entry bytes, and as the detectors see them."""

import json
from collections.abc import Callable

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.orders.reading import entry_seen

START_SECONDS = 1_790_000_000.0


def entry_bytes(
    position: int,
    *,
    at_seconds: float = START_SECONDS,
    account: str = "demo",
    pair: str = "EUR/USD",
    side: str = "buy",
    quantity: float = 1_000_000,
    state: str = "filled",
    price: float | None = None,
    mid: float = 1.0825,
    kind: str = "order_decided",
    fill_price: float | None = None,
) -> bytes:
    """The canonical bytes of an entry as execution writes them."""
    at = rfc3339(round(at_seconds * NS_PER_SECOND))
    text = f"{quantity:.2f}"
    fill = {
        "amount": "1082510.00",
        "id": f"F-{position}-1",
        "price": f"{fill_price or mid:.5f}",
        "quantity": text,
        "value_date": "2026-11-25",
    }
    rejected = state == "rejected"
    entry = {
        "at": at,
        "fills": [fill] if state == "filled" else [],
        "key": f"c-{position}",
        "kind": kind,
        "order": {
            "account": account,
            "client_order_id": f"c-{position}",
            "id": f"O-{position}",
            "pair": pair,
            "price": None if price is None else f"{price:.5f}",
            "quantity": text,
            "side": side,
            "state": state,
            "time_in_force": "FOK",
            "type": "market" if price is None else "limit",
        },
        "postings": [{"account": account, "amount": text, "currency": pair[:3]}],
        "quote": {
            "ask": f"{mid + 0.00001:.5f}",
            "at": at,
            "bid": f"{mid - 0.00001:.5f}",
            "source": "test",
        },
        "rejection": {"code": "PRICE_MOVED", "reason": "The price moved."} if rejected else None,
        "request": "0" * 64,
        "v": 1,
    }
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., bytes]:
    """Builds entry bytes: `make_entry(position, account=..., quantity=...)`."""
    return entry_bytes


@pytest.fixture(scope="session")
def make_order() -> Callable[..., OrderSeen]:
    """Builds an observed order, by way of its entry bytes."""

    def order(position: int, **members: object) -> OrderSeen:
        seen = entry_seen(position, entry_bytes(position, **members))  # type: ignore[arg-type]
        assert isinstance(seen, OrderSeen)
        return seen

    return order


@pytest.fixture(scope="session")
def start_seconds() -> float:
    """When everything begins."""
    return START_SECONDS
