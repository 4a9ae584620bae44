"""Market-if-touched orders take the market when it has come to their price in their favour."""

from tallystick.execution.orders.kind import WAITING, OrderKind, at_stop, towards

KIND = OrderKind(
    needs=("stop_price",),
    may=("trigger", "price_bound"),
    times=WAITING,
    executes="market",
    waits=at_stop(towards),
)
