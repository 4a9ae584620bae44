"""Market-if-touched orders take the market when it has come to their price in their favour."""

from tallystick.execution.orders.kind import WAITING, OrderKind, Terms, at_market, towards
from tallystick.execution.working import Condition


def waits(terms: Terms) -> tuple[Condition, ...]:
    """For the price; after that for anything that it may take."""
    assert terms.stop is not None, "such an order has a stop price"  # noqa: S101
    return (at_market(terms) if terms.triggered else towards(terms, terms.stop),)


KIND = OrderKind(
    needs=("stop_price",),
    may=("trigger", "price_bound"),
    times=WAITING,
    executes="market",
    waits=waits,
)
