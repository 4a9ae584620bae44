"""Stop-loss orders close a position at the market when it has moved to their stop price."""

from tallystick.execution.orders.kind import WAITING, OrderKind, against, at_stop

KIND = OrderKind(
    needs=("stop_price",),
    may=("trigger", "price_bound", "trade"),
    times=WAITING,
    executes="market",
    waits=at_stop(against),
    reduces=True,
)
