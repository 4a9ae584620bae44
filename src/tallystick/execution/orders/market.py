"""Market orders take the quote: they buy at the ask and sell at the bid, at once."""

from tallystick.execution.orders.kind import OrderKind

KIND = OrderKind(needs=(), may=("price_bound", "trade"), times=("FOK", "IOC"), executes="market")
