"""What the demo's clients send: planned orders as bodies of the API, at the prices of now."""

from typing import NotRequired, TypedDict

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.execution import Quote
from tallystick.execution.entries import Side
from tallystick.fx import PAIRS
from tallystick.money import format_decimal
from tallystick.wiring.flow import PlannedOrder

BPS = 10_000
REPLACED_BPS = 0.5
"""A replacing order is this much nearer to the market."""


class LinkedBody(TypedDict):
    """A member of `if_done`."""

    type: str
    price: NotRequired[str]
    stop_price: NotRequired[str]
    distance: NotRequired[str]


class OrderBody(TypedDict):
    """The body of `POST /v1/orders`, and of the `PUT` that replaces an order."""

    client_order_id: str
    account: str
    pair: str
    side: str
    quantity: str
    type: str
    time_in_force: str
    price: NotRequired[str]
    stop_price: NotRequired[str]
    expires_at: NotRequired[str]
    if_done: NotRequired[list[LinkedBody]]


def order_body(name: str, order: PlannedOrder, quote: Quote, now_ns: int) -> OrderBody:
    """The order under a client_order_id, priced from the quote."""
    body = OrderBody(
        client_order_id=name,
        account=order.account,
        pair=order.pair,
        side=order.side,
        quantity=str(order.units),
        type=order.type,
        time_in_force=order.time_in_force,
    )
    if order.type == "limit":
        body["price"] = _price(quote, order.side, -order.offset_bps)
    elif order.type == "stop":
        body["stop_price"] = _price(quote, order.side, order.stop_bps)
    elif order.type == "market_if_touched":
        body["stop_price"] = _price(quote, order.side, -order.stop_bps)
    if order.lives_seconds:
        body["expires_at"] = rfc3339(now_ns + order.lives_seconds * NS_PER_SECOND)
    if order.if_done is not None:
        body["if_done"] = _closing(order, quote)
    return body


def replacement(name: str, order: PlannedOrder, quote: Quote, now_ns: int) -> OrderBody:
    """The order again, nearer to the market of now; it brings no orders of its own."""
    body = order_body(name, order, quote, now_ns)
    body.pop("if_done", None)
    if order.type == "limit":
        body["price"] = _price(quote, order.side, -abs(order.offset_bps) - REPLACED_BPS)
    return body


def _closing(order: PlannedOrder, quote: Quote) -> list[LinkedBody]:
    """A take-profit and a stop behind the order, whichever comes first."""
    planned = order.if_done
    assert planned is not None, "asked for by its caller"  # noqa: S101
    profit = LinkedBody(type="take_profit", price=_price(quote, order.side, planned.profit_bps))
    if planned.trails:
        points = max(1, round(quote.twice_mid / 2 * planned.loss_bps / BPS))
        distance = format_decimal(points, PAIRS[quote.pair].price_digits)
        return [profit, LinkedBody(type="trailing_stop", distance=distance)]
    stop = _price(quote, order.side, -planned.loss_bps)
    return [profit, LinkedBody(type="stop_loss", stop_price=stop)]


def _price(quote: Quote, side: Side, bps: float) -> str:
    """A price `bps` from the mid: above it for a buyer, below it for a seller."""
    away = 1 if side == "buy" else -1
    points = round(quote.twice_mid / 2 * (1 + away * bps / BPS))
    return format_decimal(points, PAIRS[quote.pair].price_digits)
