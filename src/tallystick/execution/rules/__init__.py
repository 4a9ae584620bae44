"""Pre-trade checks: one pure check a file, asked in this order; the first rejection stands."""

from tallystick.execution.rules import (
    collar,
    duplicate,
    kill_switch,
    open_orders,
    order_size,
    position_limit,
    price_age,
)
from tallystick.execution.rules.case import Case, Rule

RULES: dict[str, Rule] = {
    "kill_switch": kill_switch.check,
    "price_age": price_age.check,
    "duplicate": duplicate.check,
    "order_size": order_size.check,
    "collar": collar.check,
    "open_orders": open_orders.check,
    "position_limit": position_limit.check,
}

__all__ = ["RULES", "Case", "Rule"]
