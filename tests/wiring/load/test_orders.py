"""The requests of a run: the product's own orders, the same for the same seed."""

from collections import Counter
from fractions import Fraction

import msgspec
import pytest

from tallystick.errors import Misconfigured
from tallystick.execution import PlaceOrder, parse_request
from tallystick.wiring.load import KINDS, Plan, Price, orders_of
from tallystick.wiring.load.orders import Orders, Request

PRICES = {
    "EUR/USD": Price("EUR/USD", "1.08240", "1.08250"),
    "USD/JPY": Price("USD/JPY", "151.320", "151.340"),
}


def orders(**changes: object) -> Orders:
    """The orders of a plan."""
    asked = {
        "url": "http://127.0.0.1:1",
        "token": "secret",
        "prefix": "run",
        "pairs": ["EUR/USD", "USD/JPY"],
    }
    return orders_of(msgspec.convert(asked | changes, Plan), PRICES)


def body(request: Request) -> bytes:
    """What is behind the head."""
    head, _, rest = request.wire.partition(b"\r\n\r\n")
    assert f"content-length: {len(rest)}".encode() in head.lower()
    return rest


def placed(request: Request) -> PlaceOrder:
    """The order that a request places."""
    return msgspec.json.decode(body(request), type=PlaceOrder)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_an_order_of_the_product(kind: str) -> None:
    """Each of its bodies passes the door, on both sides and in both pairs."""
    made = orders(mix={kind: 1})
    for _ in range(8):
        order = placed(made.next())
        assert parse_request(order).type == KINDS[kind].type


def test_buys_and_sales_cancel_out() -> None:
    """Each buy is followed by its sale, and no quantity comes twice soon."""
    made = orders()
    found = [placed(made.next()) for _ in range(1_000)]
    for buy, sale in zip(found[::2], found[1::2], strict=True):
        assert (buy.side, sale.side) == ("buy", "sell")
        assert (buy.pair, Fraction(buy.quantity)) == (sale.pair, Fraction(sale.quantity))
    assert len({(order.pair, order.quantity) for order in found}) == 500
    assert len({order.client_order_id for order in found}) == 1_000


def test_the_same_seed_is_the_same_orders() -> None:
    """Two runs differ in nothing; another seed mixes differently."""
    mix = {"market": 50, "limit": 50}
    one, same, other = (orders(mix=mix, seed=seed) for seed in (1, 1, 2))
    first = [one.next().wire for _ in range(200)]
    assert [same.next().wire for _ in range(200)] == first
    assert [other.next().wire for _ in range(200)] != first


def test_a_mix_has_its_shares() -> None:
    """Three to one is about three to one."""
    made = orders(mix={"market": 75, "limit": 25})
    counted = Counter(made.next().kind for _ in range(4_000))
    assert counted["market"] / 4_000 == pytest.approx(0.75, abs=0.03)


def test_what_rests_is_away_from_the_market_and_what_crosses_past_it() -> None:
    """A buy rests below the bid and crosses above the ask; a stop waits on the other side."""
    limit, crossing, stop = (orders(mix={kind: 1}) for kind in ("limit", "limit_ioc", "stop"))
    buy, sale = placed(limit.next()), placed(limit.next())
    assert buy.price is not None
    assert sale.price is not None
    assert Fraction(buy.price) < Fraction("1.08240") < Fraction("1.08250") < Fraction(sale.price)
    assert Fraction(placed(crossing.next()).price or 0) > Fraction("1.08250")
    assert Fraction(placed(stop.next()).stop_price or 0) > Fraction("1.08250")


def test_accounts_take_turns() -> None:
    """All of them trade, by their number."""
    made = orders(account="load", accounts=3)
    found = [placed(made.next()).account for _ in range(6)]
    assert found == [f"load-{number:06}" for number in (0, 0, 1, 1, 2, 2)]


def test_a_batch_is_many_orders_in_one_request() -> None:
    """Its members are numbered one after the other."""
    made = orders(batch=5)
    first, second = made.next(), made.next()
    assert (first.orders, first.number, second.number) == (5, 0, 5)
    assert first.wire.startswith(b"POST /v1/orders/batch HTTP/1.1\r\n")
    batch = msgspec.json.decode(body(second), type=dict[str, list[PlaceOrder]])["orders"]
    assert [order.client_order_id for order in batch] == [f"run-{n:09}" for n in range(5, 10)]


def test_only_what_is_open_is_cancelled() -> None:
    """Without an open order the next kind is placed instead."""
    made = orders(mix={"cancel": 1, "market": 0.0001})
    assert made.next().kind == "market"
    made.open.append("/v1/orders/O-7")
    request = made.next()
    assert (request.kind, request.expect) == ("cancel", "cancel")
    assert request.wire.startswith(b"DELETE /v1/orders/O-7 HTTP/1.1\r\n")
    assert made.next().kind == "market"


def test_keys_come_with_retries_only() -> None:
    """An Idempotency-Key costs the server a row, so it is sent where it may be needed."""
    assert b"Idempotency-Key" not in orders().next().wire
    assert b"Idempotency-Key: run-000000000\r\n" in orders(retry_seconds=1).next().wire


def test_a_path_before_the_api_is_kept() -> None:
    """Behind a gateway the API may stand under a path of its own."""
    made = orders(url="http://gateway:1/fx")
    assert made.next().wire.startswith(b"POST /fx/v1/orders HTTP/1.1\r\nHost: gateway:1\r\n")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mix": {"iceberg": 1}}, "No kind of order is 'iceberg'"),
        ({"mix": {"cancel": 1}}, "needs orders too"),
        ({"mix": {"limit": 1}, "pairs": ["GBP/USD"]}, "no price of GBP/USD"),
    ],
)
def test_a_mix_that_cannot_be_made_is_refused(changes: dict[str, object], sentence: str) -> None:
    """With a sentence, before anything is sent."""
    with pytest.raises(Misconfigured, match=sentence):
        orders(**changes)
