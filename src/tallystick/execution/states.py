"""Orders in the words of FIX 4.4: what state they are in, and what each entry reports."""

from tallystick.execution.entries import (
    OrderActivated,
    OrderCancelled,
    OrderDecided,
    OrderExpired,
    OrderFilled,
    OrderState,
    OrderStep,
)

ORD_STATUS: dict[OrderState, str] = {
    "new": "0",
    "partially_filled": "1",
    "filled": "2",
    "cancelled": "4",
    "replaced": "5",
    "rejected": "8",
    "suspended": "9",
    "expired": "C",
}
"""OrdStatus (39) of each state. 5 is FIX 4.2's: later versions go on with the new order instead."""
NEW, CANCELED, REPLACED, REJECTED, SUSPENDED = "0", "4", "5", "8", "9"
EXPIRED, RESTATED, TRADE = "C", "D", "F"


def exec_types(entry: OrderStep) -> tuple[str, ...]:
    """ExecType (150) of the execution reports that an entry stands for, in their order.

    One that decides an order and fills it at once stands for two or more.
    """
    if isinstance(entry, OrderDecided):
        return _decided(entry)
    if isinstance(entry, OrderFilled):
        return (TRADE,) * len(entry.fills)
    if isinstance(entry, OrderCancelled):
        return (CANCELED,)
    if isinstance(entry, OrderExpired):
        return (EXPIRED,)
    return (NEW,) if isinstance(entry, OrderActivated) else (RESTATED,)


def _decided(entry: OrderDecided) -> tuple[str, ...]:
    order = entry.order
    if order.state == "rejected":
        return (REJECTED,)
    if order.state == "suspended":
        return (SUSPENDED,)
    first = REPLACED if isinstance(order.replaces, str) else NEW
    rest = (CANCELED,) if order.state == "cancelled" else ()
    return (first, *(TRADE,) * len(entry.fills), *rest)
