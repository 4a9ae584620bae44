"""Order types: one file each; what sets an order off and how it then executes."""

from tallystick.execution.entries import Order, OrderType
from tallystick.execution.orders import (
    limit,
    market,
    market_if_touched,
    quoted,
    stop,
    stop_limit,
    stop_loss,
    take_profit,
    trailing_stop,
)
from tallystick.execution.orders.kind import OrderKind, Terms
from tallystick.execution.working import Working, ends_ns
from tallystick.fx import pair
from tallystick.money import Price, Quantity, parse_own

ORDERS: dict[OrderType, OrderKind] = {
    "limit": limit.KIND,
    "market": market.KIND,
    "market_if_touched": market_if_touched.KIND,
    "quoted": quoted.KIND,
    "stop": stop.KIND,
    "stop_limit": stop_limit.KIND,
    "stop_loss": stop_loss.KIND,
    "take_profit": take_profit.KIND,
    "trailing_stop": trailing_stop.KIND,
}

__all__ = ["ORDERS", "OrderKind", "Terms", "terms_of", "working_of"]


def terms_of(order: Order) -> Terms:
    """What an order of an entry waits by."""
    return Terms(
        pair=pair(order.pair),
        side=order.side,
        price=_points(order.price),
        stop=_points(order.stop_price),
        distance=_points(order.distance),
        bound=_points(order.price_bound),
        trigger=order.trigger or "default",
        triggered=bool(order.triggered),
    )


def working_of(order: Order) -> Working:
    """An open order of an entry, with its numbers and the conditions that it waits for."""
    terms = terms_of(order)
    waits = ORDERS[order.type].waits
    assert waits is not None, "only what may wait is ever open"  # noqa: S101
    left = parse_own(order.quantity) - (parse_own(order.filled) if order.filled else 0)
    return Working(
        order=order,
        quantity=Quantity(left),
        price=terms.price,
        stop=terms.stop,
        distance=terms.distance,
        bound=terms.bound,
        expires_ns=ends_ns(order),
        conditions=() if order.state == "suspended" else waits(terms),
    )


def _points(text: object) -> Price | None:
    """A price of ours, None where there is none (UNSET or null)."""
    return Price(parse_own(text)) if isinstance(text, str) else None
