"""Stop orders take the market when it has moved against them to their stop price."""

from tallystick.execution.orders.kind import WAITING, OrderKind, against, at_stop

KIND = OrderKind(
    needs=("stop_price",),
    may=("trigger", "price_bound"),
    times=WAITING,
    executes="market",
    waits=at_stop(against),
)
