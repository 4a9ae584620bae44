"""Market orders take the quote: they buy at the ask and sell at the bid."""

from tallystick.execution.orders.execution import Execution
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.request import OrderRequest


def execute(request: OrderRequest, quote: Quote) -> Execution:
    """Filled at once, whole; FOK and IOC are the same against a quote."""
    return Execution("filled", quote.ask if request.side == "buy" else quote.bid)
