"""Stop-limit orders become limit orders when the market reaches their stop price."""

from tallystick.execution.orders.kind import WAITING, OrderKind, Terms, against, at_limit
from tallystick.execution.working import Condition


def waits(terms: Terms) -> tuple[Condition, ...]:
    """For the stop price; after that for the limit."""
    assert terms.stop is not None, "a stop-limit order has a stop price"  # noqa: S101
    assert terms.price is not None, "a stop-limit order has a price"  # noqa: S101
    if terms.triggered:
        return (at_limit(terms.side, terms.price),)
    return (against(terms, terms.stop),)


KIND = OrderKind(
    needs=("stop_price", "price"),
    may=("trigger",),
    times=WAITING,
    executes="limit",
    waits=waits,
    arms=True,
)
