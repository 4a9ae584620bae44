"""Pre-trade checks: one pure check a file, asked in this order; the first rejection stands."""

from tallystick.execution.rules import (
    collar,
    duplicate,
    margin,
    message_rate,
    open_orders,
    order_size,
    order_value,
    position_limit,
    price_age,
    reference_data,
    session,
    settlement,
    throttle,
    trading_state,
)
from tallystick.execution.rules.case import Case, Movement, Rule

RULES: dict[str, Rule] = {
    "reference_data": reference_data.check,
    "session": session.check,
    "trading_state": trading_state.check,
    "message_rate": message_rate.check,
    "duplicate": duplicate.check,
    "price_age": price_age.check,
    "order_size": order_size.check,
    "order_value": order_value.check,
    "collar": collar.check,
    "open_orders": open_orders.check,
    "margin": margin.check,
    "position_limit": position_limit.check,
    "settlement": settlement.check,
    "throttle": throttle.check,
}

__all__ = ["RULES", "Case", "Movement", "Rule"]
