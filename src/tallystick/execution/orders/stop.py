"""Stop orders take the market when it has moved against them to their stop price."""

from tallystick.execution.orders.kind import WAITING, OrderKind, Terms, against, at_market
from tallystick.execution.working import Condition


def waits(terms: Terms) -> tuple[Condition, ...]:
    """For the stop price; after that for anything that it may take."""
    assert terms.stop is not None, "a stop order has a stop price"  # noqa: S101
    return (at_market(terms) if terms.triggered else against(terms, terms.stop),)


KIND = OrderKind(
    needs=("stop_price",),
    may=("trigger", "price_bound"),
    times=WAITING,
    executes="market",
    waits=waits,
)
