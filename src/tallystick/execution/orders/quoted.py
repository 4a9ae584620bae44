"""Orders that take a quote which was asked for (FIX: previously quoted)."""

from tallystick.execution.orders.kind import OrderKind

KIND = OrderKind(needs=("quote",), may=(), times=("FOK",), executes="market")
