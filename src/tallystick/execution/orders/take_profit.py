"""Take-profit orders close a position at their price or better."""

from tallystick.execution.orders.kind import WAITING, OrderKind, Terms, towards
from tallystick.execution.working import Condition


def waits(terms: Terms) -> tuple[Condition, ...]:
    """For the price, on the side that is watched."""
    assert terms.price is not None, "a take-profit order has a price"  # noqa: S101
    return (towards(terms, terms.price),)


KIND = OrderKind(
    needs=("price",),
    may=("trigger", "trade"),
    times=WAITING,
    executes="limit",
    waits=waits,
    reduces=True,
)
