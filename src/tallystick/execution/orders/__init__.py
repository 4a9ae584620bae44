"""Order types: one file each; what becomes of an order that passed the rules."""

from tallystick.execution.orders import limit, market
from tallystick.execution.orders.execution import Execute, Execution

ORDERS: dict[str, Execute] = {
    "limit": limit.execute,
    "market": market.execute,
}

__all__ = ["ORDERS", "Execute", "Execution"]
