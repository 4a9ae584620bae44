"""Limit orders fill at their price or better; otherwise they wait or are rejected."""

from tallystick.execution.orders.kind import WAITING, OrderKind, Terms, at_limit
from tallystick.execution.working import Condition


def waits(terms: Terms) -> tuple[Condition, ...]:
    """For the side that it takes to reach its price."""
    assert terms.price is not None, "a limit order has a price"  # noqa: S101
    return (at_limit(terms.side, terms.price),)


KIND = OrderKind(
    needs=("price",), may=(), times=(*WAITING, "IOC", "FOK"), executes="limit", waits=waits
)
